"""A database is read and never written; what cannot be read says why and shows no password."""

import sqlite3

import pytest

from loopbook.data import sources
from loopbook.scenario.errors import DataError
from loopbook.scenario.source import SqlSource


@pytest.fixture
def root(tmp_path):
    with sqlite3.connect(tmp_path / "a b#%20.db") as connection:
        connection.execute("create table posts (id integer, text text, score real, alarm integer)")
        connection.executemany(
            "insert into posts values (?, ?, ?, ?)", [(2, "b", None, 0), (1, "a", 1.5, 1), (3, "c", 2, 0)]
        )
    connection.close()
    return tmp_path


ADDRESS = "sqlite:///a b%23%2520.db"  # as in any address, # and % are written by their codes


def read(root, **settings):
    chosen = SqlSource(kind="sql", **{"address": ADDRESS, "table": "posts", **settings})
    return sources.collect(chosen, root, root)


def test_a_table_is_read_in_the_order_of_its_id_with_its_types(root):
    collected = read(root, id="id")
    assert collected.frame["id"].tolist() == [1, 2, 3]
    assert collected.frame["score"].isna().tolist() == [False, True, False]
    assert collected.lines.tolist() == [1, 2, 3]
    assert collected.origin["rows"] == 3


def test_a_query_and_a_limit_are_kept_to(root):
    query = "select id from posts where alarm = 0 order by id"
    assert read(root, table=None, query=query).frame["id"].tolist() == [2, 3]
    assert read(root, id="id", rows=2).frame["id"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"table": "post"}, "'post' is not in the database. Did you mean 'posts'"),
        ({"address": "sqlite:///nothing.db"}, "nothing.db is not there"),
        ({"address": "sqlit:///x.db"}, "Did you mean 'sqlite'"),
        ({"address": "no address"}, "is no SQLAlchemy address"),
        ({"address": "sqlite:///${LOOPBOOK_NOT_SET}"}, "environment variable LOOPBOOK_NOT_SET"),
        ({"query": "select 1"}, "either 'table' or 'query'"),
        ({"table": None}, "either 'table' or 'query'"),
        ({"table": None, "query": "delete from posts"}, "must be a SELECT"),
        ({"table": None, "query": "select colour from posts"}, "no such column: colour"),
        ({"table": None, "query": "select id, id from posts"}, "'id' more than once"),
        ({"table": None, "query": "select * from posts where id > 9"}, "gave no rows"),
        (
            {"table": None, "query": "with x as (select 1) delete from posts"},
            "readonly|attempt to write|not authorized",
        ),
    ],
)
def test_what_cannot_be_read_says_why(root, settings, message):
    with pytest.raises(DataError, match=message):
        read(root, **settings)
    with sqlite3.connect(root / "a b#%20.db") as connection:
        assert connection.execute("select count(*) from posts").fetchone() == (3,)
    connection.close()


def test_a_missing_file_is_not_created(root):
    with pytest.raises(DataError):
        read(root, address="sqlite:///new.db")
    assert not (root / "new.db").exists()


def test_no_password_is_shown(root, monkeypatch):
    monkeypatch.setenv("LOOPBOOK_TEST_SECRET", "geheim")
    with pytest.raises(DataError) as caught:
        read(root, address="postgresql://jane:${LOOPBOOK_TEST_SECRET}@127.0.0.1:9/db")
    assert "geheim" not in str(caught.value)


def test_the_fingerprint_is_of_the_rows_whatever_their_order(root):
    same = SqlSource(kind="sql", address=ADDRESS, table="posts")
    before = sources.fingerprint(same, root, root)
    with sqlite3.connect(root / "a b#%20.db") as connection:
        connection.execute("create table other as select * from posts order by id desc")
        connection.execute("drop table posts")
        connection.execute("alter table other rename to posts")
    connection.close()
    assert sources.fingerprint(same, root, root) == before
    with sqlite3.connect(root / "a b#%20.db") as connection:
        connection.execute("update posts set text = 'z' where id = 1")
    connection.close()
    assert sources.fingerprint(same, root, root) != before
