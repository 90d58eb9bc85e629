"""The naive reference of aggregates that are functions of the multiset of values: order statistics and counts by value.

Values are sorted and counted each time, with exact rationals for what lies between two of them. Of ``entropy`` it has no
bits to give (they are those of the library's own logarithm): ``test_counts.py`` bounds its error.
"""

from __future__ import annotations

import math
import random
import struct
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

from instants import DAY
from reference import (
    BIGINT, BOOLEAN, DATE, DOUBLE, ERROR, INTEGER, MONEY, TEXT, TIMESTAMP, Aggregate, Column, Expr, Row, comparison_key, rounded, total_order,
)

SCALARS = ["median", "quantile_cont", "quantile_disc", "approx_quantile", "approx_count_distinct", "distinct_ratio", "mode", "top1_ratio"]
NESTED = ["quantile_cont", "quantile_disc", "approx_quantile", "top_k", "list_distinct", "histogram", "count_map", "sum_map", "avg_map"]
SHARES = [0.0, 0.1, 0.25, 0.3, 0.5, 0.75, 0.9, 0.99, 1.0, 1 / 3]
NUMBERS = (BIGINT, INTEGER, DOUBLE, MONEY)

Shares = Union[float, List[float]]


def exact_share(q: float) -> Fraction:
    """A decimal of up to 15 digits is what it was written as."""
    digits = repr(q).replace(".", "").lstrip("0")
    return Fraction(repr(q)) if len(digits) <= 15 and "e" not in repr(q) else Fraction(round(Fraction(q) * 2**53), 2**53)


def discrete(values: Sequence[Any], q: float) -> int:
    """The place of the quantile among sorted values."""
    return max(math.ceil(exact_share(q) * len(values)), 1) - 1


def continuous(values: Sequence[Any], q: float, kind: str) -> Any:
    at = exact_share(q) * (len(values) - 1)
    place = math.floor(at)
    rest, low = at - place, values[place]
    high = values[place + 1] if rest else low
    if kind in (DATE, TIMESTAMP):
        unit = DAY if kind == DATE else 1
        return math.floor(low * unit * (1 - rest) + high * unit * rest)
    if any(isinstance(v, float) and not math.isfinite(v) for v in (low, high)):
        if math.isnan(low) or math.isnan(high) or (low == -math.inf and high == math.inf):
            return math.nan
        return low if math.isinf(low) else high
    return rounded(Fraction(low) * (1 - rest) + Fraction(high) * rest)


def approximate(values: Sequence[Any], q: float) -> Any:
    """The middle of the bin, which is 1/64 of a power of two wide, that the discrete quantile lies in."""
    place = discrete(values, q)
    exact = values[place] + 0.0 if isinstance(values[place], float) else values[place]
    if place in (0, len(values) - 1):
        return exact
    number = rounded(Fraction(exact)) if not isinstance(exact, float) or math.isfinite(exact) else exact
    if number == 0 or not math.isfinite(number):
        middle = number
    else:
        (bits,) = struct.unpack("<Q", struct.pack("<d", abs(number)))
        (middle,) = struct.unpack("<d", struct.pack("<Q", bits >> 46 << 46 | 1 << 45))
        middle = math.copysign(middle, number)
    if isinstance(exact, float):
        least, greatest = values[0] + 0.0, values[-1] + 0.0
        return least if middle < least else greatest if middle > greatest else middle
    if isinstance(exact, int):
        return min(max(int(middle), values[0]), values[-1])
    cents = Fraction(middle) * 100
    nearest = math.floor(abs(cents) + Fraction(1, 2)) * (1 if cents >= 0 else -1)
    return min(max(Decimal(nearest).scaleb(-2), values[0]), values[-1])


