"""Forms of English verbs, as far as the authored word material needs them."""

from typing import NamedTuple


class VerbForms(NamedTuple):
    """The forms of one verb; `negated` is the negated past, which for *be* needs no *did*."""

    base: str
    s: str
    past: str
    pp: str
    ing: str
    negated: str


# base: past, past participle
IRREGULAR = {
    "beat": ("beat", "beaten"),
    "break": ("broke", "broken"),
    "bring": ("brought", "brought"),
    "burn": ("burned", "burned"),
    "buy": ("bought", "bought"),
    "choose": ("chose", "chosen"),
    "come": ("came", "come"),
    "cut": ("cut", "cut"),
    "draw": ("drew", "drawn"),
    "fell": ("felled", "felled"),
    "find": ("found", "found"),
    "forget": ("forgot", "forgotten"),
    "freeze": ("froze", "frozen"),
    "get": ("got", "got"),
    "give": ("gave", "given"),
    "go": ("went", "gone"),
    "have": ("had", "had"),
    "hear": ("heard", "heard"),
    "hide": ("hid", "hidden"),
    "hold": ("held", "held"),
    "keep": ("kept", "kept"),
    "lay": ("laid", "laid"),
    "leave": ("left", "left"),
    "let": ("let", "let"),
    "lose": ("lost", "lost"),
    "make": ("made", "made"),
    "meet": ("met", "met"),
    "overpay": ("overpaid", "overpaid"),
    "pay": ("paid", "paid"),
    "put": ("put", "put"),
    "read": ("read", "read"),
    "rebuild": ("rebuilt", "rebuilt"),
    "repay": ("repaid", "repaid"),
    "reset": ("reset", "reset"),
    "run": ("ran", "run"),
    "see": ("saw", "seen"),
    "sell": ("sold", "sold"),
    "send": ("sent", "sent"),
    "set": ("set", "set"),
    "shed": ("shed", "shed"),
    "show": ("showed", "shown"),
    "speed": ("sped", "sped"),
    "split": ("split", "split"),
    "swing": ("swung", "swung"),
    "take": ("took", "taken"),
    "tell": ("told", "told"),
    "win": ("won", "won"),
    "withdraw": ("withdrew", "withdrawn"),
}
DOUBLED = {"admit", "ban", "cancel", "drop", "fit", "plan", "scrap", "shed", "slip", "stop", "swap", "trim"}
"""Verbs whose last consonant is written twice before -ed and -ing."""
STRESSED_LAST = {"get", "forget", "let", "cut", "put", "reset", "set", "split", "win", "run"}
"""Irregular verbs whose last consonant is written twice before -ing."""


def verb_forms(base: str) -> VerbForms:
    """Return the forms of a verb.

    Parameters
    ----------
    base
        The verb's base form, one lower-case word.

    Examples
    --------
    >>> verb_forms("lose").ing, verb_forms("deny").past, verb_forms("be").negated
    ('losing', 'denied', 'was not')
    """
    if base == "be":
        return VerbForms("be", "is", "was", "been", "being", "was not")
    past, participle = IRREGULAR.get(base) or (_past(base), _past(base))
    return VerbForms(base, _third(base), past, participle, _gerund(base), f"did not {base}")


def _past(base: str) -> str:
    if base.endswith("e"):
        return base + "d"
    if base.endswith("y") and base[-2] not in "aeiou":
        return base[:-1] + "ied"
    return base + (base[-1] if base in DOUBLED else "") + "ed"


def _third(base: str) -> str:
    if base == "have":
        return "has"
    if base.endswith("y") and base[-2] not in "aeiou":
        return base[:-1] + "ies"
    return base + ("es" if base.endswith(("s", "sh", "ch", "x", "z", "o")) else "s")


def _gerund(base: str) -> str:
    if base.endswith("e") and not base.endswith(("ee", "oe", "ye")):
        return base[:-1] + "ing"
    return base + (base[-1] if base in DOUBLED | STRESSED_LAST else "") + "ing"
