"""Transactions over several tables, and branches: what is visible where, and when."""

from __future__ import annotations

import datetime as dt
import threading
from pathlib import Path
from typing import Any

import pytest

import libfeat
from shop import ROWS, SPINE, SQL, T0, WANT, content, expected, row

OTHER = "CREATE TABLE visits (user_id BIGINT, at TIMESTAMP NOT NULL, ENTITY KEY (user_id), EVENT TIME (at));"
VISITS = {"user_id": [7, 8], "at": [T0, T0]}


def count(store: Any, table: str, **where: Any) -> int:
    with store.snapshot(**where) as snap:
        return int(snap.count(table))


# ---- transactions ----


def test_several_tables_are_one_version(filled: Any) -> None:
    filled.define(OTHER)
    with filled.transaction(known_at="2030-01-01") as txn:
        first = txn.append("visits", VISITS)
        txn.upsert("purchases", row(amount=5.5))
        txn.delete("purchases", {"purchase_id": [1]})  # sees the upsert before it
        assert first.rows_added == 2 and filled.version == 1  # not before the end
        done = txn.commit()
    assert (done.version, done.rows_added, done.rows_replaced, done.rows_removed) == (2, 2, 1, 1)
    assert done.known_time == dt.datetime(2030, 1, 1)
    history = filled.history().to_dict()
    assert history["version"] == [1, 2, 2] and history["table"] == ["purchases", "visits", "purchases"]
    assert history["operation"] == ["append", "append", "several"] and history["rows_removed"] == [0, 0, 2]
    assert history["branch"] == ["main"] * 3
    assert count(filled, "visits") == 2 and count(filled, "purchases") == 3
    assert filled.changes("purchases", since=1).to_dict()["$change"] == ["delete"]


def test_a_transaction_that_ends_without_commit(filled: Any) -> None:
    with pytest.raises(ZeroDivisionError), filled.transaction() as txn:
        txn.upsert("purchases", row(amount=5.5))
        1 // 0
    with filled.transaction() as txn:
        txn.upsert("purchases", row(amount=5.5))
        txn.abort()
    txn = filled.transaction()
    txn.upsert("purchases", row(amount=5.5))
    del txn
    assert filled.version == 1 and content(filled) == expected()
    with filled.transaction() as txn:
        pass
    assert filled.version == 1
    with pytest.raises(libfeat.ArgumentError, match="closed"):
        txn.append("purchases", ROWS)


def test_a_refused_write_leaves_the_others(filled: Any) -> None:
    filled.define(OTHER)
    with filled.transaction() as txn:
        txn.append("visits", VISITS)
        with pytest.raises(libfeat.ConstraintError, match="purchase"):
            txn.append("purchases", row(amount=99.0))
        with pytest.raises(libfeat.NotFoundError, match="nothing"):
            txn.append("nothing", VISITS)
        with pytest.raises(libfeat.ArgumentError, match="transaction"):
            txn.append("visits", VISITS, known_at=T0)
        with pytest.raises(libfeat.ArgumentError, match="transaction"):
            txn.append("visits", VISITS, branch="b")
    assert filled.version == 2 and count(filled, "visits") == 2 and content(filled) == expected()


def test_other_writers_wait(filled: Any, path: Path) -> None:
    with libfeat.open(path, busy_timeout=0.05) as other:
        with filled.transaction():
            with pytest.raises(libfeat.BusyError):
                other.append("purchases", row(purchase_id=9))
            with pytest.raises(libfeat.BusyError):
                other.transaction()
    with libfeat.open(path, busy_timeout=20) as other:
        txn = filled.transaction()
        txn.append("purchases", row(purchase_id=9))
        waiting = threading.Thread(target=lambda: other.append("purchases", row(purchase_id=10)))
        waiting.start()
        assert txn.commit().version == 2
        waiting.join()
        assert filled.version == 3


def test_applications_in_transactions(filled: Any) -> None:
    filled.define(OTHER)
    for repeated in (False, True):
        with filled.transaction() as txn:
            a = txn.append("visits", VISITS, application="loader", sequence=5)
            b = txn.append("purchases", row(purchase_id=50), application="loader", sequence=5)
        assert (a.repeated, b.repeated) == (repeated, repeated)
    assert filled.version == 2 and count(filled, "visits") == 2