@dataclass(eq=False)
class Counted(Aggregate):
    """One of ``SCALARS`` or ``NESTED``; ``second`` is the number that sum_map and avg_map add up."""

    second: Optional[Expr] = None
    parameter: Optional[Union[Shares, int]] = None
    distinct: bool = False

    def __post_init__(self) -> None:
        assert self.arg is not None
        self.event_parts = [e for e in (self.arg, self.second, self.filter) if e is not None]
        kind = self.arg.type
        if self.func in ("median", "quantile_cont"):
            kind = DOUBLE if kind in NUMBERS else TIMESTAMP if kind in (DATE, TIMESTAMP) else kind
        elif self.func in ("distinct_ratio", "top1_ratio"):
            kind = DOUBLE
        elif self.func == "approx_count_distinct":
            kind = BIGINT
        elif self.func in ("histogram", "count_map"):
            kind = f"MAP({kind}, BIGINT)"
        elif self.second is not None:
            sums = {BIGINT: BIGINT, INTEGER: BIGINT, DOUBLE: DOUBLE, MONEY: "DECIMAL(38,2)"}
            kind = f"MAP({kind}, {DOUBLE if self.func == 'avg_map' else sums[self.second.type]})"
        self.type = kind + ("[]" if isinstance(self.parameter, list) or self.func in ("top_k", "list_distinct") else "")

    def sql(self) -> str:
        assert self.arg is not None
        parts = [self.arg.sql()] + ([self.second.sql()] if self.second else [])
        parts += [repr(self.parameter)] if self.parameter is not None else []
        inner = ("DISTINCT " if self.distinct else "") + ", ".join(parts)
        condition = f" FILTER (WHERE {self.filter.sql()})" if self.filter else ""
        return f"{self.func}({inner}){condition}" + (f" OVER {self.window}" if self.window else "")

    def over(self, events: List[Row]) -> Any:
        rows: List[Tuple[Any, Any]] = []
        for event in events:
            passes = self.filter.value(event) if self.filter else True
            if event.get("failed") or passes is ERROR:
                return ERROR
            if passes is True:
                assert self.arg is not None
                pair = (self.arg.value(event), self.second.value(event) if self.second else 0)
                if ERROR in pair:
                    return ERROR
                rows += [pair] if None not in pair else []
        if self.distinct:
            rows = list({comparison_key(x): (x, y) for x, y in rows}.values())
        if not rows:
            return 0 if self.func == "approx_count_distinct" else None
        return self.by_category(rows) if self.second else self.of([x for x, _ in rows])

    def by_category(self, rows: List[Tuple[Any, Any]]) -> Any:
        out: Dict[Any, Any] = {}
        assert self.second is not None
        inner = Aggregate("sum" if self.func == "sum_map" else "avg", Column("v", self.second.type), "")
        for key in sorted({x for x, _ in rows}, key=total_order):
            out[key] = inner.over([{"v": y} for x, y in rows if x == key])
        return ERROR if any(v is ERROR for v in out.values()) else out

    def of(self, values: List[Any]) -> Any:
        assert self.arg is not None
        if self.func in ("median", "quantile_cont", "quantile_disc", "approx_quantile"):
            values.sort(key=total_order)
            if isinstance(self.parameter, list):
                return [self.quantile(values, q) for q in self.parameter]
            return self.quantile(values, 0.5 if self.parameter is None else self.parameter)
        counts = Counter(comparison_key(v) for v in values)
        shown = {comparison_key(v): v + 0.0 if isinstance(v, float) else v for v in values}
        ranked = [shown[k] for k in sorted(counts, key=lambda k: (-counts[k], k))]
        if self.func in ("approx_count_distinct", "distinct_ratio"):
            assert len(counts) <= 512
            return len(counts) if self.func != "distinct_ratio" else rounded(Fraction(len(counts), len(values)))
        if self.func == "mode":
            return ranked[0]
        if self.func == "top1_ratio":
            return rounded(Fraction(max(counts.values()), len(values)))
        if self.func == "top_k":
            assert isinstance(self.parameter, int)
            return ranked[: self.parameter]
        ascending = [shown[k] for k in sorted(counts)]
        return ascending if self.func == "list_distinct" else {v: counts[comparison_key(v)] for v in ascending}

    def quantile(self, values: List[Any], q: float) -> Any:
        assert self.arg is not None
        if self.func == "quantile_disc" or self.type == self.arg.type in (TEXT, BOOLEAN):
            return values[discrete(values, q)]
        return approximate(values, q) if self.func == "approx_quantile" else continuous(values, q, self.arg.type)


def may_have_case(a: Aggregate) -> bool:
    """Whether the clock may stand in a CASE of its argument."""
    return not isinstance(a, Counted) or (a.second is None and not a.distinct)


def draw(rng: random.Random, leaves: Dict[str, List[Expr]], arg: Any, window: str, condition: Optional[Expr], nested: bool, times: bool) -> Counted:
    """One of these aggregates over what is there. ``arg``: makes an expression of a type; ``nested``: lists and maps too;
    ``times``: lists of times too."""
    func = rng.choice(SCALARS + NESTED if nested else SCALARS)
    kinds = [k for k in leaves if k in NUMBERS + (BOOLEAN, TEXT, DATE, TIMESTAMP)]
    numbers = [k for k in kinds if k in NUMBERS]
    if func in ("histogram", "count_map", "sum_map", "avg_map"):
        kinds = [k for k in kinds if k in (TEXT, BIGINT, INTEGER)]
    elif func == "approx_quantile":
        kinds = numbers
    elif func == "quantile_cont":
        kinds = numbers + [k for k in kinds if k in (DATE, TIMESTAMP)]
    parameter: Any = None
    if func in ("quantile_cont", "quantile_disc", "approx_quantile"):
        several = nested and rng.random() < 0.4
        parameter = rng.sample(SHARES, rng.randint(1, 4)) if several else rng.choice(SHARES)
    elif func == "top_k":
        parameter = rng.choice([1, 2, 3, 100])
    if not times and (isinstance(parameter, list) or func in ("top_k", "list_distinct")):
        kinds = [k for k in kinds if k not in (DATE, TIMESTAMP)]
    kind = rng.choice(kinds)
    second = arg(rng.choice(numbers)) if func in ("sum_map", "avg_map") else None
    distinct = second is None and kind != DOUBLE and rng.random() < 0.1
    return Counted(func, arg(kind), window, condition, second=second, parameter=parameter, distinct=distinct)
