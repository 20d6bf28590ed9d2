"""Where an agent's data comes from: one settings class for each kind of source."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from loopbook.scenario.series import Series
from loopbook.scenario.settings import Names, Settings

COUNTED = ("unix", "unix_ms", "unix_us", "unix_ns", "excel")
"""Time formats that are a count: since 1970, or a spreadsheet's days since 30 December 1899."""

_DAY = datetime(2026, 2, 13, tzinfo=UTC)


def _says_the_day(form: str) -> str:
    """Refuse a time format that does not hold year and month; without a day it is the first of the month."""
    if form in COUNTED:
        return form
    try:
        read = datetime.strptime(_DAY.strftime(form), form)
    except ValueError as error:
        raise ValueError(f"{form!r} is no time format ({error}); write one such as '%d.%m.%Y %H:%M'") from error
    if read.replace(tzinfo=UTC) not in (_DAY, _DAY.replace(day=1)):
        raise ValueError(f"{form!r} must hold year and month, such as '%d.%m.%Y %H:%M'")
    return form


class Columns(Settings):
    """The columns that every kind of source can name, as they are called in the source."""

    id: str | None = Field(None, description="column that identifies a row; None: a hash of the row's content")
    time: str | None = Field(None, description="column with the time of a row")
    time_formats: Annotated[tuple[Annotated[str, AfterValidator(_says_the_day)], ...], Field(strict=False)] = Field(
        (),
        description="how times are written that are not ISO 8601, such as '%d.%m.%Y %H:%M', or what they count: "
        "unix, unix_ms, unix_us, unix_ns, excel; the first that fits",
    )
    missing: dict[str, Names] = Field(
        default_factory=dict,
        description="what means that there is no value, by column, beside an empty cell: {ratio: ['-', '#N/A']}; in a "
        "column that is not named: NA, N/A, NaN, null, ? and spreadsheets' errors",
    )
    units: dict[str, str] = Field(
        default_factory=dict, description="what may stand before or behind the numbers of a column: {price: '$'}"
    )
    group: str | None = Field(None, description="column whose equal values must stay on one side of every split")
    stratum: str | None = Field(None, description="column whose shares every split keeps; None: the label")
    protected: Names = Field((), description="attributes over which fairness is watched; never an input")
    personal: Names = Field((), description="columns that name a person: replaced by a pseudonym before storing")
    truth: str | None = Field(None, description="column with the true state; known in simulations only, never an input")

    @property
    def joined(self) -> dict[str, tuple[str, str]]:
        """Of each further table the column that is its key, and the column of the rows that names it."""
        return {}


class Read(Columns):
    """Common to the kinds that read rows which stand somewhere."""

    rows: int | None = Field(None, ge=1, description="read at most so many rows, the first; None: all")
    sample: int | None = Field(
        None, ge=200, description="take about so many rows, drawn over the whole source, groups whole; None: all"
    )
    series: Series | None = Field(None, description="rows are readings of a time series, and become windows")
    tables: dict[str, "Table"] = Field(
        default_factory=dict, description="further tables by name, such as items and users: joined to the rows by a key"
    )

    @property
    def joined(self) -> dict[str, tuple[str, str]]:
        return {name: (table.key, table.named_by or table.key) for name, table in self.tables.items()}

    @model_validator(mode="after")
    def _has_time(self) -> Self:
        if self.series and (self.time is None or self.sample or self.id):
            raise ValueError(
                "a series needs source.time, and neither source.sample nor source.id: windows are its rows"
            )
        return self


class FileSource(Read):
    """Common to the kinds that read one file."""

    path: str = Field(description="file, relative to the project's root")
    keep_raw_days: float | None = Field(
        None,
        gt=0,
        description="days after which gc takes away the copy in data/raw/files that make new has made; None: never. "
        "A file that is read where it lies is never taken away",
    )


def _plain_mark(mark: object) -> object:
    """Return every kind of space as a blank, and a curly apostrophe as a straight one."""
    return " " if isinstance(mark, str) and mark.isspace() else "'" if mark == "\u2019" else mark


