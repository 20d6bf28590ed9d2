"""A run that is handed on is whole, opens offline, and takes no personal data and no trace of this machine with it."""

from __future__ import annotations

import base64
import re
import socket
import struct
import zipfile
import zlib
from pathlib import Path

import pytest
from tests.reports.conftest import PIXEL, Workshop, code, figure, shown, text
from tests.reports.test_site import Links
from typer.testing import CliRunner, Result

from loopbook.cli.commands import app
from loopbook.reports import outgoing
from loopbook.reports.security import clean_pixels
from loopbook.store import records
from loopbook.store.project import Project
from loopbook.store.records import Approval, Change, Run

MAIL = "erika.mustermann@example.net"
ALL = ("html", "zip")


@pytest.fixture
def project(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The workshop as a project, for the command line."""
    (workshop.notebooks / "scenarios").mkdir(parents=True)
    monkeypatch.setenv("LOOPBOOK_PROJECT", str(workshop.root))
    for name in ("LOOPBOOK_DATA", "LOOPBOOK_REPORTS"):
        monkeypatch.delenv(name, raising=False)
    return Project(workshop.root)


def share(project: Project, run: Run, *words: str) -> Result:
    records.save(project, run)
    return CliRunner().invoke(app, ["share", *words, "--", f"{run.scenario}/{run.run}"])


def written(done: Result) -> Path:
    assert done.exit_code == 0, done.output
    return Path(re.findall(r"Shared: (.*) \(", done.output.replace("\n", ""))[0])


def refused(done: Result, project: Project, *said: str) -> None:
    """Hold that nothing was written, and that the message names the place and not the value."""
    assert done.exit_code == 2, done.output
    assert not list((project.reports / "shared").glob("*"))
    assert "nothing was written" in done.output and "source.personal" in done.output
    assert "mustermann" not in done.output
    for each in said:
        assert each in done.output.replace("\n", " "), done.output


def with_cells(workshop: Workshop, run: Run, *cells: object) -> Run:
    stage = workshop.stage("04_optimization", [text("# 4 · Optimisation", "a"), *cells])
    return run.model_copy(update={"stages": {**run.stages, stage.name: stage}})


def test_a_zip_opens_from_its_index_and_every_link_in_it_leads_somewhere(
    project: Project, good_run: Run, tmp_path: Path
) -> None:
    with zipfile.ZipFile(written(share(project, good_run))) as archive:
        archive.extractall(tmp_path / "opened")
    (folder,) = (tmp_path / "opened").iterdir()
    assert {"index.html", "run.json", "03_training-lstm.html", "assets/style.css", "assets/site.js"} <= {
        path.relative_to(folder).as_posix() for path in folder.rglob("*")
    }
    for path in folder.rglob("*.html"):
        for link in Links(path).links:
            file, _, part = link.partition("#")
            target = (path.parent / file).resolve() if file else path
            assert link.startswith("https://example.org") or target.is_file(), f"{path.name}: {link}"
            assert not part or part in Links(target).ids, f"{path.name}: {link}"
            assert folder.resolve() in target.resolve().parents


def test_one_file_holds_every_stage_and_runs_only_the_script_that_its_policy_names(
    project: Project, good_run: Run
) -> None:
    path = written(share(project, good_run, "--html"))
    html, found = path.read_text(encoding="utf-8"), Links(path)
    assert {"01_requirements", "02_data", "03_training-lstm", "04_optimization"} <= set(found.ids)
    assert {"#01_requirements", "#04_optimization"} <= set(found.links)
    assert all(link.startswith(("#", "data:image/", "https://example.org")) for link in found.links)
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', html)
    assert re.search(r"script-src &#39;sha256-[\w+/=]+&#39;;", policy) and "unsafe" not in policy
    assert len(re.findall(r"<script", html)) == 1


def test_the_same_run_is_shared_as_the_same_bytes(project: Project, good_run: Run) -> None:
    first = written(share(project, good_run)).read_bytes()
    assert written(share(project, good_run)).read_bytes() == first


@pytest.mark.parametrize("kind", ALL)
def test_a_mail_address_in_the_output_of_a_cell_does_not_get_out(
    project: Project, workshop: Workshop, good_run: Run, kind: str
) -> None:
    cell = code("print(author)", "who", [shown({"text/plain": f"written by {MAIL}, yesterday"})])
    done = share(project, with_cells(workshop, good_run, cell), *(["--html"] if kind == "html" else []))
    refused(done, project, "04_optimization-cell-who", "mail")


@pytest.mark.parametrize("kind", ALL)
def test_a_mail_address_drawn_in_a_figure_does_not_get_out(
    project: Project, workshop: Workshop, good_run: Run, kind: str
) -> None:
    run = with_cells(workshop, good_run, code("draw()", "drawing", [figure(f"Most posts are by {MAIL}")]))
    refused(share(project, run, *(["--html"] if kind == "html" else [])), project, "drawing", "element text: mail")


@pytest.mark.parametrize("kind", ALL)
def test_a_mail_address_in_the_title_of_a_scenario_does_not_get_out(project: Project, good_run: Run, kind: str) -> None:
    run = good_run.model_copy(update={"title": f"Monitor of {MAIL}"})
    done = share(project, run, *(["--html"] if kind == "html" else []))
    refused(done, project, "index.html", "text in title: mail", *(["run.json, title"] if kind == "zip" else []))


@pytest.mark.parametrize(
    ("planted", "kind"),
    [
        (shown({"text/html": f"<table><tr><td>erika.<b>muster</b>mann@{'x' * 40}.example.net</td></table>"}), "mail"),
        (shown({"text/html": '<a href="https://example.org/?who=erika.mustermann%40example.net">x</a>'}), "mail"),
        (shown({"text/plain": "call +49 30 901820"}), "phone"),
        (shown({"text/plain": "card 4111 1111 1111 1111"}), "card"),
        (shown({"text/plain": "account DE89 3704 0044 0532 0130 00"}), "iban"),
        (shown({"text/plain": "from 203.0.113.77 at noon"}), "ip"),
        (shown({"image/png": PIXEL}, **{"image/png": {"alt": f"A face, {MAIL}"}}), "mail"),
        (
            shown({"image/svg+xml": '<svg xmlns="http://www.w3.org/2000/svg"><text>erika.<tspan>mustermann</tspan>'
                                    "<tspan>@example.net</tspan></text></svg>"}),
            "mail",
        ),
        (
            shown({"image/svg+xml": f'<svg xmlns="http://www.w3.org/2000/svg"><g id="{MAIL}"/></svg>'}),
            "mail",
        ),
    ],
)  # fmt: skip
def test_personal_data_is_found_however_it_is_wrapped(
    project: Project, workshop: Workshop, good_run: Run, planted: object, kind: str
) -> None:
    refused(share(project, with_cells(workshop, good_run, code("x", "planted", [planted]))), project, f": {kind}")


def test_personal_data_in_code_that_is_coloured_is_found(project: Project, workshop: Workshop, good_run: Run) -> None:
    run = with_cells(workshop, good_run, code(f"# ask {MAIL}\nsender = '{MAIL}'", "asking"))
    refused(share(project, run), project, "04_optimization-cell-asking", "mail")


def test_what_a_person_allows_by_name_may_leave(project: Project, workshop: Workshop, good_run: Run) -> None:
    run = with_cells(workshop, good_run, code("x", "x", [shown({"text/plain": f"Questions: {MAIL}"})]))
    done = share(project, run, "--allow", MAIL)
    with zipfile.ZipFile(written(done)) as archive:
        front = archive.read(f"{run.scenario}-{run.run}/index.html").decode()
    assert "what was found was allowed by the person who shared it" in front
    assert "but what you allowed" in done.output


def test_pictures_of_pixels_are_said_not_to_have_been_searched(
    project: Project, workshop: Workshop, good_run: Run
) -> None:
    run = with_cells(workshop, good_run, code("x", "x", [shown({"image/png": PIXEL})]))
    done = share(project, run, "--html")
    assert "1 picture of pixels" in written(done).read_text(encoding="utf-8")
    assert "1 pictures of pixels could not be searched" in done.output


def test_what_a_picture_carries_beside_its_pixels_stays_at_home() -> None:
    said = b"Author\0" + MAIL.encode()
    chunk = struct.pack(">I", len(said)) + b"tEXt" + said + struct.pack(">I", zlib.crc32(b"tEXt" + said))
    pixel = base64.b64decode(PIXEL)
    assert clean_pixels(pixel[:33] + chunk + pixel[33:], "image/png") == pixel
    segment = b"\xff\xe1" + struct.pack(">H", len(said) + 2) + said
    plain = b"\xff\xd8\xff\xdb\x00\x04ab\xff\xda\x00\x02pixels\xff\xd9"
    assert clean_pixels(plain[:2] + segment + plain[2:], "image/jpeg") == plain
    assert clean_pixels(b"\xff\xd8\xff", "image/jpeg") is None


def test_nothing_tells_of_the_machine(
    project: Project, workshop: Workshop, good_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "annqvist")
    monkeypatch.setattr(socket, "gethostname", lambda: "qvist-tower.local")
    told = f"{workshop.root}/data/raw/a.csv by annqvist on qvist-tower.local ({Path.home()}/notes)"
    run = with_cells(
        workshop, good_run, code("x", "x", [shown({"text/plain": told}), figure(f"Read from {workshop.root}/x")])
    )
    run = run.model_copy(
        update={
            "approved": (Approval(id="a", kind="rule", title="A rule", reason="safe", by="annqvist"),),
            "changes": (Change(about="approved", text="Approved by annqvist: A rule"),),
            "resolved": {"source": {"location": "/mnt/customers/of/ann/posts.csv"}},
        }
    )
    for words in ([], ["--html"]):
        path = written(share(project, run, *words))
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                contents = [archive.read(name) for name in archive.namelist()]
        else:
            contents = [path.read_bytes()]
        for content in contents:
            decoded = b"".join(map(base64.b64decode, re.findall(rb"data:image/svg\+xml;base64,([\w+/=]+)", content)))
            for trace in (str(workshop.root), "annqvist", "qvist-tower", "/mnt/customers", f"{Path.home()}/"):
                assert trace.encode() not in content + decoded


def test_a_login_that_is_an_ordinary_word_changes_no_text(
    project: Project, good_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "training")
    with zipfile.ZipFile(written(share(project, good_run))) as archive:
        assert "training" in archive.read(f"{good_run.scenario}-{good_run.run}/03_training-lstm.html").decode()


def test_a_stage_whose_notebook_left_the_store_is_said_to_be_missing(project: Project, good_run: Run) -> None:
    (project.data / str(good_run.stages["02_data"].notebook)).unlink()
    done = share(project, good_run)
    with zipfile.ZipFile(written(done)) as archive:
        assert f"{good_run.scenario}-{good_run.run}/02_data.html" not in archive.namelist()
    assert "Not in it" in done.output and "02_data" in done.output


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("20261124-031201", "Did you mean '20261124-031200'?"),
        ("market-monitr/latest", "Did you mean 'market-monitor'?"),
        ("market-monitor/standrd", "Did you mean 'standard'?"),
        ("market-monitor", "market-monitor/latest is its newest good run"),
        ("lates", "Did you mean 'latest'?"),
    ],
)
def test_an_unknown_run_is_refused_with_the_likely_name(project: Project, good_run: Run, asked: str, said: str) -> None:
    records.save(project, good_run)
    done = CliRunner().invoke(app, ["share", "--", asked])
    assert done.exit_code == 2 and said in done.output, done.output


@pytest.mark.parametrize("asked", ["latest", "market-monitor/latest", "market-monitor/standard", "20261124-031200"])
def test_a_run_is_found_by_each_of_its_names(project: Project, good_run: Run, failed_run: Run, asked: str) -> None:
    records.save(project, failed_run)
    records.save(project, good_run)
    assert written(CliRunner().invoke(app, ["share", "--", asked])).name == "market-monitor-20261124-031200.zip"


def test_names_and_digests_of_a_run_are_no_phone_numbers(workshop: Workshop, good_run: Run) -> None:
    class Nothing:
        def find(self, text: str) -> list[tuple[int, int, str]]:
            return []

    said = outgoing.Text("a.html", "text", "Cell plot, run 20261124-143140, revision 884d0a1")
    assert outgoing.leaks([said], good_run, Nothing()) == []  # type: ignore[arg-type]
    other = outgoing.Text("a.html", "text", "Cell 030 901820")
    assert [each.kind for each in outgoing.leaks([other], good_run, Nothing())] == ["phone"]  # type: ignore[arg-type]


def test_out_names_the_file(project: Project, good_run: Run, tmp_path: Path) -> None:
    target = tmp_path / "to send" / "report.zip"
    assert written(share(project, good_run, "--out", str(target))) == target and zipfile.is_zipfile(target)


def test_a_failed_run_can_be_shared_too(project: Project, failed_run: Run) -> None:
    assert "Not in it" in share(project, failed_run).output
