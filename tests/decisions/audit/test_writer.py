from __future__ import annotations

import threading
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from loopbook.decisions.audit import reader
from loopbook.decisions.audit.chain import GENESIS
from loopbook.decisions.audit.entry import Entry, LogError, admin, new_id, took_over
from loopbook.decisions.audit.verify import verify
from loopbook.decisions.audit.writer import Writer


def decision(id: str, key: str | None = None, text: str = "Äpfel 🍎") -> Entry:
    return Entry("decision", id, {"action": "alert", "scores": {"yes": 0.1 + 0.2}}, {"fields": {"text": text}}, key)


def test_what_is_appended_is_found_as_it_was(engine: Engine) -> None:
    with Writer(engine, "tiny") as writer:
        first, second = writer.append([decision("a"), decision("b")]).result()
        feedback = writer.append([Entry("feedback", "f", {"decision_id": "a", "rating": 1})]).result()[0]
    assert reader.find(engine, "tiny", "a") == first
    assert first.facts == {"action": "alert", "scores": {"yes": 0.30000000000000004}}
    assert first.payload == {"fields": {"text": "Äpfel 🍎"}}
    assert second.previous == first.hash
    assert reader.find(engine, "tiny", "f") == feedback
    assert feedback.payload is feedback.payload_digest is None
    assert reader.about(engine, "a") == [first, feedback]
    assert reader.find(engine, "tiny", "c") is None
    assert reader.find(engine, "other", "a") is None


def test_a_chain_names_its_process_and_ends_with_a_closing_record(engine: Engine) -> None:
    with Writer(engine, "tiny") as writer:
        writer.append([decision("a")])
    records = list(reader.entries(engine, "tiny"))
    assert [record.facts.get("act") for record in records] == ["writer-opened", None, "writer-closed"]
    assert [record.seq for record in records] == [0, 1, 2]
    assert records[0].previous == GENESIS
    assert all(after.previous == before.hash for before, after in pairwise(records))
    with pytest.raises(LogError, match="closed"):
        writer.append([decision("b")])


def test_a_key_is_stored_once_whoever_gives_it(engine: Engine) -> None:
    with Writer(engine, "tiny") as one, Writer(engine, "tiny") as two, Writer(engine, "other") as other:
        first = one.append([decision("a", "ann:1"), decision("b", "ann:1")]).result()
        assert [(stored.id, stored.duplicate) for stored in first] == [("a", False), ("a", True)]
        again = two.append([decision("c", "ann:1"), decision("d", "ann:2"), decision("e")]).result()
        assert [(stored.id, stored.duplicate) for stored in again] == [("a", True), ("d", False), ("e", False)]
        assert again[0].payload == first[0].payload
        assert not other.append([decision("f", "ann:1")]).result()[0].duplicate
    assert [record.id for record in reader.entries(engine, "tiny", kinds=["decision"])] == ["a", "d", "e"]


def test_threads_share_a_chain_and_race_for_keys(engine: Engine) -> None:
    answers = []

    def call(number: int) -> None:
        futures = [writer.append([decision(f"{number}-{i}", f"k{i}")]) for i in range(20)]
        answers.extend(future.result()[0] for future in futures)

    with Writer(engine, "tiny") as writer:
        threads = [threading.Thread(target=call, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sum(not answer.duplicate for answer in answers) == 20
    assert len(list(reader.entries(engine, "tiny", kinds=["decision"]))) == 20


def test_a_watermark_divides_the_log(engine: Engine) -> None:
    with Writer(engine, "tiny") as one, Writer(engine, "tiny") as two:
        one.append([decision("a")]).result()
        two.append([decision("b")]).result()
        before = reader.watermark(engine, "tiny")
        one.append([decision("c")]).result()
        two.append([admin("key-made", by="ann")]).result()
        after = reader.watermark(engine, "tiny")
        two.append([decision("d")]).result()
    ids = [record.id for record in reader.entries(engine, "tiny", until=before, kinds=["decision"])]
    assert ids == ["a", "b"]
    between = list(reader.entries(engine, "tiny", after=before, until=after))
    assert [record.kind for record in between] == ["decision", "admin"]
    assert list(reader.entries(engine, "tiny", after=after, until=after)) == []


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (Entry("decision", "a", {"score": float("nan")}), "plain JSON"),
        (Entry("decision", "a", {"score": object()}), "plain JSON"),
        (Entry("opinion", "a", {}), "decision, feedback, admin"),
    ],
)
def test_what_is_no_entry_is_refused_at_once(engine: Engine, entry: Entry, said: str) -> None:
    with Writer(engine, "tiny") as writer, pytest.raises(LogError, match=said):
        writer.append([decision("b"), entry])
    assert reader.find(engine, "tiny", "b") is None


