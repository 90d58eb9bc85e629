"""Random typed expressions, evaluated here and by DuckDB: equal types, NULLs, errors and values, doubles by their bits.

Ours run through tests/plan/expression_driver.c (`ninja -C build tests/expression-driver`), found beside the library.
FEAT_EXPRESSIONS sets how many, FEAT_SEED where the random numbers start."""

from __future__ import annotations

import datetime as dt
import decimal
import os
import random
import re
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest

duckdb = pytest.importorskip("duckdb")

COUNT = int(os.environ.get("FEAT_EXPRESSIONS", "3000"))
SEED = int(os.environ.get("FEAT_SEED", "1"))
DRIVER = Path(os.environ.get("FEAT_LIBRARY", "")).parent.parent / "tests" / "expression-driver"

COLUMNS = {
    "b": "BOOLEAN", "i8": "TINYINT", "i16": "SMALLINT", "i32": "INTEGER", "i64": "BIGINT", "u8": "UTINYINT",
    "u16": "USMALLINT", "u32": "UINTEGER", "u64": "UBIGINT", "f32": "REAL", "f64": "DOUBLE", "d9": "DECIMAL(9,2)",
    "d18": "DECIMAL(18,6)", "d38": "DECIMAL(38,10)", "t": "TEXT", "dt": "DATE", "ts": "TIMESTAMP", "iv": "INTERVAL",
}
BITS = {"i8": (8, 1), "i16": (16, 1), "i32": (32, 1), "i64": (64, 1), "u8": (8, 0), "u16": (16, 0), "u32": (32, 0), "u64": (64, 0)}
NUMBERS = [*BITS, "f32", "f64", "d9", "d18", "d38"]
TEXTS = ["", "a", "12", " -7 ", "2.5", "-2.5", "1e3", "abc", "true", "f", "yes", "2024-02-29", "2023-02-29",
         "2024-1-5 10:00", "1999-12-31 23:59:59.999999", "1 day", "1.5 hours", "01:30:00",
         "1 year 2 months", "99999999999999999999", "1e400", "0.05", "300"]
EPOCH = dt.datetime(1970, 1, 1)


def value(rng: random.Random, name: str) -> Any:
    """In the driver's form: an integer, a float, a text, or (months, days, us)."""
    if rng.random() < 0.12:
        return None
    if name == "b":
        return rng.random() < 0.5
    if name in BITS:
        bits, signed = BITS[name]
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        return rng.choice([low, high, 0, 1, max(low, -1), rng.randint(max(low, -20), min(high, 100)), rng.randint(low, high)])
    if name in ("f32", "f64"):
        x = rng.choice([0.0, -0.0, 1.0, -1.5, 0.1, 2.5, 1e30, -3.4e38, 1e-40, float("inf"), float("-inf"), float("nan"),
                        rng.uniform(-100, 100), rng.gauss(0, 1e10)])
        return struct.unpack("f", struct.pack("f", x))[0] if name == "f32" else x
    if name in ("d9", "d18", "d38"):
        top = 10 ** int(name[1:]) - 1
        return rng.choice([0, 1, -1, top, -top, rng.randint(-100000, 100000), rng.randint(-top, top)])
    if name == "t":
        return rng.choice(TEXTS)
    if name == "dt":
        return rng.choice([0, -1, 19782, 11016, rng.randint(-30000, 60000)])
    if name == "ts":
        return rng.choice([0, -1, 1709210730500000, rng.randint(-10**15, 4 * 10**15)])
    return (rng.choice([0, 1, -1, 14, rng.randint(-30, 30)]), rng.choice([0, 1, -31, rng.randint(-400, 400)]),
            rng.choice([0, -1, 3600000000, rng.randint(-10**12, 10**12)]))


def driver_text(name: str, v: Any) -> str:
    if v is None:
        return "\\N"
    if name in ("f32", "f64"):
        return struct.pack(">d", v if v == v else float("nan")).hex() if v == v else "7ff8000000000000"
    if name == "b":
        return str(int(v))
    return " ".join(map(str, v)) if name == "iv" else str(v)


