"""Random values, times and expressions. Everything is drawn from one random.Random; ``worlds.py`` makes definitions of them."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Dict, List

import reference as ref
from instants import DAY, HOUR, SECOND, days_from_civil, days_in_month
from reference import BIGINT, BOOLEAN, DATE, DOUBLE, INT_MAX, INT_MIN, INTEGER, MONEY, TEXT, TIMESTAMP

BASE = 1_700_000_000 * SECOND
#: Far from both ends of 64 bits and at them; INT64_MIN is numpy's NaT and cannot be passed as a time.
EXTREME_TIMES = [INT_MAX, INT_MAX - 1, INT_MIN + 1, INT_MIN + 2, 0, -1]

DOUBLES = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.1,
    0.2,
    0.3,
    1e16,
    1.0000000000000002,
    -1e16,
    5e-324,
    -5e-324,
    2.2250738585072014e-308,
    1.7976931348623157e308,
    -1.7976931348623157e308,
    1e300,
    -1e300,
]
WILD = [math.nan, math.inf, -math.inf]
INTS = [0, 1, -1, 2, 3, 7, -7, 10, 1000, 2**31, 2**53, 2**53 + 1, -(2**53) - 1]
EXTREME_INTS = [INT_MAX, INT_MIN, INT_MAX - 1, INT_MIN + 1, INT_MAX // 2 + 1]
TEXTS = ["", "a", "b", "ab", "ä", "z", "\U0001f600", "a\u0000b", "quote'd"]


@dataclass
class Mood:
    """How unruly the data of one case are."""

    nulls: float
    wild: float
    extremes: float
    tame: bool = False  #: small integers and dyadic doubles, of which every engine's sums are exact


def value(rng: random.Random, kind: str, mood: Mood, nullable: bool = True) -> Any:
    if nullable and rng.random() < mood.nulls:
        return None
    if mood.tame and kind in (BIGINT, INTEGER):
        return rng.choice([0, 1, -1, 2, 3, 7, -7, 10, 1000])
    if mood.tame and kind == DOUBLE:
        return rng.choice(WILD) if rng.random() < mood.wild else rng.randint(-800, 800) / 8 + 0.0
    if mood.tame and kind == TEXT:
        return rng.choice([t for t in TEXTS if "\0" not in t])
    if kind == BIGINT:
        return rng.choice(EXTREME_INTS if rng.random() < mood.extremes else INTS)
    if kind == DOUBLE:
        if rng.random() < mood.wild:
            return rng.choice(WILD)
        roll = rng.random()
        if roll < 0.3:
            return rng.choice(DOUBLES)
        if roll < 0.7:
            return round(rng.uniform(-1000, 1000), 2)  # money: what exact sums are for
        return math.ldexp(rng.random() - 0.5, rng.randint(-1070, 1020) if roll < 0.85 else rng.randint(-20, 20))
    if kind == TEXT:
        return rng.choice(TEXTS)
    if kind == BOOLEAN:
        return rng.random() < 0.5
    if kind == INTEGER:
        return rng.choice([2**31 - 1, -(2**31)] if rng.random() < mood.extremes else [0, 1, 2, 3, -7, 1000])
    if kind == DATE:
        return calm_time(rng) // DAY
    if kind == MONEY:
        cents = rng.choice([0, 1, -1, 10, 250, -999, rng.randint(-(10**6), 10**6)])
        return Decimal(rng.choice([10**12 - 1, 1 - 10**12]) if rng.random() < mood.extremes else cents).scaleb(-2)
    if kind == TIMESTAMP:
        return calm_time(rng)
    raise AssertionError(kind)


def month_end(rng: random.Random) -> int:
    """Around the last days of a month, where calendar arithmetic is not monotone."""
    year, month = rng.choice([(2023, 10), (2023, 11), (2023, 12), (2024, 1), (2024, 2), (2024, 2), (2024, 3), (2023, 2)])
    day = rng.choice([28, 29, 30, 31, days_in_month(year, month) + 1])
    return days_from_civil(year, month, 1) * DAY + (day - 1) * DAY + rng.choice([0, 0, -1, 1, 9 * HOUR, 23 * HOUR])


def calm_time(rng: random.Random) -> int:
    """Within some months of BASE."""
    roll = rng.random()
    if roll < 0.4:
        return BASE + rng.randint(0, 6)
    if roll < 0.65:
        return BASE + rng.randint(-2, 2) * DAY + rng.randint(-1, 1)
    if roll < 0.8:
        return month_end(rng)
    return BASE + rng.randint(-60 * DAY, 60 * DAY)


def time(rng: random.Random) -> int:
    roll = rng.random()
    if roll < 0.5:
        return BASE + rng.randint(0, 6)  # ties, and windows of a few µs
    if roll < 0.8:
        return BASE + rng.randint(-2, 2) * DAY + rng.randint(-1, 1)
    if roll < 0.99:
        return BASE + rng.randint(-40 * DAY, 40 * DAY)
    return rng.choice(EXTREME_TIMES)


# ---- expressions -------------------------------------------------------------------------------------------------


class Leaves:
    """Where an expression gets its leaves from: a function of the wanted type, or None when there is none."""

    def __init__(self, leaves: Dict[str, List[ref.Expr]]) -> None:
        self.leaves = leaves

    def pick(self, rng: random.Random, kind: str, mood: Mood) -> ref.Expr:
        if self.leaves.get(kind) and rng.random() < 0.8:
            return rng.choice(self.leaves[kind])
        if kind in (TIMESTAMP, INTEGER) and self.leaves.get(kind):
            return rng.choice(self.leaves[kind])
        if kind == TIMESTAMP:
            return ref.Now()
        return TameConst(constant(rng, kind, mood), kind) if mood.tame else ref.Const(constant(rng, kind, mood), kind)


class TameConst(ref.Const):
    """With an exponent a number is a DOUBLE for everybody; 1.5 is a DECIMAL in DuckDB."""

    def sql(self) -> str:
        text = super().sql()
        if not isinstance(self.of, float):
            return text
        return f"({text[1:-1]}e0)" if text.startswith("(") else f"{text}e0"


def constant(rng: random.Random, kind: str, mood: Mood) -> Any:
    if rng.random() < 0.05:
        return None
    if mood.tame and kind in (BIGINT, DOUBLE):
        return value(rng, kind, Mood(0, 0, 0, True))
    if kind == BIGINT:
        return rng.choice(INTS + [INT_MAX, INT_MIN])
    if kind == DOUBLE:
        return rng.choice([0.0, -0.0, 0.5, 1.5, -2.25, 1e300, 5e-324, 100.0])
    if kind == TEXT:
        return rng.choice([t for t in TEXTS if "\0" not in t])
    if kind in (DATE, TIMESTAMP, MONEY):
        return value(rng, kind, Mood(0, 0, 0))
    return rng.random() < 0.5


def expression(rng: random.Random, kind: str, leaves: Leaves, mood: Mood, depth: int) -> ref.Expr:
    if depth == 0 or kind in (TIMESTAMP, DATE, INTEGER, MONEY) or rng.random() < 0.25:
        return leaves.pick(rng, kind, mood)

    def sub(k: str) -> ref.Expr:
        return expression(rng, k, leaves, mood, depth - 1)

    choices = ["case", "coalesce", "nullif"]
    if kind == BIGINT:
        choices += ["+", "-", "*", "//", "%", "+", "-", "neg", "abs", "cast"]
    elif kind == DOUBLE:
        choices += ["+", "-", "*", "/", "+", "*", "neg", "abs", "cast", "mixed"]
    elif kind == BOOLEAN:
        choices = ["compare", "compare", "compare", "AND", "OR", "not", "isnull", "distinct", "case", "cast"]
    pick = rng.choice(choices)
    if pick in ("+", "-", "*", "//", "%", "/"):
        if pick == "/" and rng.random() < 0.5:
            return ref.Arithmetic("/", sub(BIGINT), sub(BIGINT))
        return ref.Arithmetic(pick, sub(kind), sub(kind))
    if pick == "mixed":
        return ref.Arithmetic(rng.choice("+-*/"), *rng.sample([sub(DOUBLE), sub(BIGINT)], 2))
    if pick in ("neg", "abs", "not"):
        return ref.Unary(pick, sub(kind))
    if pick == "cast":
        return ref.Unary("cast", sub({BIGINT: rng.choice([DOUBLE, BOOLEAN]), DOUBLE: BIGINT, BOOLEAN: BIGINT}[kind]), kind)
    if pick == "case":
        return ref.Case(sub(BOOLEAN), sub(kind), sub(kind))
    if pick in ("coalesce", "nullif"):
        return ref.Choose(pick, sub(kind), sub(kind))
    if pick in ("AND", "OR"):
        return ref.Logic(pick, sub(BOOLEAN), sub(BOOLEAN))
    over = rng.choice([BIGINT, DOUBLE, TEXT, BOOLEAN] + [k for k in (TIMESTAMP, DATE, MONEY) if leaves.leaves.get(k)])
    if pick == "isnull":
        return ref.IsNull(sub(over), rng.random() < 0.5)
    op = rng.choice(["IS DISTINCT FROM", "IS NOT DISTINCT FROM"] if pick == "distinct" else ["=", "<>", "<", "<=", ">", ">="])
    if over == BIGINT and rng.random() < 0.3:
        return ref.Compare(op, sub(BIGINT), sub(DOUBLE))
    return ref.Compare(op, sub(over), sub(over))
