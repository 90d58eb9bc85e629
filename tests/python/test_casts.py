"""CAST and TRY_CAST between all pairs of types, of random values, here and in DuckDB: equal types, NULLs, errors and values.

Ours run through tests/plan/expression_driver.c, as in test_expressions.py. FEAT_CASTS sets how many rows, FEAT_SEED where
the random numbers start."""

from __future__ import annotations

import decimal
import os
import random
import re
import struct
import subprocess
from fractions import Fraction
from typing import Any

import pytest

from test_expressions import DRIVER, canonical, driver_text, duckdb_values, ours_of

duckdb = pytest.importorskip("duckdb")

ROWS = int(os.environ.get("FEAT_CASTS", "600"))
SEED = int(os.environ.get("FEAT_SEED", "1"))
AT_ONCE = 200
SHOWN = 6  # of the rows that differ

TYPES = {
    "b": "BOOLEAN", "i8": "TINYINT", "i16": "SMALLINT", "i32": "INTEGER", "i64": "BIGINT", "u8": "UTINYINT",
    "u16": "USMALLINT", "u32": "UINTEGER", "u64": "UBIGINT", "f32": "REAL", "f64": "DOUBLE", "d2": "DECIMAL(2,2)", "d4": "DECIMAL(4,0)",
    "d9": "DECIMAL(9,2)", "d18": "DECIMAL(18,6)", "d38": "DECIMAL(38,10)", "dw": "DECIMAL(38,0)", "df": "DECIMAL(38,38)",
    "t": "TEXT", "dt": "DATE", "ts": "TIMESTAMP", "iv": "INTERVAL",
}  # fmt: skip
BITS = {"i8": (8, 1), "i16": (16, 1), "i32": (32, 1), "i64": (64, 1), "u8": (8, 0), "u16": (16, 0), "u32": (32, 0), "u64": (64, 0)}
FLOATS = {"f32": (32, ">f", ">I"), "f64": (64, ">d", ">Q")}