def duckdb_text(name: str, v: Any) -> str:
    if v is None:
        return f"NULL::{COLUMNS[name]}"
    if name == "b":
        return str(v)
    if name in ("f32", "f64"):
        return f"'{v!r}'::{COLUMNS[name]}"
    if name in ("d9", "d18", "d38"):
        scale = int(COLUMNS[name].split(",")[1][:-1])
        text = str(decimal.Context(prec=60).scaleb(decimal.Decimal(v), -scale).__format__("f"))
        return f"'{text}'::{COLUMNS[name]}"
    if name == "t":
        return f"'{v}'"
    if name == "dt":
        return f"(DATE '1970-01-01' + ({v})::INTEGER)"
    if name == "ts":
        return f"make_timestamp(({v})::BIGINT)"
    if name == "iv":
        return f"(to_months({v[0]}) + to_days({v[1]}) + to_microseconds({v[2]}))"
    return f"'{v}'::{COLUMNS[name]}"


class Generator:
    """Expressions of a wanted kind: n a number, b a condition, t a text, d a date, s a timestamp, v an interval."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def one(self, kind: str, depth: int) -> str:
        rng = self.rng
        if depth <= 0 or rng.random() < 0.15:
            leaves = {"n": [*NUMBERS, *NUMBERS, "1", "2", "0", "3", "100", "-1"], "b": ["b", "TRUE", "FALSE"], "t": ["t"], "d": ["dt"], "s": ["ts"],
                      "v": ["iv", "INTERVAL '1 month'", "INTERVAL '1.5 days'", "INTERVAL 3 HOURS"]}[kind]
            return rng.choice(leaves)
        return getattr(self, kind)(depth - 1)

    def any(self, depth: int) -> str:
        return self.one(self.rng.choice("nnnnbbtdsv"), depth)

    def choice(self, kind: str, depth: int) -> str:
        x, y = self.one(kind, depth), self.one(kind, depth)
        # DuckDB orders intervals otherwise in these two than in <.
        extremes = [] if kind == "v" else [f"greatest({x}, {y})", f"least({x}, {y})"]
        return self.rng.choice([
            *extremes,
            f"CASE WHEN {self.one('b', depth)} THEN {x} ELSE {y} END", f"coalesce({x}, {y})", f"nullif({x}, {y})",
            f"if({self.one('b', depth)}, {x}, {y})",
        ])

    def n(self, depth: int) -> str:
        rng, one = self.rng, self.one
        pick = rng.random()
        if pick < 0.45:
            operator = rng.choice(["+", "-", "*", "/", "//", "%"])
            # By zero // and % are NULL here, and an error or NaN in DuckDB.
            right = f"nullif({one('n', depth)}, 0)" if operator in ("//", "%") else one("n", depth)
            return f"({one('n', depth)} {operator} {right})"
        if pick < 0.55:
            return rng.choice([f"(-{one('n', 0)})", f"abs({one('n', depth)})", f"sign({one('n', depth)})", f"floor({one('n', depth)})",
                               f"ceil({one('n', depth)})"])
        if pick < 0.65:
            return self.choice("n", depth)
        if pick < 0.85:
            name = rng.choice([c for c in COLUMNS if c in NUMBERS])
            cast = rng.choice(["CAST", "TRY_CAST"])
            return f"{cast}({one(rng.choice('nnbt'), depth)} AS {COLUMNS[name]})"
        if pick < 0.95:
            part = rng.choice(["year", "month", "day", "hour", "minute", "second", "millisecond", "microsecond", "quarter",
                               "week", "dow", "isodow", "doy"])
            return rng.choice([f"date_part('{part}', {one(rng.choice('ds'), depth)})", f"{rng.choice(['year', 'month', 'day', 'week', 'doy'])}({one('d', depth)})",
                               f"epoch({one(rng.choice('ds'), depth)})", f"date_part('{rng.choice(['year', 'month', 'day', 'hour', 'minute', 'second'])}', {one('v', depth)})",
                               f"date_diff('{rng.choice(['year', 'month', 'day', 'week', 'hour', 'second', 'quarter', 'decade'])}', {one('s', depth)}, {one('s', depth)})",
                               f"({one('d', depth)} - {one('d', depth)})"])
        ints = [c for c in BITS if c != "u64"]
        return f"({rng.choice(ints)} {rng.choice(['&', '|'])} {rng.choice(ints)})"

    def b(self, depth: int) -> str:
        rng, one = self.rng, self.one
        kind = rng.choice("nnnbtdsv")
        x, y = one(kind, depth), one(kind, depth)
        return rng.choice([
            f"({x} {rng.choice(['=', '<>', '<', '<=', '>', '>='])} {y})", f"({x} IS NULL)", f"({x} IS NOT DISTINCT FROM {y})",
            f"({x} IS DISTINCT FROM {y})", f"({x} BETWEEN {y} AND {one(kind, depth)})", f"({x} IN ({y}, {one(kind, depth)}))",
            f"({one('b', depth)} AND {one('b', depth)})", f"({one('b', depth)} OR {one('b', depth)})", f"(NOT {one('b', depth)})",
            f"{rng.choice(['CAST', 'TRY_CAST'])}({one(rng.choice('nt'), depth)} AS BOOLEAN)",
        ])

    def t(self, depth: int) -> str:
        return self.choice("t", depth)

    def d(self, depth: int) -> str:
        rng, one = self.rng, self.one
        return rng.choice([f"({one('d', depth)} {rng.choice('+-')} {rng.choice(['i8', 'i16', '7', 'u8'])})", f"last_day({one(rng.choice('ds'), depth)})",
                           f"CAST({one('s', depth)} AS DATE)", f"TRY_CAST({one('t', 0)} AS DATE)", self.choice("d", depth), "make_date(2000 + i8, 2, 28)"])

    def s(self, depth: int) -> str:
        rng, one = self.rng, self.one
        return rng.choice([f"({one(rng.choice('ds'), depth)} {rng.choice('+-')} {one('v', depth)})", f"CAST({one('d', depth)} AS TIMESTAMP)",
                           f"TRY_CAST({one('t', 0)} AS TIMESTAMP)", self.choice("s", depth),
                           f"date_trunc('{rng.choice(['year', 'quarter', 'month', 'week', 'day', 'hour', 'minute', 'second', 'millisecond', 'decade'])}', {one(rng.choice('ds'), depth)})"])

    def v(self, depth: int) -> str:
        rng, one = self.rng, self.one
        return rng.choice([f"({one('s', depth)} - {one('s', depth)})", f"({one('v', depth)} {rng.choice('+-')} {one('v', depth)})",
                           f"(-{one('v', 0)})", f"({one('v', depth)} * {rng.choice(['2', 'i8', '-1'])})", f"TRY_CAST({one('t', 0)} AS INTERVAL)",
                           self.choice("v", depth), f"to_days({rng.choice(['i8', 'i16', '3'])})"])


def canonical(v: Any, type_: str) -> str:
    """A value that DuckDB returned, in the driver's form."""
    if v is None:
        return "\\N"
    if type_ in ("DOUBLE", "FLOAT"):
        return struct.pack(">d", v).hex() if v == v else "7ff8000000000000"
    if type_ == "BOOLEAN":
        return str(int(v))
    return str(v)