def test_known_times_of_transactions(filled: Any) -> None:
    filled.append("purchases", row(purchase_id=50), known_at="2030-01-01")
    with pytest.raises(libfeat.ArgumentError, match="2030"):
        with filled.transaction(known_at="2029-12-31") as txn:
            txn.append("purchases", row(purchase_id=51))
    assert filled.version == 2
    with filled.transaction(known_at="2029-12-31"):  # nothing is written: nothing is known
        pass
    assert filled.append("purchases", row(purchase_id=51)).version == 3


def test_columns_that_come_in_a_transaction(filled: Any) -> None:
    with filled.transaction() as txn:
        txn.append("purchases", row(purchase_id=50, note="n"), merge_schema=True)
        with pytest.raises(libfeat.ConflictError, match="columns"):
            txn.append("purchases", row(purchase_id=51))
    with filled.snapshot() as snap:
        assert snap.scan("purchases", ["note"], where="purchase_id = 50").to_dict() == {"note": ["n"]}
    with filled.snapshot(version=1) as snap:
        assert "note" not in snap.table("purchases").columns


def test_more_tables_than_a_record_has_room_for(store: Any) -> None:
    n = 1700
    store.define("".join(f"CREATE TABLE t{i} (k BIGINT, at TIMESTAMP NOT NULL, ENTITY KEY (k), EVENT TIME (at));" for i in range(n)))
    with store.transaction() as txn:
        for i in range(n):
            txn.append(f"t{i}", {"k": [i], "at": [T0]})
    assert store.history().to_dict()["table"] == [f"t{i}" for i in range(n)]
    store.append("t5", {"k": [5], "at": [T0]})
    assert sorted(store.diff(0, 1).to_dict()["table"]) == sorted(f"t{i}" for i in range(n))
    with store.snapshot(version=1) as snap:
        for i in (0, 799, 800, 801, 1599, 1600, 1699):
            assert snap.table(f"t{i}").to_dict()["k"] == [i]
    store.branch("b")
    with store.transaction(branch="b") as txn:
        for i in range(n):
            txn.append(f"t{i}", {"k": [-i], "at": [T0]})
    assert store.publish("b").version == 4
    with store.snapshot() as snap:
        assert all(sorted(snap.table(f"t{i}").to_dict()["k"]) == [-i, i] for i in (1, 799, 800, 1699))


# ---- branches ----


def test_write_audit_publish(filled: Any) -> None:
    filled.branch("audit")
    done = filled.upsert("purchases", row(amount=5.5), branch="audit")
    assert done.version == 2 and filled.version == 1 and content(filled) == expected()
    got = filled.training_set("churn", SPINE, "at", branch="audit").to_dict()
    assert got["spent_30d"] != filled.training_set("churn", SPINE, "at").to_dict()["spent_30d"] == WANT["spent_30d"]
    assert filled.branches().to_dict()["version"] == [2] and filled.branches().to_dict()["base"] == [1]
    assert filled.diff("main", "audit").to_dict()["updated"] == [1]
    published = filled.publish("audit", known_at="2031-01-01")
    assert published.version == filled.version == 3
    assert filled.training_set("churn", SPINE, "at").to_dict()["spent_30d"] == got["spent_30d"]
    assert filled.branches().to_dict()["base"] == filled.branches().to_dict()["version"] == [3]
    assert filled.history().to_dict()["operation"] == ["append", "upsert", "publish"]
    assert filled.history().to_dict()["branch"] == ["main", "audit", "main"]
    assert filled.changes("purchases", since=1, until=3).to_dict()["$version"] == [3, 3]
    with filled.snapshot(at="2030-12-31") as snap:  # rows become known when they are published
        assert snap.version == 1
    assert filled.publish("audit").version == 3  # there is nothing more
    filled.append("purchases", row(purchase_id=77), branch="audit")
    assert filled.publish("audit").version == 5 and count(filled, "purchases") == 5


def test_deployed_services_follow_publications_alone(filled: Any) -> None:
    filled.deploy("churn")
    with filled.reader("churn") as reader:
        now = T0 + dt.timedelta(days=4)
        before = reader.get(user_id=7, amount=1.0, now=now)["spent_30d"]
        filled.branch("b")
        filled.upsert("purchases", row(amount=100.0), branch="b")
        assert reader.get(user_id=7, amount=1.0, now=now)["spent_30d"] == before
        done = filled.publish("b")
        assert done.online == "OK"
        after = reader.get(user_id=7, amount=1.0, now=now)
        assert after["spent_30d"] == 100.0 + 2.25 + 10.0
        spine = {"user_id": [7] * 2, "amount": [1.0] * 2, "at": [now] * 2, "version": [1, done.version]}
        served = filled.training_set("churn", spine, "at", as_served=True, position="version").to_dict()
        assert served["spent_30d"] == [before, after["spent_30d"]]


