"""Aggregates of truths, bits, lists, times and what depends on the order of the events: on both paths what DuckDB gives over the
rows of the window, where it has the function, else what plain Python gives. The generated worlds have them too (ordered.py)."""

from __future__ import annotations

import math
import datetime as dt
import random
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Callable, Dict, List

import duckdb
import numpy as np
import pyarrow as pa
import pytest

import libfeat
import reference as ref

DAY0 = int(np.datetime64("2024-01-01", "us").astype("int64"))

COLUMNS: Dict[str, Any] = {
    "x": ("BIGINT", pa.int64(), [0, 1, -1, 7, 2**62, -(2**63)]),
    "i": ("INTEGER", pa.int32(), [0, 5, -5, 2**31 - 1]),
    "h": ("TINYINT", pa.int8(), [0, 5, -128, 127]),
    "q": ("UTINYINT", pa.uint8(), [0, 5, 255]),
    "u": ("UBIGINT", pa.uint64(), [0, 3, 2**64 - 1]),
    "y": ("DOUBLE", pa.float64(), [0.0, -0.0, 0.5, 1.25, -3.0]),
    "r": ("REAL", pa.float32(), [0.5, 1.25, -3.0]),
    "s": ("TEXT", pa.string(), ["", "a", "b", "é"]),
    "z": ("BLOB", pa.binary(), [b"", b"\x00", b"ab"]),
    "m": ("DECIMAL(12,2)", pa.decimal128(12, 2), [Decimal("0.00"), Decimal("1.10"), Decimal("-2.25")]),
    "b": ("BOOLEAN", pa.bool_(), [True, False]),
    "d": ("DATE", pa.date32(), [date(2024, 1, 1), date(1999, 12, 31)]),
    "t": ("TIMESTAMP", pa.timestamp("us"), [DAY0, DAY0 + 1]),
}
INTEGERS = ("x", "i", "h", "q", "u")

#: What the library is asked, and what DuckDB is asked for the same.
PAIRS: List[tuple[str, str]] = [
    *((f"bit_{op}({c}) {{}}", f"bit_{op}({c})") for op in ("and", "or", "xor") for c in INTEGERS),
    ("bit_xor(DISTINCT x) FILTER (WHERE b) {}", "bit_xor(DISTINCT x) FILTER (WHERE b)"),
    ("count_if(b) {}", "count(*) FILTER (WHERE b)"),
    ("countif(x > 0) FILTER (WHERE b) {}", "count(*) FILTER (WHERE b AND x > 0)"),
    ("bool_and(b) {}", "bool_and(b)"),
    ("every(x > 0) {}", "bool_and(x > 0)"),
    ("bool_or(b) {}", "bool_or(b)"),
    *((f"any_value({c}) {{}}", f"any_value({c} ORDER BY ts, id)") for c in COLUMNS),
    ("any_value(s ORDER BY i DESC, id) {}", "any_value(s ORDER BY i DESC, id)"),
    *((f"first_value({c}) {{}}", f"first({c} ORDER BY ts, id)") for c in COLUMNS),
    *((f"last_value({c} IGNORE NULLS) {{}}", f"last({c} ORDER BY ts, id) FILTER (WHERE {c} IS NOT NULL)") for c in COLUMNS),
    *((f"nth_value({c}, 2) {{}}", f"list({c} ORDER BY ts, id)[2]") for c in COLUMNS),
    ("nth_value(s, 2) IGNORE NULLS {}", "list(s ORDER BY ts, id) FILTER (WHERE s IS NOT NULL)[2]"),
    *((f"arg_min({c}, id) {{}}", f"arg_min({c}, id)") for c in COLUMNS),
    *((f"max_by(id, {c}) {{}}", f"arg_max(id, {c} ORDER BY ts, id)") for c in COLUMNS if c != "y"),
    *((f"arg_max({c}, id, 3) {{}}", f"arg_max({c}, id, 3)") for c in COLUMNS),
    ("argmin(s, id, 100) FILTER (WHERE b) {}", "arg_min(s, id, 100) FILTER (WHERE b)"),
    *((f"list({c}) {{}}", f"list({c} ORDER BY ts, id)") for c in COLUMNS),
    *((f"list(DISTINCT {c} ORDER BY {c} DESC) {{}}", f"list(DISTINCT {c} ORDER BY {c} DESC)") for c in COLUMNS if c != "y"),
    ("array_agg(s ORDER BY i DESC NULLS FIRST, id) FILTER (WHERE b) {}", "list(s ORDER BY i DESC NULLS FIRST, id) FILTER (WHERE b)"),
    ("string_agg(s) {}", "string_agg(s, ',' ORDER BY ts, id)"),
    ("listagg(s, ' - ' ORDER BY x, id DESC) {}", "string_agg(s, ' - ' ORDER BY x, id DESC)"),
    ("group_concat(DISTINCT s, '' ORDER BY s) {}", "string_agg(DISTINCT s, '' ORDER BY s)"),
    ("time_since_last() {}", "(epoch_us({t}) - max(epoch_us(ts))) / 1e6"),
    ("time_since_last() FILTER (WHERE b) {}", "(epoch_us({t}) - max(epoch_us(ts)) FILTER (WHERE b)) / 1e6"),
    ("time_between() {}", "CASE WHEN count(*) > 1 THEN (max(epoch_us(ts)) - min(epoch_us(ts))) / (1e6 * (count(*) - 1)) END"),
]  # fmt: skip


