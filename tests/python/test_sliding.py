"""Values that are counted in and out of sliding windows, and best events of them: for many rows of an entity with many events the same bytes as for each row
alone, whose window is looked at whole."""

from __future__ import annotations

import math
import os
import random
from decimal import Decimal
from pathlib import Path
from typing import Any, Dict, List

import pyarrow as pa
import pytest

import libfeat

LONG = bool(os.environ.get("FEAT_TEST_LONG"))
START, DAY = 1_704_067_200_000_000, 86_400_000_000
TYPES: Dict[str, Any] = {"x": pa.float64(), "i": pa.int64(), "s": pa.string(), "b": pa.bool_(), "m": pa.decimal128(20, 2), "d": pa.date32(), "u": pa.uint64()}
SQL = {"x": "DOUBLE", "i": "BIGINT", "s": "TEXT", "b": "BOOLEAN", "m": "DECIMAL(20, 2)", "d": "DATE", "u": "UBIGINT"}
FRAMES = {
    "short": "RANGE INTERVAL '1 day' PRECEDING",
    "lagged": "RANGE BETWEEN INTERVAL '20 days' PRECEDING AND INTERVAL '3 days' PRECEDING",
    "months": "RANGE INTERVAL '1 month' PRECEDING",
    "ever": "RANGE UNBOUNDED PRECEDING",
    "rows": "ROWS 150 PRECEDING",
    "since": "SINCE month",
    "others": "RANGE INTERVAL '10 days' PRECEDING EXCLUDE CURRENT ROW",
}


def calls() -> List[str]:
    out = []
    for c in SQL:
        out += [f"count(DISTINCT {c})", f"approx_count_distinct({c})", f"distinct_ratio({c})", f"mode({c})", f"top1_ratio({c})", f"top_k({c}, 3)", f"entropy({c})"]
        out += [f"list_distinct({c})", f"quantile_disc({c}, 0.3)", f"median({c})"]
    for c in ("x", "i", "m"):
        out += [f"quantile_cont({c}, [0.1, 0.5, 1.0])", f"approx_quantile({c}, 0.8)", f"sum(DISTINCT {c})", f"avg(DISTINCT {c})"]
    out += ["bool_and(b)", "bool_or(b)", "arg_min(s, i)", "arg_max(x, s)", "arg_max(m, x)", "first(x ORDER BY i)", "last(s ORDER BY x DESC NULLS FIRST, id)", "first(m ORDER BY d, s DESC)"]
    out += ["min(m)", "max(u)", "sum(m)", "avg(m)", "sum(u)", "avg(u)", "first(u)", "last(m)", "arg_min(i, i * 4611686018427387904)", "first(i ORDER BY i * 4611686018427387904)"]
    out += ["histogram(s)", "histogram(i)", "median(t)", "approx_count_distinct(id)", "approx_count_distinct(wide)", "mode(DISTINCT i)", "median(i / (i - 3))", "mode(i * 4611686018427387904)"]
    return out


def value(rng: random.Random, name: str) -> Any:
    if name == "x":
        return rng.choice([-0.0, 0.0, 1.5, math.nan, math.inf, -2.25, rng.gauss(0, 100), round(rng.gauss(0, 3), 1)])
    if name == "s":
        return rng.choice(["", "a", "b", "a\0", "long " * 5, str(rng.randrange(40))])
    if name == "b":
        return rng.random() < 0.7
    if name == "u":
        return rng.choice([0, 2**64 - 1, rng.randrange(30)])
    if name == "m":
        return __import__("decimal").Decimal(rng.randrange(-500, 500)) / 100
    if name == "d":
        return __import__("datetime").date(2024, 1, 1 + rng.randrange(28))
    return rng.choice([rng.randrange(-5, 20), rng.randrange(10**12)])


