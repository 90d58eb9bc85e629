"""Aggregates over windows of real data, against DuckDB and exact arithmetic.

For entities drawn as often as they are active, at times of their events, on the edges of windows and a microsecond beside them, DuckDB joins each
spine row with the events of each window. Where it computes exactly (counts, integers, least and greatest values, values by order, truths)
its answers must be ours. Where it rounds on the way, ours must be the exact value of what it lists for the window, rounded once; how
many of its own differ from that is printed. Aggregates are in these tables from before they exist: those that the library does not know
are named in the output. FEAT_TEST_LONG=1 asks for ten times as many spine rows.

The files are found as in test_data.py; without them these tests are skipped.
"""

from __future__ import annotations

import math
import os
import random
from collections import Counter
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

import duckdb
import pyarrow as pa
import pytest

import libfeat
from test_data import data_file

# ---- windows -----------------------------------------------------------------------------------------------------

#: Name: the frame here, and its lower and upper bound on the event time there.
WINDOWS: Dict[str, Tuple[str, str]] = {
    "hour": ("RANGE INTERVAL '1 hour' PRECEDING", "e.happened BETWEEN s.happened - INTERVAL 1 HOUR AND s.happened"),
    "day": ("RANGE INTERVAL '1 day' PRECEDING", "e.happened BETWEEN s.happened - INTERVAL 1 DAY AND s.happened"),
    "week": ("RANGE INTERVAL '7 days' PRECEDING", "e.happened BETWEEN s.happened - INTERVAL 7 DAY AND s.happened"),
    "month": ("RANGE INTERVAL '1 month' PRECEDING", "e.happened BETWEEN s.happened - INTERVAL 1 MONTH AND s.happened"),
    "quarter": ("RANGE INTERVAL '90 days' PRECEDING", "e.happened BETWEEN s.happened - INTERVAL 90 DAY AND s.happened"),
    "odd": ("RANGE INTERVAL '36 hours 17 microseconds' PRECEDING", "e.happened BETWEEN s.happened - INTERVAL 129600000017 MICROSECOND AND s.happened"),
    "before": (
        "RANGE BETWEEN INTERVAL '30 days' PRECEDING AND INTERVAL '7 days' PRECEDING",
        "e.happened BETWEEN s.happened - INTERVAL 30 DAY AND s.happened - INTERVAL 7 DAY",
    ),
    "open": ("RANGE INTERVAL '7 days' PRECEDING CLOSED left", "e.happened >= s.happened - INTERVAL 7 DAY AND e.happened < s.happened"),
    "since": ("SINCE month", "e.happened BETWEEN date_trunc('month', s.happened) AND s.happened"),
    "ever": ("RANGE UNBOUNDED PRECEDING", "e.happened <= s.happened"),
}
EDGES = [0, 3_600_000_000, 86_400_000_000, 129_600_000_017, *(n * 86_400_000_000 for n in (7, 30, 90))]

# ---- what is exact there -----------------------------------------------------------------------------------------

#: Our call, DuckDB's where it is another one. {i} is an integer column, {y} and {z} are doubles, {s} is a text; the canonical order is
#: that of happened and line.
EQUAL: List[Tuple[str, str]] = [
    *((call, "") for call in ("count(*)", "count({i})", "count({y})", "count({s})", "sum({i})", "sum(DISTINCT {i})")),
    *((f"{f}({{{c}}})", "") for f in ("min", "max") for c in ("i", "y", "s")),
    *((f"count(DISTINCT {{{c}}})", "") for c in "iys"),
    ("min(happened)", ""),
    ("max(happened)", ""),
    ("count(*) FILTER (WHERE {i} > 2)", ""),
    ("max({y}) FILTER (WHERE {s} > 'E')", ""),
    *((f"{f}({{{c}}})", f"{f}({{{c}}} ORDER BY happened, line)") for f in ("first", "last") for c in "iys"),
    ("first({i} ORDER BY {y} DESC, line)", ""),
    ("last({y} ORDER BY {i}, line)", ""),
    ("bool_and({i} > 0)", ""),
    ("bool_or({i} > 100)", ""),
    ("count_if({i} > 2)", "count(*) FILTER (WHERE {i} > 2)"),
    ("bit_and({i})", ""),
    ("bit_or({i})", ""),
    ("bit_xor({i})", ""),
    ("any_value({y})", "any_value({y} ORDER BY happened, line)"),
    ("nth_value({i}, 3)", "list_extract(list({i} ORDER BY happened, line), 3)"),
    ("arg_min({s}, {y})", "arg_min({s}, {y} ORDER BY happened, line)"),
    ("arg_max({i}, {y})", "arg_max({i}, {y} ORDER BY happened, line)"),
    ("list({i})", "list({i} ORDER BY happened, line)"),
    ("string_agg({s}, '|')", "string_agg({s}, '|' ORDER BY happened, line)"),
    ("list_distinct({s})", "list_sort(list(DISTINCT {s}) FILTER (WHERE {s} IS NOT NULL))"),
]