class CsvSource(FileSource):
    kind: Literal["csv"]
    delimiter: str | None = Field(None, max_length=1, description="None: found from the file's first lines")
    decimal: Literal[".", ","] = Field(".", description="decimal mark of numbers")
    thousands: Annotated[Literal[".", ",", " ", "'"] | None, BeforeValidator(_plain_mark)] = Field(
        None, description="what groups digits by three, a blank for every kind of space; None: nothing"
    )
    encoding: str = Field("utf-8", description="encoding of the file; a wrong byte is an error that names its line")
    header: Names = Field((), description="column names, for a file that has no header line")
    quoting: bool = Field(True, description="False: quotation marks are ordinary characters")
    escapes: bool = Field(
        False, description='True: \\" inside a quoted field is a quotation mark, and \\\\ a backslash'
    )

    @model_validator(mode="after")
    def _two_marks(self) -> Self:
        if self.thousands == self.decimal:
            raise ValueError(f"thousands and decimal cannot both be {self.decimal!r}")
        return self


class JsonlSource(FileSource):
    kind: Literal["jsonl"]


class ParquetSource(FileSource):
    kind: Literal["parquet"]


class SqlSource(Read):
    kind: Literal["sql"]
    address: str = Field(description="SQLAlchemy address; ${NAME} comes from the environment: no secrets here")
    table: str | None = Field(None, description="table to read")
    query: str | None = Field(None, description="or: a SELECT statement")


class HttpSource(Read):
    kind: Literal["http"]
    url: str = Field(pattern=r"^https?://", description="address of a csv, json lines or parquet file")
    format: Literal["csv", "jsonl", "parquet"] = "csv"
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$", description="expected content; None: whatever comes")
    keep_raw_days: float | None = Field(
        90, gt=0, description="days after which gc takes away the copy in data/raw; None: never"
    )


class CatalogSource(Read):
    kind: Literal["catalog"]
    dataset: str = Field(description="name of a public data set in the catalog")
    keep_raw_days: float | None = Field(
        90, gt=0, description="days after which gc takes away the copy in data/raw; None: never"
    )


class Keyed(Read):
    """Common to the tables that are joined to the rows: each row of them has a key, and rows name it."""

    key: str = Field(description="column that tells the rows of this table apart")
    named_by: str | None = Field(None, description="column of the source's rows that holds the key; None: called as it")

    @model_validator(mode="after")
    def _only_a_table(self) -> Self:
        own = ("id", "time", "group", "stratum", "protected", "truth", "sample", "series", "tables")
        said = [name for name in own if getattr(self, name)]
        if said:
            raise ValueError(f"a table that is joined has a key, and no {said[0]}; say that of the source itself")
        return self


class CsvTable(Keyed, CsvSource):
    pass


class JsonlTable(Keyed, JsonlSource):
    pass


class ParquetTable(Keyed, ParquetSource):
    pass


class SqlTable(Keyed, SqlSource):
    pass


class HttpTable(Keyed, HttpSource):
    pass


class CatalogTable(Keyed, CatalogSource):
    pass


Table = Annotated[
    CsvTable | JsonlTable | ParquetTable | SqlTable | HttpTable | CatalogTable, Field(discriminator="kind")
]


def _web_address(written: str) -> str:
    """Refuse what is no address of a page."""
    parts = urlsplit(written)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or not written.isprintable():
        raise ValueError(f"{written!r} is no address; write one such as https://example.org/news, without a password")
    return written


Addresses = Annotated[tuple[Annotated[str, AfterValidator(_web_address)], ...], Field(strict=False, min_length=1)]


class WebSource(Read):
    """Common to the kinds that `loopbook fetch` brings from the web; a run reads what was saved, and asks nobody."""

    id: str | None = Field("id", description="column that identifies a row; None: a hash of the row's content")
    time: str | None = Field(
        "time", description="column with the time of a row: time (published, as it says), or fetched (first seen)"
    )
    personal: Names = Field(
        ("author",), description="columns that name a person: replaced by a pseudonym before storing"
    )
    contact: str = Field(
        pattern=r"^(https?://\S+|[^\s@]+@[^\s@]+)$",
        description="mail or web address that servers are told in User-Agent",
    )
    licence: str = Field("not stated", description="under which licence the texts may be used")
    pace: float = Field(1.0, ge=0, description="seconds between two requests to a host; robots.txt may ask for more")
    attempts: int = Field(4, ge=1, le=10, description="how often a page is asked for that answers with a passing error")
    retry_seconds: float = Field(
        2.0,
        ge=0,
        description="before the second attempt; doubled before each further one; Retry-After may ask for more",
    )
    page_bytes: int = Field(2_000_000, ge=1_000, description="longest page or feed; what is longer is cut off and left")
    private_hosts: Names = Field(
        (), description="hosts (with port) that may be on this machine or in a private network; all others are refused"
    )
    languages: Names = Field((), description="languages to keep, such as en; none: all")
    keep_raw_days: float | None = Field(
        90, gt=0, description="days after which gc takes away what was saved in data/raw; None: never"
    )


