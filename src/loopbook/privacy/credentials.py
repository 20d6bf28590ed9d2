"""Secret scanning: keys of well-known services, tokens, private keys, and what stands behind a password's name."""

import re
from collections.abc import Iterator

_KEYS = re.compile(
    r"(?<![A-Za-z0-9_])(?:"
    r"(?:AKIA|ASIA|AGPA|AIDA|AROA|AIPA|ANPA|ANVA)[A-Z0-9]{16}"  # Amazon
    r"|gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_[A-Za-z0-9_]{40,255}"
    r"|gl(?:pat|rt|dt|ptt|cbt|oas)-[\w-]{20,}"
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-\d-[A-Za-z0-9-]{20,}"  # Slack
    r"|https://hooks\.slack\.com/(?:services|workflows)/[\w/]{20,}"
    r"|https://(?:\w+\.)?discord(?:app)?\.com/api/webhooks/\d+/[\w-]{20,}"
    r"|AIza[\w-]{35}|ya29\.[\w-]{20,}|GOCSPX-[\w-]{20,}"  # Google
    r"|(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/=]{20,}"  # Stripe
    r"|sk-(?:proj-|svcacct-|admin-|ant-|or-)?[A-Za-z0-9_-]{32,}|gsk_[A-Za-z0-9]{32,}|xai-[A-Za-z0-9]{32,}"
    r"|hf_[A-Za-z0-9]{30,}|r8_[A-Za-z0-9]{30,}"
    r"|npm_[A-Za-z0-9]{36}|pypi-[\w-]{50,}|rubygems_[0-9a-f]{40,}|dckr_pat_[\w-]{20,}"
    r"|SG\.[\w-]{16,32}\.[\w-]{16,64}|SK[0-9a-f]{32}|key-[0-9a-f]{32}|[0-9a-f]{32}-us\d{1,2}"  # those who send mail
    r"|\d{8,10}:AA[\w-]{33}|[MNO][A-Za-z\d_-]{23,25}\.[\w-]{6}\.[\w-]{27,}"  # Telegram, Discord
    r"|do[opr]_v1_[0-9a-f]{64}|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}|sq0(?:atp|csp)-[\w-]{22,}|EAAC[A-Za-z0-9]{30,}"
    r"|dapi[0-9a-f]{32}|dp\.(?:pt|st|ct)\.[A-Za-z0-9]{40,}|hv[sb]\.[\w-]{24,}|glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}"
    r"|glc_[A-Za-z0-9+/=]{32,}|lin_api_[A-Za-z0-9]{32,}|ntn_[A-Za-z0-9]{40,}|NRAK-[A-Z0-9]{27}|PMAK-[0-9a-f-]{50,}"
    r"|sk\.eyJ[\w-]{20,}\.[\w-]{20,}|AGE-SECRET-KEY-1[A-Z0-9]{50,}|sl\.[\w-]{100,}|EAA[A-Za-z0-9]{90,}"
    r"|eyJ[\w-]{8,}\.eyJ[\w-]{4,}\.[\w-]{8,}"  # JSON Web Token
    r")"
)
_PRIVATE_KEY = re.compile(r"-{5}BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-{5}")
_REST_OF_KEY = re.compile(
    r"(?:(?!-{5}(?:BEGIN|END))[A-Za-z0-9+/=\s:,.\\-])*(?:-{5}END (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-{5})?"
)
_BEHIND = {
    "://": r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{0,64}:(?P<value>[^\s/@]{3,128})@",
    "basic": r"\bauthorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?basic\s+(?P<value>[A-Za-z0-9+/]{8,}={0,2})",
    "bearer": r"\bbearer\s+(?P<value>(?=\S{0,64}\d)[\w.~+/-]{20,}=*)",
}
"""What is known by what stands before it; by a sign without which there is none."""
_WORDS = (
    r"password|passwd|passphrase|passcode|\bpass\b|pwd|passwort|kennwort|contraseña|senha|mot de passe|wachtwoord"
    r"|пароль|密码|密碼|口令|パスワード|비밀번호"
)
_NAMED = re.compile(
    rf"(?:(?P<word>{_WORDS})|secret|(?:api|access|account|secret|private|signing|encryption)[ _-]?key"
    r"|(?:(?:access|auth|refresh|session|api|id|bot)[ _-]?)?token)"
    r"(?:[_-][A-Za-z0-9_-]{1,20}|(?-i:[A-Z][A-Za-z]{1,20}))?[\"'`]?"
    r"(?P<sign>\s{0,3}(?:=>|:=|={1,2}|:)\s{0,3}|\s+(?:is|was|ist|lautet|es|é|est)\s{0,3}:?\s+)"
    r"(?:(?P<quote>[\"'`])(?P<quoted>[^\"'`\n]{4,200})(?P=quote)|(?P<plain>[^\s\"'`,;<>]{4,200}))",
    re.IGNORECASE,
)
_APART = re.compile(
    r"(?i:secret|key|token|password)\s{1,3}(?P<value>(?=\S*[a-z])(?=\S*[A-Z])(?=\S*\d)[A-Za-z0-9+/_=-]{20,200})(?![\w+/=-])"
)
"""Without a sign between, only what looks drawn by lot: small and capital letters and digits."""
_PLACEHOLDER = re.compile(
    r"[<\[{$%(]|\W+$|(.)\1+$|[^(]*\(|(?:os\.|process\.|env[.\[]|none\b|null\b|nil\b|undefined\b|true\b|false\b|your)",
    re.IGNORECASE,
)
_LONG = re.compile(r"[\w.:/+-]{16}")
_HINTS = (
    *("pass", "pwd", "kennwort", "contraseña", "senha", "wachtwoord", "пароль", "密", "口令", "パス", "비밀", "secret"),
    *("key", "token"),
)


def secrets(text: str) -> Iterator[tuple[int, int]]:
    """Return begin and end of every secret in a text."""
    lower = text.lower()
    if _LONG.search(text):
        yield from (match.span() for match in _KEYS.finditer(text))
    for match in _PRIVATE_KEY.finditer(text):
        rest = _REST_OF_KEY.match(text, match.end())
        yield match.start(), match.end() + len(rest[0].rstrip()) if rest else match.end()
    for sign, pattern in _BEHIND.items():
        if sign in lower:
            found = re.finditer(pattern, text, re.IGNORECASE)
            yield from (match.span("value") for match in found if not _PLACEHOLDER.match(match["value"]))
    if not any(hint in lower for hint in _HINTS):
        return
    yield from (match.span("value") for match in _APART.finditer(text))
    for match in _NAMED.finditer(text):
        group = "quoted" if match["quoted"] else "plain"
        start, value = match.start(group), match[group]
        if group == "plain" and value.endswith((".", ")", "}")):
            value = value.rstrip(".)}")
        if len(value) >= 4 and not _PLACEHOLDER.match(value) and _kept_secret(value, match):
            yield start, start + len(value)


def _kept_secret(value: str, match: re.Match[str]) -> bool:
    """Say whether a value is a secret and no word of a sentence: ``password: hunter2``, not ``password: optional``."""
    mixed = any(map(str.isdigit, value)) and any(map(str.isalpha, value))
    if not match["word"]:  # a token or key has a length
        return mixed and len(value) >= 16
    return "=" in match["sign"] or mixed or (match["quote"] is not None and " " not in match["sign"].strip())
