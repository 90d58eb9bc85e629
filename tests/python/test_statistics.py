"""Statistics and decayed sums: bit by bit what exact rationals give, on both paths, and beside DuckDB's, whose last bits are off."""

from __future__ import annotations

import math
import random
from decimal import Decimal
from fractions import Fraction
from typing import Any, Dict, List, Optional, Sequence

import duckdb
import numpy as np
import pytest

import libfeat
import reference as ref
from instants import DAY, HOUR, Interval
from reference_statistics import ONE, TWO, decayed, exp2, root, statistic, trend

pa = pytest.importorskip("pyarrow")

TYPES = {
    "x": ("BIGINT", pa.int64()), "i": ("SMALLINT", pa.int16()), "y": ("DOUBLE", pa.float64()), "z": ("DOUBLE", pa.float64()),
    "r": ("REAL", pa.float32()), "m": ("DECIMAL(12,2)", pa.decimal128(12, 2)), "u": ("UBIGINT", pa.uint64()), "b": ("BOOLEAN", pa.bool_()),
}
START = int(np.datetime64("2024-01-01", "us").astype("int64"))


class Shop:
    """One table of events of entity 1, and aggregates over all of it at t."""

    def __init__(self, path: Any, columns: Dict[str, List[Any]], times: Optional[List[int]] = None) -> None:
        n = len(next(iter(columns.values())))
        arrays = {name: pa.array(values, TYPES[name][1]) for name, values in columns.items()}
        stamps = pa.array(times or [START + i for i in range(n)], pa.timestamp("us"))
        self.table = pa.table({**arrays, "k": pa.array([1] * n, pa.int64()), "ts": stamps})
        self.store = libfeat.open(path)
        types = ", ".join(f"{name} {TYPES[name][0]}" for name in columns)
        self.store.define(f"CREATE TABLE e ({types}, k BIGINT, ts TIMESTAMP NOT NULL, ENTITY KEY (k), EVENT TIME (ts));")
        self.store.append("e", self.table)

    def ask(self, items: List[str], t: int = START + DAY) -> List[Any]:
        names = ", ".join(f"{item} OVER () AS f{n}" for n, item in enumerate(items))
        self.store.define(f"DROP FEATURE SERVICE IF EXISTS s; CREATE OR REPLACE FEATURE VIEW v AS SELECT k, {names} FROM e GROUP BY k; CREATE FEATURE SERVICE s AS v;")
        trained = self.store.training_set("s", {"k": [1], "t": np.array([t], "datetime64[us]")}, "t").to_dict()
        self.store.deploy("s")
        with self.store.reader("s") as reader:
            served = reader.get({"k": [1]}, now=np.array([t])).to_dict()
        self.store.undeploy("s")
        out = [trained[f"f{n}"][0] for n in range(len(items))]
        assert repr(out) == repr([served[f"f{n}"][0] for n in range(len(items))])
        return out


def value(rng: random.Random, name: str) -> Any:
    if rng.random() < 0.1:
        return None
    n = rng.choice([rng.randint(-9, 9), rng.randint(-(10**4), 10**4)])
    return {
        "x": n, "i": n, "y": n / 10, "z": rng.gauss(100, 3), "r": n / 8, "m": Decimal(n).scaleb(-2), "u": abs(n), "b": n > 3,
    }[name]  # fmt: skip


def naive(item: str, columns: Dict[str, List[Any]]) -> Optional[float]:
    func, _, inner = item.partition("(")
    names = inner.split(")")[0].replace("DISTINCT ", "").split(", ")
    rows = [row for row in zip(*(columns[name] for name in names), columns["b"]) if None not in row[:-1]]
    rows = [row for row in rows if "FILTER" not in item or row[-1]]
    if "DISTINCT" in item:
        rows = list({row[:-1]: row for row in rows}.values())
    return statistic(func, [row[0] for row in rows], [row[-2] for row in rows] if func in TWO else []) if rows else None