class FeedSource(WebSource):
    """Entries of RSS, Atom and RDF feeds; what earlier fetches saved stays, for `keep_raw_days`."""

    kind: Literal["feed"]
    addresses: Addresses = Field(description="addresses of the feeds")


class CrawlSource(WebSource):
    """Pages of web sites, found by links and sitemaps from start pages; the newest whole crawl is read."""

    kind: Literal["crawl"]
    start: Addresses = Field(description="pages to start from; other hosts than theirs are never visited")
    paths: Names = Field(
        (),
        description="beginnings of the paths to visit, * for anything: [/news/]; none: all; a start page elsewhere is "
        "read for its links only",
    )
    skip: Names = Field((), description="beginnings of paths to leave out")
    depth: int = Field(5, ge=0, le=100, description="links to follow from a start page; 0: start pages alone")
    sitemaps: bool = Field(True, description="visit what sitemaps list, of which robots.txt tells, or /sitemap.xml")
    pages: int = Field(1_000, ge=1, le=1_000_000, description="budget: pages to ask for")
    bytes: int = Field(500_000_000, ge=1_000, description="budget: bytes of all pages together")
    pattern_pages: int = Field(
        300,
        ge=1,
        description="pages that lead to each other and whose addresses differ in numbers only: an endless calendar",
    )

    @model_validator(mode="after")
    def _paths_from_root(self) -> Self:
        wrong = next((path for path in (*self.paths, *self.skip) if not path.startswith(("/", "*"))), None)
        if wrong is not None:
            raise ValueError(f"the path {wrong!r} must begin with / or *, as in /news/")
        return self


class SimulationSource(Columns):
    """The simulated world of posts about companies; every effect it injects is written down as truth."""

    kind: Literal["simulation"]
    rows: int = Field(20_000, ge=200, le=2_000_000, description="posts in `days`")
    days: int = Field(120, ge=20, le=2_000, description="days that the world lasts")
    later_days: int = Field(0, ge=0, le=2_000, description="days after these, with as many posts a day: later rounds")
    start: date = Field(date(2026, 1, 1), strict=False, description="first day")
    seed: int = Field(1, ge=0, description="seed of the world")
    label_noise: float = Field(0.02, ge=0, le=0.4, description="share of labels that annotators get wrong")
    personal_data_share: float = Field(0.03, ge=0, le=1, description="share of posts with personal data in them")
    effects: bool = Field(True, description="False: no surges and no drift")

    @property
    def all_days(self) -> int:
        """Days from the first to the last of later rounds."""
        return self.days + self.later_days

    @property
    def horizon(self) -> date:
        """The day on which the days of later rounds begin."""
        return self.start + timedelta(days=self.days)


class ShopSource(Columns):
    """The simulated book shop: lists of ten that it showed its readers, and what they did; the truth is known."""

    kind: Literal["shop"]
    lists: int = Field(12_000, ge=200, le=1_000_000, description="lists shown in `days`; each is ten rows")
    readers: int = Field(800, ge=20, le=200_000, description="readers; a fifth of them come while the days pass")
    books: int = Field(600, ge=50, le=50_000, description="books; two fifths of them come out while the days pass")
    days: int = Field(90, ge=10, le=2_000, description="days that the world lasts")
    later_days: int = Field(0, ge=0, le=2_000, description="days after these, with as many lists a day: later rounds")
    start: date = Field(date(2026, 1, 1), strict=False, description="first day")
    seed: int = Field(1, ge=0, description="seed of the world")
    exploration: float = Field(
        0.3, gt=0, le=1, description="share of the logging policy's draws that are uniform; the others by popularity"
    )

    @property
    def joined(self) -> dict[str, tuple[str, str]]:
        return {"items": ("book", "book"), "users": ("reader", "reader")}

    @property
    def all_days(self) -> int:
        """Days from the first to the last of later rounds."""
        return self.days + self.later_days

    @property
    def horizon(self) -> date:
        """The day on which the days of later rounds begin."""
        return self.start + timedelta(days=self.days)


Source = Annotated[
    CsvSource
    | JsonlSource
    | ParquetSource
    | SqlSource
    | HttpSource
    | CatalogSource
    | FeedSource
    | CrawlSource
    | SimulationSource
    | ShopSource,
    Field(discriminator="kind"),
]
