"""Words by which a column's name or a value gives away what it is, in English and German, a few in other languages."""

import re
from collections.abc import Iterable

YES = frozenset(
    (
        *(
            "1",
            "yes",
            "y",
            "true",
            "t",
            "ja",
            "j",
            "wahr",
            "oui",
            "si",
            "on",
            "positive",
            "positiv",
            "+1",
            "x",
            "present",
        ),
        *("是", "有", "はい", "예", "네"),
    )
)
NO = frozenset(
    (
        *("0", "no", "n", "false", "f", "nein", "falsch", "non", "off", "negative", "negativ", "-1", "none", "absent"),
        *("否", "无", "無", "いいえ", "아니오", "아니요"),
    )
)

TROUBLE = frozenset(
    (
        *("bad", "negative", "spam", "fraud", "fraudulent", "churn", "churned", "default", "defaulted", "defect"),
        *(
            "defective",
            "fault",
            "faulty",
            "fail",
            "failed",
            "failure",
            "failing",
            "broken",
            "error",
            "urgent",
            "critical",
        ),
        *("severe", "high", "alarm", "alert", "anomaly", "attack", "malicious", "malignant", "toxic", "abuse", "late"),
        *("overdue", "lost", "stolen", "compromised", "declined", "rejected", "refused", "cancelled", "canceled"),
        *("wrong", "unhappy", "angry", "complaint", "escalated", "escalation", "returned", "refund", "bankrupt"),
        *("missing", "emergency", "blocker", "warning", "risk", "risky", "insolvent", "terminated", "left", "blocked"),
        *("schlecht", "dringend", "betrug", "kritisch", "defekt", "fehler", "ausfall", "kaputt", "mangel", "gekündigt"),
        *("kündigung", "storno", "storniert", "reklamation", "beschwerde", "abgelehnt", "mahnung", "verspätet"),
        *("zurückgewiesen", "rücklastschrift", "retoure", "beanstandet", "gesperrt", "ungültig", "gescheitert"),
        *("chargeback", "disputed", "denied", "reversed", "invalid", "bounced"),
        *("verloren", "gestohlen", "notfall", "hoch", "schwer", "warnung", "überfällig", "betrügerisch", "stornierung"),
        *("投诉", "差评", "故障", "失败", "异常", "欺诈", "逾期", "不合格", "负面", "坏", "差", "不好", "悪い", "나쁨"),
        *("クレーム", "苦情", "不良", "詐欺", "解約", "異常", "失敗", "불만", "불량", "사기", "해지", "고장", "이상"),
    )
)

LABEL = frozenset(
    (
        *("label", "target", "class", "klasse", "outcome", "truth", "y", "ergebnis", "ziel", "intent", "verdict"),
        *("urteil", "annotation", "gold", "ist_positiv", "标签", "结果", "類別", "ラベル", "結果", "라벨", "결과"),
    )
)
LABEL_LIKE = frozenset(
    (
        *("status", "category", "kategorie", "sentiment", "stimmung", "priority", "priorität", "severity", "result"),
        *(
            "decision",
            "entscheidung",
            "approved",
            "converted",
            "clicked",
            "survived",
            "response",
            "antwort",
            "resolved",
        ),
        *("quality", "qualität", "diagnosis", "diagnose", "readmitted", "is", "has", "ist", "hat"),
    )
)
KINDS = frozenset(
    (
        *(
            "topic",
            "topics",
            "category",
            "categories",
            "kind",
            "type",
            "intent",
            "reason",
            "department",
            "queue",
            "genre",
        ),
        *("species", "thema", "kategorie", "typ", "art", "grund", "abteilung", "anliegen"),
    )
)
"""Words of a name that say that each value is a class of its own."""

RATING = frozenset(
    (
        *("rating", "ratings", "stars", "star", "score", "sterne", "bewertung", "satisfaction", "zufriedenheit"),
        *("sentiment", "polarity", "nps", "csat", "satisfied", "recommend"),
    )
)

TIME = frozenset(
    (
        *(
            "time",
            "date",
            "datetime",
            "timestamp",
            "day",
            "created",
            "opened",
            "received",
            "datum",
            "zeit",
            "zeitpunkt",
        ),
        *("tag", "zeitstempel", "eingang", "erstellt", "buchungstag", "buchungsdatum", "ts", "posted", "published"),
    )
)
LATER_TIME = frozenset(
    (
        *("closed", "resolved", "updated", "modified", "end", "due", "until", "finished", "valuta", "wertstellung"),
        *("geschlossen", "geändert", "ende", "bis", "fällig", "birth", "birthday", "geburtsdatum", "geburtstag"),
    )
)

TIME_ITSELF = frozenset(
    (
        *("time", "date", "datetime", "timestamp", "ts", "created", "datum", "zeitpunkt", "zeitstempel", "uhrzeit"),
        *("epoch", "fecha", "日期", "时间", "日時", "日付"),
    )
)
"""Words of columns that must hold a time, or somebody should look."""

