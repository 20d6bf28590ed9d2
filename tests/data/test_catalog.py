"""A data set of the catalog is the pinned one, wherever it comes from."""

import hashlib
import io
import os
import stat
import tarfile
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from tests.data.test_interactions import scenario as ranking

from loopbook.data import catalog, download, raw_copies, sources, validation
from loopbook.data.catalog import Dataset
from loopbook.data.files import CsvForm
from loopbook.scenario.errors import DataError
from loopbook.scenario.source import CatalogSource

CONTENT = b'1_1\t-1.5\tThe "new" plan is bad.\r\n1_2\t0.5\tThe old one was not.\r\n'


MIRRORED = os.environ.get(catalog.MIRROR)


@pytest.fixture(autouse=True)
def _no_mirror(monkeypatch):
    monkeypatch.delenv(catalog.MIRROR, raising=False)


def tar(members: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return buffer.getvalue()


def dataset(address: str, member: str = "set/rows.txt", content: bytes = CONTENT) -> Dataset:
    return Dataset(
        name="authored",
        title="Two sentences",
        address=f"{address}/set.tar.gz",
        member=member,
        member_sha256=hashlib.sha256(content).hexdigest(),
        mirror="mirrored/rows.txt",
        licence="CC0",
        citation="nobody",
        columns=("id", "rating", "text"),
        form=CsvForm(delimiter="\t", header=("id", "rating", "text"), quoting=False),
        derived={"article": ("id", "_")},
    )


def test_an_archive_is_downloaded_resumed_checked_and_its_member_kept(server, tmp_path, monkeypatch):
    server.content = tar({"set/rows.txt": CONTENT, "set/padding.bin": os.urandom(200_000)})
    server.break_off = 1
    monkeypatch.setattr(download.time, "sleep", lambda _: None)
    wanted = dataset(server.url)
    path = catalog.fetch(wanted, tmp_path)
    assert path.read_bytes() == CONTENT
    assert "Range" in server.asked[1]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    server.asked.clear()
    assert catalog.fetch(wanted, tmp_path) == path
    assert not server.asked


def test_a_member_that_was_changed_here_is_taken_from_the_archive_again(server, tmp_path):
    server.content = tar({"set/rows.txt": CONTENT})
    wanted = dataset(server.url)
    catalog.fetch(wanted, tmp_path).write_bytes(b"changed")
    said: list[str] = []
    assert catalog.fetch(wanted, tmp_path, said.append).read_bytes() == CONTENT
    assert "changed" in said[0]


def test_the_mirror_is_used_instead_and_a_wrong_byte_in_it_refused(tmp_path, monkeypatch):
    wanted = dataset("http://127.0.0.1:9")
    mirrored = tmp_path / "mirror" / "mirrored" / "rows.txt"
    mirrored.parent.mkdir(parents=True)
    mirrored.write_bytes(CONTENT)
    monkeypatch.setenv(catalog.MIRROR, str(tmp_path / "mirror"))
    assert catalog.fetch(wanted, tmp_path / "raw").read_bytes() == CONTENT
    for position in (0, len(CONTENT) // 2, len(CONTENT) - 1):
        mirrored.write_bytes(CONTENT[:position] + bytes([CONTENT[position] ^ 1]) + CONTENT[position + 1 :])
        with pytest.raises(DataError, match="At least one byte differs"):
            catalog.fetch(wanted, tmp_path / "raw")
    mirrored.unlink()
    with pytest.raises(DataError, match=r"mirrored/rows\.txt is missing"):
        catalog.fetch(wanted, tmp_path / "raw")


def test_a_wrong_member_in_a_right_archive_is_refused(server, tmp_path):
    server.content = tar({"set/rows.txt": CONTENT[:-1]})
    with pytest.raises(DataError, match="the catalog says"):
        catalog.fetch(dataset(server.url), tmp_path)
    assert not (tmp_path / "authored" / "rows.txt").exists()
    assert not list(tmp_path.rglob("*.part"))
    server.content = tar({"set/rows.txt": CONTENT})
    assert catalog.fetch(dataset(server.url), tmp_path).read_bytes() == CONTENT, "no wrong archive is kept"


@pytest.mark.parametrize("name", ["../evil.txt", "/tmp/evil.txt", "set/../../evil.txt", "..\\evil.txt"])
def test_of_an_archive_nothing_is_written_but_the_member(server, tmp_path, name):
    server.content = tar({"set/rows.txt": CONTENT, name: b"evil"})
    assert catalog.fetch(dataset(server.url), tmp_path / "raw").read_bytes() == CONTENT
    assert not list(tmp_path.rglob("evil*"))


def test_a_member_that_is_a_link_is_not_followed(server, tmp_path):
    server.content = tar({}, {"set/rows.txt": "/etc/hostname"})
    with pytest.raises(DataError, match="a link or a folder"):
        catalog.fetch(dataset(server.url), tmp_path)


def test_an_archive_without_the_member_names_the_likely_one(server, tmp_path):
    server.content = tar({"set/row.txt": CONTENT})
    with pytest.raises(DataError, match=r"Did you mean 'set/row\.txt'"):
        catalog.fetch(dataset(server.url), tmp_path)


def test_an_archive_that_is_none_says_so(server, tmp_path):
    server.content = b"<html>not found</html>"
    with pytest.raises(DataError, match="cannot be unpacked"):
        catalog.fetch(dataset(server.url), tmp_path)


def test_the_source_reads_quotation_marks_as_they_are_and_derives_the_article(server, tmp_path, monkeypatch):
    server.content = tar({"set/rows.txt": CONTENT})
    monkeypatch.setitem(catalog.CATALOG, "authored", dataset(server.url))
    collected = sources.collect(CatalogSource(kind="catalog", dataset="authored"), Path(), tmp_path)
    assert collected.frame.to_dict("list") == {
        "id": ["1_1", "1_2"],
        "rating": ["-1.5", "0.5"],
        "text": ['The "new" plan is bad.', "The old one was not."],
        "article": ["1", "1"],
    }
    assert collected.lines.tolist() == [1, 2]
    assert collected.origin["licence"] == "CC0"


def test_an_unknown_data_set_names_the_likely_one():
    with pytest.raises(DataError, match="Did you mean 'nyt-editorials'"):
        catalog.find("nyt-editorial")


def test_the_biopsies_are_read_from_the_installed_package_with_licence_and_a_stable_id(tmp_path, monkeypatch):
    monkeypatch.setattr(catalog, "download", None)  # nothing may be downloaded
    monkeypatch.setenv(catalog.MIRROR, str(tmp_path / "nowhere"))
    source = CatalogSource(kind="catalog", dataset="wisconsin-biopsies")
    collected = sources.collect(source, Path(), tmp_path)
    assert not list(tmp_path.iterdir())
    assert len(collected.frame) == 569
    assert collected.frame["case"].tolist()[:2] == ["1", "2"]
    assert collected.lines[0] == 2  # the first line holds counts and class names
    assert tuple(collected.frame.columns) == catalog.find("wisconsin-biopsies").all_columns
    assert collected.frame["benign"].value_counts().to_dict() == {"1": 357, "0": 212}
    assert collected.origin["licence"] == "CC BY 4.0"
    assert "Wolberg, Street & Mangasarian (1995)" in collected.origin["citation"]


def test_the_biopsies_are_those_that_scikit_learn_loads(tmp_path):
    from sklearn.datasets import load_breast_cancer

    loaded = load_breast_cancer()
    frame = sources.collect(CatalogSource(kind="catalog", dataset="wisconsin-biopsies"), Path(), tmp_path).frame
    assert (frame.drop(columns=["case", "benign"]).to_numpy(dtype=float) == loaded.data).all()
    assert (frame["benign"].astype(int).to_numpy() == loaded.target).all()
    moments = [("mean ", "_mean"), (" error", "_error"), ("worst ", "_worst")]
    named = [
        f"{name.replace(given, '')}{ours}" for name in loaded.feature_names for given, ours in moments if given in name
    ]
    assert [name.replace(" ", "_") for name in named] == list(frame.columns[1:-1])


def test_a_file_of_a_package_that_was_changed_or_is_gone_is_refused(tmp_path, monkeypatch):
    wanted = replace(catalog.find("wisconsin-biopsies"), package="authored-package")
    with pytest.raises(DataError, match="is part of the package authored-package"):
        catalog.fetch(wanted, tmp_path)
    file = tmp_path / wanted.member
    file.parent.mkdir(parents=True)
    (tmp_path / "authored_package-1.dist-info").mkdir()
    (tmp_path / "authored_package-1.dist-info" / "METADATA").write_text("Name: authored-package\nVersion: 1\n")
    file.write_bytes(b"569,30,malignant,benign\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DataError, match="At least one byte differs"):
        catalog.fetch(wanted, tmp_path)


def test_a_file_by_itself_is_downloaded_once_and_one_that_was_changed_here_is_fetched_again(server, tmp_path):
    server.content = CONTENT
    wanted = replace(dataset(server.url), address=f"{server.url}/rows.txt", member="rows.txt")
    path = catalog.fetch(wanted, tmp_path)
    assert path.read_bytes() == CONTENT
    asked = len(server.asked)
    catalog.fetch(wanted, tmp_path)
    assert len(server.asked) == asked
    path.write_bytes(b"changed")
    assert catalog.fetch(wanted, tmp_path).read_bytes() == CONTENT
    with pytest.raises(DataError, match="SHA-256"):
        catalog.fetch(replace(wanted, member_sha256="0" * 64), tmp_path)


def test_several_files_are_one_set_with_lines_counted_on_and_each_row_says_its_part(tmp_path, monkeypatch):
    texts = {"train.csv": b"text,kind\none,a\ntwo,b\n", "test.csv": b"text,kind\nthree,a\n"}
    files = [
        replace(
            dataset("http://127.0.0.1:9", member=name, content=content),
            **{"mirror": name, "columns": ("text", "kind"), "form": CsvForm(), "derived": {}, "number": "row"},
            part=("part", name.removesuffix(".csv")),
        )
        for name, content in texts.items()
    ]
    for name, content in texts.items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.setenv(catalog.MIRROR, str(tmp_path))
    monkeypatch.setitem(catalog.CATALOG, "authored", replace(files[0], more=(files[1],)))
    source = CatalogSource(kind="catalog", dataset="authored", id="row")
    collected = sources.collect(source, tmp_path, tmp_path / "raw")
    assert collected.frame.to_dict("list") == {
        "row": ["2", "3", "5"],
        "text": ["one", "two", "three"],
        "kind": ["a", "b", "a"],
        "part": ["train", "train", "test"],
    }
    assert sources.collect(source.model_copy(update={"rows": 1}), tmp_path, tmp_path / "raw").frame["row"].tolist() == [
        "2"
    ]
    before = sources.fingerprint(source, tmp_path, tmp_path)
    monkeypatch.setitem(catalog.CATALOG, "authored", replace(files[0], more=(replace(files[1], member_sha256="1"),)))
    assert sources.fingerprint(source, tmp_path, tmp_path) != before


DATA = b"196\t242\t3\t881250949\n186\t302\t5\t891717742\n22\t377\t1\t878887116\n186\t242\t4\t891717743\n"
ITEM = "242|Kolya (1996)|24-Jan-1997||http://x|0|0|0|0|0|1|0|0|0|0|0|0|0|0|0|0|0|0|0\n"
ITEM += '302|L\xe9on "L.A." (1997)|01-Jan-1997||http://x|0|0|0|0|0|0|1|0|0|0|1|0|0|1|0|0|1|0|0\n'
ITEM += "377|Heavyweights (1994)|01-Jan-1994||http://x|0|0|0|0|1|1|0|0|0|0|0|0|0|0|0|0|0|0|0\n"
USER = b"196|49|M|writer|55105\n186|39|F|executive|00000\n22|25|M|writer|40206\n"


def zipped(members: dict[str, bytes]) -> bytes:
    """Return a zip archive of the form of ml-100k.zip; the members are made up."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def movielens(server, monkeypatch):
    """Serve a made-up archive of the form of MovieLens 100k, and pin its members."""
    made = {"u.data": DATA, "u.item": ITEM.encode("latin-1"), "u.user": USER}
    server.content = zipped({"ml-100k/README": b"r", **{f"ml-100k/{name}": of for name, of in made.items()}})
    for part in ("", "-items", "-users"):
        known = catalog.find(f"movielens-100k{part}")
        digest = hashlib.sha256(made[Path(known.member).name]).hexdigest()
        here = replace(known, address=f"{server.url}/ml-100k.zip", member_sha256=digest)
        monkeypatch.setitem(catalog.CATALOG, known.name, here)
    return server


def test_the_three_tables_of_a_zip_archive_are_one_source(movielens, tmp_path):
    tables = {
        "items": {"kind": "catalog", "dataset": "movielens-100k-items", "key": "item_id"},
        "users": {"kind": "catalog", "dataset": "movielens-100k-users", "key": "user_id"},
    }
    source = {"kind": "catalog", "dataset": "movielens-100k", "time": "timestamp", "time_formats": ["unix"]}
    told = {"query": "user_id", "item": "item_id", "fields": {"title": "text", "drama": "number"}}
    label = {"label": {"column": "rating", "positive": [4, 5], "names": ["no", "liked it"]}}
    agent = ranking(told | label, {**source, "tables": tables, "protected": ["age"]})
    sources.check(agent, tmp_path)
    collected = sources.collect(agent.source, tmp_path, tmp_path / "raw")
    rows, quarantine = validation.validate(collected, agent, date(2026, 11, 30))
    assert not len(quarantine) and rows["label"].tolist() == [0, 1, 0, 1]
    assert rows["title"].tolist()[1] == 'L\xe9on "L.A." (1997)' and rows["age"].tolist() == ["49", "39", "25", "39"]
    assert rows["time"].dt.year.tolist() == [1997, 1998, 1997, 1998]
    assert "not to be passed on" in collected.origin["licence"]
    paths = raw_copies.of(agent.source, tmp_path, tmp_path / "raw")
    assert {path.name for path in paths} == {"u.data", "u.item", "u.user", "ml-100k.zip"}
    assert all(path.is_file() for path in paths)


def test_a_zip_archive_that_is_wrong_says_so(movielens, tmp_path):
    known = catalog.find("movielens-100k")
    with pytest.raises(DataError, match=r"has no file 'ml-100k/u\.dat'\. Did you mean 'ml-100k/u\.data'"):
        catalog.fetch(replace(known, member="ml-100k/u.dat"), tmp_path)
    movielens.content = movielens.content[:100] + b"x" * 40 + movielens.content[140:]
    with pytest.raises(DataError, match=r"cannot be unpacked|SHA-256"):
        catalog.fetch(known, tmp_path / "other")


@pytest.mark.skipif(not MIRRORED, reason=f"{catalog.MIRROR} is not set")
@pytest.mark.parametrize(
    ("name", "rows", "last"),
    [
        ("banking77", 13_083, "test"),
        ("airline-tweets", 14_640, None),
        ("rated-tweets", 4_200, None),
        ("amazon-reviews", 3_708, None),
        ("film-reviews", 10_605, None),
        ("german-credit", 1_000, None),
    ],
)
def test_the_public_sets_are_read_whole(tmp_path, monkeypatch, name, rows, last):
    monkeypatch.setenv(catalog.MIRROR, str(MIRRORED))
    collected = sources.collect(CatalogSource(kind="catalog", dataset=name), tmp_path, tmp_path)
    assert len(collected.frame) == rows
    assert tuple(collected.frame) == catalog.find(name).all_columns
    assert last is None or collected.frame["part"].iloc[-1] == last
