"""Order statistics and counts by value against DuckDB, and what the naive reference cannot say bit by bit."""

from __future__ import annotations

import datetime as dt
import math
import random
import struct
from collections import Counter
from decimal import Decimal
from typing import Any, Dict, List, Optional

import duckdb
import numpy as np
import pytest

import libfeat

pa = pytest.importorskip("pyarrow")

TYPES = {
    "x": ("BIGINT", pa.int64()), "i": ("INTEGER", pa.int32()), "y": ("DOUBLE", pa.float64()), "r": ("REAL", pa.float32()),
    "m": ("DECIMAL(12,2)", pa.decimal128(12, 2)), "u": ("UBIGINT", pa.uint64()), "b": ("BOOLEAN", pa.bool_()), "s": ("TEXT", pa.string()),
    "d": ("DATE", pa.date32()), "z": ("TIMESTAMP", pa.timestamp("us")),
}
NUMBERS, TIMES = "xiyrmu", "dz"
DAY0 = dt.date(2024, 1, 1)


def value(rng: random.Random, name: str) -> Any:
    if rng.random() < 0.1:
        return None
    n = rng.choice([rng.randint(-9, 9), rng.randint(-10**6, 10**6)])
    return {
        "x": n, "i": n, "y": n / 8, "r": n / 8, "m": Decimal(n).scaleb(-2), "u": abs(n), "b": n > 3, "s": str(n % 13),
        "d": DAY0 + dt.timedelta(n % 50), "z": dt.datetime(2024, 1, 1) + dt.timedelta(microseconds=n),
    }[name]


class Shop:
    """One table of events of entity 1, and aggregates over all of it."""

    def __init__(self, path: Any, columns: Dict[str, List[Any]]) -> None:
        n = len(next(iter(columns.values())))
        arrays = {name: pa.array(values, TYPES[name][1]) for name, values in columns.items()}
        self.table = pa.table({**arrays, "k": pa.array([1] * n, pa.int64()), "ts": pa.array(range(1, n + 1), pa.timestamp("us"))})
        self.store = libfeat.open(path)
        types = ", ".join(f"{name} {TYPES[name][0]}" for name in columns)
        self.store.define(f"CREATE TABLE e ({types}, k BIGINT, ts TIMESTAMP NOT NULL, ENTITY KEY (k), EVENT TIME (ts));")
        self.store.append("e", self.table)

    def ask(self, items: List[str], t: int = 10**9) -> List[Any]:
        """Their values, which are the same in training and serving."""
        names = ", ".join(f"{item} OVER () AS f{n}" for n, item in enumerate(items))
        self.store.define(f"CREATE OR REPLACE FEATURE VIEW v AS SELECT k, {names} FROM e GROUP BY k; DROP FEATURE SERVICE IF EXISTS s; CREATE FEATURE SERVICE s AS v;")
        trained = self.store.training_set("s", {"k": [1], "t": np.array([t], "datetime64[us]")}, "t").to_dict()
        self.store.deploy("s")
        with self.store.reader("s") as reader:
            served = reader.get({"k": [1]}, now=np.array([t])).to_dict()
        self.store.undeploy("s")
        out = [trained[f"f{n}"][0] for n in range(len(items))]
        assert repr(out) == repr([served[f"f{n}"][0] for n in range(len(items))])
        return out

    def ask_duckdb(self, items: List[str]) -> List[Any]:
        con = duckdb.connect()
        con.register("e", self.table)
        return list(con.execute(f"SELECT {', '.join(items)} FROM e").fetchone())


def same(ours: Any, theirs: Any) -> bool:
    if isinstance(theirs, list):
        return isinstance(ours, list) and len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(theirs, dict):
        return list(ours) == list(theirs) and all(same(ours[k], theirs[k]) for k in theirs)
    if isinstance(theirs, float):
        return ours == pytest.approx(theirs, rel=1e-12, abs=1e-12)
    if isinstance(theirs, dt.datetime):
        return abs(ours - theirs) <= dt.timedelta(microseconds=1)  # DuckDB rounds the double of it
    return type(ours) is type(theirs) and ours == theirs


@pytest.mark.parametrize("seed", range(8))
def test_duckdb(tmp_path: Any, seed: int) -> None:
    rng = random.Random(seed)
    n = rng.choice([1, 2, 7, 100, 500])
    shop = Shop(tmp_path / "s.feat", {name: [value(rng, name) for _ in range(n)] for name in TYPES})
    items = []
    for name in TYPES:
        q = rng.choice([0, 0.07, 0.1, 0.29, 0.5, 0.75, 0.99, 1])
        items += [f"quantile_disc({name}, {q})", f"quantile({name}, [0.1, {q}, 0.9])", f"entropy({name})"]
        if name in NUMBERS.replace("m", "") + TIMES:
            items += [f"median({name})", f"quantile_cont({name}, {q})", f"quantile_cont({name}, [0.5, {q}])"]
        if name in "xius":
            items += [f"histogram({name})", f"histogram(DISTINCT {name})"]
    # There a REAL lies between two REALs.
    wanted = [i.replace("(r,", "(r::DOUBLE,").replace("median(r)", "median(r::DOUBLE)") if "disc" not in i and "quantile(" not in i else i for i in items]
    for item, ours, theirs in zip(items, shop.ask(items), shop.ask_duckdb(wanted)):
        assert same(ours, theirs) or ("entropy" in item and theirs == 0 and ours is None), item
    # DuckDB's DECIMAL has no place for what lies between two of them.
    median = shop.ask(["median(m)"])[0]
    wanted = shop.ask_duckdb(["median(m::DOUBLE)"])[0]
    assert median == wanted or median == pytest.approx(wanted, rel=1e-12)