AMOUNT = frozenset(
    (
        *(
            "price",
            "amount",
            "cost",
            "costs",
            "revenue",
            "sales",
            "turnover",
            "salary",
            "wage",
            "fee",
            "balance",
            "fare",
        ),
        *(
            "preis",
            "betrag",
            "kosten",
            "umsatz",
            "gehalt",
            "lohn",
            "gebühr",
            "saldo",
            "summe",
            "prix",
            "montant",
            "coût",
        ),
        *("precio", "importe", "coste", "costo", "salario", "prezzo", "importo", "preço", "valor", "prijs", "bedrag"),
        *("价格", "金额", "単価", "価格", "金額"),
    )
)
"""Words of columns that must hold numbers, or somebody should look; never a row's key."""

ID = frozenset(
    [
        "id",
        "ids",
        "nr",
        "no",
        "num",
        "number",
        "nummer",
        "key",
        "uuid",
        "guid",
        "index",
        "idx",
        "ref",
        "referenz",
        "reference",
        "row",
        "zeile",
        "lfd",
        "unnamed",
        "rownames",
        "rownumber",
    ]
)

SUBJECT = frozenset(["subject", "participant", "respondent", "proband", "versuchsperson"])
"""Words of columns of numbers that say of whom a row is."""

ENTITY = frozenset(
    (
        *("customer", "client", "user", "account", "patient", "author", "member", "session", "thread", "conversation"),
        *(
            "device",
            "machine",
            "sensor",
            "vehicle",
            "article",
            "document",
            "household",
            "student",
            "employee",
            "driver",
        ),
        *("seller", "merchant", "store", "company", "station", "asset", "unit", "batch", "lot", "order", "kunde"),
        *("kundin", "kundennummer", "kundennr", "konto", "kontonummer", "nutzer", "benutzer", "autor", "gerät"),
        *(
            "maschine",
            "anlage",
            "fahrzeug",
            "firma",
            "charge",
            "filiale",
            "patientin",
            "mitglied",
            "artikel",
            "auftrag",
        ),
    )
)
"""Things of which several rows may speak, so that rows of one of them are not independent."""

PERSON = frozenset(
    (
        *("name", "firstname", "lastname", "surname", "forename", "fullname", "vorname", "nachname", "email", "mail"),
        *(
            "phone",
            "telephone",
            "mobile",
            "telefon",
            "handy",
            "iban",
            "ssn",
            "passport",
            "address",
            "adresse",
            "street",
        ),
        *(
            "straße",
            "strasse",
            "birthday",
            "birthdate",
            "dob",
            "geburtsdatum",
            "geburtstag",
            "ip",
            "customer",
            "client",
        ),
        *(
            "user",
            "username",
            "login",
            "author",
            "patient",
            "employee",
            "member",
            "student",
            "driver",
            "person",
            "kunde",
        ),
        *("kundin", "kundennummer", "kundennr", "autor", "benutzer", "nutzer", "mitarbeiter", "kontoinhaber"),
        *("empfänger", "auftraggeber", "begünstigter", "zahlungspflichtiger", "sender", "recipient", "requester"),
        *("reporter", "agent", "handle", "kontonummer", "card", "karte"),
    )
)
"""Words of columns that name a person."""

_NO_PERSON = frozenset(
    (
        *(
            "product",
            "produkt",
            "file",
            "filename",
            "sensor",
            "device",
            "machine",
            "company",
            "firma",
            "event",
            "field",
        ),
        *("type", "typ", "class", "segment", "status", "count", "anzahl", "group", "gruppe", "category", "kategorie"),
        *("model", "app", "host", "domain", "city", "country", "tier", "plan", "language", "since", "score", "age"),
    )
)

PROTECTED = frozenset(
    [
        "sex",
        "gender",
        "geschlecht",
        "sexe",
        "sexo",
        "género",
        "genero",
        "genre",
        "sesso",
        "geslacht",
        "age",
        "alter",
        "âge",
        "edad",
        "idade",
        "età",
        "leeftijd",
        "ages",
        "geburtsjahr",
        "birthyear",
        "yob",
        "birthplace",
        "geburtsort",
        "race",
        "rasse",
        "raza",
        "raça",
        "ethnicity",
        "ethnic",
        "ethnie",
        "etnia",
        "etnicidad",
        "religion",
        "religious",
        "hispanic",
        "latino",
        "latina",
        "religión",
        "religião",
        "religione",
        "konfession",
        "confession",
        "glaube",
        "faith",
        "nationality",
        "nationalität",
        "nacionalidad",
        "nationalité",
        "nacionalidade",
        "nazionalità",
        "citizenship",
        "staatsangehörigkeit",
        "foreign",
        "foreigner",
        "ausländer",
        "herkunft",
        "origin",
        "migration",
        "immigrant",
        "disability",
        "disabled",
        "behinderung",
        "handicap",
        "discapacidad",
        "marital",
        "married",
        "marriage",
        "familienstand",
        "verheiratet",
        "civil",
        "matrimonial",
        "pregnant",
        "pregnancy",
        "schwanger",
        "orientation",
        "sexual",
        "transgender",
        "caste",
        "hautfarbe",
        "veteran",
        "female",
        "male",
        "nonwhite",
    ]
)
"""Words of columns about what people must not be treated differently for."""

