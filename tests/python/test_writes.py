"""Every way of writing: append, upsert, delete, end, overwrite; defaults, conditions, and columns that change."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any, Dict, List

import pytest

import libfeat

T0 = dt.datetime(2025, 3, 1)
DAY = dt.timedelta(days=1)

TABLE = """
CREATE TABLE orders (
  order_id BIGINT, user_id BIGINT NOT NULL, amount DOUBLE CHECK (amount >= 0), status TEXT DEFAULT 'new', at TIMESTAMP NOT NULL,
  ENTITY KEY (user_id), EVENT TIME (at), UNIQUE (order_id)) WITH (description = 'orders', retention = INTERVAL '2 years');
"""
DIMENSION = """
CREATE DIMENSION users (user_id BIGINT NOT NULL, country TEXT, plan TEXT NOT NULL, since TIMESTAMP NOT NULL,
  ENTITY KEY (user_id), EVENT TIME (since)) WITH (ttl = INTERVAL '365 days');
"""


@pytest.fixture
def store(path: Path) -> Any:
    with libfeat.open(path) as opened:
        opened.define(TABLE + DIMENSION)
        yield opened


def order(order_id: Any, amount: Any = 1.0, user_id: int = 7, day: int = 0, **more: Any) -> Dict[str, Any]:
    return {"order_id": order_id, "user_id": user_id, "amount": amount, "at": T0 + day * DAY, **more}


def profile(user_id: int, country: Any, plan: Any, day: int) -> Dict[str, Any]:
    return {"user_id": user_id, "country": country, "plan": plan, "since": T0 + day * DAY}


def rows(store: Any, table: str = "orders", version: Any = None, **options: Any) -> List[Any]:
    with store.snapshot(version=version) as snap:
        columns = snap.table(table, **options).to_dict()
    return sorted(zip(*columns.values()), key=repr)


def amounts(store: Any) -> Dict[Any, Any]:
    with store.snapshot() as snap:
        columns = snap.table("orders").to_dict()
    return dict(zip(columns["order_id"], columns["amount"]))


# ---- modes against rules for conflicts ----


@pytest.mark.parametrize(
    "on_conflict, same, different",
    [("skip_identical", 1.0, "error"), ("error", "error", "error"), ("ignore", 1.0, 1.0), ("replace", 1.0, 2.0)],
)
def test_append(store: Any, on_conflict: str, same: Any, different: Any) -> None:
    store.append("orders", [order(1), order(None)])
    for amount, want in ((1.0, same), (2.0, different)):
        if want == "error":
            with pytest.raises(libfeat.ConstraintError, match=r"\(order_id\) = \(1\)"):
                store.append("orders", [order(9), order(1, amount)], on_conflict=on_conflict)
            assert set(amounts(store)) == {1, None}
        else:
            done = store.append("orders", [order(1, amount)], on_conflict=on_conflict)
            assert amounts(store)[1] == want
            assert done.rows_replaced == (want == 2.0) and done.rows_skipped == (want != 2.0)
    done = store.append("orders", [order(None)], on_conflict=on_conflict)  # NULL never conflicts
    assert done.rows_added == 1


def test_upsert(store: Any) -> None:
    store.append("orders", [order(1), order(2)])
    done = store.upsert("orders", [order(1, 5.0), order(3), order(3), order(2)])
    assert (done.rows_added, done.rows_replaced, done.rows_removed, done.rows_skipped) == (1, 1, 0, 2)
    assert amounts(store) == {1: 5.0, 2: 1.0, 3: 1.0}
    with pytest.raises(libfeat.ConstraintError, match="two different rows|an earlier row"):
        store.upsert("orders", [order(1, 6.0), order(1, 7.0)])


def test_delete(store: Any) -> None:
    store.append("orders", [order(1), order(2), order(3), order(None)])
    done = store.delete("orders", {"order_id": [2, 2, 99, None]})
    assert (done.rows_read, done.rows_removed, done.rows_skipped, done.version) == (4, 1, 3, 2)
    assert set(amounts(store)) == {1, 3, None}
    again = store.delete("orders", keys={"order_id": [2]})
    assert (again.rows_removed, again.rows_skipped, again.version) == (0, 1, 2)
    assert len(rows(store, version=1)) == 4
    store.append("orders", [order(2, 8.0)])
    assert amounts(store)[2] == 8.0
    with pytest.raises(libfeat.SchemaError, match="order_id"):
        store.delete("orders", {"user_id": [7]})


def test_overwrite(store: Any) -> None:
    store.append("orders", [order(1), order(2)])
    done = store.overwrite("orders", [order(2, 4.0), order(3)])
    assert (done.rows_added, done.rows_removed, done.rows_replaced) == (2, 2, 0)
    assert amounts(store) == {2: 4.0, 3: 1.0}
    with store.snapshot() as snap:
        digest = snap.digest("orders")
    store.overwrite("orders", [order(3), order(2, 4.0)])
    with store.snapshot() as snap:
        assert snap.digest("orders") == digest
    with pytest.raises(libfeat.ConstraintError):
        store.overwrite("orders", [order(1, -1.0)])
    assert amounts(store) == {2: 4.0, 3: 1.0}


def test_modes_in_history(store: Any) -> None:
    store.append("orders", [order(1)])
    store.upsert("orders", [order(1, 2.0)])
    store.delete("orders", {"order_id": [1]})
    store.append("users", [profile(7, "AT", "free", 0)])
    store.end("users", {"user_id": [7], "since": [T0 + DAY]})
    store.overwrite("orders", [order(5)])
    history = store.history().to_dict()
    assert history["operation"] == ["append", "upsert", "delete", "append", "end", "overwrite"]
    assert history["rows_added"] == [1, 1, 0, 1, 1, 1] and history["rows_removed"] == [0, 1, 1, 0, 0, 0]


# ---- dimensions ----


def test_end(store: Any) -> None:
    store.append("users", [profile(7, "AT", "free", 0), profile(8, "DE", "free", 0)])
    end = {"user_id": [7], "since": [T0 + 10 * DAY]}
    assert store.end("users", end).rows_added == 1
    assert store.end("users", end).rows_skipped == 1  # delivered again
    store.append("users", [profile(7, "CH", "paid", 20)])
    assert len(rows(store, "users")) == 3
    shown = rows(store, "users", ended=True)
    assert [r for r in shown if r[-1]] == [(7, None, None, T0 + 10 * DAY, True)]
    with pytest.raises(libfeat.ConstraintError):
        store.append("users", [profile(7, "FR", "paid", 10)])
    with pytest.raises(libfeat.SchemaError, match=r"\$ended"):
        store.append("users", [{**profile(7, "FR", "paid", 30), "$ended": True}])
    with pytest.raises(libfeat.NotFoundError):
        rows(store, "users", columns=["$ended"])
    assert store.end("users", {"user_id": [7], "since": [T0]}, on_conflict="replace").rows_replaced == 1
    assert store.delete("users", end).rows_removed == 1
    with pytest.raises(libfeat.ArgumentError, match="no dimension"):
        store.end("orders", {"order_id": [1]})


# ---- defaults and conditions ----


def test_defaults(store: Any) -> None:
    store.append("orders", [order(1)])
    store.append("orders", [order(2, status=None), order(3, status="paid")])
    with store.snapshot() as snap:
        columns = snap.table("orders").to_dict()
    assert dict(zip(columns["order_id"], columns["status"])) == {1: "new", 2: None, 3: "paid"}


def test_checks(store: Any) -> None:
    store.append("orders", [order(1, None), order(2, 0.0)])  # NULL passes
    with pytest.raises(libfeat.ConstraintError, match=r"row 1: CHECK \(amount >= 0\)") as caught:
        store.append("orders", [order(3), order(4, -0.5), order(5, -1.0)])
    assert caught.value.row == 1
    with pytest.raises(libfeat.ConstraintError):
        store.upsert("orders", [order(1, -1.0)])
    assert set(amounts(store)) == {1, 2}


# ---- columns that change ----


def test_alter(store: Any) -> None:
    store.append("orders", [order(1)])
    store.define("ALTER TABLE orders ADD COLUMN channel TEXT DEFAULT 'web'; ALTER TABLE orders RENAME COLUMN amount TO total")
    store.define("ALTER TABLE orders DROP COLUMN status")
    with store.snapshot() as snap:
        assert snap.table("orders").to_dict() == {
            "order_id": [1], "user_id": [7], "total": [1.0], "at": [T0], "channel": ["web"]
        }
    store.append("orders", [{"order_id": 2, "user_id": 7, "total": 2.0, "at": T0, "channel": None}])
    with store.snapshot(version=1) as snap:  # as it was then
        assert list(snap.table("orders").to_dict()) == ["order_id", "user_id", "amount", "status", "at"]
    with pytest.raises(libfeat.ConstraintError, match=r"CHECK \(total >= 0\)"):
        store.append("orders", [{"order_id": 3, "user_id": 7, "total": -2.0, "at": T0}])
    store.delete("orders", {"order_id": [1, 2]})
    with store.snapshot() as snap:
        assert snap.digest("orders") == "0" * 32 and snap.count("orders") == 0


@pytest.mark.parametrize(
    "narrow, wide, old, new",
    [
        ("TINYINT", "SMALLINT", [-128, 127, None], 300),
        ("INTEGER", "BIGINT", [-(2**31), 2**31 - 1, None], 2**40),
        ("UINTEGER", "BIGINT", [0, 2**32 - 1, None], -1),
        ("REAL", "DOUBLE", [0.5, -0.0, None], 0.1),
        ("DECIMAL(10, 2)", "DECIMAL(20, 4)", ["1.25", "-3.00", None], "0.0001"),
        ("INTEGER", "DECIMAL(20, 2)", [-(2**31), 7, None], "0.25"),
    ],
)
def test_widening(path: Path, narrow: str, wide: str, old: List[Any], new: Any) -> None:
    from decimal import Decimal

    def value(v: Any) -> Any:
        return Decimal(v) if isinstance(v, str) else v

    pa = pytest.importorskip("pyarrow")

    def table(ids: List[int], values: List[Any]) -> Any:
        return pa.table({"id": ids, "at": pa.array([T0] * len(ids), pa.timestamp("us")), "x": [value(v) for v in values]})

    with libfeat.open(path) as opened:
        opened.define(
            f"CREATE TABLE t (id INTEGER, x {narrow}, at TIMESTAMP NOT NULL, ENTITY KEY (id), EVENT TIME (at), UNIQUE (id))"
        )
        opened.append("t", table([1, 2, 3], old))
        opened.define(f"ALTER TABLE t ALTER COLUMN x TYPE {wide}; ALTER TABLE t ALTER COLUMN id TYPE BIGINT")
        assert opened.append("t", table([1, 2, 3], old)).rows_skipped == 3
        opened.append("t", table([2**33], [new]))
        with opened.snapshot() as snap:
            columns = snap.table("t").to_dict()
        assert dict(zip(columns["id"], columns["x"])) == dict(zip([1, 2, 3, 2**33], map(value, [*old, new])))
        opened.delete("t", {"id": [1, 2, 3, 2**33]})
        with opened.snapshot() as snap:
            assert snap.digest("t") == "0" * 32


# ---- what is served follows ----

SERVING = """
CREATE FEATURE VIEW spending AS
  SELECT user_id, count(*) OVER w AS n, sum(amount) OVER w AS total FROM orders GROUP BY user_id
  WINDOW w AS (RANGE INTERVAL '30 days' PRECEDING);