def test_ties(tmp_path: Any) -> None:
    """What is most frequent does not depend on what came first."""
    shop = Shop(tmp_path / "s.feat", {"s": ["b", "a", "b", "a", "c"], "y": [0.0, -0.0, 1.0, math.nan, -math.nan], "x": [7, 7, 3, 3, 5]})
    assert shop.ask(["mode(s)", "top_k(s, 2)", "top_k(s, 9)", "top1_ratio(s)"]) == ["a", ["a", "b"], ["a", "b", "c"], 0.4]
    assert repr(shop.ask(["mode(y)", "top_k(y, 2)", "list_distinct(y)", "count(DISTINCT y)"])) == "[0.0, [0.0, nan], [0.0, 1.0, nan], 3]"
    assert shop.ask(["sum_map(s, x)", "avg_map(s, x)", "count_map(s)"]) == [{"a": 10, "b": 10, "c": 5}, {"a": 5.0, "b": 5.0, "c": 5.0}, {"a": 2, "b": 2, "c": 1}]
    assert shop.ask(["mode(DISTINCT s)", "entropy(DISTINCT s)", "list_distinct(s) FILTER (WHERE x > 100)"])[::2] == ["a", None]


def test_exact_shares(tmp_path: Any) -> None:
    """0.29 of 100 steps are 29, though 0.29 * 100.0 is less."""
    shop = Shop(tmp_path / "s.feat", {"x": list(range(101)), "i": list(range(1, 101)) + [None]})
    assert shop.ask(["quantile_cont(x, 0.29)", "quantile_disc(i, 0.29)", "quantile_disc(i, 0.07)"]) == [29.0, 29, 7]
    assert shop.ask(["approx_quantile(x, [0, 0.5, 1])", "approx_quantile(i, 0.5)"]) == [[0, 50, 100], 50]


def test_between_is_rounded_once(tmp_path: Any) -> None:
    shop = Shop(tmp_path / "s.feat", {"x": [2**63 - 1, 2**63 - 3], "y": [1.7976931348623157e308, -1.7976931348623157e308], "u": [2**64 - 1, 2**64 - 2]})
    assert shop.ask(["median(x)", "median(y)", "median(u)"]) == [float(2**63), 0.0, float(2**64)]
    assert shop.ask(["quantile_cont(y, 0.75)"]) == [1.7976931348623157e308 / 2]


@pytest.mark.parametrize("n", [1, 100, 2000])
def test_entropy(tmp_path: Any, n: int) -> None:
    """The terms have the rounding of a logarithm: a few units of the last place of a number near the greatest of them."""
    rng = random.Random(n)
    columns = {"x": [rng.randint(0, 5) for _ in range(n)], "s": [str(rng.randint(0, n)) for _ in range(n)], "i": [1] * n}
    shop = Shop(tmp_path / "s.feat", columns)
    got = shop.ask([f"entropy({name})" for name in columns])
    for name, ours in zip(columns, got):
        counts = Counter(columns[name]).values()
        exact = math.fsum(c * math.log2(n / c) for c in counts) / n
        assert abs(ours - exact) <= 4 * 2**-52 * max(exact, 2**-20), name
        assert repr(ours) != "-0.0"
    assert got[2] == 0.0


# ---- HyperLogLog, written again ------------------------------------------------------------------------------------


def estimate(hashes: List[int]) -> int:
    """Ertl's improved estimator of registers of 12 bits; up to 512 different hashes are counted."""
    if len(set(hashes)) <= 512:
        return len(set(hashes))
    m, q = 4096, 52
    registers = [0] * m
    for h in hashes:
        rest = h & (2**52 - 1)
        registers[h >> 52] = max(registers[h >> 52], 53 - rest.bit_length())
    counts = Counter(registers)

    def sigma(x: float) -> float:
        total, y = x, 1.0
        while True:
            x, before = x * x, total
            total, y = total + x * y, y + y
            if total == before:
                return total

    def tau(x: float) -> float:
        if x in (0.0, 1.0):
            return 0.0
        total, y = 1 - x, 1.0
        while True:
            x, before, y = math.sqrt(x), total, y / 2
            total -= (1 - x) ** 2 * y
            if total == before:
                return total / 3

    z = m * tau(1 - counts[q + 1] / m)
    for k in range(q, 0, -1):
        z = 0.5 * (z + counts[k])
    z += m * sigma(counts[0] / m)
    return round(m * m / (2 * math.log(2)) / z)


