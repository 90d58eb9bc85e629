"""DISTINCT and ORDER BY inside aggregates: on both paths what DuckDB gives over the rows of the window."""

from __future__ import annotations

import random
from typing import Any

import duckdb
import numpy as np
import pytest

import libfeat

COLUMNS = {"x": "BIGINT", "i": "INTEGER", "y": "DOUBLE", "s": "TEXT", "m": "DECIMAL(12,2)", "b": "BOOLEAN", "u": "UBIGINT", "d": "DATE"}
DAY0 = np.datetime64("2024-01-01", "us")


def values(rng: random.Random, kind: str) -> Any:
    from datetime import date
    from decimal import Decimal

    return rng.choice({
        "BIGINT": [None, 0, 1, -1, 7, 2**62], "INTEGER": [None, 0, 5, -5], "DOUBLE": [None, 0.0, -0.0, 0.5, 1.25, -3.0],
        "TEXT": [None, "", "a", "b", "é"], "DECIMAL(12,2)": [None, Decimal("0.00"), Decimal("1.10"), Decimal("-2.25")],
        "BOOLEAN": [None, True, False], "UBIGINT": [None, 0, 3, 9], "DATE": [None, date(2024, 1, 1), date(1999, 12, 31)],
    }[kind])


@pytest.mark.parametrize("seed", range(12))
def test_distinct(tmp_path: Any, seed: int) -> None:
    pa = pytest.importorskip("pyarrow")
    rng = random.Random(seed)
    n = rng.choice([0, 1, 5, 60])
    types = {"BIGINT": pa.int64(), "INTEGER": pa.int32(), "DOUBLE": pa.float64(), "TEXT": pa.string(), "DECIMAL(12,2)": pa.decimal128(12, 2),
             "BOOLEAN": pa.bool_(), "UBIGINT": pa.uint64(), "DATE": pa.date32()}
    rows = {name: pa.array([values(rng, kind) for _ in range(n)], types[kind]) for name, kind in COLUMNS.items()}
    rows["k"] = pa.array([rng.choice([1, 2]) for _ in range(n)], pa.int64())
    rows["ts"] = pa.array([int(DAY0.astype("int64")) + rng.randrange(20) for _ in range(n)], pa.timestamp("us"))
    table = pa.table(rows)
    items = [f"count(DISTINCT {c}) OVER w AS n_{c}" for c in COLUMNS]
    items += [f"{f}(DISTINCT {c}) {w} OVER w AS {f}_{c}" for f in ("sum", "avg") for c in ("x", "i", "y", "m", "u") for w in ("FILTER (WHERE b)",)]
    window = "WINDOW w AS (PARTITION BY k ORDER BY ts RANGE BETWEEN INTERVAL '10 microseconds' PRECEDING AND CURRENT ROW)"
    with libfeat.open(tmp_path / "s.feat") as store:
        columns = ", ".join(f"{c} {t}" for c, t in COLUMNS.items())
        store.define(
            f"CREATE TABLE e ({columns}, k BIGINT, ts TIMESTAMP NOT NULL, ENTITY KEY (k), EVENT TIME (ts));"
            f"CREATE FEATURE VIEW v AS SELECT k, {', '.join(items)} FROM e {window};"
            "CREATE FEATURE SERVICE s AS v;"
        )
        if n:
            store.append("e", table)
        times = [DAY0 + np.timedelta64(t, "us") for t in range(0, 35, 3)]
        spine = {"k": np.repeat([1, 2, 3], len(times)), "t": np.array(times * 3)}
        trained = store.training_set("s", spine, "t", on_error="null").to_dict()
        store.deploy("s")
        served = store.reader("s").get({"k": spine["k"]}, now=spine["t"].astype("int64")).to_dict()
        con = duckdb.connect()
        con.register("rows", table)
        con.execute("CREATE TABLE e AS FROM rows")
        for r, (k, t) in enumerate(zip(spine["k"], spine["t"])):
            plain = [i.replace(" OVER w", "") for i in items]
            query = f"SELECT {', '.join(plain)} FROM e WHERE k = {k} AND ts BETWEEN TIMESTAMP '{t}' - INTERVAL '10 microseconds' AND TIMESTAMP '{t}'"
            names = [i.rsplit(" AS ", 1)[1] for i in items]
            for name, want in zip(names, con.execute(query).fetchone()):
                got = trained[name][r]
                same = got == want or (want is not None and got is not None and float(got) == pytest.approx(float(want), rel=1e-12))
                overflow = name == "sum_x" and want is not None and abs(want) >= 2**63 and got is None
                assert same or overflow, (name, k, t, got, want)
                assert repr(served[name][r]) == repr(got), name


