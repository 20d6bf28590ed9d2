"""A download survives what networks do, and takes nothing that was changed."""

import hashlib
import os
import stat

import pytest

from loopbook.data import download
from loopbook.scenario.errors import DataError

CONTENT = os.urandom(300_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def no_wait(monkeypatch):
    """Do not wait between two attempts."""
    monkeypatch.setattr(download.time, "sleep", lambda _: None)


def test_a_download_that_breaks_off_goes_on_where_it_ended(server, tmp_path):
    server.content, server.break_off = CONTENT, 2
    said: list[str] = []
    path = download.fetch(server.url, tmp_path / "a.bin", DIGEST, said.append)
    assert path.read_bytes() == CONTENT
    assert [asked.get("Range") for asked in server.asked] == [None, "bytes=150000-", "bytes=225000-"]
    assert any("broke off" in line for line in said)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [item.name for item in tmp_path.glob("[!.]*")] == ["a.bin"]


def test_what_five_attempts_brought_is_kept_for_the_next_run(server, tmp_path):
    server.content, server.break_off = CONTENT, 5
    with pytest.raises(DataError, match=r"5 attempts.*bytes are kept; the next run goes on there"):
        download.fetch(server.url, tmp_path / "a.bin", DIGEST)
    assert not (tmp_path / "a.bin").exists()
    assert download.fetch(server.url, tmp_path / "a.bin", DIGEST).read_bytes() == CONTENT
    assert server.asked[-1]["Range"] == f"bytes={300_000 - 300_000 // 32}-"


def test_a_server_without_ranges_sends_the_whole_again(server, tmp_path):
    server.content, server.break_off, server.ranges = CONTENT, 1, False
    assert download.fetch(server.url, tmp_path / "a.bin", DIGEST).read_bytes() == CONTENT


def test_a_file_that_changed_while_it_was_downloaded_is_taken_as_a_whole(server, tmp_path):
    server.content, server.break_off = b"x" * 1000, 5
    with pytest.raises(DataError):
        download.fetch(server.url, tmp_path / "a.bin", DIGEST)
    server.content, server.etag = CONTENT, '"two"'
    assert download.fetch(server.url, tmp_path / "a.bin", DIGEST).read_bytes() == CONTENT


def test_a_kept_part_that_is_too_long_is_thrown_away(server, tmp_path):
    server.content = CONTENT
    (tmp_path / "a.bin.part").write_bytes(CONTENT + b"more")
    (tmp_path / "a.bin.part.json").write_text(f'{{"url": "{server.url}", "validator": null}}')
    assert download.fetch(server.url, tmp_path / "a.bin", DIGEST).read_bytes() == CONTENT


def test_a_busy_server_is_asked_again_and_a_missing_file_is_not(server, tmp_path):
    server.content, server.status = CONTENT, [503, 429]
    assert download.fetch(server.url, tmp_path / "a.bin", DIGEST).read_bytes() == CONTENT
    server.status, server.asked = [404], []
    with pytest.raises(DataError, match="404"):
        download.fetch(server.url, tmp_path / "b.bin")
    assert len(server.asked) == 1


def test_a_wrong_byte_is_refused_and_removed(server, tmp_path):
    server.content = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
    with pytest.raises(DataError, match="not used"):
        download.fetch(server.url, tmp_path / "a.bin", DIGEST)
    assert not list(tmp_path.glob("[!.]*"))


def test_a_file_with_the_expected_hash_is_not_asked_for(server, tmp_path):
    (tmp_path / "a.bin").write_bytes(CONTENT)
    download.fetch(server.url, tmp_path / "a.bin", DIGEST)
    assert not server.asked


def test_refresh_asks_whether_the_file_changed(server, tmp_path):
    server.content = b"one"
    path = download.refresh(server.url, tmp_path / "a.csv")
    before = path.stat().st_mtime_ns
    download.refresh(server.url, path)
    assert server.asked[-1]["If-None-Match"] == '"one"'
    assert path.stat().st_mtime_ns == before
    server.content, server.etag = b"two", '"two"'
    assert download.refresh(server.url, path).read_bytes() == b"two"


def test_refresh_takes_a_copy_that_was_edited_here_anew(server, tmp_path):
    server.content = b"one"
    path = download.refresh(server.url, tmp_path / "a.csv")
    path.write_bytes(b"edited")
    assert download.refresh(server.url, path).read_bytes() == b"one"


def test_nobody_there_is_said_so_without_the_password(tmp_path):
    with pytest.raises(DataError, match="could not be downloaded") as caught:
        download.fetch("http://jane:secret@127.0.0.1:9/a.csv?token=abc", tmp_path / "a")
    assert "secret" not in str(caught.value)
    assert "abc" not in str(caught.value)