def plain(value: Any) -> Any:
    """Values of both packages alike; NaN equals NaN, the sign of a zero is not compared."""
    if isinstance(value, (list, np.ndarray)):
        return [plain(v) for v in value]
    if isinstance(value, float):
        return "nan" if math.isnan(value) else value + 0.0
    if isinstance(value, np.datetime64):
        return value.astype("datetime64[us]").item()
    return value


def rows_of(rng: random.Random, n: int) -> pa.Table:
    nulls = rng.choice([0.0, 0.3])
    rows = {c: pa.array([None if rng.random() < nulls else rng.choice(v) for _ in range(n)], t) for c, (_, t, v) in COLUMNS.items()}
    rows["k"] = pa.array([rng.choice([1, 2]) for _ in range(n)], pa.int64())
    rows["id"] = pa.array(rng.sample(range(1000), n), pa.int64())
    rows["ts"] = pa.array([DAY0 + rng.randrange(20) for _ in range(n)], pa.timestamp("us"))
    return pa.table(rows)


TABLE = f"CREATE TABLE e ({', '.join(f'{c} {sql}' for c, (sql, _, _) in COLUMNS.items())}, k BIGINT, id BIGINT NOT NULL, ts TIMESTAMP NOT NULL, ENTITY KEY (k), EVENT TIME (ts), UNIQUE (id));"


@pytest.mark.parametrize("seed", range(4))
def test_beside_duckdb(tmp_path: Any, seed: int) -> None:
    rng = random.Random(seed)
    table = rows_of(rng, [1, 5, 60, 200][seed % 4])
    items = ", ".join(f"{ours.format('OVER w')} AS f{i}" for i, (ours, _) in enumerate(PAIRS))
    window = "WINDOW w AS (RANGE INTERVAL '10 microseconds' PRECEDING)"
    with libfeat.open(tmp_path / "s.feat") as store:
        store.define(f"{TABLE} CREATE FEATURE VIEW v AS SELECT k, {items} FROM e GROUP BY k {window}; CREATE FEATURE SERVICE s AS v;")
        store.append("e", table)
    times = [DAY0 + t for t in range(0, 35, 3)]
    spine = {"k": np.repeat([1, 2, 3], len(times)), "t": np.array(times * 3).view("datetime64[us]")}
    with libfeat.open(tmp_path / "s.feat") as store:  # the definition as it is stored
        trained = store.training_set("s", spine, "t").to_dict()
        assert repr(store.training_set("s", spine, "t", threads=3).to_dict()) == repr(trained)
        store.deploy("s")
        served = store.reader("s").get({"k": spine["k"]}, now=spine["t"].astype("int64")).to_dict()
    con = duckdb.connect()
    con.register("rows", table)
    con.execute("CREATE TABLE e AS FROM rows")
    seen = 0
    for r, (k, t) in enumerate(zip(spine["k"], spine["t"])):
        stamp = f"TIMESTAMP '{t}'"
        asked = ", ".join(theirs.replace("{t}", stamp) for _, theirs in PAIRS)
        query = f"SELECT {asked} FROM e WHERE k = {k} AND ts BETWEEN {stamp} - INTERVAL '10 microseconds' AND {stamp}"
        for i, want in enumerate(con.execute(query).fetchone()):
            got = trained[f"f{i}"][r]
            assert plain(got) == plain(want), (PAIRS[i], k, t, got, want)
            assert repr(served[f"f{i}"][r]) == repr(got), PAIRS[i]
            seen += got is not None
    assert seen > 10


