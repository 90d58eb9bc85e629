"""Arithmetic of DECIMALs of any precision and scale: types as DuckDB's, values as Python's exact arithmetic and as DuckDB's.

FEAT_DECIMALS sets how many expressions, FEAT_SEED where the random numbers start."""

from __future__ import annotations

import math
import os
import random
from fractions import Fraction
from typing import Any

import pytest

from test_casts import BITS, Both, digits, ours_of
from test_expressions import DRIVER, canonical

COUNT = int(os.environ.get("FEAT_DECIMALS", "300"))
SEED = int(os.environ.get("FEAT_SEED", "1"))
ROWS = 30


def columns(rng: random.Random) -> dict[str, str]:
    out = {}
    for i in range(9):
        precision = rng.choice([rng.randint(1, 38), rng.randint(1, 38), 38, 18])
        out[f"x{i}"] = f"DECIMAL({precision},{rng.choice([0, precision, rng.randint(0, precision), rng.randint(0, precision)])})"
    out["x9"] = "DECIMAL(38,0)"
    return {**out, "i8": "TINYINT", "i32": "INTEGER", "i64": "BIGINT", "u8": "UTINYINT", "u64": "UBIGINT"}


def shape(type_: str) -> tuple[int, int]:
    precision, scale = map(int, type_[8:-1].split(","))
    return precision, scale


def value(rng: random.Random, name: str, type_: str) -> Any:
    if rng.random() < 0.05:
        return None
    if name in BITS:
        bits, signed = BITS[name]
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        return rng.choice([low, high, 0, 1, min(max(digits(rng, 20), low), high)])
    return digits(rng, shape(type_)[0])


class Expression:
    """SQL, and what it is in exact arithmetic: a function of a row that gives a fraction, None or an error ("!")."""

    def __init__(self, rng: random.Random, types: dict[str, str]) -> None:
        decimals = [n for n in types if n.startswith("x")]
        x, y = rng.choice(decimals), rng.choice([*decimals, *decimals, *types])
        if rng.random() < 0.5:
            x, y = y, x
        self.types, self.x, self.y = types, x, y
        self.n = rng.choice([0, 1, 2, -1, -2, -5, -20, -37, -38, -39, 5, 20, 40])
        self.form = rng.choice(list(FORMS))
        self.sql = self.form.format(x=x, y=y, n=self.n)

    def of(self, row: dict[str, Any], name: str) -> Fraction | None:
        v = row[name]
        return v if v is None else Fraction(v, 10 ** shape(self.types[name])[1] if name.startswith("x") else 1)

    def exact(self, row: dict[str, Any]) -> Any:
        return FORMS[self.form](self.of(row, self.x), self.of(row, self.y), self.n)


def strict(function: Any) -> Any:
    return lambda x, y, n: None if x is None or y is None else function(x, y)


def of_one(function: Any) -> Any:
    return lambda x, y, n: None if x is None else function(x, n)


def towards_zero(q: Fraction) -> int:
    return -int(-q) if q < 0 else int(q)


def away(q: Fraction) -> int:
    return -int(-q + Fraction(1, 2)) if q < 0 else int(q + Fraction(1, 2))


def defined(*values: Any) -> list[Any]:
    return [v for v in values if v is not None]


def quotient(x: Fraction, y: Fraction) -> float:
    """Of doubles, each rounded once (which DuckDB does not)."""
    if y == 0:
        return math.nan if x == 0 else math.copysign(math.inf, x)
    return float(x) / float(y)


FORMS = {
    "{x} + {y}": strict(lambda x, y: x + y),
    "{x} - {y}": strict(lambda x, y: x - y),
    "{x} * {y}": strict(lambda x, y: x * y),
    "{x} % {y}": strict(lambda x, y: None if y == 0 else x - y * towards_zero(x / y)),
    "-{x}": of_one(lambda x, n: -x),
    "abs({x})": of_one(lambda x, n: abs(x)),
    "sign({x})": of_one(lambda x, n: Fraction((x > 0) - (x < 0))),
    "floor({x})": of_one(lambda x, n: Fraction(x.__floor__())),
    "ceil({x})": of_one(lambda x, n: Fraction(x.__ceil__())),
    "trunc({x})": of_one(lambda x, n: Fraction(towards_zero(x))),
    "round({x})": of_one(lambda x, n: Fraction(away(x))),
    "round({x}, {n})": of_one(lambda x, n: away(x * Fraction(10) ** n) / Fraction(10) ** n),
    "trunc({x}, {n})": of_one(lambda x, n: towards_zero(x * Fraction(10) ** n) / Fraction(10) ** n),
    "greatest({x}, {y})": lambda x, y, n: max(defined(x, y), default=None),
    "least({x}, {y})": lambda x, y, n: min(defined(x, y), default=None),
    "coalesce({x}, {y})": lambda x, y, n: x if x is not None else y,
    "CASE WHEN {x} IS NULL THEN {y} ELSE {x} END": lambda x, y, n: x if x is not None else y,
    "CAST({x} = {y} AS INTEGER)": strict(lambda x, y: Fraction(x == y)),
    "CAST({x} < {y} AS INTEGER)": strict(lambda x, y: Fraction(x < y)),
    "CAST({x} <= {y} AS INTEGER)": strict(lambda x, y: Fraction(x <= y)),
    "{x} IS DISTINCT FROM {y}": lambda x, y, n: Fraction(x != y),
    "{x} / {y}": strict(lambda x, y: quotient(x, y)),
    "{x} // {y}": strict(lambda x, y: None if y == 0 else quotient(x, y)),
}