def digits(rng: random.Random, most: int) -> int:
    """A number of a random count of digits."""
    top = 10 ** rng.randint(0, most) - 1
    return rng.choice([1, -1]) * rng.choice([top, top + 1 if top + 1 < 10**most else top, top // 2 + 1, rng.randint(0, top), rng.randint(0, top)])


def number_text(rng: random.Random) -> str:
    """Something like a number, often one."""
    n = str(abs(digits(rng, rng.choice([3, 5, 12, 20, 40]))))
    at = rng.randint(0, len(n))
    text = rng.choice([n, n, n[:at] + "." + n[at:], f"{rng.randint(0, 300)}.{rng.choice(['5', '50', '49999', '4', '6', '05'])}"])
    if rng.random() < 0.3:
        text += rng.choice("eE") + rng.choice(["", "+", "-"]) + str(rng.choice([0, 1, 2, 3, 5, 10, 30, 45, 300, 400]))
    if rng.random() < 0.15:
        at = rng.randint(0, len(text))
        text = text[:at] + rng.choice(["_", "x", " ", "-", ".", "e", "0", "__", "+"]) + text[at:]
    return rng.choice(["", "", "", "-", "-", "+", " ", "  -", "\\t"]).replace("\\t", "") + text + rng.choice(["", "", "", "", " "])


WORDS = ["", " ", "a", "true", "TRUE", "f", "yes", "No", "1", "0", "t ", "null", "NULL", "a b", "a=b", "[a]", "it's", '\"q\"', "(c)", "k: v", "on", "nan", "NaN", "inf", "-Infinity", "+inf", "- inf", "0x1F", "0b101", "-0x1f", "0X1f",
         "0x", "1e5", "1E-2", "1.e2", ".e2", "5.", ".5", ".", "-.5", "1_000", "1__0", "_1", "1_", "1_000.5_0", "1e1_0", "'5'", "1,5", "½", "é", "a\\x41",
         "\\x00\\xFF", "\\x", "\\xg0", "\\", "x'00'", "2024-02-29", "2023-02-29", "2024-1-5 10:00", "1999-12-31 23:59:59.999999", "1 day", "1.5 hours",
         "01:30:00", "1 year 2 months", "0044-03-15 (BC)", "290000-01-01", "10000-01-01 00:00:00", "1e400", "-1e400", "1e39", "1e-400"]  # fmt: skip


def value(rng: random.Random, name: str) -> Any:
    if rng.random() < 0.03:
        return None
    if name == "b":
        return rng.random() < 0.5
    if name in BITS:
        bits, signed = BITS[name]
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        return rng.choice([low, high, 0, 1, max(low, -1), rng.randint(low, high), min(max(digits(rng, 20), low), high)])
    if name in FLOATS:
        bits, form, whole = FLOATS[name]
        x = rng.choice([0.0, -0.0, 1.5, 2.5, -0.5, 127.5, 255.5, float("inf"), float("-inf"), float("nan"), rng.uniform(-300, 300), rng.gauss(0, 1e5),
                        float(digits(rng, 38)), digits(rng, 10) / 100, digits(rng, 25) / 1e6,
                        *[struct.unpack(form, struct.pack(whole, rng.getrandbits(bits)))[0] for _ in range(6)]])  # fmt: skip
        try:
            return struct.unpack(form, struct.pack(form, x))[0]
        except OverflowError:
            return 0.0
    if TYPES[name].startswith("DECIMAL"):
        most = int(TYPES[name][8:].split(",")[0])
        return digits(rng, most)
    if name == "t":
        return rng.choice([rng.choice(WORDS), number_text(rng), number_text(rng)])
    if name == "dt":
        return rng.choice([0, -1, -719163, -719162, rng.randint(-30000, 60000), rng.randint(-(10**6), 10**6), rng.randint(-(10**8), 10**8)])
    if name == "ts":
        us = rng.choice([0, -1, rng.randint(-(10**15), 4 * 10**15), rng.randint(-(10**17), 10**17), rng.randint(-9 * 10**18, 9 * 10**18)])
        return us // (step := rng.choice([1, 10, 1000, 10000, 10**6, 60 * 10**6])) * step
    return (rng.choice([0, 1, -1, 14, -12, rng.randint(-30, 30), rng.randint(-(2**31) + 1, 2**31 - 1)]),
            rng.choice([0, 1, -1, -31, rng.randint(-400, 400), rng.randint(-(2**31) + 1, 2**31 - 1)]),
            rng.choice([0, -1, 1, 3600000000, -500000, rng.randint(-(10**12), 10**12), rng.randint(-(2**63) + 1, 2**63 - 1)]))  # fmt: skip


def duckdb_text(name: str, kind: str, v: Any) -> str:
    if v is None:
        return f"NULL::{kind}"
    if kind.startswith("DECIMAL"):
        scaled = decimal.Context(prec=60).scaleb(decimal.Decimal(v), -int(kind[8:-1].split(",")[1]))
        return f"'{scaled:f}'::{kind}"
    if name == "t":
        return "'" + v.replace("'", "''") + "'"
    if name == "dt":
        return f"(DATE '1970-01-01' + ({v})::INTEGER)"
    if name == "ts":
        return f"make_timestamp(({v})::BIGINT)"
    if name == "iv":
        return f"(to_months({v[0]}) + to_days({v[1]}) + to_microseconds({v[2]}))"
    return f"'{v!r}'::{kind}"


class Both:
    """Expressions over the same rows in both engines."""

    def __init__(self, rows: list[dict[str, Any]], types: dict[str, str]) -> None:
        self.types = types
        self.rows = rows
        self.con = duckdb.connect()
        self.con.execute("SET threads = 1; SET error_on_division_by_zero = false")
        self.con.execute("CREATE TABLE t (id INTEGER, " + ", ".join(f"{n} {t}" for n, t in types.items()) + ")")
        for at in range(0, len(rows), AT_ONCE):
            some = enumerate(rows[at : at + AT_ONCE], at)
            body = ", ".join("(" + ", ".join([str(i), *(duckdb_text(n, types[n], row[n]) for n in types)]) + ")" for i, row in some)
            self.con.execute(f"INSERT INTO t VALUES {body}")

    def ours(self, expressions: list[str]) -> list[list[str]]:
        lines = [f"columns {len(self.types)}", *(f"{n} {t}" for n, t in self.types.items()), f"rows {len(self.rows)}"]
        lines += ["\t".join(driver_text(n, row[n]) for n in self.types) for row in self.rows]
        run = subprocess.run([DRIVER], input="\n".join(lines + expressions) + "\n", capture_output=True, text=True, timeout=300)
        assert run.returncode == 0, run.stderr[-2000:]
        out = run.stdout.split("\n")[:-1]
        assert len(out) == len(expressions)
        return [line.split("\t") for line in out]

    def theirs(self, expression: str) -> tuple[str, list[str]] | None:
        """Type and values, a failed conversion as NULL; None where there is no such conversion."""
        type_ = None
        try:
            type_ = self.con.execute(f"SELECT typeof(x) FROM (SELECT TRY({expression}) AS x FROM t LIMIT 1)").fetchone()[0]
            plain = expression.replace("TRY_CAST", "CAST")
            self.con.execute(f"SELECT count(x) FROM (SELECT {plain} AS x FROM t)").fetchall()
        except (duckdb.ConversionException, duckdb.OutOfRangeException) as error:
            if type_ is None or "Unimplemented type for cast" in str(error):
                return None
        except duckdb.Error:
            return None
        found = duckdb_values(self.con, expression, type_.replace(", ", ","))
        return (type_.replace(", ", ","), found[0]) if found else None


@pytest.fixture(scope="module")
def both() -> Both:
    if not DRIVER.exists():
        pytest.skip("tests/expression-driver is not built")
    rng = random.Random(SEED)
    return Both([{name: value(rng, name) for name in TYPES} for _ in range(ROWS)], TYPES)


def compare(both: Both, expressions: list[str], excused: Any = None) -> int:
    """How many of the expressions both have; no other value, type or refusal in any row."""
    problems, compared = [], 0
    for expression, (mine, *ours) in zip(expressions, both.ours(expressions)):
        found = both.theirs(expression)
        if (found is None) != mine.startswith("?"):
            problems.append(f"{expression}: {mine}, DuckDB {found[0] if found else 'has none'}")
            continue
        if found is None:
            continue
        type_, theirs = found
        compared += 1
        if mine != ours_of(type_):
            problems.append(f"{expression}: type {mine}, DuckDB {type_}")
            continue
        names = [n for n in TYPES if re.search(rf"\b{n}\b", expression)]
        rows = [[row[n] for n in names] for row in both.rows]
        different = [(row, a, b) for row, a, b in zip(rows, ours, theirs) if a != b and not (a == "!" and b == "\\N")]
        if excused:
            different = [d for d in different if not excused(expression, *d)]
        problems += [f"{expression}: {a}, DuckDB {b} of {row}" for row, a, b in different[:SHOWN]]
    assert not problems, f"{len(problems)}:\n" + "\n".join(p[:400] for p in problems[:60])
    return compared


TARGETS = [*TYPES.values(), "BLOB"]


def pairs(form: str, name: str) -> list[str]:
    """BLOB is seen by what its text is; and of a BLOB it is cast again."""
    out = []
    for target in TARGETS:
        cast = f"{form}({name} AS {target})"
        out.append(f"CAST({cast} AS TEXT)" if target == "BLOB" else cast)
    return out


def whole(number: Fraction, scale: int) -> int:
    """Units of that scale, a half away from zero."""
    units = abs(number) * 10**scale
    rounded = int(units + Fraction(1, 2))
    return -rounded if number < 0 else rounded


def nearest_real(number: Fraction) -> float:
    first = struct.unpack(">I", struct.pack(">f", float(abs(number))))[0]
    near = [struct.unpack(">f", struct.pack(">I", max(first + k, 0)))[0] for k in (-1, 0, 1)]
    best = min((abs(Fraction(x) - abs(number)), struct.unpack(">I", struct.pack(">f", x))[0] & 1, x) for x in near)[2]
    return -best if number < 0 else best


def of_text(text: str, target: str) -> str | None:
    """What a text of a number is as another type, in the driver's form; "!" if it is none."""
    match = re.fullmatch(r"\s*([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?\s*", re.sub(r"(?<=\d)_(?=\d)", "", text))
    if not match or not (match[2] or match[3]):
        return "!"
    if abs(exponent := int(match[4] or 0)) > 5000:
        return None
    digits = match[2] + (match[3] or "")
    number = Fraction(int(digits)) * Fraction(10) ** (exponent - len(match[3] or "")) * (-1 if match[1] == "-" else 1)
    if target in ("REAL", "DOUBLE"):
        try:
            exact = float(number) if target == "DOUBLE" else nearest_real(number)
        except OverflowError:
            return None
        return struct.pack(">d", -0.0 if match[1] == "-" and exact == 0 else exact).hex()
    if target.startswith("DECIMAL"):
        precision, scale = map(int, target[8:-1].split(","))
        units, low, high = whole(number, scale), -(10**precision) + 1, 10**precision - 1
    else:
        bits, signed = next(BITS[n] for n in BITS if TYPES[n] == target)
        units, low, high = whole(number, 0), -(1 << bits - 1) if signed else 0, (1 << bits - signed) - 1
    return str(units) if low <= units <= high else "!"


def excused(expression: str, values: list[Any], ours: str, theirs: str) -> bool:
    """Where DuckDB is wrong, or an intended difference."""
    cast = re.fullmatch(r"(?:TRY_)?CAST\((\w+) AS (.*)\)", expression)
    if not cast or values[0] is None:
        return False
    name, target, given = cast[1], cast[2], values[0]
    # TRUE as a DECIMAL without digits before the point is an error here, and its last digit there.
    if name == "b" and target in ("DECIMAL(2,2)", "DECIMAL(38,38)"):
        return given and ours in ("!", "\\N")
    # DuckDB prints REALs with more digits than it takes.
    if (name, target) == ("f32", "TEXT"):
        return len(ours) <= len(theirs) and struct.unpack("f", struct.pack("f", float(ours)))[0] == given
    # There decimals are not rounded once.
    if TYPES[name].startswith("DECIMAL") and target in ("REAL", "DOUBLE"):
        number = Fraction(given, 10 ** int(TYPES[name][8:-1].split(",")[1]))
        exact = float(number) if target == "DOUBLE" else nearest_real(number)
        return struct.pack(">d", exact).hex() == ours
    # No dates are infinite here.
    if (name, target) in (("t", "DATE"), ("t", "TIMESTAMP")) and "inf" in given.lower():
        return ours in ("!", "\\N")
    # An INTERVAL's number may have a plus, or nothing before its point.
    if (name, target) == ("t", "INTERVAL") and re.match(r"\s*(\+|-?\.)", given):
        return theirs == "\\N"
    # There an exponent does not always mean what it says, nor an underscore; a negative text is never unsigned, even when it
    # rounds to 0; and "+-1" and "5e0." are numbers.
    if name == "t" and (target in ("REAL", "DOUBLE") or target.startswith("DECIMAL") or target.startswith("U") or "e" in given.lower()):
        expected = of_text(given, target)
        return ours == (r"\N" if expected == "!" and expression.startswith("TRY") else expected)
    return False


@pytest.mark.parametrize("name", TYPES)
def test_all_pairs(both: Both, name: str) -> None:
    assert compare(both, pairs("CAST", name) + pairs("TRY_CAST", name), excused) >= 4


@pytest.mark.parametrize("name", TYPES)
def test_lists(both: Both, name: str) -> None:
    """A list as text; of texts, what has to be quoted."""
    forms = [f"CAST([{name}] AS TEXT)", f"CAST([{name}, NULL, {name}] AS TEXT)"]
    if name == "t":
        forms += [f"CAST([CAST({c} AS TEXT), t] AS TEXT)" for c in ("iv", "ts", "f64", "b")]
        forms += ["CAST([TRY_CAST(t AS BLOB)] AS TEXT)", "CAST([TRY_CAST(t AS BLOB), CAST('\\x00' AS BLOB)] AS TEXT)"]
    assert compare(both, forms, lambda e, values, ours, theirs: name == "f32" and len(ours) <= len(theirs)) == len(forms)
