"""The naive reference of statistics and decayed sums: definitions in exact rationals, rounded once at the end.

2^x is the library's own function in its documented steps (lib/math/elementary_core.h), with the table computed here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Callable, Dict, List, Optional, Sequence

from generate import Leaves, expression
from instants import DAY, HOUR, Interval
from ordered import NAIVE, Ordered, Rows
from reference import BIGINT, DOUBLE, INTEGER, MONEY, Expr, Row, rounded

NUMBERS = (DOUBLE, BIGINT, INTEGER, MONEY)

ONE = ["var_samp", "var_pop", "stddev_samp", "stddev_pop", "sem", "skewness", "kurtosis", "kurtosis_pop"]
TWO = ["covar_samp", "covar_pop", "corr", "regr_slope", "regr_intercept", "regr_r2"]
TIMED = ["trend", "decayed_sum", "decayed_avg"]

# ---- rounding ------------------------------------------------------------------------------------------------------


def root(square: Fraction) -> float:
    """The double nearest to the square root of a rational; with the sign of it."""
    size = abs(square)
    if size == 0:
        return 0.0
    # At least 200 bits before the point, and a bit below that says whether anything follows.
    shift = max(0, 200 - (size.numerator.bit_length() - size.denominator.bit_length())) // 2 + 1
    scaled, rest = divmod(size.numerator << 2 * shift, size.denominator)
    whole = math.isqrt(scaled)
    more = rest != 0 or whole * whole != scaled
    exact = Fraction(2 * whole + more, 2 << shift)
    return rounded(exact if square > 0 else -exact)


def as_doubles(values: Sequence[Any]) -> List[float]:
    return [v if isinstance(v, float) else rounded(Fraction(v)) for v in values]


def central(x: Sequence[Fraction], y: Sequence[Fraction], a: int, b: int) -> Fraction:
    """The mean of (x - mean x)^a (y - mean y)^b."""
    n = len(x)
    of_x, of_y = sum(x, Fraction(0)) / n, sum(y, Fraction(0)) / n
    return sum(((u - of_x) ** a * (v - of_y) ** b for u, v in zip(x, y)), Fraction(0)) / n


# ---- statistics ----------------------------------------------------------------------------------------------------


def statistic(func: str, values: Sequence[Any], others: Sequence[Any]) -> Optional[float]:
    """Of values x, or of pairs as SQL calls them: regr_slope(y, x) has y first."""
    floats, seconds = as_doubles(values), as_doubles(others)
    n = len(floats)
    least = {"var_samp": 2, "stddev_samp": 2, "covar_samp": 2, "kurtosis_pop": 2, "skewness": 3, "kurtosis": 4}
    if n < least.get(func, 1):
        return None
    if not all(map(math.isfinite, floats + seconds)):
        return math.nan
    x = [Fraction(v) for v in floats]
    if func in TWO:
        return of_pairs(func, x, [Fraction(v) for v in seconds])
    m2 = central(x, x, 2, 0)
    if func == "var_pop":
        return rounded(m2)
    if func == "var_samp":
        return rounded(m2 * n / (n - 1))
    if func == "stddev_pop":
        return root(m2)
    if func == "stddev_samp":
        return root(m2 * n / (n - 1))
    if func == "sem":
        return root(m2 / n)
    if m2 == 0:
        return None
    if func == "skewness":
        m3 = central(x, x, 3, 0)
        return root(m3 * abs(m3) / m2**3 * n * (n - 1) / (n - 2) ** 2)
    excess = central(x, x, 4, 0) / m2**2 - 3
    return rounded(excess if func == "kurtosis_pop" else ((n + 1) * excess + 6) * (n - 1) / ((n - 2) * (n - 3)))


def of_pairs(func: str, y: List[Fraction], x: List[Fraction]) -> Optional[float]:
    n, covariance = len(x), central(x, y, 1, 1)
    if func == "covar_pop":
        return rounded(covariance)
    if func == "covar_samp":
        return rounded(covariance * n / (n - 1))
    of_x, of_y = central(x, x, 2, 0), central(y, y, 2, 0)
    if func == "corr":
        return root(covariance * abs(covariance) / (of_x * of_y)) if of_x and of_y else math.nan
    if of_x == 0:
        return math.nan if func == "regr_slope" else None
    if func == "regr_r2":
        return rounded(covariance**2 / (of_x * of_y)) if of_y else 1.0
    slope = covariance / of_x
    return rounded(slope if func == "regr_slope" else (sum(y, Fraction(0)) - slope * sum(x, Fraction(0))) / n)


# ---- what depends on event times -----------------------------------------------------------------------------------


def table_of_exp2() -> List[tuple[float, float]]:
    """2^(j/32) as 26 bits and the rest."""
    out = []
    for j in range(32):
        value = Fraction(2**j)  # of which five square roots are taken
        for _ in range(5):
            value = Fraction(math.isqrt(value.numerator * 2**800 // value.denominator), 2**400)
        high = Fraction(math.floor(value * 2**25), 2**25)
        out.append((float(high), rounded(value - high)))
    return out


EXP2 = table_of_exp2()
C1, C2, C3, C4, C5, C6 = (
    float.fromhex(c)
    for c in (
        "0x1.62e42fefa39efp-1", "0x1.ebfbdff82c58fp-3", "0x1.c6b08d70380ddp-5",
        "0x1.3b2ab6fb9eab1p-7", "0x1.5d885e6ef14a6p-10", "0x1.4309557c7947ap-13",
    )
)  # fmt: skip


def exp2(x: float) -> float:
    """For |x| <= 1."""
    n = round(x * 32)
    r = x - n / 32
    high, low = EXP2[n % 32]
    square = r * r
    grown = r * ((C1 + r * C2) + square * ((C3 + r * C4) + square * (C5 + r * C6)))
    return math.ldexp(high + (low + (high + low) * grown), n // 32)


def decayed(mean: bool, values: Sequence[Any], times: Sequence[int], t: int, half_life: int) -> Optional[float]:
    rows = [(v, at) for v, at in zip(as_doubles(values), times) if t - at <= 1100 * half_life]
    if not rows:
        return None
    odd = [v for v, _ in rows if not math.isfinite(v)]
    if odd:
        return math.nan if any(map(math.isnan, odd)) or len(set(odd)) > 1 else odd[0]
    total = weights = Fraction(0)
    for v, at in rows:
        whole, rest = divmod(at, half_life)
        weight = exp2(rounded(Fraction(rest, half_life)))
        # Rounded to 53 bits, of any size.
        large = 2**8 if abs(v) >= 2.0**1000 else 1
        power = Fraction(2) ** (whole - t // half_life)
        total += Fraction(v / large * weight) * large * power
        weights += Fraction(weight) * power
    if mean:
        return rounded(total / weights)
    return rounded(total * Fraction(exp2(-rounded(Fraction(t % half_life, half_life)))))


def trend(values: Sequence[Any], times: Sequence[int]) -> Optional[float]:
    floats = as_doubles(values)
    if not all(map(math.isfinite, floats)):
        return math.nan
    x, y = [Fraction(t, 10**6) for t in times], [Fraction(v) for v in floats]
    spread = central(x, x, 2, 0)
    return rounded(central(x, y, 1, 1) / spread) if spread else None


# ---- calls ---------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Statistic(Ordered):
    """``parameter`` is the half-life of a decay, an Interval of days and µs."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.type = DOUBLE

    def sql(self) -> str:
        if self.parameter is None:
            return super().sql()
        assert self.arg is not None
        inner = f"{'DISTINCT ' * self.distinct}{self.arg.sql()}, {self.parameter.sql()}"
        condition = f" FILTER (WHERE {self.filter.sql()})" if self.filter else ""
        return f"{self.func}({inner}){condition}" + (f" OVER {self.window}" if self.window else "")