@pytest.mark.parametrize("seed", range(6))
def test_beside_duckdb(tmp_path: Any, seed: int, record_property: Any) -> None:
    rng = random.Random(seed)
    n = [1, 2, 3, 4, 60, 400][seed]
    columns = {name: [value(rng, name) for _ in range(n)] for name in TYPES}
    columns["r"] = [v if v is None else float(np.float32(v)) for v in columns["r"]]
    numbers = [name for name in TYPES if name != "b"]
    items = [f"{func}({name})" for func in ONE for name in numbers]
    items += [f"{func}({name}, {rng.choice(numbers)})" for func in TWO for name in numbers]
    items += [f"{func}(DISTINCT y)" for func in ONE] + [f"{func}(y) FILTER (WHERE b)" for func in ONE]
    items += [f"{func}(DISTINCT y, m)" for func in TWO] + [f"{func}(z, m) FILTER (WHERE b)" for func in TWO]
    shop = Shop(tmp_path / "s.feat", columns)
    con = duckdb.connect()
    con.register("rows", shop.table)
    theirs = con.execute(f"SELECT {', '.join(items)} FROM rows").fetchone()
    off = 0
    for item, got, there in zip(items, shop.ask(items), theirs):
        assert ref.bits(got) == ref.bits(naive(item, columns)), item
        # Differences of large numbers leave DuckDB's with fewer digits: skewness of what is symmetric, a slope of nothing.
        # Where all values are equal its sums differ from zero in the last bits.
        flat = got is None or math.isnan(got) or got in (0.0, 1.0)
        assert there is not None or got is None, item
        assert flat or got == pytest.approx(there, rel=1e-7, abs=1e-9), item
        off += not flat and got != there
    record_property("wrong in DuckDB", f"{off} of {len(items)}")
    assert seed < 4 or off > len(items) / 4


EXTREMES: Dict[str, List[float]] = {
    "one": [0.1],
    "equal": [0.1] * 7,
    "zeros": [0.0, -0.0, 0.0],
    "denormals": [5e-324, -5e-324, 1e-310, 2.5e-320, 0.0],
    "greatest": [1.7e308, -1.7e308, 1.7976931348623157e308, 1e300],
    "cancels": [1e16 + 2.0 * i for i in (0, 1, 0, 3, 1, 1)],
    "all sizes": [1e308, 1e-308, 1.0, -1e200, 5e-324, 3.0, 1e16],
    "nearly equal": [1.0, 1.0, 1.0, 1.0, 1.0000000000000002],
    "infinite": [1.0, math.inf, 2.0],
    "no number": [1.0, math.nan, 2.0, 4.0, 8.0],
}


@pytest.mark.parametrize("name", list(EXTREMES))
def test_extremes(tmp_path: Any, name: str) -> None:
    y = EXTREMES[name]
    rng = random.Random(len(name))
    for z in (y[::-1], [float(i * i) for i in range(len(y))], [5.0] * len(y)):
        columns: Dict[str, List[Any]] = {"y": y, "z": z}
        items = [f"{func}(y)" for func in ONE] + [f"{func}(y, z)" for func in TWO] + [f"{func}(z, y)" for func in TWO]
        shop = Shop(tmp_path / f"{rng.random()}.feat", columns)
        for item, got in zip(items, shop.ask(items)):
            assert ref.bits(got) == ref.bits(naive(item, {**columns, "b": [True] * len(y)})), (item, y, z)


def test_names_and_messages(tmp_path: Any) -> None:
    shop = Shop(tmp_path / "s.feat", {"y": [1.0, 2.0, 4.0], "x": [1, 2, 3], "b": [True, False, None]})
    a, b, c, d = shop.ask(["variance(y)", "stddev(y)", "VAR_SAMP(y)", "stddev_samp(x)"])
    assert (a, b, c, d) == (7 / 3, 1.5275252316519468, 7 / 3, 1.0)
    for item, why in {
        "stddev(b)": "does not take BOOLEAN",
        "corr(y)": "takes 2 arguments",
        "corr(y, b)": "does not take DOUBLE and BOOLEAN",
        "decayed_sum(y)": "an INTERVAL above 0 without months",
        "decayed_avg(y, INTERVAL '1 month')": "an INTERVAL above 0 without months",
        "decayed_avg(y, INTERVAL '0 days')": "an INTERVAL above 0 without months",
    }.items():
        with pytest.raises(libfeat.Error, match=why):
            shop.ask([item])


# ---- event times ---------------------------------------------------------------------------------------------------


def ulps(a: float, b: float) -> float:
    return abs(a - b) / math.ulp(b)


def test_exp2(tmp_path: Any) -> None:
    """The reference has the library's own exponential."""
    rng = random.Random(3)
    points = [rng.uniform(-1, 1) for _ in range(500)] + [0.0, 1.0, -1.0, 0.5, 1 / 64, 3 / 64, 1e-300]
    n = len(points)
    shop = Shop(tmp_path / "s.feat", {"y": points}, [START + i for i in range(n)])
    shop.store.define("CREATE FEATURE VIEW p AS SELECT k, exp2(last(y) OVER ()) AS p FROM e GROUP BY k; CREATE FEATURE SERVICE q AS p;")
    spine = {"k": [1] * n, "t": np.array([START + i for i in range(n)], "datetime64[us]")}
    got = shop.store.training_set("q", spine, "t").to_dict()["p"]
    for x, ours in zip(points, got):
        assert ours == exp2(x), x
        assert ulps(ours, 2.0**x) <= 1


