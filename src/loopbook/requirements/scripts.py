"""Scripts in which words are not parted by blanks."""

import re

BLANKLESS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]+"
)
"""Runs of scripts that put no blank between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese."""