_COLOURS = frozenset(["black", "white"])  # of people, where a name says nothing else
_SKIN, _TINT = frozenset(["skin"]), frozenset(["color", "colour", "tone", "complexion"])
DESTINATION = frozenset(["destination", "dest", "ziel", "destino", "arrival", "to"])
"""Words of columns that say where a way ends."""

_BIRTH = frozenset(["birth", "naissance", "nacimiento", "nascimento", "geburt", "nascita"])
_BORN = frozenset(["year", "jahr", "année", "annee", "año", "ano", "anno", "decade", "country", "land", "place"])
_WORN = frozenset(
    [
        "alter",
        "age",
        "ages",
        "âge",
        "edad",
        "idade",
        "età",
        "leeftijd",
        "orientation",
        "civil",
        "origin",
        "migration",
    ]
)
_PLACES = frozenset(["airport", "station", "port", "city", "state", "warehouse"])  # that goods and journeys come from

AFTERWARDS = frozenset(
    [
        "confidence",
        "konfidenz",
        "conf",
        "gold",
        "reason",
        "reasons",
        "why",
        "grund",
        "gründe",
        "begründung",
        "motivo",
        "raison",
        "explanation",
        "erklärung",
        "trust",
        "trusted",
        "agreement",
        "judgments",
        "annotator",
        "annotators",
        "annotation",
        "rater",
        "raters",
        "reviewer",
        "certainty",
        "sicherheit",
        "probability",
        "prob",
        "proba",
        "score",
        "prediction",
        "predicted",
        "date",
        "time",
        "at",
        "by",
        "datum",
        "am",
        "von",
        "comment",
        "comments",
        "note",
        "notes",
    ]
)
"""What is said of a label, in a column's name behind the label's own, and is known only when the label is."""

TESTED = frozenset(
    [
        "test",
        "tests",
        "testing",
        "result",
        "covid",
        "corona",
        "sars",
        "hiv",
        "pcr",
        "swab",
        "antigen",
        "antibody",
        "antikörper",
        "culture",
        "kultur",
        "biopsy",
        "biopsie",
        "serology",
        "screening",
        "diagnosis",
        "diagnose",
        "diagnostic",
        "befund",
        "abstrich",
        "labor",
        "lab",
        "assay",
        "virus",
        "infection",
        "infektion",
        "infected",
        "malaria",
        "tuberculosis",
        "hepatitis",
        "doping",
        "toxicology",
        "pregnancy",
        "mutation",
        "marker",
    ]
)
"""Words of columns whose positive is a finding."""

FELT = frozenset(
    [
        "sentiment",
        "sentiments",
        "tone",
        "tonality",
        "tonalität",
        "stimmung",
        "mood",
        "opinion",
        "meinung",
        "feeling",
        "emotion",
        "feedback",
        "attitude",
        "review",
        "reviews",
        "satisfaction",
        "zufriedenheit",
        "comment",
        "valence",
    ]
)
"""Words of columns whose negative is the trouble."""

POSITIVE = frozenset(["positive", "positiv", "pos", "positivo", "positif", "reactive", "reaktiv", "detected", "+"])
NEGATIVE = frozenset(
    (
        *("negative", "negativ", "neg", "negativo", "négatif", "non-reactive", "nonreactive", "non reactive"),
        *("nicht reaktiv", "not detected", "undetected", "-"),
    )
)

COUNTED = frozenset(
    [
        "number",
        "count",
        "anzahl",
        "zahl",
        "quantity",
        "qty",
        "amount",
        "menge",
        "total",
        "sum",
        "years",
        "months",
        "days",
        "kinder",
    ]
)
"""Words of columns whose small whole numbers are amounts."""


def of(name: str) -> list[str]:
    """Return the words of a name such as ``customerId``, ``is-urgent`` or ``Kunden Nr.``, in lower case."""
    parted = re.sub(r"(?<=[a-zß-ÿ0-9])(?=[A-ZÄÖÜ])", " ", name)
    return [word.lower() for word in re.findall(r"[^\W\d_]+|\d+", parted)]


def heard(name: str, among: Iterable[str]) -> str:
    """Return the first word of a name that is among some, or nothing."""
    known = frozenset(among)
    return next((word for word in of(name) if word in known), "")


def protected(name: str) -> str:
    """Return the word of a column's name that says that it is about a protected attribute of people, or nothing."""
    spoken = of(name)
    if any(one & set(spoken) and other & set(spoken) for one, other in ((_BIRTH, _BORN), (_SKIN, _TINT))):
        return " ".join(spoken)
    word = heard(name, PROTECTED) or next(iter(_COLOURS.intersection(spoken if len(spoken) == 1 else ())), "")
    things = (ENTITY - PERSON) | _NO_PERSON | _PLACES | {"account", "car", "loan", "site", "file"}
    return "" if word in _WORN and set(spoken) & (things - _WORN - _BORN) else word


def person(name: str) -> str:
    """Return the word of a column's name that says that it names a person, or nothing."""
    return "" if heard(name, _NO_PERSON) else heard(name, PERSON)