def test_text_of_any_kind_is_kept(engine: Engine) -> None:
    texts = ["\x00", "\ud800", "'; DROP TABLE log_records; --", "\u2028", "a" * 100_000]
    with Writer(engine, "tiny") as writer:
        writer.append(decision(str(i), text=text) for i, text in enumerate(texts)).result()
    found = [record.payload["fields"]["text"] for record in reader.entries(engine, "tiny", kinds=["decision"])]
    assert found == texts


def test_nothing_comes_behind_the_closing_record(engine: Engine, tmp_path: Path) -> None:
    writer, stored = Writer(engine, "tiny").__enter__(), []

    def call() -> None:
        with pytest.raises(LogError, match="closed"):
            while True:
                stored.extend(writer.append([decision(new_id())]).result())

    threads = [threading.Thread(target=call) for _ in range(6)]
    for thread in threads:
        thread.start()
    while len(stored) < 20:
        threads[0].join(0.01)
    writer.close()
    for thread in threads:
        thread.join()
    assert len(list(reader.entries(engine, "tiny"))) == len(stored) + 2
    assert verify(engine, tmp_path, []).problems == ()


def test_the_log_says_who_decided_and_by_which_runs(engine: Engine) -> None:
    before, moments = datetime.now(UTC), []
    with Writer(engine, "tiny") as writer:
        for run in ("tiny/1", "tiny/2"):
            stored = writer.append([took_over({"model": "m", "run": run}), decision(f"of {run}")]).result()
            moments.append(stored[-1].written)
        writer.append([admin("key-made", by="ann")]).result()
    assert reader.runs(engine) == {"tiny/1", "tiny/2"}
    assert reader.deciding(engine, "tiny", before) is None
    found = [reader.deciding(engine, "tiny", moment) for moment in (*moments, datetime.now(UTC))]
    assert [stored and stored.facts["versions"]["run"] for stored in found] == ["tiny/1", "tiny/2", "tiny/2"]
    assert reader.decision_ids(engine, "tiny") == reader.decision_ids(engine) == ["of tiny/1", "of tiny/2"]
    assert reader.decision_ids(engine, "other") == []


def test_a_call_of_more_than_a_group_is_stored_at_once(engine: Engine) -> None:
    with Writer(engine, "tiny", most=10) as writer:
        futures = [writer.append([decision(f"{call}-{n}") for n in range(25)]) for call in range(3)]
        assert [len(future.result()) for future in futures] == [25, 25, 25]
        assert writer.waiting == 0
        assert writer.append([]).result() == []
    assert [record.seq for record in reader.entries(engine, "tiny")] == list(range(77))


def test_what_the_database_refuses_fails_and_the_chain_goes_on(engine: Engine) -> None:
    with Writer(engine, "tiny") as writer:
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE log_payloads RENAME TO elsewhere"))
        with pytest.raises(LogError, match="log_payloads") as failed:
            writer.append([decision("a", text="secret words")]).result()
        assert "secret words" not in str(failed.value)
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE elsewhere RENAME TO log_payloads"))
        assert writer.append([decision("b")]).result()[0].seq == 1