def over_rows(tmp_path: Any, items: Dict[str, str], columns: Dict[str, Any], frame: str = "") -> Dict[str, Any]:
    """Each item over all rows of one entity, asked a day after the last one, checked to be the same on both paths."""
    types = {n: t for n, (t, _) in columns.items()}
    n = len(next(iter(columns.values()))[1])
    arrays = {name: pa.array(values, kind) for name, (kind, values) in columns.items()}
    table = pa.table({**arrays, "k": [1] * n, "id": list(range(n)), "ts": pa.array([DAY0 + 10 * i for i in range(n)], pa.timestamp("us"))})
    sql = {pa.int64(): "BIGINT", pa.float64(): "DOUBLE", pa.string(): "TEXT", pa.bool_(): "BOOLEAN", pa.uint64(): "UBIGINT",
           pa.timestamp("us"): "TIMESTAMP", pa.decimal128(38, 0): "DECIMAL(38,0)"}  # fmt: skip
    names = {n: sql.get(t) or f"{'REAL' if t.value_type == pa.float32() else 'DOUBLE'}[{t.list_size}]" for n, t in types.items()}
    with libfeat.open(tmp_path / f"{random.random()}.feat") as store:
        store.define(
            f"CREATE TABLE e ({', '.join(f'{n} {t}' for n, t in names.items())}, k BIGINT, id BIGINT NOT NULL, ts TIMESTAMP NOT NULL,"
            f"ENTITY KEY (k), EVENT TIME (ts), UNIQUE (id));"
            f"CREATE FEATURE VIEW v AS SELECT k, {', '.join(f'{s} OVER ({frame}) AS {n}' for n, s in items.items())} FROM e GROUP BY k;"
            "CREATE FEATURE SERVICE s AS v;"
        )
        store.append("e", table)
        spine = {"k": [1], "t": np.array([DAY0 + 86_400_000_000]).view("datetime64[us]")}
        trained = store.training_set("s", spine, "t", on_error="null", status=True)
        store.deploy("s")
        served = store.reader("s").get({"k": np.array([1])}, now=spine["t"].astype("int64"))
        values, again = trained.to_dict(), served.to_dict()
        out = {name: values[name][0] for name in items}
        for name in items:
            assert repr(again[name][0]) == repr(out[name]), name
            if libfeat.STATUS[served.status[name][0]] == "error":
                out[name] = "error"
        return out


def test_products(tmp_path: Any) -> None:
    rng = random.Random(5)
    n, size, wrong = 40, 60, 0
    draws: List[Callable[[], float]] = [
        lambda: rng.uniform(-3, 3),
        lambda: math.ldexp(rng.random(), rng.randint(-600, 600)),
        lambda: float(rng.randint(-9, 9) or 1),
    ]
    factors = [[rng.choice(draws)() for _ in range(rng.randint(1, size))] for _ in range(n)]
    columns = {f"y{i}": (pa.float64(), [*values, *[None] * (size - len(values))]) for i, values in enumerate(factors)}
    got = over_rows(tmp_path, {f"p{i}": f"product(y{i})" for i in range(n)}, columns)
    for i, values in enumerate(factors):
        exact, running = Fraction(1), 1.0
        for v in values:
            exact *= Fraction(v)
            running *= v
        want = ref.rounded(abs(exact)) * (1 if exact > 0 else -1)
        assert ref.bits(got[f"p{i}"]) == ref.bits(want)
        wrong += ref.bits(running) != ref.bits(want)
    assert wrong > 5