@pytest.fixture(scope="module")
def both() -> Both:
    if not DRIVER.exists():
        pytest.skip("tests/expression-driver is not built")
    rng = random.Random(SEED)
    types = columns(rng)
    return Both([{name: value(rng, name, types[name]) for name in types} for _ in range(ROWS)], types)


def holds(type_: str, units: int) -> bool:
    if type_.startswith("DECIMAL"):
        return abs(units) < 10 ** shape(type_)[0]
    names = {"TINYINT": "i8", "SMALLINT": "i16", "INTEGER": "i32", "BIGINT": "i64", "UTINYINT": "u8", "USMALLINT": "u16", "UINTEGER": "u32", "UBIGINT": "u64"}
    bits, signed = BITS[names[type_]] if type_ in names else (1, 0)
    return -(1 << bits - 1) * signed <= units < 1 << bits - signed


def lossy(e: Expression) -> bool:
    """Whether no DECIMAL holds all digits of both."""
    if not (e.x.startswith("x") and e.y.startswith("x")):
        return any(e.types[n] == "DECIMAL(38,0)" or n.startswith("x") and shape(e.types[n])[0] > 18 for n in (e.x, e.y))
    (p, s), (q, r) = shape(e.types[e.x]), shape(e.types[e.y])
    return max(p - s, q - r) + max(s, r) > 38


def differs(e: Expression, mine: str, theirs: str) -> bool:
    """Types that are meant to differ: see the list in doc/language.md."""
    if e.form.startswith("round") and e.x == "u64":
        return (mine, theirs) == ("UBIGINT", "HUGEINT")  # no HUGEINT here
    if "%" in e.form:  # a DOUBLE where 38 digits do not do
        return theirs == "DOUBLE" and mine.startswith("DECIMAL(38,")
    if any(word in e.form for word in ("greatest", "least", "coalesce", "CASE")):  # fewer digits behind the point
        return theirs.startswith("DECIMAL(38,") and mine.startswith("DECIMAL(38,") and lossy(e)
    return False


def test_decimals(both: Both) -> None:
    rng = random.Random(SEED + 1)
    expressions = [Expression(rng, both.types) for _ in range(COUNT)]
    problems, compared = [], 0
    for e, (mine, *ours) in zip(expressions, both.ours([e.sql for e in expressions])):
        types = f"{both.types[e.x]}, {both.types[e.y]}"
        found = both.theirs(e.sql)
        if (found is None) != mine.startswith("?"):
            problems.append(f"{e.sql} of {types}: {mine}, DuckDB {found[0] if found else 'has none'}")
            continue
        if found is None:
            continue
        type_, theirs = found
        compared += 1
        if mine != ours_of(type_) and not differs(e, mine, type_):
            problems.append(f"{e.sql} of {types}: type {mine}, DuckDB {type_}")
            continue
        for row, a, b in zip(both.rows, ours, theirs):
            exact = e.exact(row)
            if mine == "DOUBLE":
                expected = r"\N" if exact is None else canonical(float(exact), "DOUBLE")
                wrong = a != expected
            else:
                scale = shape(mine)[1] if mine.startswith("DECIMAL") else 0
                units = None if exact is None else exact * 10**scale
                expected = r"\N" if units is None else str(units) if holds(mine, int(units)) else "!"
                # Where the common type holds not all digits an argument is an error there too; and here also of NULL.
                wrong = a != expected and not (a == "!" and (b == r"\N" or lossy(e)))
            if wrong:
                problems.append(f"{e.sql} of {types} is {mine}: {a}, exactly {expected}, DuckDB {b}, of {row[e.x]}, {row[e.y]}")
                break
    assert compared > COUNT // 2
    assert not problems, f"{len(problems)} of {compared}:\n" + "\n".join(p[:300] for p in problems[:40])
