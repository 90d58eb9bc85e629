"""The naive reference of the aggregates of truths, bits, lists, times and what depends on the order of the events, and random
calls of them for the worlds."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import reduce
from itertools import accumulate
from operator import and_, or_, xor
from typing import Any, Callable, Dict, List, Optional, Tuple

import reference as ref
from generate import Leaves, expression
from reference import (
    BIGINT,
    BOOLEAN,
    DATE,
    DOUBLE,
    ERROR,
    INTEGER,
    MONEY,
    TEXT,
    TIMESTAMP,
    Aggregate,
    Expr,
    Row,
    comparison_key,
    fits,
    rounded,
    total_order,
)

#: expression, descending, "" or NULLS FIRST or NULLS LAST
Key = Tuple[Expr, bool, str]


@dataclass(eq=False)
class Ordered(Aggregate):
    """``arg`` None: no argument. ``parameter``: the constant behind the arguments."""

    second: Optional[Expr] = None
    parameter: Any = None
    distinct: bool = False
    by: List[Key] = field(default_factory=list)

    def __post_init__(self) -> None:
        exprs = [self.arg, self.filter, self.second] + [e for e, _, _ in self.by]
        self.event_parts = [e for e in exprs if e is not None]
        kind = self.arg.type if self.arg is not None else ""
        if self.func in ("count_if", "streak"):
            self.type = BIGINT
        elif self.func in ("product", "time_since_last", "time_between"):
            self.type = DOUBLE
        elif self.func == "drawdown":
            self.type = {INTEGER: BIGINT, MONEY: "DECIMAL(38,2)"}.get(kind, kind)
        elif self.func == "list" or (self.func in ("arg_min", "arg_max") and self.parameter is not None):
            self.type = kind + "[]"
        else:
            self.type = kind

    def sql(self) -> str:
        parts = [e.sql() for e in (self.arg, self.second) if e is not None]
        if self.parameter is not None:
            parts.append(ref.Const(self.parameter, TEXT if isinstance(self.parameter, str) else BIGINT).sql())
        inner = ("DISTINCT " if self.distinct else "") + ", ".join(parts)
        if self.by:
            inner += " ORDER BY " + ", ".join(f"{e.sql()}{' DESC' * down} {nulls}".rstrip() for e, down, nulls in self.by)
        inner += " IGNORE NULLS" if self.ignore_nulls else ""
        condition = f" FILTER (WHERE {self.filter.sql()})" if self.filter else ""
        return f"{self.func}({inner}){condition}" + (f" OVER {self.window}" if self.window else "")

    def over(self, events: List[Row]) -> Any:
        rows: List[Tuple[Any, ...]] = []  #: argument, second argument, keys, event time
        for event in events:
            passes = self.filter.value(event) if self.filter else True
            if event.get("failed") or passes is ERROR:
                rows.append((ERROR, True, (ERROR,) * len(self.by), 0))
            elif passes is True:
                pair = [e.value(event) if e is not None else True for e in (self.arg, self.second)]
                rows.append((*pair, tuple(e.value(event) for e, _, _ in self.by), event["@time"]))
        if self.func == "any_value" or self.ignore_nulls:  # a row that is passed over is not ordered either
            rows = [r for r in rows if r[0] is not None]
        if (self.func != "any_value" or self.by) and any(ERROR in r[:2] or ERROR in r[2] for r in rows):
            return ERROR
        if self.ignore_nulls or self.func not in KEEPS_NULLS:
            rows = [r for r in rows if r[0] is not None and r[1] is not None]
        if self.func == "product":  # it multiplies doubles: integers that are one double are one value to DISTINCT
            rows = [(float(r[0]),) + tuple(r[1:]) for r in rows]
        if self.distinct:
            seen: Dict[Any, Tuple[Any, ...]] = {}
            for r in rows:
                seen.setdefault(tuple(None if v is None else comparison_key(v) for v in r[:2]), r)
            rows = list(seen.values())
        if self.by:
            rows = self.ordered(rows)
        empty = 0 if self.func in ("count_if", "streak") else None
        return NAIVE[self.func](self, rows, events) if rows else empty

    def ordered(self, rows: List[Tuple[Any, ...]]) -> List[Tuple[Any, ...]]:
        """Events with equal keys are in canonical order, backwards where the first key is descending."""
        if self.by[0][1]:
            rows = rows[::-1]
        for i in reversed(range(len(self.by))):
            _, down, nulls = self.by[i]
            values = sorted((r for r in rows if r[2][i] is not None), key=lambda r: total_order(r[2][i]), reverse=down)
            none = [r for r in rows if r[2][i] is None]
            rows = none + values if nulls == "NULLS FIRST" else values + none
        return rows


Rows = List[Tuple[Any, ...]]


def bits(op: Callable[[int, int], int]) -> Callable[[Ordered, Rows, List[Row]], Any]:
    return lambda a, rows, events: reduce(op, [r[0] for r in rows])


def product(a: Ordered, rows: Rows, events: List[Row]) -> float:
    values = [float(r[0]) for r in rows]
    negative = sum(math.copysign(1, v) < 0 for v in values) % 2 == 1
    if any(math.isnan(v) for v in values) or (any(math.isinf(v) for v in values) and 0.0 in values):
        return math.nan
    if any(math.isinf(v) for v in values):
        size = math.inf
    else:
        size = rounded(abs(reduce(lambda x, y: x * y, [Fraction(v) for v in values], Fraction(1))))
    return -size if negative else size


def extreme(a: Ordered, rows: Rows, events: List[Row]) -> Any:
    best = sorted(rows, key=lambda r: total_order(r[1]), reverse=a.func == "arg_max")  # stable both ways
    return best[0][0] if a.parameter is None else [r[0] for r in best[: a.parameter]]


def gaps(a: Ordered, rows: Rows, events: List[Row]) -> Optional[float]:
    times = sorted(r[3] for r in rows)
    return rounded(Fraction(times[-1] - times[0], (len(times) - 1) * 10**6)) if len(times) > 1 else None


def streak(a: Ordered, rows: Rows, events: List[Row]) -> int:
    n = 0
    while n < len(rows) and rows[-1 - n][0] is True:
        n += 1
    return n


def drawdown(a: Ordered, rows: Rows, events: List[Row]) -> Any:
    values = [r[0] for r in rows]
    if isinstance(values[0], float) and any(math.isnan(v) for v in values):
        return math.nan
    pairs = list(zip(accumulate(values, max), values[1:]))  # each value below the greatest before it
    if isinstance(values[0], float):
        if any(x > y and math.inf in (x, -y) for x, y in pairs):
            return math.inf
        return rounded(max([Fraction(x) - Fraction(y) for x, y in pairs if x > y], default=Fraction(0)))
    with localcontext() as context:
        context.prec = 80
        fall = max([x - y for x, y in pairs if x > y], default=values[0] - values[0])
    return fall if isinstance(fall, Decimal) else fits(fall)


NAIVE: Dict[str, Callable[[Ordered, Rows, List[Row]], Any]] = {
    "count_if": lambda a, rows, events: sum(r[0] is True for r in rows),
    "bool_and": lambda a, rows, events: all(r[0] for r in rows),
    "bool_or": lambda a, rows, events: any(r[0] for r in rows),
    "bit_and": bits(and_),
    "bit_or": bits(or_),
    "bit_xor": bits(xor),
    "product": product,
    "any_value": lambda a, rows, events: rows[0][0],
    "nth_value": lambda a, rows, events: rows[a.parameter - 1][0] if a.parameter <= len(rows) else None,
    "arg_min": extreme,
    "arg_max": extreme,
    "list": lambda a, rows, events: [r[0] for r in rows],
    "string_agg": lambda a, rows, events: ("," if a.parameter is None else a.parameter).join(r[0] for r in rows),
    "time_since_last": lambda a, rows, events: rounded(Fraction(events[0]["now()"] - max(r[3] for r in rows), 10**6)),
    "time_between": gaps,
    "streak": streak,
    "drawdown": drawdown,
}

#: What each takes as its argument; nothing: none.
TAKES: Dict[str, Tuple[str, ...]] = {
    "count_if": (BOOLEAN,),
    "bool_and": (BOOLEAN,),
    "bool_or": (BOOLEAN,),
    "bit_and": (BIGINT, INTEGER),
    "bit_or": (BIGINT, INTEGER),
    "bit_xor": (BIGINT, INTEGER),
    "product": (DOUBLE, DOUBLE, BIGINT, INTEGER),
    "any_value": (BIGINT, DOUBLE, TEXT, BOOLEAN, TIMESTAMP, DATE, MONEY),
    "nth_value": (BIGINT, DOUBLE, TEXT, BOOLEAN, TIMESTAMP, DATE, MONEY),
    "arg_min": (BIGINT, DOUBLE, TEXT, BOOLEAN, DATE, MONEY),
    "arg_max": (BIGINT, DOUBLE, TEXT, BOOLEAN, DATE, MONEY),
    "list": (BIGINT, DOUBLE, TEXT, BOOLEAN, DATE, MONEY, INTEGER),
    "string_agg": (TEXT,),
    "time_since_last": (),
    "time_between": (),
    "streak": (BOOLEAN,),
    "drawdown": (BIGINT, DOUBLE, MONEY, INTEGER),
}
#: Those to which the order of the rows is something.
BY_ORDER = ("any_value", "nth_value", "arg_min", "arg_max", "list", "string_agg", "streak", "drawdown")


KEEPS_NULLS = ("nth_value", "list", "streak")


def may_have_case(a: Aggregate) -> bool:
    """Whether the argument may be CASE WHEN <the clock> THEN x END. Where NULLs count it has what stands for x outside, which
    DISTINCT and IGNORE NULLS cannot have."""
    if not isinstance(a, Ordered):
        return True
    return a.func != "count_if" and not (a.distinct and (a.func in KEEPS_NULLS or bool(a.by)))


def only_bare(a: Aggregate) -> bool:
    """Whether it must have no ELSE."""
    return isinstance(a, Ordered) and (a.distinct or a.second is not None or a.ignore_nulls or a.func == "any_value")


def draw(world: Any, leaves: Dict[str, List[Expr]], window: str, condition: Optional[Expr]) -> Optional[Ordered]:
    """A call over columns of these types; None when what was drawn has none."""
    rng = world.rng
    func = rng.choice(list(TAKES))
    kinds = [k for k in TAKES[func] if k in leaves]
    if TAKES[func] and not kinds:
        return None

    def argument(kind: str) -> Expr:
        depth = rng.choice([0, 1, 2]) if kind in (BIGINT, DOUBLE, BOOLEAN, TEXT) else 0
        return expression(rng, kind, Leaves(leaves), world.mood, depth) if depth else rng.choice(leaves[kind])

    a = Ordered(func, argument(rng.choice(kinds)) if kinds else None, window, condition)
    ordered = [k for k in leaves if not k.endswith("]")]
    if func in ("arg_min", "arg_max"):
        a.second = argument(rng.choice(ordered))
        a.parameter = rng.choice([None, None, 1, 2, 100])
    elif func == "nth_value":
        a.parameter = rng.choice([1, 2, 3, 10])
        a.ignore_nulls = rng.random() < 0.3
    elif func == "string_agg":
        a.parameter = rng.choice([None, "", "-", "ä"])
    elif func in ("list", "streak"):
        a.ignore_nulls = rng.random() < 0.2
    if a.arg is not None and func != "any_value" and rng.random() < 0.3:
        a.distinct = True
    if func in BY_ORDER and rng.random() < 0.4:
        keys = [a.arg] if a.distinct else [argument(rng.choice(ordered)) for _ in range(rng.choice([1, 1, 2]))]
        a.by = [(k, rng.random() < 0.5, rng.choice(["", "", "NULLS FIRST", "NULLS LAST"])) for k in keys if k is not None]
        if a.second is not None and a.distinct:
            a.by = []
        if func == "any_value" and any(k.type == TIMESTAMP for k, _, _ in a.by):
            a.by = []  # by the event time it looks at one row, as without an order
    a.__post_init__()
    return a