@pytest.mark.parametrize("kind", [pa.float32(), pa.float64()])
def test_vectors(tmp_path: Any, kind: Any) -> None:
    rng = random.Random(7)
    size = 37  # more than are looked at together
    draw: Callable[[], Any] = lambda: rng.choice([None, 0.0, -0.0, 0.1, -1e30, 1e30, rng.uniform(-1, 1), math.inf])
    vectors: List[Any] = [None if rng.random() < 0.2 else [draw() for _ in range(size)] for _ in range(50)]
    vectors = [v if v is None else [None] + v[1:] for v in vectors]  # one element that is always NULL
    array = pa.array(vectors, pa.list_(kind, size))
    items = {f: f"{f}(v)" for f in ("sum", "avg", "min", "max")}
    got = over_rows(tmp_path, items, {"v": (pa.list_(kind, size), array.to_pylist())})
    for i in range(size):
        values = [v[i] for v in array.to_pylist() if v is not None and v[i] is not None]
        for func in items:
            one = ref.Aggregate(func, ref.Column("y", ref.DOUBLE), "")
            want = one.over([{"y": v} for v in values])
            element = got[func][i]
            assert ref.bits(None if element is None else float(element)) == ref.bits(want), (func, i)


def test_edges(tmp_path: Any) -> None:
    inf, nan = math.inf, math.nan
    whole = pa.decimal128(38, 0)
    nines = Decimal("9" * 38)
    columns: Dict[str, Any] = {
        "x": (pa.int64(), [2**63 - 1, None, -2, 5]),
        "y": (pa.float64(), [inf, inf, None, 1.0]),
        "z": (pa.float64(), [1.0, nan, None, 0.0]),
        "a": (pa.float64(), [-0.0, 0.0, -0.0, 0.0]),
        "b": (pa.bool_(), [True, True, None, True]),
        "c": (pa.bool_(), [False, True, True, True]),
        "m": (whole, [nines, None, Decimal("-" + "9" * 38), None]),
        "u": (pa.uint64(), [2**64 - 1, 0, 5, None]),
        "s": (pa.string(), ["p", "q", "r", "s"]),
        "t": (pa.timestamp("us"), [0, None, 2**62, -1]),
        "one": (pa.int64(), [None, None, None, 3]),
    }
    cases: Dict[str, tuple[str, Any]] = {
        "fall": ("drawdown(x)", "error"),
        "late_fall": ("drawdown(x) FILTER (WHERE x < 9)", 0),
        "infinite": ("drawdown(y)", inf),
        "nan": ("drawdown(z)", nan),
        "zeros": ("drawdown(a)", 0.0),
        "wide": ("drawdown(m)", "error"),
        "unsigned": ("drawdown(u)", Decimal(2**64 - 1)),
        "single": ("drawdown(one)", 0),
        "broken": ("streak(b)", 1),
        "unbroken": ("streak(b) FILTER (WHERE b IS NOT NULL)", 3),
        "passed": ("streak(b IGNORE NULLS)", 3),
        "three": ("streak(c)", 3),
        "no_rows": ("streak(c) FILTER (WHERE FALSE)", 0),
        "counted": ("count_if(b)", 3),
        "none_counted": ("count_if(b) FILTER (WHERE FALSE)", 0),
        "least": ("arg_min(s, a)", "p"),
        "greatest": ("arg_max(s, a)", "q"),
        "all_by": ("arg_max(s, a, 9)", ["q", "s", "p", "r"]),
        "nan_is_greatest": ("arg_max(s, z)", "q"),
        "null_x": ("arg_min(x, t)", 5),
        "distinct_zeros": ("list(DISTINCT a)", [-0.0]),
        "distinct_backwards": ("list(DISTINCT a) FILTER (WHERE s > 'p')", [0.0]),
        "distinct_pairs": ("arg_min(DISTINCT s, b, 9)", ["p", "q", "s"]),
        "second_distinct": ("nth_value(DISTINCT b, 2)", None),
        "too_far": ("nth_value(s, 5)", None),
        "gap": ("time_between()", 1e-05),
        "gap_of_one": ("time_between() FILTER (WHERE s = 'q')", None),
        "gap_of_two": ("time_between() FILTER (WHERE s IN ('p', 's'))", 3e-05),
        "since": ("time_since_last()", 86399.99997),
        "texts": ("string_agg(s, ', ')", "p, q, r, s"),
        "joined": ("string_agg(s, '' ORDER BY s DESC)", "srqp"),
        "no_list": ("list(s) FILTER (WHERE FALSE)", None),
        "nulls_listed": ("list(one)", [None, None, None, 3]),
        "nulls_passed": ("list(one IGNORE NULLS)", [3]),
        "poisoned": ("list(x + 1)", "error"),
        "not_poisoned": ("any_value(x + 1) FILTER (WHERE x < 9)", -1),
        "any_poisoned": ("any_value(x + 1)", "error"),
        "count_poisoned": ("count_if(x + 1 > 0)", "error"),
        "y_poisoned": ("arg_max(s, x + 1)", "error"),
        "key_poisoned": ("list(s ORDER BY x + 1)", "error"),
        "product_of_ints": ("product(x)", float(Fraction(-10) * Fraction(float(2**63 - 1)))),
        "nan_product": ("product(y) FILTER (WHERE y > 5)", inf),
    }
    got = over_rows(tmp_path, {n: s for n, (s, _) in cases.items()}, columns)
    for name, (sql, want) in cases.items():
        assert ref.bits(plain_bits(got[name])) == ref.bits(want), (sql, got[name], want)
    stamps = over_rows(tmp_path, {"f": "list(t)", "g": "any_value(t ORDER BY t)"}, {"t": (pa.timestamp("us"), [5, None, 0])})
    assert [None if v is None else int(np.datetime64(v, "us").astype("int64")) for v in stamps["f"]] == [5, None, 0]


