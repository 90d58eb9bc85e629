"""Writing, versions, definitions."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import libfeat
from shop import ROWS, SPINE, SQL, T0, WANT, content, expected, row

# ---- writing ---------------------------------------------------------------------------------------------------------


def test_append_and_read_back(store: Any) -> None:
    before = store.version
    done = store.append("purchases", ROWS)
    assert (done.rows_read, done.rows_added, done.rows_replaced, done.rows_skipped) == (4, 4, 0, 0)
    assert done.version == before + 1 == store.version
    assert done.online == "OK"
    assert abs(done.known_time - dt.datetime.now(dt.timezone.utc).replace(tzinfo=None)) < dt.timedelta(minutes=1)
    assert content(store) == expected()


def test_identical_rows_are_skipped(filled: Any) -> None:
    version, before = filled.version, content(filled)
    done = filled.append("purchases", ROWS)
    assert (done.rows_added, done.rows_skipped, done.version) == (0, 4, version)
    twice = {name: values + values for name, values in row(purchase_id=5).items()}
    done = filled.append("purchases", twice)
    assert (done.rows_read, done.rows_added, done.rows_skipped) == (2, 1, 1)
    assert len(content(filled)) == len(before) + 1


@pytest.mark.parametrize("mode", ["skip_identical", "error"])
def test_conflicts_are_errors_that_name_the_row(filled: Any, mode: str) -> None:
    bad = {name: [values[2], values[0]] for name, values in ROWS.items()}
    bad["purchase_id"], bad["amount"] = [99, 1], [5.0, 77.0]
    version = filled.version
    with pytest.raises(libfeat.ConstraintError, match="purchase_id") as failure:
        filled.append("purchases", bad, on_conflict=mode)
    assert failure.value.code == "CONSTRAINT"
    assert "1" in str(failure.value)
    assert filled.version == version and content(filled) == expected()


def test_two_different_rows_of_one_key_in_one_call(store: Any) -> None:
    bad = {name: [values[0], values[0]] for name, values in ROWS.items()}
    bad["amount"] = [1.0, 2.0]
    with pytest.raises(libfeat.ConstraintError):
        store.append("purchases", bad)
    with pytest.raises(libfeat.ConstraintError):
        store.upsert("purchases", bad)
    assert content(store) == []


def test_on_conflict_error_refuses_identical_rows_too(filled: Any) -> None:
    with pytest.raises(libfeat.ConstraintError):
        filled.append("purchases", ROWS, on_conflict="error")


def test_on_conflict_ignore_and_replace(filled: Any) -> None:
    done = filled.append("purchases", row(amount=77.0), on_conflict="ignore")
    assert (done.rows_added, done.rows_skipped) == (0, 1)
    assert content(filled) == expected()
    done = filled.append("purchases", row(amount=77.0), on_conflict="replace")
    assert done.rows_replaced == 1
    assert content(filled)[0][2] == 77.0


def test_upsert(filled: Any) -> None:
    done = filled.upsert("purchases", row(amount=5.5, user_id=9))
    assert (done.rows_added, done.rows_replaced) in ((0, 1), (1, 1))
    assert content(filled)[0][:3] == (1, 9, 5.5) and len(content(filled)) == 4
    again = filled.upsert("purchases", row(amount=5.5, user_id=9))
    assert again.rows_skipped == 1 and again.version == done.version


def test_upsert_needs_a_unique_key(store: Any) -> None:
    store.define("CREATE TABLE log (k BIGINT, at TIMESTAMP NOT NULL, ENTITY KEY (k), EVENT TIME (at));")
    data = {"k": [1], "at": [T0]}
    store.append("log", data)
    store.append("log", data)
    with store.snapshot() as snap:
        assert snap.count("log") == 2
    with pytest.raises(libfeat.Error, match="UNIQUE"):
        store.upsert("log", data)


def test_not_null(store: Any) -> None:
    with pytest.raises(libfeat.ConstraintError, match="user_id") as failure:
        store.append("purchases", {**ROWS, "user_id": [7, None, 8, 7]})
    assert failure.value.row == 1
    with pytest.raises(libfeat.SchemaError, match="purchased_at"):
        store.append("purchases", {n: v for n, v in ROWS.items() if n != "purchased_at"})


def test_missing_nullable_column_is_null(store: Any) -> None:
    store.append("purchases", {n: v for n, v in ROWS.items() if n != "status"})
    assert [r[3] for r in content(store)] == [None] * 4


def test_unknown_column_is_refused_with_a_suggestion(store: Any) -> None:
    data = {("amout" if n == "amount" else n): v for n, v in ROWS.items()}
    with pytest.raises(libfeat.SchemaError, match="amout") as failure:
        store.append("purchases", data)
    assert "amount" in str(failure.value)


def test_wrong_type_names_column_and_both_types(store: Any) -> None:
    with pytest.raises(libfeat.SchemaError, match="amount") as failure:
        store.append("purchases", {**ROWS, "amount": ["a", "b", "c", "d"]})
    assert "DOUBLE" in str(failure.value)


def test_unknown_table(store: Any) -> None:
    with pytest.raises(libfeat.NotFoundError, match="purchase"):
        store.append("purchase", ROWS)


def test_a_failing_write_changes_nothing(filled: Any) -> None:
    version = filled.version
    with filled.snapshot() as snap:
        digest = snap.digest("purchases")
    for bad in ({**ROWS, "user_id": [1, 2, 3, None]}, row(amount=99.0), {"nonsense": [1]}):
        with pytest.raises(libfeat.Error):
            filled.append("purchases", bad)
    with filled.snapshot() as snap:
        assert (snap.digest("purchases"), snap.version) == (digest, version)


def test_known_at(store: Any) -> None:
    when = dt.datetime(2020, 1, 1, 12, 0, 0, 5)
    assert store.append("purchases", ROWS, known_at=when).known_time == when
    with pytest.raises(libfeat.Error):
        store.append("purchases", row(purchase_id=50), known_at=when)
    aware = dt.datetime(2020, 1, 1, 15, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    assert store.append("purchases", row(purchase_id=50), known_at=aware).known_time == dt.datetime(2020, 1, 1, 13)
    assert store.append("purchases", row(purchase_id=51), known_at="2020-01-02T00:00:00Z").known_time == dt.datetime(2020, 1, 2)


# ---- versions --------------------------------------------------------------------------------------------------------


def test_every_version_stays_readable(filled: Any) -> None:
    first = filled.version
    second = filled.upsert("purchases", row(amount=5.5)).version
    third = filled.append("purchases", row(purchase_id=5)).version
    assert content(filled, first) == expected()
    assert [r[2] for r in content(filled, second)][0] == 5.5
    assert len(content(filled, third)) == 5
    with pytest.raises(libfeat.NotFoundError):
        filled.snapshot(version=third + 1)


def test_version_zero_is_empty(filled: Any) -> None:
    with filled.snapshot(version=0) as snap:
        assert snap.version == 0


def test_time_travel(store: Any) -> None:
    times = [dt.datetime(2021, 1, d) for d in (1, 2, 3)]
    versions = [store.append("purchases", row(purchase_id=i), known_at=t).version for i, t in enumerate(times)]
    for version, t in zip(versions, times):
        for at in (t, t + dt.timedelta(hours=3), t.isoformat() + "Z", np.datetime64(t)):
            with store.snapshot(at=at) as snap:
                assert snap.version == version
    with pytest.raises(libfeat.NotFoundError):
        store.snapshot(at=dt.datetime(1999, 1, 1))


def test_tags(filled: Any) -> None:
    first = filled.version
    filled.tag("model-1")
    filled.append("purchases", row(purchase_id=5))
    with filled.snapshot(tag="model-1") as snap:
        assert snap.version == first
    filled.tag("model-1", version=first)
    with pytest.raises(libfeat.ExistsError):
        filled.tag("model-1", version=first + 1)
    with pytest.raises(libfeat.NotFoundError):
        filled.snapshot(tag="model-2")
    with pytest.raises(libfeat.ArgumentError):
        filled.snapshot(tag="model-1", version=1)


def test_tags_are_listed_and_taken_away(filled: Any) -> None:
    assert filled.tags().to_dict() == {"tag": [], "version": [], "known_time": []}
    filled.append("purchases", row(purchase_id=9, amount=100.0))
    known = filled.history().to_dict()["known_time"]
    for name, version in (("b", 1), ("a", 2), ("c", 2), ("empty", 0)):
        filled.tag(name, version=version)
    want = {"tag": ["empty", "b", "a", "c"], "version": [0, 1, 2, 2], "known_time": [None, known[0], known[1], known[1]]}
    assert filled.tags().to_dict() == want
    filled.untag("a")
    with pytest.raises(libfeat.NotFoundError, match="'a'"):
        filled.untag("a")
    with pytest.raises(libfeat.NotFoundError, match="'b'"):
        filled.snapshot(tag="a")
    filled.tag("a", version=1)
    assert filled.tags().to_dict()["tag"] == ["empty", "a", "b", "c"]
    with libfeat.open(filled.path, mode="r") as reader:
        assert reader.tags().to_dict()["version"] == [0, 1, 1, 2]
        with pytest.raises(libfeat.ReadOnlyError):
            reader.untag("a")


def test_training_sets_at_a_tag_and_at_a_time(filled: Any) -> None:
    first = filled.version
    filled.tag("model")
    before = filled.training_set("churn", SPINE, timestamp="at").to_dict()
    assert {name: before[name] for name in WANT} == WANT
    done = filled.append("purchases", row(purchase_id=9, amount=100.0))
    assert filled.training_set("churn", SPINE, timestamp="at").to_dict() != before
    moment = done.known_time - dt.timedelta(microseconds=1)
    for where in ({"tag": "model"}, {"version": first}, {"at": moment}):
        assert filled.training_set("churn", SPINE, timestamp="at", **where).to_dict() == before
    with pytest.raises(libfeat.ArgumentError, match="one of"):
        filled.training_set("churn", SPINE, timestamp="at", tag="model", version=first)


def test_history(filled: Any) -> None:
    filled.upsert("purchases", row(amount=5.5))
    history = filled.history("purchases").to_dict()
    assert history["operation"] == ["append", "upsert"]
    assert history["rows"] == [4, 4]
    assert history["rows_added"][0] == 4
    assert history["version"] == sorted(history["version"])
    assert history["known_time"] == sorted(history["known_time"])
    assert history["table"] == ["purchases"] * 2
    with filled.snapshot() as snap:
        assert history["digest"][-1] == snap.digest("purchases")
    assert filled.history().to_dict()["operation"] == ["append", "upsert"]
    with pytest.raises(libfeat.NotFoundError):
        filled.history("nothing")


def test_digest_does_not_depend_on_order_or_batches(tmp_path: Path) -> None:
    rng = random.Random(1)
    rows = [{n: v[i % 4] for n, v in ROWS.items()} | {"purchase_id": i, "amount": rng.random()} for i in range(500)]
    digests = set()
    for i, sizes in enumerate(([500], [1, 499], [100] * 5, [250, 250])):
        with libfeat.open(tmp_path / str(i)) as store:
            store.define(SQL)
            shuffled = rows[:]
            rng.shuffle(shuffled)
            for size in sizes:
                store.append("purchases", shuffled[:size])
                shuffled = shuffled[size:]
            with store.snapshot() as snap:
                digests.add((snap.digest("purchases"), snap.count("purchases")))
    assert len(digests) == 1 and digests.pop()[1] == 500


def test_table_columns(filled: Any) -> None:
    with filled.snapshot() as snap:
        assert snap.table("purchases", columns=["status", "user_id"]).columns == ["status", "user_id"]
        assert snap.table("purchases").columns == list(ROWS)
        with pytest.raises(libfeat.NotFoundError, match="amout"):
            snap.table("purchases", columns=["amout"])
        with pytest.raises(libfeat.NotFoundError):
            snap.table("nothing")
        with pytest.raises(libfeat.ArgumentError):
            snap.table("purchases", columns="user_id")


def test_snapshot_outlives_store_and_new_commits(path: Path) -> None:
    store = libfeat.open(path)
    store.define(SQL)
    store.append("purchases", ROWS)
    snap = store.snapshot()
    result = snap.table("purchases")
    store.append("purchases", row(purchase_id=5))
    store.close()
    assert len(result.to_dict()["user_id"]) == 4
    assert len(result.to_dict()["user_id"]) == 4
    snap.close()


# ---- definitions -----------------------------------------------------------------------------------------------------


def test_definition_error_has_a_place(store: Any) -> None:
    sql = "CREATE FEATURE VIEW v AS\n  SELECT user_id, sum(amout) OVER w AS s\n  FROM purchases GROUP BY user_id WINDOW w AS (RANGE INTERVAL '1 day' PRECEDING);"
    with pytest.raises(libfeat.DefinitionError) as failure:
        store.define(sql)
    assert (failure.value.code, failure.value.line, failure.value.column) == ("DEFINITION", 2, 23)
    assert "^" in str(failure.value) and "amout" in str(failure.value) and "amount" in str(failure.value)


def test_syntax_error_has_a_place(store: Any) -> None:
    with pytest.raises(libfeat.DefinitionError) as failure:
        store.define("CREATE TABLE\n  (x BIGINT)")
    assert (failure.value.code, failure.value.line) == ("SYNTAX", 2)
    assert "^" in str(failure.value)


def test_a_script_is_all_or_nothing(store: Any) -> None:
    with pytest.raises(libfeat.DefinitionError):
        store.define("CREATE TABLE other (k BIGINT, at TIMESTAMP NOT NULL, ENTITY KEY (k), EVENT TIME (at)); CREATE NONSENSE;")
    with pytest.raises(libfeat.NotFoundError):
        store.explain("other")


def test_defining_again(store: Any) -> None:
    store.define(SQL)
    store.define(SQL.replace("CREATE TABLE", "create table").replace("\n", " "))
    with pytest.raises(libfeat.ExistsError):
        store.define(SQL.replace("amount DOUBLE, status", "amount BIGINT, status"))


def test_explain(store: Any) -> None:
    assert "purchases" in store.explain("spending")
    assert store.explain("purchases") and store.explain("churn")
    with pytest.raises(libfeat.NotFoundError):
        store.explain("nothing")


def test_odd_names(path: Path) -> None:
    with libfeat.open(path) as store:
        store.define(
            'CREATE TABLE "Tablé ""x""" ("user id" BIGINT NOT NULL, "größe" DOUBLE, "select" TIMESTAMP NOT NULL, '
            'ENTITY KEY ("user id"), EVENT TIME ("select"));'
            'CREATE FEATURE VIEW "my view" AS SELECT "user id", sum("größe") OVER w AS "Σ größe" FROM "Tablé ""x""" '
            'GROUP BY "user id" WINDOW w AS (RANGE UNBOUNDED PRECEDING);'
            'CREATE FEATURE SERVICE "服务" AS "my view";'
        )
        store.append('Tablé "x"', {"user id": [1, 1], "größe": [0.5, 0.25], "select": [T0, T0]})
        train = store.training_set("服务", {"user id": [1], "t": [T0]})
        assert train.columns == ["user id", "t", "Σ größe"]
        assert train.service == "服务"
        store.deploy("服务")
        with store.reader("服务") as reader:
            assert reader.get({"user id": 1}, now=T0) == {"Σ größe": 0.75}