def duckdb_values(con: Any, expression: str, type_: str) -> tuple[list[str], bool] | None:
    """The values of all rows, and whether an error was among them, which then is NULL. None: it does not bind."""
    forms = {
        "DATE": "({} - DATE '1970-01-01')", "TIMESTAMP": "epoch_us({})",
        "INTERVAL": "(datepart('year', {0}) * 12 + datepart('month', {0}))::VARCHAR || ' ' || datepart('day', {0}) || ' ' || "
                    "(datepart('hour', {0}) * 3600000000 + datepart('minute', {0}) * 60000000 + datepart('microsecond', {0}))::VARCHAR",
    }
    form = "{}"
    for name, text in forms.items():
        if type_ == name:
            form = text
    if type_.startswith("DECIMAL"):
        form = "CAST({} AS VARCHAR)"
    for attempt, errors in ((expression, False), (f"TRY({expression})", True)):
        try:
            rows = con.execute(f"SELECT {form.format('x')} FROM (SELECT id, {attempt} AS x FROM t) ORDER BY id").fetchall()
        except duckdb.BinderException:
            return None
        except duckdb.Error:
            continue
        values = [canonical(row[0], type_) for row in rows]
        if type_.startswith("DECIMAL"):
            values = [v.replace(".", "").replace("-", "") if v != "\\N" else v for v in values]
            signs = [row[0] is not None and row[0].startswith("-") for row in rows]
            values = [("-" if s else "") + (v.lstrip("0") or "0") if v != "\\N" else v for v, s in zip(values, signs)]
        return values, errors
    return None