@pytest.mark.parametrize("n", [300, 512, 513, 5000, 40000])
def test_approx_count_distinct(tmp_path: Any, n: int) -> None:
    """It is made of hash(x), and repetitions count for nothing."""
    rng = random.Random(n)
    numbers = [rng.randrange(10**12) for _ in range(n)]
    columns: Dict[str, List[Any]] = {"x": numbers, "s": [str(v) for v in numbers], "y": [v / 8 for v in numbers], "m": [Decimal(v % 10**11).scaleb(-2) for v in numbers]}
    columns = {name: values + values[: n // 2] for name, values in columns.items()}
    shop = Shop(tmp_path / "s.feat", columns)
    for name, ours in zip(columns, shop.ask([f"approx_count_distinct({name})" for name in columns])):
        different = list(dict.fromkeys(columns[name]))
        exact = len(different)
        assert ours == exact if exact <= 512 else abs(ours / exact - 1) < 5 * 0.0163, name
    if n > 40000:
        return
    shop.store.define("CREATE FEATURE VIEW h AS SELECT k, list_distinct(hash(x)) OVER () AS x, list_distinct(hash(s)) OVER () AS s, list_distinct(hash(y)) OVER () AS y FROM e GROUP BY k; CREATE FEATURE SERVICE hs AS h;")
    hashes = shop.store.training_set("hs", {"k": [1], "t": np.array([10**9], "datetime64[us]")}, "t").to_dict()
    for name, ours in zip("xsy", shop.ask(["approx_count_distinct(x)", "approx_count_distinct(s)", "approx_count_distinct(y)"])):
        assert ours == estimate([int(h) for h in hashes[name][0]]), name


def test_windows_and_arrival(tmp_path: Any) -> None:
    """Over windows, and whatever order the events arrive in."""
    rng = random.Random(1)
    columns = {name: [value(rng, name) for _ in range(8)] for name in TYPES}
    order = list(range(8))
    answers = []
    for trial in range(2):
        items = ["median(y)", "mode(s)", "top_k(x, 3)", "approx_count_distinct(m)", "entropy(s)", "sum_map(s, y)", "avg_map(i, m)", "approx_quantile(m, 0.5)"]
        with libfeat.open(tmp_path / f"{trial}.feat") as store:
            types = ", ".join(f"{name} {kind}" for name, (kind, _) in TYPES.items())
            over = ", ".join(f"{item} OVER w AS f{n}" for n, item in enumerate(items))
            store.define(
                f"CREATE TABLE e ({types}, k BIGINT, ts TIMESTAMP NOT NULL, ENTITY KEY (k), EVENT TIME (ts));"
                f"CREATE FEATURE VIEW v AS SELECT k, {over} FROM e GROUP BY k WINDOW w AS (RANGE INTERVAL '20 microseconds' PRECEDING);"
                "CREATE FEATURE SERVICE s AS v;"
            )
            for part in (order[:25], order[25:]):
                arrays = {name: pa.array([columns[name][i] for i in part], TYPES[name][1]) for name in TYPES}
                arrays.update(k=pa.array([1] * len(part)), ts=pa.array([i // 2 for i in part], pa.timestamp("us")))
                store.append("e", pa.table(arrays))
            spine = {"k": [1] * 50, "t": np.arange(50).astype("datetime64[us]")}
            answers.append(repr(store.training_set("s", spine, "t").to_dict()))
        rng.shuffle(order)
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    "item, reason",
    [
        ("quantile_cont(s, 0.5)", "quantile_cont does not take TEXT"),
        ("quantile_cont(x, 1.5)", "a number from 0 to 1"),
        ("quantile_cont(x, y)", "a column of single events"),
        ("quantile_disc(x, [0.5, NULL])", "a number from 0 to 1"),
        ("quantile_disc(x)", "takes 1 argument and a number from 0 to 1"),
        ("top_k(x, 0)", "a whole number above 0"),
        ("top_k(x, 1.5)", "a whole number above 0"),
        ("histogram(y)", "histogram does not take DOUBLE"),
        ("sum_map(y, x)", "sum_map does not take DOUBLE and BIGINT"),
        ("sum_map(x, s)", "sum_map does not take BIGINT and TEXT"),
        ("approx_quantile(d, 0.5)", "approx_quantile does not take DATE"),
    ],
)
def test_refused(tmp_path: Any, item: str, reason: str) -> None:
    shop = Shop(tmp_path / "s.feat", {"x": [1], "y": [1.0], "s": ["a"], "d": [DAY0]})
    with pytest.raises(libfeat.Error, match=reason):
        shop.ask([item])


def test_errors(tmp_path: Any) -> None:
    """A sum of a category that does not fit makes the value an error; the other aggregates are as they were."""
    shop = Shop(tmp_path / "s.feat", {"x": [2**63 - 1, 1, 5], "s": ["a", "a", "b"]})
    assert shop.ask(["avg_map(s, x)"]) == [{"a": float(2**62), "b": 5.0}]
    with pytest.raises(libfeat.DataError):
        shop.ask(["sum_map(s, x)"])