CREATE FEATURE SERVICE s AS SELECT v.* FROM REQUEST (user_id BIGINT) AS r LEFT JOIN spending v USING (user_id);
"""


def test_serving_follows(store: Any) -> None:
    store.append("orders", [order(i, float(i), user_id=i % 2, day=i) for i in range(6)])
    store.define(SERVING)
    store.deploy("s")
    now = T0 + 7 * DAY
    steps: List[Any] = [
        lambda: store.delete("orders", {"order_id": [2, 3]}),
        lambda: store.upsert("orders", [order(4, 40.0, user_id=1, day=4)]),
        lambda: store.overwrite("orders", [order(9, 9.0, user_id=1, day=2)]),
        lambda: store.delete("orders", {"order_id": [9]}),
    ]
    want = [{0: (2, 4.0), 1: (2, 6.0)}, {0: (1, 0.0), 1: (3, 46.0)}, {0: (0, None), 1: (1, 9.0)}, {0: (0, None), 1: (0, None)}]
    with store.reader("s") as reader:
        for step, expected in zip(steps, want):
            assert step().online == "OK"
            served = reader.get(user_id=[0, 1], now=[now, now]).to_dict()
            trained = store.training_set("s", {"user_id": [0, 1], "at": [now, now]}, timestamp="at").to_dict()
            for k in (0, 1):
                assert (served["n"][k], served["total"][k]) == (trained["n"][k], trained["total"][k]) == expected[k]