@pytest.fixture(scope="module")
def results(tmp_path_factory: Any) -> dict[str, Any]:
    if not DRIVER.exists():
        pytest.skip("tests/expression-driver is not built")
    rng = random.Random(SEED)
    rows = [{name: value(rng, name) for name in COLUMNS} for _ in range(40)]
    generator = Generator(rng)
    expressions = [generator.any(rng.choice([1, 1, 2, 2, 3])) for _ in range(COUNT)]
    lines = [f"columns {len(COLUMNS)}", *(f"{n} {t}" for n, t in COLUMNS.items()), f"rows {len(rows)}"]
    lines += ["\t".join(driver_text(n, row[n]) for n in COLUMNS) for row in rows]
    run = subprocess.run([DRIVER], input="\n".join(lines + expressions) + "\n", capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-2000:]
    ours = run.stdout.split("\n")[:-1]
    assert len(ours) == len(expressions)
    con = duckdb.connect()
    con.execute("SET threads = 1")
    body = ", ".join("(" + ", ".join([str(i), *(duckdb_text(n, row[n]) for n in COLUMNS)]) + ")" for i, row in enumerate(rows))
    con.execute("CREATE TABLE t (id INTEGER, " + ", ".join(f"{n} {t}" for n, t in COLUMNS.items()) + ")")
    con.execute(f"INSERT INTO t VALUES {body}")
    return {"expressions": expressions, "ours": ours, "con": con}


def ours_of(type_: str) -> str:
    return {"FLOAT": "REAL", "VARCHAR": "TEXT", "HUGEINT": "BIGINT"}.get(type_, type_)


def test_expressions_agree_with_duckdb(results: dict[str, Any]) -> None:
    con, problems, compared, refused = results["con"], [], 0, []
    for expression, line in zip(results["expressions"], results["ours"]):
        try:
            type_ = con.execute(f"SELECT typeof({expression}) FROM t LIMIT 1").fetchone()[0].replace(", ", ",")
        except duckdb.Error:
            try:  # a constant that fails while it is folded, or no such operation
                type_ = con.execute(f"SELECT typeof(x) FROM (SELECT TRY({expression}) AS x FROM t) LIMIT 1").fetchone()[0].replace(", ", ",")
            except duckdb.Error:
                continue
        if line.startswith("?"):
            refused.append(f"{expression}  {type_}  {line}")
            continue
        ours_type, *ours = line.split("\t")
        theirs = duckdb_values(con, expression, type_)
        if theirs is None:
            continue
        values, errors = theirs
        compared += 1
        # A literal is BIGINT here until something gives it another type, and INTEGER there.
        # So an expression of literals alone is also a wider DECIMAL beside one.
        wider = ours_type.startswith("DECIMAL") and type_.startswith("DECIMAL") and ours_type.split(",")[1] == type_.split(",")[1]
        if re.search(r"CAST\((-?\d+|TRUE|FALSE) AS", expression) and ours_type != ours_of(type_):
            continue  # a literal that is cast is still one: it adapts to what it stands beside
        if ours_type != ours_of(type_) and not (ours_type == "BIGINT" and type_ == "INTEGER") and not wider:
            problems.append(f"{expression}: type {ours_type}, DuckDB {type_}")
            continue
        for row, (mine, other) in enumerate(zip(ours, values)):
            if "greatest(" in expression or "least(" in expression:  # DuckDB loses the sign of a REAL's zero in these
                mine, other = mine.replace("8000000000000000", "0" * 16), other.replace("8000000000000000", "0" * 16)
            # UBIGINT with a signed integer is HUGEINT there, and here BIGINT: an error value where that does not do.
            narrower = mine == "!" and "u64" in expression
            # FALSE AND error is FALSE here, on either side; % by -1 is 0 also of the least integer.
            kinder = errors and other == "\\N" and any(word in expression for word in (" AND ", " OR ", " IN (", "%", "//"))
            # An error is not hidden by a NULL beside it; DuckDB folds x // NULL without evaluating x.
            stricter = mine == "!" and other == "\\N" and ("nullif(0, 0)" in expression or "nullif((-0), 0)" in expression)
            # Nor is one by a NULL beside it in AND and its like.
            stricter = stricter or (mine == "!" and errors and any(word in expression for word in (" AND ", " OR ", " IN (")))
            if mine != other and not narrower and not kinder and not stricter and not (errors and mine == "!" and other == "\\N"):
                problems.append(f"{expression}: row {row}: {mine}, DuckDB {other} ({type_}{', with errors' if errors else ''})")
                break
    print(f"{compared} compared, {len(refused)} refused here")
    report = os.environ.get("FEAT_EXPRESSIONS_REPORT")
    if report:
        Path(report).write_text("\n".join([*problems, "---- refused", *refused]) + "\n")
    assert compared > COUNT // 2
    assert not problems, f"{len(problems)} of {compared}:\n" + "\n".join(problems[:30])