@pytest.mark.parametrize("seed", range(6))
def test_order_by(tmp_path: Any, seed: int) -> None:
    pa = pytest.importorskip("pyarrow")
    rng = random.Random(seed)
    n = rng.choice([1, 5, 60])
    keys = {"x": "BIGINT", "y": "DOUBLE", "s": "TEXT", "m": "DECIMAL(12,2)", "b": "BOOLEAN", "d": "DATE"}
    types = {"x": pa.int64(), "y": pa.float64(), "s": pa.string(), "m": pa.decimal128(12, 2), "b": pa.bool_(), "d": pa.date32()}
    rows = {name: pa.array([values(rng, kind) for _ in range(n)], types[name]) for name, kind in keys.items()}
    rows["y"] = pa.array([None if v is None else abs(v) for v in rows["y"].to_pylist()], pa.float64())  # DuckDB's order has one zero
    rows["k"] = pa.array([rng.choice([1, 2]) for _ in range(n)], pa.int64())
    rows["id"] = pa.array(rng.sample(range(1000), n), pa.int64())  # decides between equal keys
    rows["ts"] = pa.array([int(DAY0.astype("int64")) + rng.randrange(20) for _ in range(n)], pa.timestamp("us"))
    table = pa.table(rows)
    items = []
    for key in keys:
        for function, way in (("first", ""), ("last", ""), ("first", " DESC"), ("last", " DESC NULLS FIRST"), ("first", " NULLS FIRST")):
            items.append(f"{function}(s ORDER BY {key}{way}, id) {{}} AS f{len(items)}")
            items.append(f"{function}(x ORDER BY {key}{way}, id DESC) FILTER (WHERE b) {{}} AS f{len(items)}")
    window = "WINDOW w AS (PARTITION BY k ORDER BY ts RANGE BETWEEN INTERVAL '10 microseconds' PRECEDING AND CURRENT ROW)"
    con = duckdb.connect()
    con.register("rows", table)
    con.execute("CREATE TABLE e AS FROM rows")
    with libfeat.open(tmp_path / "s.feat") as store:
        columns = ", ".join(f"{c} {t}" for c, t in keys.items())
        store.define(
            f"CREATE TABLE e ({columns}, k BIGINT, id BIGINT, ts TIMESTAMP NOT NULL, ENTITY KEY (k), EVENT TIME (ts));"
            f"CREATE FEATURE VIEW v AS SELECT k, {', '.join(i.format('OVER w') for i in items)} FROM e {window};"
            "CREATE FEATURE SERVICE s AS v;"
        )
        store.append("e", table)
        times = [DAY0 + np.timedelta64(t, "us") for t in range(0, 35, 3)]
        spine = {"k": np.repeat([1, 2, 3], len(times)), "t": np.array(times * 3)}
        trained = store.training_set("s", spine, "t").to_dict()
        store.deploy("s")
        served = store.reader("s").get({"k": spine["k"]}, now=spine["t"].astype("int64")).to_dict()
    for r, (k, t) in enumerate(zip(spine["k"], spine["t"])):
        query = f"SELECT {', '.join(i.format('') for i in items)} FROM e WHERE k = {k} AND ts BETWEEN TIMESTAMP '{t}' - INTERVAL '10 microseconds' AND TIMESTAMP '{t}'"
        for i, want in enumerate(con.execute(query).fetchone()):
            assert trained[f"f{i}"][r] == want, (items[i], k, t)
            assert repr(served[f"f{i}"][r]) == repr(trained[f"f{i}"][r]), items[i]
