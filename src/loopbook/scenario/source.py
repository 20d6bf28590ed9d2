"""Where an agent's data comes from: one settings class for each kind of source."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from loopbook.scenario.settings import Names, Settings

COUNTED = ("unix", "unix_ms", "unix_us", "unix_ns", "excel")
"""Time formats that are a count: since 1970, or a spreadsheet's days since 30 December 1899."""

_DAY = datetime(2026, 2, 13, tzinfo=UTC)


def _says_the_day(form: str) -> str:
    """Refuse a time format that does not hold day, month and year."""
    if form in COUNTED:
        return form
    try:
        read = datetime.strptime(_DAY.strftime(form), form)
    except ValueError as error:
        raise ValueError(f"{form!r} is no time format ({error}); write one such as '%d.%m.%Y %H:%M'") from error
    if read.replace(tzinfo=UTC) != _DAY:
        raise ValueError(f"{form!r} must hold year, month and day, such as '%d.%m.%Y %H:%M'")
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


class Read(Columns):
    """Common to the kinds that read rows which stand somewhere."""

    rows: int | None = Field(None, ge=1, description="read at most so many rows, the first; None: all")
    sample: int | None = Field(
        None, ge=200, description="take about so many rows, drawn over the whole source, groups whole; None: all"
    )


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


Source = Annotated[
    CsvSource | JsonlSource | ParquetSource | SqlSource | HttpSource | CatalogSource | SimulationSource,
    Field(discriminator="kind"),
]