def test_conflicts(filled: Any) -> None:
    filled.define(OTHER)
    filled.branch("b")
    filled.append("visits", VISITS, branch="b")
    filled.upsert("purchases", row(amount=6.5))
    with pytest.raises(libfeat.ConflictError, match="version 3.*version 1"):
        filled.publish("b")
    assert filled.publish("b", other_tables=True).version == 4
    assert count(filled, "visits") == 2 and [r for r in content(filled) if r[0] == 1][0][2] == 6.5
    filled.branch("c")
    filled.upsert("purchases", row(amount=7.5), branch="c")
    filled.upsert("purchases", row(amount=8.5))
    for others in (False, True):
        with pytest.raises(libfeat.ConflictError):
            filled.publish("c", other_tables=others)
    assert [r for r in content(filled) if r[0] == 1][0][2] == 8.5


def test_names(filled: Any) -> None:
    filled.tag("t")
    for name in ("t", "main"):
        with pytest.raises(libfeat.ExistsError):
            filled.branch(name)
    for name in ("", "x" * 4097):
        with pytest.raises(libfeat.ArgumentError):
            filled.branch(name)
    odd = "a/b 'c' \N{SNOWMAN}" + "n" * 1000
    filled.branch(odd, tag="t")
    filled.append("purchases", row(purchase_id=9), branch=odd)
    assert filled.branches().to_dict()["branch"] == [odd]
    with pytest.raises(libfeat.NotFoundError, match="'a/b"):
        filled.append("purchases", row(purchase_id=9), branch="a")
    with pytest.raises(libfeat.NotFoundError):
        filled.unbranch("t")
    with pytest.raises(libfeat.ArgumentError):
        filled.unbranch("main")
    filled.unbranch(odd)
    assert filled.branches().to_dict()["branch"] == []
    with filled.snapshot(version=2) as snap:  # still there
        assert snap.count("purchases") == 5
    filled.branch(odd)
    with filled.snapshot(branch=odd) as snap:
        assert snap.version == 1


def test_branches_of_branches(filled: Any) -> None:
    filled.branch("a")
    filled.upsert("purchases", row(purchase_id=10), branch="a", application="x", sequence=1)
    filled.branch("b", branch="a")
    filled.upsert("purchases", row(purchase_id=20), branch="b", application="x", sequence=2)
    filled.upsert("purchases", row(purchase_id=11), branch="a", application="x", sequence=7)
    with filled.snapshot(branch="b") as snap:
        assert sorted(snap.table("purchases").to_dict()["purchase_id"]) == [1, 2, 3, 4, 10, 20]
    assert filled.upsert("purchases", row(purchase_id=21), branch="b", application="x", sequence=2).repeated
    filled.publish("b")
    assert sorted(r[0] for r in content(filled)) == [1, 2, 3, 4, 10, 20]
    for sequence, repeated in ((1, True), (2, True), (3, False)):
        assert filled.upsert("purchases", row(purchase_id=30), application="x", sequence=sequence).repeated is repeated


def test_vacuum_keeps_what_branches_stand_at(filled: Any) -> None:
    filled.branch("b")
    filled.upsert("purchases", row(purchase_id=10), branch="b")
    filled.upsert("purchases", row(purchase_id=11), branch="b")
    for i in range(5):
        filled.overwrite("purchases", row(purchase_id=100 + i))
    filled.vacuum(keep_for=dt.timedelta(0))
    with filled.snapshot(branch="b") as snap:
        assert sorted(snap.table("purchases").to_dict()["purchase_id"]) == [1, 2, 3, 4, 10, 11]
    with pytest.raises(libfeat.NotFoundError, match="vacuum"):
        filled.snapshot(version=5)
    filled.unbranch("b")
    done = filled.vacuum(keep_for=dt.timedelta(0))
    assert done.versions_removed >= 1
    with pytest.raises(libfeat.NotFoundError, match="vacuum"):
        filled.snapshot(version=3)


def test_expected_versions_on_branches(filled: Any) -> None:
    filled.branch("b")
    done = filled.upsert("purchases", row(amount=2.5), branch="b", expected_version=1)
    filled.upsert("purchases", row(amount=3.5), expected_version=1)  # the main line has not moved
    with pytest.raises(libfeat.ConflictError):
        filled.upsert("purchases", row(amount=4.5), branch="b", expected_version=1)
    assert filled.upsert("purchases", row(amount=4.5), branch="b", expected_version=done.version).version == 4