HALF_LIVES = [Interval(us=1), Interval(us=1000003), Interval(us=7 * HOUR), Interval(days=1), Interval(days=30), Interval(days=10**6)]


@pytest.mark.parametrize("seed", range(4))
def test_decay(tmp_path: Any, seed: int) -> None:
    rng = random.Random(seed)
    spread = [10, HOUR, 400 * DAY, 400 * DAY][seed]
    draws = [lambda: rng.gauss(0, 10), lambda: math.ldexp(rng.random() - 0.5, rng.randint(-1000, 1000)), lambda: rng.choice([1e308, -1e308, 1.7e308, 5e-324])]
    for round in range(3):
        n = rng.randint(1, 60)
        draw = draws[round]
        y: List[Any] = [None if rng.random() < 0.1 else draw() for _ in range(n)]
        times = [START - rng.randrange(spread) for _ in range(n)]
        order = sorted(range(n), key=lambda i: times[i])
        shop = Shop(tmp_path / f"{round}.feat", {"y": [y[i] for i in order]}, [times[i] for i in order])
        t = START + rng.choice([0, 1, HOUR, 3 * DAY + 5])
        items = [f"decayed_{what}(y, {h.sql()})" for h in HALF_LIVES for what in ("sum", "avg")]
        pairs = [(v, at) for v, at in zip(y, times) if v is not None]
        values, kept = [v for v, _ in pairs], [at for _, at in pairs]
        for i, (item, got) in enumerate(zip(items, shop.ask(items, t))):
            h = HALF_LIVES[i // 2].days * DAY + HALF_LIVES[i // 2].us
            mean = bool(i % 2)
            want = decayed(mean, values, kept, t, h)
            assert ref.bits(got) == ref.bits(want), item
            if round or got is None:
                continue
            weights = [2.0 ** (-(t - at) / h) if t - at <= 1100 * h else 0.0 for at in kept]  # a second opinion
            near = math.fsum(v * w for v, w in zip(values, weights))
            size = math.fsum(abs(v) * w for v, w in zip(values, weights))
            total = math.fsum(weights)
            if total > 1e-290:
                assert abs(got - (near / total if mean else near)) <= 1e-12 * (size / total if mean else size), item


def test_decay_ends(tmp_path: Any) -> None:
    """A value of 1,100 half-lives counts, an older one does not; infinities count as in a sum."""
    h = 1000
    times = [START - 1100 * h - 1, START - 1100 * h, START - h]
    shop = Shop(tmp_path / "s.feat", {"y": [math.inf, 1.0, None], "z": [1.0, 1e300, 3.0]}, times)
    items = ["decayed_sum(y, INTERVAL '1 millisecond')", "decayed_sum(z, INTERVAL '1 millisecond')", "decayed_avg(y, INTERVAL '1 millisecond')"]
    assert shop.ask(items, START) == [0.0, 1.5, 1.0]  # 2^-1100 is no double; 1e300 of it is lost beside 1.5
    assert shop.ask(items, START - h)[0] == math.inf
    assert shop.ask(items[:1], START + 10 * h) == [None]


@pytest.mark.parametrize("far", [0, 2**61])
def test_trend(tmp_path: Any, far: int) -> None:
    rng = random.Random(far)
    for round in range(4):
        n = rng.choice([1, 2, 3, 700])
        times = sorted(START + far + rng.randrange([1, 30, 40 * DAY, 10**6][round]) for _ in range(n))
        y = [0.25 * (at - START - far) / 10**6 + (rng.gauss(0, 1) if round % 2 else 0) for at in times]
        shop = Shop(tmp_path / f"{round}.feat", {"y": y}, times)
        got = shop.ask(["trend(y)", "trend(y) FILTER (WHERE y > 1e300)"], START + far + 50 * DAY)
        assert ref.bits(got[0]) == ref.bits(trend(y, times)) and got[1] is None
        if len(set(times)) > 1 and round % 2 == 0 and round:
            assert got[0] == pytest.approx(0.25, rel=1e-6)


# ---- long windows --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_long_windows(tmp_path: Any, seed: int) -> None:
    """Differences of states in the training set, values added up in serving: the same bits."""
    rng = random.Random(seed)
    n, keys = 6000, [1, 2, 3]
    nulls = seed % 2 == 1
    draw = [lambda: rng.gauss(5, 3), lambda: float(rng.randint(-50, 5000)) / 100, lambda: math.ldexp(rng.gauss(0, 1), rng.randint(-300, 300))][seed % 3]

    def values() -> List[Any]:
        special = [math.nan, math.inf, -math.inf] if seed == 4 else []
        return [None if nulls and rng.random() < 0.1 else rng.choice(special) if special and rng.random() < 0.001 else draw() for _ in range(n)]

    times = sorted(START + rng.randrange(100 * DAY) for _ in range(n))
    table = pa.table({
        "k": pa.array([rng.choice(keys) for _ in range(n)], pa.int64()), "y": pa.array(values(), pa.float64()), "z": pa.array(values(), pa.float64()),
        "b": pa.array([rng.random() < 0.9 for _ in range(n)], pa.bool_()), "d": pa.array([int(rng.random() > 0.0005) for _ in range(n)], pa.int64()),
        "ts": pa.array(times, pa.timestamp("us")),
    })  # fmt: skip
    calls = [f"{func}(y)" for func in ONE] + [f"{func}(y, z)" for func in TWO] + ["trend(z)", "corr(z, y) FILTER (WHERE b)", "stddev(DISTINCT z)"]
    if nulls:  # an error in some windows
        calls += ["var_pop(1 / CASE WHEN d = 0 THEN CAST('x' || d AS BIGINT) ELSE 1 END + y)"]
    frames = ["RANGE INTERVAL '60 days' PRECEDING", "", "RANGE BETWEEN INTERVAL '50 days' PRECEDING AND INTERVAL '3 days' PRECEDING", "RANGE INTERVAL '10 days' PRECEDING"]
    frames += ["ROWS 900 PRECEDING"] if seed == 2 else []
    items = [f"{call} OVER ({frame})" for call in calls for frame in frames]
    shop = libfeat.open(tmp_path / "s.feat")
    shop.define("CREATE TABLE e (k BIGINT, y DOUBLE, z DOUBLE, b BOOLEAN, d BIGINT, ts TIMESTAMP NOT NULL, ENTITY KEY (k), EVENT TIME (ts));")
    outputs = ", ".join(f"{item} AS f{i}" for i, item in enumerate(items))
    shop.define(f"CREATE FEATURE VIEW v AS SELECT k, {outputs} FROM e GROUP BY k; CREATE FEATURE SERVICE s AS v;")
    shop.append("e", table)
    rows = 300
    spine = {"k": [rng.choice(keys + [9]) for _ in range(rows)], "t": np.array([START + rng.randrange(110 * DAY) for _ in range(rows)], "datetime64[us]")}
    trained = shop.training_set("s", spine, "t", on_error="null").to_dict()
    shop.deploy("s")
    served = shop.reader("s").get({"k": np.array(spine["k"])}, now=spine["t"].astype("int64")).to_dict()
    there = 0
    for i, item in enumerate(items):
        ours, theirs = [[ref.bits(v) for v in answers[f"f{i}"]] for answers in (trained, served)]
        assert ours == theirs, item
        there += sum(v is not None for v in ours)
    assert there > len(items) * rows // 2
    # And one column from the rows themselves.
    columns = table.to_pydict()
    for r in rng.sample(range(rows), 3):
        at = int(spine["t"][r].astype("int64"))
        kept = [i for i, t in enumerate(times) if at - 60 * DAY <= t <= at and columns["k"][i] == spine["k"][r] and columns["y"][i] is not None]
        want = statistic("skewness", [columns["y"][i] for i in kept], []) if kept else None
        assert ref.bits(trained[f"f{calls.index('skewness(y)') * len(frames)}"][r]) == ref.bits(want)


# ---- the reference itself ------------------------------------------------------------------------------------------


def test_root() -> None:
    rng = random.Random(1)
    for _ in range(500):
        x = rng.choice([rng.random(), math.ldexp(rng.random(), rng.randint(-1070, 1020))])
        assert root(Fraction(x)) == math.sqrt(x)
        assert root(-Fraction(x) ** 2) == -x
    assert root(Fraction(1, 4)) == 0.5 and root(Fraction(2) ** 4000) == math.inf


def by_hand(func: str, x: Sequence[float], y: Sequence[float] = ()) -> Optional[float]:
    return statistic(func, x, y)


def test_by_hand() -> None:
    x, y = [1.0, 2.0, 4.0, 9.0], [3.0, 5.0, 9.0, 19.0]
    assert [by_hand(f, x) for f in ONE] == [38 / 3, 9.5, 3.559026084010437, 3.082207001484488, 1.541103500742244, 1.3309377322476703, 1.5, -1.0]
    assert [by_hand(f, y, x) for f in TWO] == [76 / 3, 19.0, 1.0, 2.0, 1.0, 1.0]
    assert [by_hand(f, [5.0]) for f in ONE] == [None, 0.0, None, 0.0, 0.0, None, None, None]
    assert [by_hand(f, [3.0, 1.0], [2.0, 2.0]) for f in TWO][2:4] == [pytest.approx(math.nan, nan_ok=True)] * 2
    assert [by_hand(f, [3.0, 1.0], [2.0, 2.0]) for f in TWO][4:] == [None, None]
    assert by_hand("regr_r2", [2.0, 2.0], [3.0, 1.0]) == 1.0