def plain_bits(value: Any) -> Any:
    return list(value) if isinstance(value, np.ndarray) else value


def test_words_are_the_same_definition(tmp_path: Any) -> None:
    """Another name of an aggregate changes no fingerprint: OR REPLACE with an equal one makes no version."""
    pairs = [
        ("any_value(x)", "first(x IGNORE NULLS)"),
        ("first_value(x)", "first(x)"),
        ("count_if(b)", "count(CASE WHEN b THEN TRUE END)"),
        ("min_by(x, y)", "arg_min(x, y)"),
        ("array_agg(x)", "list(x)"),
        ("group_concat(s, '-')", "string_agg(s, '-')"),
        ("every(b)", "bool_and(b)"),
    ]
    with libfeat.open(tmp_path / "s.feat") as store:
        store.define(TABLE)
        for i, (short, long) in enumerate(pairs):
            prints = []
            for j, sql in enumerate((short, long)):
                store.define(f"CREATE FEATURE VIEW v{i}{j} AS SELECT k, {sql} AS f FROM e GROUP BY k;"
                             f"CREATE FEATURE SERVICE s{i}{j} AS SELECT v.f AS f FROM REQUEST (k BIGINT) AS r LEFT JOIN v{i}{j} v USING (k);")  # fmt: skip
                spine = {"k": [1], "t": np.array([DAY0]).view("datetime64[us]")}
                prints.append(store.training_set(f"s{i}{j}", spine, "t").fingerprint)
            assert prints[0] == prints[1], short


REFUSED = {
    "lead(x)": "lead looks at rows that come after the current one",
    "time_since_last(x)": "takes 0 arguments",
    "time_since_last() IGNORE NULLS": "means nothing in time_since_last()",
    "count() IGNORE NULLS": "means nothing in count(*)",
    "count_if(x)": "expected a condition",
    "count_if(*)": "count_if takes one argument",
    "any_value(DISTINCT x)": "DISTINCT means nothing in any_value",
    "any_value(x RESPECT NULLS)": "write first(x)",
    "list(DISTINCT x ORDER BY y)": "can be ordered by itself alone",
    "nth_value(x)": "takes 1 argument and a whole number above 0",
    "nth_value(x, 0)": "a whole number above 0",
    "nth_value(x, i)": "single events",
    "arg_min(x)": "takes 2 arguments and perhaps a whole number",
    "arg_max(x, y, 0)": "a whole number above 0",
    "string_agg(x)": "string_agg does not take BIGINT",
    "string_agg(s, NULL)": "a constant: a text",
    "bit_and(b)": "bit_and does not take BOOLEAN",
    "bit_and(y)": "bit_and does not take DOUBLE",
    "bit_or(m)": "bit_or does not take DECIMAL",
    "product(s)": "product does not take TEXT",
    "drawdown(d)": "drawdown does not take DATE",
    "streak(x)": "streak does not take BIGINT",
    "first(CASE WHEN ts > now() - INTERVAL '1 day' THEN x ELSE 0 END IGNORE NULLS)": "write the clock into the FILTER",
    "arg_min(CASE WHEN ts > now() - INTERVAL '1 day' THEN x ELSE 0 END, y)": "write the clock into the FILTER",
}