def events(rng: random.Random, n: int) -> pa.Table:
    """Of three entities one has most; times tie."""
    columns: Dict[str, Any] = {"k": pa.array([rng.choice([1, 1, 1, 1, 2, 3]) for _ in range(n)], pa.int64()), "id": pa.array(range(n), pa.int64())}
    columns["wide"] = pa.array([rng.randrange(n // 2) for _ in range(n)], pa.int64())
    for name, kind in TYPES.items():
        columns[name] = pa.array([value(rng, name) if rng.random() < 0.93 else None for _ in range(n)], kind)
    columns["t"] = pa.array([START + rng.choice([rng.randrange(90 * DAY), rng.randrange(90) * DAY]) for _ in range(n)], pa.timestamp("us"))
    return pa.table(columns)


@pytest.mark.parametrize("seed", range(20 if LONG else 2))
@pytest.mark.parametrize("frame", FRAMES)
def test_as_row_by_row(frame: str, seed: int, tmp_path: Path) -> None:
    rng = random.Random(f"{frame} {seed}")
    chosen = rng.sample(calls(), 40)
    items = ", ".join(f"{call}{rng.choice(['', '', ' FILTER (WHERE i > 2)'])} OVER w AS f{n}" for n, call in enumerate(chosen))
    with libfeat.open(tmp_path / "s") as store:
        table = ", ".join(f"{name} {kind}" for name, kind in SQL.items())
        store.define(
            f"CREATE TABLE e (k BIGINT NOT NULL, id BIGINT, wide BIGINT, {table}, t TIMESTAMP NOT NULL, ENTITY KEY (k), EVENT TIME (t));"
            f"CREATE FEATURE VIEW v AS SELECT k, {items} FROM e GROUP BY k WINDOW w AS ({FRAMES[frame]}); CREATE FEATURE SERVICE s AS v;"
        )
        store.append("e", events(rng, 3000))
        n = 120
        spine = pa.table({"k": pa.array([rng.choice([1, 1, 2, 3, 4]) for _ in range(n)], pa.int64()), "t": pa.array([START + rng.randrange(-DAY, 95 * DAY) for _ in range(n)], pa.timestamp("us"))})
        got = store.training_set("s", spine, "t", status=True, on_error="null").to_arrow()
        alone = [store.training_set("s", spine.slice(i, 1), "t", status=True, on_error="null").to_arrow() for i in range(n)]
        want = pa.concat_tables(alone)
        for name in got.column_names:
            a, b = repr(got[name].to_pylist()), repr(want[name].to_pylist())
            assert a == b, (name, chosen[int(name[1:].split("__")[0])] if name.startswith("f") else "", frame, seed)


def test_hashes_that_meet(tmp_path: Path) -> None:
    """More different values than a sketch counts one by one, leaving one by one."""
    n = 4000
    with libfeat.open(tmp_path / "s") as store:
        store.define(
            "CREATE TABLE e (k BIGINT NOT NULL, v BIGINT, t TIMESTAMP NOT NULL, ENTITY KEY (k), EVENT TIME (t));"
            "CREATE FEATURE VIEW v AS SELECT k, approx_count_distinct(v) OVER w AS n, count(DISTINCT v) OVER w AS exact FROM e GROUP BY k WINDOW w AS (RANGE INTERVAL '1000 microseconds' PRECEDING);"
            "CREATE FEATURE SERVICE s AS v;"
        )
        store.append("e", pa.table({"k": [1] * n, "v": [i * 7919 % 3001 for i in range(n)], "t": pa.array(range(n), pa.timestamp("us"))}))
        spine = pa.table({"k": [1] * n, "t": pa.array([i + 500 for i in range(n)], pa.timestamp("us"))})
        got = store.training_set("s", spine, "t").to_arrow()
        for i in range(0, n, 97):
            one = store.training_set("s", spine.slice(i, 1), "t").to_arrow()
            assert one["n"].equals(got["n"].slice(i, 1)) and one["exact"].equals(got["exact"].slice(i, 1))
        assert max(got["exact"].to_pylist()) > 900 and min(got["exact"].to_pylist()) < 512


@pytest.mark.parametrize("kind, values", [("DECIMAL(12,2)", [Decimal("1.25"), None, Decimal("-3.00")]), ("UBIGINT", [2**64 - 1, None, 1])])
def test_counts_beside_sums_of_128_bits(tmp_path: Path, kind: str, values: Any) -> None:
    """A count finds no sums of 64 bits where those of its column are wider, whichever of them a window has."""
    arrow = pa.uint64() if kind == "UBIGINT" else pa.decimal128(12, 2)
    with libfeat.open(tmp_path / "store") as store:
        store.define(
            f"""CREATE TABLE e (k BIGINT NOT NULL, x {kind}, ts TIMESTAMP NOT NULL, ENTITY KEY (k), EVENT TIME (ts));
            CREATE FEATURE VIEW v AS SELECT k, count(x) OVER w AS n, avg(x) OVER w AS mean, count(x) OVER short AS near FROM e GROUP BY k
            WINDOW w AS (RANGE UNBOUNDED PRECEDING), short AS (RANGE INTERVAL '1 microsecond' PRECEDING);
            CREATE FEATURE SERVICE s AS v;"""
        )
        store.append("e", {"k": [1, 1, 1], "x": pa.array(values, arrow), "ts": pa.array([10, 20, 30], pa.timestamp("us"))})
        got = store.training_set("s", {"k": [1, 1, 2], "t": pa.array([30, 19, 30], pa.timestamp("us"))}, "t").to_dict()
    assert got["n"] == [2, 1, 0] and got["near"] == [1, 0, 0]
    assert got["mean"] == [float(values[0] + values[2]) / 2, float(values[0]), None]