# ---- what is rounded there ---------------------------------------------------------------------------------------

Values = Dict[str, List[Any]]  #: of a window, by column: in canonical order, NULLs among them


def present(v: Values, *columns: str) -> List[Any]:
    """Values that are not NULL, as fractions; of several columns tuples, of rows where none is NULL."""
    rows = [tuple(Fraction(x) for x in row) for row in zip(*(v[c] for c in columns)) if None not in row]
    return [row[0] for row in rows] if len(columns) == 1 else rows


def total(values: Sequence[Fraction]) -> Fraction:
    """The sum; doubles are whole numbers of some power of two, which adds faster than fractions do."""
    scale = max((x.denominator for x in values), default=1)
    return Fraction(sum(x.numerator * (scale // x.denominator) for x in values), scale)


def mean(values: Sequence[Fraction]) -> Optional[Fraction]:
    return total(values) / len(values) if values else None


def between(values: Sequence[Fraction], q: Fraction) -> Optional[Fraction]:
    if not values:
        return None
    ordered, place = sorted(values), q * (len(values) - 1)
    low = int(place)
    return ordered[low] + (ordered[min(low + 1, len(ordered) - 1)] - ordered[low]) * (place - low)


def moment(pairs: Sequence[Tuple[Fraction, Fraction]]) -> Fraction:
    """The sum of the products of the deviations from the means."""
    xs, ys = [x for x, _ in pairs], [y for _, y in pairs]
    return total([x * y for x, y in pairs]) - total(xs) * total(ys) / len(pairs)


def spread(values: Sequence[Fraction], less: int) -> Optional[Fraction]:
    return moment([(x, x) for x in values]) / (len(values) - less) if len(values) > less else None


def root(square: Optional[Fraction]) -> Optional[Fraction]:
    """Far more digits than a double has."""
    if square is None:
        return None
    with localcontext() as context:
        context.prec = 60
        return Fraction((Decimal(square.numerator) / Decimal(square.denominator)).sqrt())


def correlation(pairs: Sequence[Tuple[Fraction, Fraction]]) -> Union[Fraction, float, None]:
    """NaN where one of the two does not vary."""
    if not pairs:
        return None
    x, y = spread([x for x, _ in pairs], 0), spread([y for _, y in pairs], 0)
    return moment(pairs) / len(pairs) / root(x * y) if x and y else math.nan


def slope(v: Values) -> Union[Fraction, float, None]:
    pairs = present(v, "y", "z")
    across = moment([(z, z) for _, z in pairs]) if pairs else Fraction(0)
    return (moment(pairs) / across if across else math.nan) if pairs else None


def commonest(values: Sequence[Any]) -> Optional[Any]:
    return min(Counter(values).items(), key=lambda item: (-item[1], item[0]))[0] if values else None


def gaps(v: Values) -> Optional[Fraction]:
    times = v["at"]
    return Fraction(times[-1] - times[0], 1_000_000 * (len(times) - 1)) if len(times) > 1 else None


class Exact(NamedTuple):
    call: str
    value: Callable[[Values], Any]  #: None, or a number that is rounded once
    duck: str = ""  #: where it is another call, "-" where there is none
    ulps: int = 0  #: how far ours may be away, where it is not promised to be rounded once


EXACT = [
    Exact("sum({y})", lambda v: total(present(v, "y")) if present(v, "y") else None),
    Exact("sum({i} * {y})", lambda v: rounded_products(v)),
    Exact("avg({y})", lambda v: mean(present(v, "y"))),
    Exact("avg({i})", lambda v: mean(present(v, "i"))),
    Exact("sum(DISTINCT {y})", lambda v: total(list(set(present(v, "y")))) if present(v, "y") else None),
    Exact("avg(DISTINCT {z})", lambda v: mean(list(set(present(v, "z"))))),
    Exact("median({y})", lambda v: between(present(v, "y"), Fraction(1, 2))),
    Exact("quantile_cont({z}, 0.9)", lambda v: between(present(v, "z"), Fraction(9, 10))),
    Exact("quantile_disc({y}, 0.25)", lambda v: sorted(present(v, "y"))[max(math.ceil(len(present(v, "y")) / 4) - 1, 0)] if present(v, "y") else None),
    Exact("mode({i})", lambda v: commonest([x for x in v["i"] if x is not None]), "-"),
    Exact("mode({s})", lambda v: commonest([x for x in v["s"] if x is not None]), "-"),
    Exact("var_samp({y})", lambda v: spread(present(v, "y"), 1), "", 1),
    Exact("var_pop({i})", lambda v: spread(present(v, "i"), 0), "", 1),
    Exact("stddev_samp({y})", lambda v: root(spread(present(v, "y"), 1)), "", 1),
    Exact("stddev_pop({z})", lambda v: root(spread(present(v, "z"), 0)), "", 1),
    Exact("covar_pop({y}, {z})", lambda v: moment(present(v, "y", "z")) / len(present(v, "y", "z")) if present(v, "y", "z") else None, "", 1),
    Exact("covar_samp({y}, {i})", lambda v: moment(present(v, "y", "i")) / (len(present(v, "y", "i")) - 1) if len(present(v, "y", "i")) > 1 else None, "", 1),
    Exact("corr({y}, {i})", lambda v: correlation(present(v, "y", "i")), "-", 4),
    Exact("regr_slope({y}, {z})", slope, "-", 4),
    Exact("time_between()", gaps, "-"),
    Exact("distinct_ratio({i})", lambda v: Fraction(len(set(present(v, "i"))), len(present(v, "i"))) if present(v, "i") else None, "-"),
]

def rounded_products(v: Values) -> Optional[Fraction]:
    """An event's product is a double of its own before it is added."""
    products = [Fraction(i * y) for i, y in zip(v["i"], v["y"]) if i is not None and y is not None]
    return total(products) if products else None


# ---- the data ----------------------------------------------------------------------------------------------------


class Data(NamedTuple):
    file: str
    rows: str  #: as a query of DuckDB over {file}: line, happened, the keys and the columns
    types: str
    keys: Tuple[str, ...]
    roles: Dict[str, str]


DATA = {
    "retail": Data(
        "online_retail.csv.gz",
        """SELECT row_number() OVER () AS line, InvoiceDate AS happened, TRY_CAST(CAST(CustomerID AS DOUBLE) AS BIGINT) AS customer, StockCode AS stock,
           CAST(Quantity AS BIGINT) AS quantity, CAST(UnitPrice AS DOUBLE) AS price, CAST(Quantity AS DOUBLE) * CAST(UnitPrice AS DOUBLE) AS revenue,
           Country AS country, Description AS description
           FROM read_csv('{file}', types = {{'StockCode': 'VARCHAR', 'InvoiceNo': 'VARCHAR', 'CustomerID': 'VARCHAR', 'InvoiceDate': 'TIMESTAMP'}})""",
        "customer BIGINT, stock TEXT, quantity BIGINT, price DOUBLE, revenue DOUBLE, country TEXT, description TEXT",
        ("customer", "stock"),
        {"i": "quantity", "y": "price", "z": "revenue", "s": "description"},
    ),
    "flights": Data(
        "nycflights13/flights.csv.gz",
        """SELECT row_number() OVER () AS line, CAST(make_date(year, month, day) AS TIMESTAMP) + to_hours(coalesce(hour, 0)) + to_minutes(coalesce(minute, 0)) AS happened,
           tailnum, flight, dest, CAST(dep_delay AS BIGINT) AS dep_delay, CAST(distance AS DOUBLE) / air_time AS speed, CAST(arr_delay AS DOUBLE) AS arr_delay
           FROM (SELECT * REPLACE (CAST(hour AS BIGINT) AS hour, CAST(minute AS BIGINT) AS minute) FROM read_csv('{file}', nullstr = ['NA', '']))""",
        "tailnum TEXT, flight BIGINT, dest TEXT, dep_delay BIGINT, speed DOUBLE, arr_delay DOUBLE",
        ("tailnum", "flight"),
        {"i": "dep_delay", "y": "speed", "z": "arr_delay", "s": "dest"},
    ),
    "weather": Data(
        "nycflights13/weather.csv.gz",
        """SELECT row_number() OVER () AS line, CAST(make_date(year, month, day) AS TIMESTAMP) + to_hours(CAST(hour AS BIGINT)) AS happened, origin,
           CAST(wind_dir AS BIGINT) AS wind_dir, CAST(temp AS DOUBLE) AS temp, CAST(pressure AS DOUBLE) AS pressure, CAST(visib AS VARCHAR) AS visible
           FROM read_csv('{file}', nullstr = ['NA', ''])""",
        "origin TEXT, wind_dir BIGINT, temp DOUBLE, pressure DOUBLE, visible TEXT",
        ("origin",),
        {"i": "wind_dir", "y": "temp", "z": "pressure", "s": "visible"},
    ),
}
#: Spine rows of a case; an origin has 8,700 hours, all of which are listed for its longest windows.
ROWS = {"retail": 120, "flights": 120, "weather": 12}
TIMES = 10 if os.environ.get("FEAT_TEST_LONG") else 1


@pytest.fixture(scope="module", params=list(DATA))
def data(request: Any, tmp_path_factory: Any) -> Iterator[Any]:
    """The data, its rows as DuckDB's table e, and a store with the same rows."""
    name = request.param
    this = DATA[name]
    file = data_file(this.file)
    with duckdb.connect() as con, libfeat.open(tmp_path_factory.mktemp(name) / "store") as store:
        con.execute("SET TimeZone = 'UTC'; SET threads = 1")
        con.execute("CREATE TABLE e AS " + this.rows.format(file=file))
        store.define(
            f"CREATE TABLE e (line BIGINT NOT NULL, happened TIMESTAMP NOT NULL, {this.types}, ENTITY KEY ({this.keys[0]}), EVENT TIME (happened), UNIQUE (line));"
        )
        store.append("e", con.cursor().sql("FROM e ORDER BY hash(line)").to_arrow_table())
        yield name, con, store


def known(store: Any, calls: Sequence[str], key: str) -> List[bool]:
    out = []
    for call in calls:
        try:
            store.define(f"CREATE FEATURE VIEW probe AS SELECT {key}, {call} OVER w AS f FROM e GROUP BY {key} WINDOW w AS (SINCE day); DROP FEATURE VIEW probe;")
            out.append(True)
        except libfeat.DefinitionError as e:
            if "is no aggregate" not in str(e):
                raise
            out.append(False)
    return out


def spine(con: Any, key: str, rows: int) -> pa.Table:
    """Entities as often as they have events, one that nobody has, and none; times at events of theirs, and as far behind as a window is long."""
    rng = random.Random(key)
    drawn = con.execute(f"SELECT {key}, epoch_us(happened) FROM e WHERE {key} IS NOT NULL ORDER BY hash(line + 7) LIMIT {rows}").fetchall()
    months = con.execute("SELECT DISTINCT epoch_us(date_trunc('month', happened)) FROM e ORDER BY 1").fetchall()
    keys, times = [], []
    for entity, at in drawn:
        keys.append(entity)
        times.append((rng.choice(months)[0] if rng.random() < 0.1 else at + rng.choice(EDGES)) + rng.choice([0, 0, 1, -1]))
    keys[0] = None
    keys[1] = "nobody" if isinstance(keys[2], str) else -1
    times[2] = 0
    return pa.table({"rid": range(len(keys)), key: keys, "happened": pa.array(times).cast(pa.timestamp("us"))})


def plain(value: Any) -> Any:
    """Values of the two sides alike: HUGEINT and DECIMAL as int."""
    if isinstance(value, Decimal) and value == int(value):
        return int(value)
    return value


def rounded(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else value.numerator / value.denominator


def as_expected(got: Any, want: Any, ulps: int) -> bool:
    if want is None or got is None or isinstance(want, str):
        return got is None and want is None or got == want
    if isinstance(want, float):
        return bool(math.isnan(want) and math.isnan(got))
    exact = rounded(want)
    return got == exact or (ulps > 0 and abs(got - exact) <= ulps * math.ulp(exact))


@pytest.mark.parametrize("number", [0, 1])
def test_windows_of_real_data(data: Any, number: int, capsys: Any) -> None:
    name, con, store = data
    this = DATA[name]
    if number >= len(this.keys):
        pytest.skip("has one key")
    key, roles = this.keys[number], this.roles
    equal = [(ours.format(**roles), (theirs or ours).format(**roles)) for ours, theirs in EQUAL]
    exact = [e._replace(call=e.call.format(**roles), duck=(e.duck or e.call).format(**roles)) for e in EXACT]
    calls = [ours for ours, _ in equal] + [e.call for e in exact]
    have = known(store, calls, key)
    missing = [call for call, h in zip(calls, have) if not h]
    assert not missing
    equal = [pair for pair, h in zip(equal, have) if h]
    exact = [e for e, h in zip(exact, have[len(have) - len(exact) :]) if h]

    rows = spine(con, key, ROWS[name] * TIMES)
    features = {}
    for i, call in enumerate([ours for ours, _ in equal] + [e.call for e in exact]):
        for w in WINDOWS:
            features[call, w] = (f"f{i}_{w}", f"{call} OVER {w}")
    items = ", ".join(f"{call} AS {feature}" for feature, call in features.values())
    frames = ", ".join(f"{w} AS ({frame})" for w, (frame, _) in WINDOWS.items())
    store.define(f"CREATE FEATURE VIEW by_{key} AS SELECT {key}, {items} FROM e GROUP BY {key} WINDOW {frames}; CREATE FEATURE SERVICE of_{key} AS by_{key};")
    trained = store.training_set(f"of_{key}", rows, "happened").to_arrow()

    con.register("given", rows)
    con.execute("CREATE OR REPLACE TABLE s AS FROM given")
    compared, wrong, worst, bits = 0, 0, 0.0, 0
    for w, (_, condition) in WINDOWS.items():
        lists = [f"list({c} ORDER BY e.happened, line)" for c in (*(roles[r] for r in "iyzs"), "epoch_us(e.happened)")]
        duck = [e.duck if e.duck != "-" else "NULL" for e in exact]
        parts = ", ".join([call.replace("happened", "e.happened") for _, call in equal] + duck + lists)
        query = f"SELECT s.rid, {parts} FROM s JOIN e ON e.{key} = s.{key} AND {condition} GROUP BY s.rid"
        answers = {row[0]: row[1:] for row in con.execute(query).fetchall()}
        columns = {call: trained[features[call, w][0]].to_pylist() for call in (*(ours for ours, _ in equal), *(e.call for e in exact))}
        for rid in range(rows.num_rows):
            answer = answers.get(rid)
            where = f"{name} by {key}, spine row {rid} ({rows[key][rid]} at {rows['happened'][rid]}), {w}"
            for i, (ours, _) in enumerate(equal):
                want = (0 if ours.startswith("count") else None) if answer is None else plain(answer[i])
                got = columns[ours][rid]
                assert got == want and type(got) is type(want), f"{where}: {ours} is {got!r}, DuckDB says {want!r}"
                compared += 1
            values: Values = {c: [] for c in ("i", "y", "z", "s", "at")}
            if answer is not None:
                values = dict(zip(("i", "y", "z", "s", "at"), answer[len(equal) + len(exact) :]))
            for i, e in enumerate(exact):
                want, got = e.value(values), columns[e.call][rid]
                assert as_expected(got, want, e.ulps), f"{where}: {e.call} is {got!r}, exactly {want!r}"
                bits += 1
                if answer is not None and e.duck != "-" and want is not None:
                    theirs, value = answer[len(equal) + i], rounded(want)
                    if theirs != value:
                        wrong += 1
                        worst = max(worst, abs(theirs - value) / math.ulp(max(abs(theirs), abs(value))))
    with capsys.disabled():
        print(f"\n{name} by {key}: {compared:,} values equal DuckDB's, {bits:,} are exact; DuckDB's own last bits are wrong in {wrong:,} (up to {worst:.3g} ulp)")
        if missing:
            print(f"  not there yet: {', '.join(sorted({call.split('(')[0] for call in missing}))}")
    assert compared > 0 and bits > 0