def plain(func: str) -> Callable[[Ordered, Rows, List[Row]], Any]:
    return lambda a, rows, events: statistic(func, [r[0] for r in rows], [r[1] for r in rows] if func in TWO else [])


def with_decay(mean: bool) -> Callable[[Ordered, Rows, List[Row]], Any]:
    def naive(a: Ordered, rows: Rows, events: List[Row]) -> Any:
        half_life = a.parameter.days * DAY + a.parameter.us
        return decayed(mean, [r[0] for r in rows], [r[3] for r in rows], events[0]["now()"], half_life)

    return naive


NAIVE.update({func: plain(func) for func in ONE + TWO})
NAIVE["trend"] = lambda a, rows, events: trend([r[0] for r in rows], [r[3] for r in rows])
NAIVE["decayed_sum"] = with_decay(False)
NAIVE["decayed_avg"] = with_decay(True)


def draw(world: Any, leaves: Dict[str, List[Expr]], window: str, condition: Optional[Expr]) -> Statistic:
    """A call over columns of these types, of which one is a number."""
    rng = world.rng

    def argument() -> Expr:
        kind = rng.choice([k for k in NUMBERS if k in leaves])
        depth = rng.choice([0, 0, 1, 2]) if kind in (BIGINT, DOUBLE) else 0
        return expression(rng, kind, Leaves(leaves), world.mood, depth) if depth else rng.choice(leaves[kind])

    a = Statistic(rng.choice(ONE + TWO + TIMED), argument(), window, condition)
    if a.func in TWO:
        a.second = argument()
    elif a.func.startswith("decayed"):
        a.parameter = rng.choice([Interval(us=1), Interval(us=7 * HOUR), Interval(days=1), Interval(days=30), Interval(days=200000)])
    # Large integers may differ and not their doubles, of which the library looks for different ones.
    if rng.random() < 0.2 and all(e.type != BIGINT for e in (a.arg, a.second) if e is not None):
        a.distinct = True
    a.__post_init__()
    return a
