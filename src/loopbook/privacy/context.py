"""What the words before a number say it is: a version, money, an order."""

import re

VERSION_BEFORE = re.compile(
    r"(?:\b(?:v|ver|vers|version|release|releases|build|firmware|driver|kernel|patch|patched|update|updated|upgrade|upgraded"
    r"|section|sections|chapter|clause|paragraph|para|figure|fig|table|annex|article|appendix|item|step|oid|revision|rev"
    r"|software|app|sdk|api|library|package)\b[.:#]?|§)\s*(?:(?:no|to|from|is|was|number|now|at)\b[.:]?\s*){0,2}$",
    re.IGNORECASE,
)
VERSION_AFTER = re.compile(
    r"\s+(?:(?:of|in) the (?:table|contract|manual|annex|specification|spec|law|act|code|report)"
    r"|(?:is|was) (?:the|a|our|an old|the old|the new) (?:build|version|release|firmware|update|section|driver))\b",
    re.IGNORECASE,
)
MONEY_BEFORE = re.compile(r"(?:\b(?:EUR|USD|GBP|CHF|JPY|Rs|INR|BRL|TRY|SEK|PLN)|[$€£¥])\s?$")
NUMBER_BEFORE = re.compile(
    r"\b(?:order|orders|invoice|inv|ticket|case|claim|ref|reference|tracking|parcel|shipment|isbn|issn|ean|upc|gtin|sku"
    r"|serial|part|model|patent|docket|file|account|acct|policy|permit|licence|license|registration|reg|vat|tax|id|doi"
    r"|imei|cusip|isin|wkn|batch|lot|flight|train|booking|confirmation|customer|member|po|rfc|iso|item|asset|contract"
    r"|coordinates|lat|lon|timestamp|unix|epoch|hash|commit|pid|article|bug|issue|voucher|coupon|code|barcode|meter"
    r"|score|scores|lottery|lotto|won|lost|beat)"
    r"\b[\s.:#=-]*(?:(?:no|nr|number|id|is|was|code)\b[\s.:#=-]*){0,3}$",
    re.IGNORECASE,
)