@pytest.mark.parametrize("sql", REFUSED)
def test_refused(tmp_path: Any, sql: str) -> None:
    with libfeat.open(tmp_path / "s.feat") as store:
        store.define(TABLE)
        with pytest.raises(libfeat.Error) as raised:
            store.define(f"CREATE FEATURE VIEW v AS SELECT k, {sql} AS f FROM e GROUP BY k;")
        assert REFUSED[sql] in str(raised.value)


def test_the_clock_in_a_case(tmp_path: Any) -> None:
    """A NULL outside the bounds stands for no value where NULLs are passed over."""
    inside = "CASE WHEN ts >= now() - INTERVAL '2 microseconds' THEN x END"
    with libfeat.open(tmp_path / "s.feat") as store:
        store.define(
            f"{TABLE} CREATE FEATURE VIEW v AS SELECT k, first({inside} IGNORE NULLS) AS a, any_value({inside}) AS b, list({inside}) AS c,"
            f"arg_min({inside}, id) AS d, nth_value({inside}, 1) AS e, count_if(ts >= now() - INTERVAL '2 microseconds') AS f FROM e GROUP BY k;"
            "CREATE FEATURE SERVICE s AS v;"
        )
        rows: Dict[str, Any] = {"x": [1, 2, 3, 4], "k": [1] * 4, "id": [1, 2, 3, 4], "ts": pa.array([1, 2, 3, 4], pa.timestamp("us"))}
        store.append("e", pa.table({**rows, **{c: pa.nulls(4, t) for c, (_, t, _) in COLUMNS.items() if c != "x"}}))
        got = store.training_set("s", {"k": [1], "t": np.array([4]).view("datetime64[us]")}, "t").to_dict()
        assert {n: got[n][0] for n in "abcdef"} == {"a": 2, "b": 2, "c": [None, 2, 3, 4], "d": 2, "e": None, "f": 3}


def test_two_arguments_under_the_clock_and_a_where_that_fails(tmp_path: Any) -> None:
    """A row whose WHERE is an error counts outside the clock's bounds too; the definition is read again as it was written."""
    path = tmp_path / "s"
    with libfeat.open(path) as store:
        store.define(
            "CREATE TABLE e (k BIGINT NOT NULL, s TEXT, x BIGINT, y DOUBLE, t TIMESTAMP NOT NULL, ENTITY KEY (k), EVENT TIME (t));"
            "CREATE FEATURE VIEW v AS SELECT k, sum_map(s, y) FILTER (WHERE t >= date_trunc('day', now())) AS today, arg_min(s, y) FILTER (WHERE t >= date_trunc('day', now())) AS least "
            "FROM e WHERE x * x > 0 GROUP BY k; CREATE FEATURE SERVICE sv AS v;"
        )
        at = [dt.datetime(2024, 1, 1, h) for h in (1, 2)] + [dt.datetime(2024, 1, 2, h) for h in (1, 2)]
        store.append("e", {"k": [1, 2, 1, 2], "s": ["a", "b", "c", "d"], "x": [2**62, 1, 3, 4], "y": [1.0, 2.0, 3.0, 4.0], "t": at})
    with libfeat.open(path) as store:
        spine = {"k": [1, 2, 2], "t": [dt.datetime(2024, 1, 2, 12), dt.datetime(2024, 1, 2, 12), dt.datetime(2024, 1, 3)]}
        got = store.training_set("sv", spine, "t", status=True, on_error="null").to_dict()
        assert got["least"] == [None, "d", None] and got["least__status"] == [libfeat.STATUS.index(s) for s in ("error", "present", "null")]
        assert got["today__status"][0] == libfeat.STATUS.index("error") and len(got["today"][1]) == 1
