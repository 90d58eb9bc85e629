"""Random definitions, data and spines for the parity test. Everything is drawn from one random.Random."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

import reference as ref
from reference import BIGINT, BOOLEAN, DOUBLE, INT_MAX, INT_MIN, TEXT, TIMESTAMP

SECOND = 1_000_000
DAY = 86400 * SECOND
BASE = 1_700_000_000 * SECOND
#: Far from both ends of 64 bits and at them; INT64_MIN is numpy's NaT and cannot be passed as a time.
EXTREME_TIMES = [INT_MAX, INT_MAX - 1, INT_MIN + 1, INT_MIN + 2, 0, -1]
WIDTHS: List[Optional[int]] = [None, 1, 5, 60 * SECOND, 3600 * SECOND, DAY, 30 * DAY, 30 * DAY + 1, 400 * DAY]

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


def value(rng: random.Random, kind: str, mood: Mood, nullable: bool = True) -> Any:
    if nullable and rng.random() < mood.nulls:
        return None
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
    raise AssertionError(kind)


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
        if kind == TIMESTAMP:
            return ref.Now() if not self.leaves.get(kind) else rng.choice(self.leaves[kind])
        return ref.Const(constant(rng, kind), kind)


def constant(rng: random.Random, kind: str) -> Any:
    if rng.random() < 0.05:
        return None
    if kind == BIGINT:
        return rng.choice(INTS + [INT_MAX, INT_MIN])
    if kind == DOUBLE:
        return rng.choice([0.0, -0.0, 0.5, 1.5, -2.25, 1e300, 5e-324, 100.0])
    if kind == TEXT:
        return rng.choice([t for t in TEXTS if "\0" not in t])
    return rng.random() < 0.5


def expression(rng: random.Random, kind: str, leaves: Leaves, mood: Mood, depth: int) -> ref.Expr:
    if depth == 0 or rng.random() < 0.25:
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
    over = rng.choice([BIGINT, DOUBLE, TEXT, BOOLEAN] + ([TIMESTAMP] if leaves.leaves.get(TIMESTAMP) else []))
    if pick == "isnull":
        return ref.IsNull(sub(over), rng.random() < 0.5)
    op = rng.choice(["IS DISTINCT FROM", "IS NOT DISTINCT FROM"] if pick == "distinct" else ["=", "<>", "<", "<=", ">", ">="])
    if over == BIGINT and rng.random() < 0.3:
        return ref.Compare(op, sub(BIGINT), sub(DOUBLE))
    return ref.Compare(op, sub(over), sub(over))


# ---- definitions -------------------------------------------------------------------------------------------------

COLUMNS = [
    ("k", BIGINT, False),
    ("x", BIGINT, False),
    ("id", BIGINT, True),
    ("y", DOUBLE, False),
    ("g", TEXT, False),
    ("s", TEXT, False),
    ("b", BOOLEAN, False),
    ("ts", TIMESTAMP, True),
]


def table(rng: random.Random) -> ref.Table:
    columns = COLUMNS[:]
    rng.shuffle(columns)
    return ref.Table("events", columns, "ts", rng.choice([["k"], ["g"], ["k", "g"]]), ["id"] if rng.random() < 0.6 else [])


def columns_as_leaves() -> Leaves:
    leaves: Dict[str, List[ref.Expr]] = {}
    for name, kind, _ in COLUMNS:
        leaves.setdefault(kind, []).append(ref.Column(name, kind))
    return Leaves(leaves)


def aggregate(rng: random.Random, events: Leaves, windows: List[str], mood: Mood) -> ref.Aggregate:
    func = rng.choice(["count", "count", "sum", "sum", "avg", "min", "max", "first", "last"])
    kinds = [BIGINT, DOUBLE, DOUBLE] if func in ("sum", "avg") else [BIGINT, DOUBLE, TEXT, BOOLEAN, TIMESTAMP]
    arg: Optional[ref.Expr] = None
    if func != "count" or rng.random() < 0.5:
        kind = rng.choice(kinds)
        depth = 0 if kind == TIMESTAMP else rng.choice([0, 0, 1, 2])
        arg = expression(rng, kind, events, mood, depth)
        if depth == 0:
            arg = rng.choice(events.leaves[kind])
    condition = expression(rng, BOOLEAN, events, mood, 2) if rng.random() < 0.4 else None
    return ref.Aggregate(func, arg, rng.choice(windows), condition)


def view(rng: random.Random, name: str, over: ref.Table, mood: Mood) -> ref.View:
    windows = {f"w{i}": ref.Window(w) for i, w in enumerate(rng.sample(WIDTHS, rng.randint(1, 3)))}
    events = columns_as_leaves()
    where = expression(rng, BOOLEAN, events, mood, 2) if rng.random() < 0.4 else None
    aggregates = [aggregate(rng, events, list(windows), mood) for _ in range(rng.randint(2, 7))]
    features: List[Tuple[str, ref.Expr]] = [(f"f{i}", a) for i, a in enumerate(aggregates)]
    leaves: Dict[str, List[ref.Expr]] = {}
    for a in aggregates:
        leaves.setdefault(a.type, []).append(a)
    for i in range(rng.randint(0, 3)):
        kind = rng.choice([BIGINT, DOUBLE, BOOLEAN])
        e = expression(rng, kind, Leaves(leaves), mood, 2)
        if any(isinstance(part, ref.Aggregate) for part in e.walk()):
            features.append((f"e{i}", e))
    used = {a.window for _, f in features for a in f.walk() if isinstance(a, ref.Aggregate)}
    windows = {n: w for n, w in windows.items() if n in used}
    keys = rng.choice([["k"], ["g"], ["k", "g"], ["x"], ["b"]])
    return ref.View(name, over, keys, windows, features, where, rng.random() < 0.5)


def service(rng: random.Random, views: List[ref.View], mood: Mood) -> ref.Service:
    types = {name: kind for name, kind, _ in COLUMNS}
    inputs = {k: types[k] for v in views for k in v.keys}
    inputs["amount"] = DOUBLE
    joins = [(f"v{i}", v) for i, v in enumerate(views)]
    outputs: List[Tuple[str, ref.Expr]] = []
    leaves: Dict[str, List[ref.Expr]] = {DOUBLE: [ref.Column("amount", DOUBLE, "r.")]}
    for alias, v in joins:
        for name, e in v.features:
            leaf = ref.Feature(alias, name, e.type)
            leaves.setdefault(e.type, []).append(leaf)
            outputs.append((f"{alias}_{name}", leaf))
    rng.shuffle(outputs)
    for i in range(rng.randint(0, 3)):
        outputs.append((f"o{i}", expression(rng, rng.choice([BIGINT, DOUBLE, BOOLEAN, TEXT]), Leaves(leaves), mood, 3)))
    return ref.Service("service", list(inputs.items()), joins, outputs)


# ---- data --------------------------------------------------------------------------------------------------------

KEYS = [1, 2, 3, -1, INT_MAX]


def row(rng: random.Random, number: int, mood: Mood) -> Dict[str, Any]:
    out = {name: value(rng, kind, mood, not strictly) for name, kind, strictly in COLUMNS if kind != TIMESTAMP}
    out["id"] = number
    if out["k"] is not None:
        out["k"] = rng.choice(KEYS[:3])
    if out["g"] is not None:
        out["g"] = rng.choice(TEXTS[:3])
    out["ts"] = time(rng)
    return out


def as_columns(rows: List[Dict[str, Any]], names: List[Tuple[str, str]]) -> Dict[str, Any]:
    """Columns as the package takes them: times as datetime64, everything else as lists, typed even when empty or all NULL."""
    out: Dict[str, Any] = {}
    for name, kind in names:
        values = [r[name] for r in rows]
        if kind == TIMESTAMP:
            out[name] = np.array(values, dtype="int64").view("datetime64[us]")
        elif any(v is not None for v in values):
            out[name] = values
        else:
            dtype = {BIGINT: "int64", DOUBLE: "float64", BOOLEAN: "bool"}.get(kind)
            if dtype is None:
                import pyarrow

                out[name] = pyarrow.array(values, pyarrow.large_string())
            else:
                out[name] = np.ma.MaskedArray(np.zeros(len(values), dtype), mask=np.ones(len(values), bool))
    return out


def spine(
    rng: random.Random, sv: ref.Service, rows: List[Dict[str, Any]], windows: List[ref.Window], mood: Mood
) -> List[Dict[str, Any]]:
    """Requests: known and unknown entities, on the edges of windows and a µs beside them, repeated, in no order."""
    out = []
    for _ in range(rng.randint(1, 25)):
        request: Dict[str, Any] = {}
        event = rng.choice(rows) if rows and rng.random() < 0.85 else None
        for name, kind in sv.inputs:
            if name == "amount":
                request[name] = value(rng, DOUBLE, mood)
            elif event is not None and rng.random() < 0.95:
                request[name] = event[name]
            else:
                request[name] = value(rng, kind, mood)
        t = time(rng)
        if rows and rng.random() < 0.8:
            t = rng.choice(rows)["ts"] + rng.choice([0, 0, 1, -1])
            width = rng.choice(windows).width
            if width is not None and rng.random() < 0.6:
                t += width + rng.choice([0, 0, 1, -1])
        request["t"] = max(INT_MIN + 1, min(INT_MAX, t))
        out.append(request)
    out += rng.sample(out, len(out) // 4)
    rng.shuffle(out)
    return out
