"""The reference itself, by hand: a wrong reference would make the parity test worthless."""

from __future__ import annotations

import math
from fractions import Fraction
from decimal import Decimal
from typing import Any, Dict, List, Optional, Tuple

import pytest

import reference as ref
import reference_counts as counts
import relations as rel
from instants import DAY, Interval, days_from_civil, shift, truncate
from reference import BIGINT, BOOLEAN, DATE, DOUBLE, ERROR, INT_MAX, INT_MIN, MONEY, TEXT, TIMESTAMP

X, Y, S, B = ref.Column("x", BIGINT), ref.Column("y", DOUBLE), ref.Column("s", TEXT), ref.Column("b", BOOLEAN)


def integer(v: Optional[int]) -> ref.Const:
    return ref.Const(v, BIGINT)


def double(v: Optional[float]) -> ref.Const:
    return ref.Const(v, DOUBLE)


def truth(v: Optional[bool]) -> ref.Const:
    return ref.Const(v, BOOLEAN)


OVERFLOW = ref.Arithmetic("+", integer(INT_MAX), integer(1))
UNKNOWN = ref.IsNull(OVERFLOW)  # an error of type BOOLEAN

VALUES: List[Any] = [
    (ref.Arithmetic("+", integer(2), integer(3)), 5),
    (OVERFLOW, ERROR),
    (ref.Arithmetic("*", integer(2**32), integer(2**31)), ERROR),
    (ref.Arithmetic("*", integer(-(2**32)), integer(2**31)), INT_MIN),
    (ref.Arithmetic("/", integer(7), integer(2)), 3.5),
    (ref.Arithmetic("/", integer(1), integer(0)), math.inf),
    (ref.Arithmetic("/", double(-1.0), double(0.0)), -math.inf),
    (ref.Arithmetic("/", double(1.0), double(-0.0)), -math.inf),
    (ref.Arithmetic("/", double(0.0), double(0.0)), math.nan),
    (ref.Arithmetic("//", integer(-7), integer(2)), -3),
    (ref.Arithmetic("//", integer(7), integer(-2)), -3),
    (ref.Arithmetic("//", integer(-7), integer(-2)), 3),
    (ref.Arithmetic("%", integer(-7), integer(3)), -1),
    (ref.Arithmetic("%", integer(7), integer(-3)), 1),
    (ref.Arithmetic("//", integer(1), integer(0)), None),
    (ref.Arithmetic("%", integer(1), integer(0)), None),
    (ref.Arithmetic("//", integer(INT_MIN), integer(-1)), ERROR),
    (ref.Arithmetic("%", integer(INT_MIN), integer(-1)), 0),
    (ref.Arithmetic("+", integer(None), OVERFLOW), ERROR),
    (ref.Arithmetic("+", integer(1), double(0.5)), 1.5),
    (ref.Unary("neg", integer(INT_MIN)), ERROR),
    (ref.Unary("abs", double(-0.0)), 0.0),
    (ref.Unary("cast", double(2.5), BIGINT), 2),
    (ref.Unary("cast", double(3.5), BIGINT), 4),
    (ref.Unary("cast", double(2.0**63), BIGINT), ERROR),
    (ref.Unary("cast", double(-(2.0**63)), BIGINT), INT_MIN),
    (ref.Unary("cast", double(math.nan), BIGINT), ERROR),
    (ref.Unary("cast", integer(2**53 + 1), DOUBLE), 2.0**53),
    (ref.Compare("=", double(math.nan), double(math.nan)), True),
    (ref.Compare(">", double(math.nan), double(math.inf)), True),
    (ref.Compare("=", double(-0.0), double(0.0)), True),
    (ref.Compare("<", double(-0.0), double(0.0)), False),
    (ref.Compare("=", double(None), double(0.0)), None),
    (ref.Compare("IS DISTINCT FROM", double(None), double(0.0)), True),
    (ref.Compare("IS NOT DISTINCT FROM", double(None), double(None)), True),
    (ref.Compare("<", ref.Const("Z", TEXT), ref.Const("a", TEXT)), True),
    (ref.Compare("<", ref.Const("\uffff", TEXT), ref.Const("\U00010000", TEXT)), True),
    (ref.Logic("AND", truth(False), UNKNOWN), False),
    (ref.Logic("AND", UNKNOWN, truth(False)), False),
    (ref.Logic("AND", truth(None), UNKNOWN), ERROR),
    (ref.Logic("AND", truth(None), truth(True)), None),
    (ref.Logic("OR", truth(None), truth(True)), True),
    (ref.Logic("OR", truth(False), truth(None)), None),
    (ref.Case(truth(None), OVERFLOW, integer(1)), 1),
    (ref.Case(UNKNOWN, integer(1), integer(1)), ERROR),
    (ref.Choose("coalesce", integer(1), OVERFLOW), 1),
    (ref.Choose("coalesce", integer(None), OVERFLOW), ERROR),
    (ref.Choose("nullif", double(-0.0), double(0.0)), None),
    (ref.Choose("nullif", integer(1), integer(None)), 1),
    (ref.Choose("nullif", integer(None), OVERFLOW), ERROR),
]


@pytest.mark.parametrize("index", range(len(VALUES)))
def test_values(index: int) -> None:
    expr, want = VALUES[index]
    got = expr.value({})
    assert (got is want) if want is ERROR else (ref.bits(got), type(got)) == (ref.bits(want), type(want)), expr.sql()


AGGREGATES: List[Any] = [
    ("sum", DOUBLE, [1e16, 1.0, -1e16], 1.0),
    ("sum", DOUBLE, [0.1] * 10, 1.0),
    ("sum", DOUBLE, [-0.0], 0.0),
    ("sum", DOUBLE, [1.0, -1.0], 0.0),
    ("sum", DOUBLE, [1.7976931348623157e308] * 2, math.inf),
    ("sum", DOUBLE, [1.7976931348623157e308, 1.7976931348623157e308, -1.7976931348623157e308], 1.7976931348623157e308),
    ("sum", DOUBLE, [math.inf, -math.inf], math.nan),
    ("sum", DOUBLE, [math.inf, 1.0], math.inf),
    ("sum", DOUBLE, [math.nan, math.inf], math.nan),
    ("sum", DOUBLE, [], None),
    ("sum", DOUBLE, [None], None),
    ("sum", BIGINT, [INT_MAX, 1, -1], INT_MAX),
    ("sum", BIGINT, [INT_MAX, 1], ERROR),
    ("avg", BIGINT, [INT_MAX, INT_MAX], float(INT_MAX)),
    ("avg", BIGINT, [1, 2, None], 1.5),
    ("avg", DOUBLE, [1.7976931348623157e308] * 3, 1.7976931348623157e308),
    ("avg", DOUBLE, [5e-324, 0.0], 0.0),
    ("avg", DOUBLE, [1.5e-323, 0.0], 1e-323),
    ("min", DOUBLE, [0.0, -0.0], -0.0),
    ("max", DOUBLE, [-0.0, 0.0], 0.0),
    ("max", DOUBLE, [math.nan, math.inf], math.nan),
    ("min", DOUBLE, [math.nan, math.inf], math.inf),
    ("min", DOUBLE, [-1.0, -2.0, -math.inf], -math.inf),
    ("count", DOUBLE, [1.0, None], 1),
    ("count", DOUBLE, [], 0),
    ("sum", MONEY, [Decimal("0.10"), Decimal("0.20"), None], Decimal("0.30")),
    ("avg", MONEY, [Decimal("0.10"), Decimal("0.20")], 0.15),
    ("min", MONEY, [Decimal("0.10"), Decimal("-0.20")], Decimal("-0.20")),
    ("sum", ref.INTEGER, [2**31 - 1, 1], 2**31),
    ("first", DOUBLE, [None, 1.0], None),
    ("last", DOUBLE, [None, 1.0], 1.0),
]


@pytest.mark.parametrize("func, kind, values, want", AGGREGATES)
def test_aggregates(func: str, kind: str, values: List[Any], want: Any) -> None:
    got = ref.Aggregate(func, ref.Column("v", kind), "w").over([{"v": v} for v in values])
    assert (got is want) if want is ERROR else ref.bits(got) == ref.bits(want)


COUNTED: List[Any] = [
    ("median", BIGINT, None, [3, 1, None, 2], 2.0),
    ("median", BIGINT, None, [INT_MAX, INT_MAX - 1], float(2**63)),
    ("median", TEXT, None, ["b", "a", "d", "c"], "b"),
    ("median", MONEY, None, [Decimal("1.00"), Decimal("2.01")], 1.505),
    ("median", DATE, None, [0, 1], DAY // 2),
    ("median", TIMESTAMP, None, [-1, 0], -1),
    ("median", DOUBLE, None, [-0.0], 0.0),
    ("quantile_cont", DOUBLE, 0.25, [1.0, 2.0, -math.inf], -math.inf),
    ("quantile_cont", DOUBLE, 0.75, [math.inf, -math.inf], math.nan),
    ("quantile_cont", DOUBLE, 0.5, [math.nan, 1.0, 0.0], 1.0),
    ("quantile_cont", BIGINT, 0.29, list(range(101)), 29.0),
    ("quantile_cont", DOUBLE, [0.0, 1.0], [5.0, 4.0], [4.0, 5.0]),
    ("quantile_disc", DOUBLE, 0.0, [0.0, -0.0], -0.0),
    ("quantile_disc", BIGINT, 0.07, list(range(1, 101)), 7),
    ("quantile_disc", BIGINT, [0.5, 0.51], [1, 2], [1, 2]),
    ("approx_quantile", BIGINT, 0.5, [1, 127, 10**9], 127),
    ("approx_quantile", BIGINT, 0.5, [1, 1001, 10**9], 1004),  # [1000, 1008)
    ("approx_quantile", BIGINT, 0.5, [1, 10001, 10**9], 10048),  # [9984, 10112)
    ("approx_quantile", BIGINT, 0.5, [10001, 10001, 10001], 10001),
    ("approx_quantile", DOUBLE, 0.5, [0.0, 1.0, 9.0], 1 + 1 / 128),
    ("approx_quantile", DOUBLE, 0.5, [-9.0, -1.0, 9.0], -1 - 1 / 128),
    ("approx_count_distinct", DOUBLE, None, [0.0, -0.0, math.nan, math.nan, 1.0, None], 3),
    ("approx_count_distinct", DOUBLE, None, [], 0),
    ("distinct_ratio", TEXT, None, ["a", "a", "b"], 2 / 3),
    ("mode", TEXT, None, ["b", "a", "a", "b", "c"], "a"),
    ("mode", DOUBLE, None, [-0.0, 0.0, -1.0], 0.0),
    ("top1_ratio", TEXT, None, ["b", "a", "a"], 2 / 3),
    ("top_k", BIGINT, 2, [5, 5, 4, 4, 9, 9, 9], [9, 4]),
    ("list_distinct", TEXT, None, ["b", "", None, "b"], ["", "b"]),
    ("histogram", TEXT, None, ["b", "a", "b"], {"a": 1, "b": 2}),
    ("histogram", TEXT, None, [None], None),
]


@pytest.mark.parametrize("func, kind, parameter, values, want", COUNTED)
def test_counted(func: str, kind: str, parameter: Any, values: List[Any], want: Any) -> None:
    got = counts.Counted(func, ref.Column("v", kind), "w", parameter=parameter).over([{"v": v} for v in values])
    assert ref.bits(got) == ref.bits(want)


def test_counted_by_category() -> None:
    events = [{"g": g, "v": v} for g, v in (("b", 0.1), ("a", 1.0), ("b", 0.2), ("b", -0.3), (None, 5.0), ("c", None))]
    columns = {"arg": ref.Column("g", TEXT), "window": "w", "second": ref.Column("v", DOUBLE)}
    assert counts.Counted("sum_map", **columns).over(events) == {"a": 1.0, "b": 2.0**-55}
    assert counts.Counted("avg_map", **columns).over(events) == {"a": 1.0, "b": 2.0**-55 / 3}


def test_rounding() -> None:
    assert ref.rounded(Fraction(2**53 + 1)) == 2.0**53 and ref.rounded(Fraction(2**53 + 3)) == 2.0**53 + 4
    assert ref.bits(ref.rounded(Fraction(0))) == ref.bits(0.0)
    assert ref.rounded(Fraction(5e-324) / 2) == 0.0 and ref.rounded(Fraction(5e-324) * 3 / 2) == 1e-323



# ---- the calendar ------------------------------------------------------------------------------------------------


def day(year: int, month: int, number: int, hours: int = 0) -> int:
    return days_from_civil(year, month, number) * DAY + hours * DAY // 24


def test_months() -> None:
    """The calendar's arithmetic is not monotone, as the language says."""
    assert shift(day(2023, 3, 28, 23), Interval(1), -1) == day(2023, 2, 28, 23)
    assert shift(day(2023, 3, 29, 9), Interval(1), -1) == day(2023, 2, 28, 9)
    assert shift(day(2024, 3, 31), Interval(1), -1) == day(2024, 2, 29)
    assert shift(day(2024, 1, 31), Interval(1, 1)) == day(2024, 3, 1)
    assert shift(day(2024, 1, 15), Interval(12), -1) == day(2023, 1, 15)
    assert shift(day(2024, 1, 1), Interval(0, 0, 1), -1) == day(2024, 1, 1) - 1


@pytest.mark.parametrize("unit, want", [("day", (2024, 2, 29)), ("week", (2024, 2, 26)), ("month", (2024, 2, 1)),
                                        ("quarter", (2024, 1, 1)), ("year", (2024, 1, 1))])
def test_truncate(unit: str, want: Tuple[int, int, int]) -> None:
    assert truncate(unit, day(2024, 2, 29, 13)) == day(*want)
    assert truncate(unit, day(*want)) == day(*want)
    assert truncate("week", day(1970, 1, 1)) == day(1969, 12, 29)


def test_clock() -> None:
    at = {"now()": day(2024, 3, 31, 9), "d": days_from_civil(2024, 3, 1)}
    today, d = ref.CurrentDate(), ref.Column("d", DATE)
    assert today.value(at) * DAY == day(2024, 3, 31)
    assert ref.Shift(today, Interval(days=7), -1, "days").value(at) * DAY == day(2024, 3, 24)
    assert ref.Shift(today, Interval(1)).value(at) == day(2024, 2, 29)
    assert ref.Shift(ref.Now(), Interval(1), -1, "dateadd").value(at) == day(2024, 2, 29, 9)
    assert ref.Shift(today, Interval(1), -1, "dateadd").sql() == "DATEADD(month, -1, CURRENT_DATE)"
    assert ref.DaysBetween(d, today).value(at) == 30
    assert ref.Compare("<", today, ref.Now()).value(at) is True  # a date is its first instant
    assert ref.Compare("=", today, ref.Trunc("day", ref.Now())).value(at) is True
    assert ref.Trunc("", ref.Now()).value({"now()": -1}) == -1


# ---- views of events ---------------------------------------------------------------------------------------------

TABLE = rel.Table("t", [("k", BIGINT, False), ("x", BIGINT, False), ("at", TIMESTAMP, True)], "at", ["k"], [])
K: List[Tuple[str, ref.Expr]] = [("k", ref.Column("k", BIGINT))]
AT = ref.Column("at", TIMESTAMP)


def rows(*pairs: Any) -> List[Dict[str, Any]]:
    return [{"k": k, "x": x, "at": at} for k, x, at in pairs]


def over(window: rel.Window, *features: ref.Aggregate, where: Optional[ref.Expr] = None, table: rel.Table = TABLE) -> rel.WindowView:
    named = [(f"f{i}", f) for i, f in enumerate(features)]
    return rel.WindowView("v", rel.FromTable(table), K, list(named), where, windows={"w": window})


def view(where: Optional[ref.Expr] = None, condition: Optional[ref.Expr] = None) -> rel.WindowView:
    features = [("n", ref.Aggregate("count", None, "w", condition)), ("last", ref.Aggregate("last", X, "w", condition))]
    return rel.WindowView("v", rel.FromTable(TABLE), K, list(features), where, windows={"w": rel.Window(Interval(us=10))})


def ask(v: rel.View, data: Any, t: int, entity: Any = (1,)) -> Tuple[List[Any], bool]:
    answer = v.evaluate(data if isinstance(data, dict) else {"t": data}, entity, t)
    return list(answer.values.values()), answer.found


def members(window: rel.Window, times: List[int], t: int, table: rel.Table = TABLE) -> List[int]:
    """The times of the events in a window, by giving each event a power of two."""
    data = rows(*((1, 2**i, at) for i, at in enumerate(times)))
    (total,), _ = ask(over(window, ref.Aggregate("sum", X, "w"), table=table), data, t)
    return [at for i, at in enumerate(times) if (total or 0) >> i & 1]


def test_windows_are_closed() -> None:
    data = rows((1, 5, 0), (1, 6, 10), (2, 7, 5), (None, 8, 5))
    for t, want in ((-1, 0), (0, 1), (9, 1), (10, 2), (11, 1), (20, 1), (21, 0)):
        (n, _), found = ask(view(), data, t)
        assert (n, found) == (want, want > 0)
    assert ask(view(), data, 5, (None,)) == ([0, None], False)
    assert ask(view(), data, 5, (77,)) == ([0, None], False)


def test_ties_and_errors() -> None:
    data = rows((1, 9, 5), (1, None, 5), (1, 3, 5))
    assert ask(view(), data, 5)[0][1] == 9
    error = ref.Compare(">", ref.Arithmetic("+", X, integer(INT_MAX)), integer(0))
    assert ask(view(where=error), data, 5) == ([ERROR, ERROR], True)
    assert ask(view(where=error), data, 16) == ([0, None], False)
    assert ask(view(condition=error), data, 5)[0][0] is ERROR
    nothing = ref.Compare("<", X, integer(0))
    assert ask(view(where=nothing), data, 5) == ([0, None], False)
    assert ask(view(condition=nothing), data, 5) == ([0, None], True)


T = [1, 2, 2, 3, 5, 5]
US = [Interval(us=n) for n in range(10)]

FRAMES: List[Any] = [
    # frame, t, times of the events inside
    (rel.Window(), 5, [1, 2, 2, 3, 5, 5]),
    (rel.Window(unit=""), 4, [1, 2, 2, 3]),
    (rel.Window(US[3]), 5, [2, 2, 3, 5, 5]),
    (rel.Window(US[3], closed="left"), 5, [2, 2, 3]),
    (rel.Window(US[3], closed="right"), 5, [3, 5, 5]),
    (rel.Window(US[3], closed="none"), 5, [3]),
    (rel.Window(US[3], closed="both"), 5, [2, 2, 3, 5, 5]),
    (rel.Window(None, closed="left"), 5, [1, 2, 2, 3]),
    (rel.Window(US[4], US[2]), 5, [1, 2, 2, 3]),
    (rel.Window(US[4], US[2], closed="left"), 5, [1, 2, 2]),
    (rel.Window(None, US[3]), 5, [1, 2, 2]),
    (rel.Window(unit="ROWS", first=2), 5, [3, 5, 5]),
    (rel.Window(unit="ROWS", first=2), 9, [3, 5, 5]),  # anchored at the newest row, not at t
    (rel.Window(unit="ROWS", first=2, last=1), 5, [3, 5]),
    (rel.Window(unit="ROWS", first=0), 5, [5]),
    (rel.Window(unit="ROWS", last=4), 5, [1, 2]),
    (rel.Window(unit="GROUPS", first=1), 5, [3, 5, 5]),
    (rel.Window(unit="GROUPS", first=2, last=1), 9, [2, 2, 3]),
    (rel.Window(exclude="CURRENT ROW"), 5, [1, 2, 2, 3, 5]),
    (rel.Window(exclude="CURRENT ROW"), 6, [1, 2, 2, 3, 5, 5]),  # only if it is at t
    (rel.Window(exclude="GROUP"), 5, [1, 2, 2, 3]),
    (rel.Window(exclude="GROUP"), 6, [1, 2, 2, 3, 5, 5]),
    (rel.Window(exclude="TIES"), 5, [1, 2, 2, 3, 5]),
    (rel.Window(exclude="TIES"), 6, [1, 2, 2, 3, 5, 5]),
    (rel.Window(unit="ROWS", first=1, exclude="GROUP"), 5, []),
]


@pytest.mark.parametrize("index", range(len(FRAMES)))
def test_frames(index: int) -> None:
    window, t, want = FRAMES[index]
    data = rows(*((1, 2**i, at) for i, at in enumerate(T)))
    (total, n), found = ask(over(window, ref.Aggregate("sum", X, "w"), ref.Aggregate("count", None, "w")), data, t)
    assert sorted(at for i, at in enumerate(T) if (total or 0) >> i & 1) == want
    assert n == len(want) and found == bool(want)


def test_since_and_months() -> None:
    times = [day(2024, 1, 31), day(2024, 2, 26), day(2024, 2, 29) - 1, day(2024, 2, 29), day(2024, 3, 31)]
    t = day(2024, 2, 29, 9)
    want = {"day": 3, "week": 1, "month": 1, "quarter": 0, "year": 0}
    for unit, first in want.items():
        assert members(rel.Window(unit="SINCE", since=unit), times, t) == times[first:4]
    assert members(rel.Window(Interval(1)), times, day(2024, 3, 31)) == times[3:]
    assert members(rel.Window(Interval(1)), times, day(2024, 3, 31) + 1) == times[4:]


def test_delay_and_retention() -> None:
    late = rel.Table("t", TABLE.columns, "at", ["k"], [], delay=Interval(us=2))
    assert members(rel.Window(US[5]), [1, 2, 3, 4, 5, 6], 6, late) == [1, 2, 3, 4]
    # The current row is the newest visible one; it is not at t.
    assert members(rel.Window(exclude="CURRENT ROW"), [1, 2, 3, 4, 5, 6], 6, late) == [1, 2, 3, 4]
    kept = rel.Table("t", TABLE.columns, "at", ["k"], [], retention=Interval(us=3))
    assert members(rel.Window(), [1, 2, 3, 4, 5, 6], 6, kept) == [3, 4, 5, 6]
    assert members(rel.Window(unit="ROWS", first=9), [1, 2, 3], 6, kept) == [3]


def lag(offset: int = 1, default: Optional[int] = None, ignore: bool = False) -> ref.Aggregate:
    return ref.Aggregate("lag", X, "w", None, ignore, offset, integer(default) if default is not None else None)


def test_lag_and_nulls() -> None:
    data = rows((1, 4, 1), (1, None, 2), (1, 6, 3), (1, None, 4))
    last, first = (ref.Aggregate(f, X, "w", None, True) for f in ("last", "first"))
    v = over(rel.Window(US[1]), lag(), lag(0), lag(3), lag(4), lag(4, 9), lag(1, 9, True), lag(2, 9, True), lag(3, 9, True), last, first)
    assert ask(v, data, 4)[0] == [6, None, 4, None, 9, 6, 4, 9, 6, 6]  # the frame does not bound lag
    assert ask(v, data, 3)[0] == [None, 6, None, None, 9, 4, 9, 9, 6, 6]
    assert ask(over(rel.Window(), lag(2)), data, 9, (5,))[0] == [None]
    assert lag(2, 9, True).sql() == "lag(x, 2, 9 IGNORE NULLS) OVER w"


def test_rows_count_after_where() -> None:
    data = rows((1, 1, 1), (1, -1, 2), (1, 4, 3))
    v = over(rel.Window(unit="ROWS", first=1), ref.Aggregate("sum", X, "w"), where=ref.Compare(">", X, integer(0)))
    assert ask(v, data, 9)[0] == [5]
    v = over(rel.Window(unit="ROWS", first=1), ref.Aggregate("sum", X, "w", ref.Compare(">", X, integer(0))))
    assert ask(v, data, 9)[0] == [4]  # FILTER comes after the frame


def test_keys() -> None:
    data = rows((1, 1, 1), (4, 2, 1), (None, 4, 1), (3, 8, 1))
    v = over(rel.Window(), ref.Aggregate("sum", X, "w"))
    v.keys = [("bucket", ref.Arithmetic("%", ref.Column("k", BIGINT), integer(3)))]
    assert ask(v, data, 1)[0] == [3] and ask(v, data, 1, (0,))[0] == [8]
    v.keys = [("known", ref.Choose("coalesce", ref.Column("k", BIGINT), integer(-1)))]
    assert ask(v, data, 1, (-1,)) == ([4], True)
    v.keys = [("k", ref.Column("k", BIGINT)), ("x", X)]
    assert ask(v, data, 1, (4, 2)) == ([2], True) and ask(v, data, 1, (None, 4)) == ([None], False)


# ---- form 3 ------------------------------------------------------------------------------------------------------


def group(*features: ref.Expr, where: Optional[ref.Expr] = None, having: Optional[ref.Expr] = None) -> rel.GroupView:
    v = rel.GroupView("v", rel.FromTable(TABLE), K, [(f"f{i}", f) for i, f in enumerate(features)], where)
    v.having = having
    return v


COUNT, SUM = ref.Aggregate("count", None, ""), ref.Aggregate("sum", X, "")


def test_absent_rows() -> None:
    data = rows((1, 5, day(2024, 3, 1)), (1, 7, day(2024, 3, 10)))
    recent = ref.Compare(">=", AT, ref.Shift(ref.CurrentDate(), Interval(days=7), -1, "days"))
    v = group(COUNT, SUM, where=recent)
    assert ask(v, data, day(2024, 3, 8, 23)) == ([1, 5], True)
    assert ask(v, data, day(2024, 3, 9)) == ([None, None], False)  # no row, not a count of 0
    assert ask(v, data, day(2024, 3, 17, 23)) == ([1, 7], True)
    assert ask(v, data, day(2024, 3, 8), (2,)) == ([None, None], False)
    in_case = ref.Aggregate("sum", ref.Case(recent, X, integer(0)), "")
    bare = ref.Aggregate("sum", ref.Case(recent, X, integer(None), True), "")
    filtered = ref.Aggregate("sum", X, "", recent)
    assert ask(group(in_case, bare, filtered), data, day(2024, 5, 1)) == ([0, None, None], True)
    assert ask(group(in_case, bare, filtered), data, day(2024, 3, 10)) == ([7, 7, 7], True)
    assert "ELSE" not in bare.sql()


def test_having() -> None:
    data = rows((1, 5, 1), (1, 7, 2))
    many = ref.Compare(">", COUNT, integer(1))
    assert ask(group(SUM, having=many), data, 1) == ([None], False)
    assert ask(group(SUM, having=many), data, 2) == ([12], True)
    assert ask(group(SUM, having=ref.IsNull(OVERFLOW)), data, 2)[0] == [ERROR]


def test_errors_stay_in_their_windows() -> None:
    data = rows((1, INT_MAX, 1), (1, 5, 20))
    plus = ref.Aggregate("sum", ref.Arithmetic("+", X, integer(1)), "w")
    v = over(rel.Window(US[9]), plus)
    assert ask(v, data, 1)[0] == [ERROR] and ask(v, data, 20)[0] == [6]
    recent = ref.Compare(">=", AT, ref.Shift(ref.Now(), US[9]))
    wrong = ref.Compare(">", ref.Arithmetic("+", X, integer(1)), integer(0))
    both = group(COUNT, where=ref.Logic("AND", wrong, recent))
    assert ask(both, data, 1)[0] == [ERROR] and ask(both, data, 20) == ([1], True)


# ---- form 4, joins, sources --------------------------------------------------------------------------------------

USERS = rel.Table("users", [("k", BIGINT, True), ("c", TEXT, False), ("at", TIMESTAMP, True)], "at", ["k"], ["k", "at"], dimension=True)
WHO = ref.Column("c", TEXT, "u.")


def user(k: int, c: str, at: int) -> Dict[str, Any]:
    return {"k": k, "c": c, "at": at}


def profile(table: rel.Table = USERS, where: Optional[ref.Expr] = None) -> rel.CombinedView:
    return rel.CombinedView("v", rel.Dimension(table), "u", [("c", WHO)], where=where)


def test_newest_row() -> None:
    history = rel.History(USERS)
    history.append([user(1, "old", 1), user(1, "new", 5), user(2, "x", 3)])
    history.end([{"k": 1, "at": 8}])
    history.append([user(1, "again", 10)])
    state = {"users": history.rows}
    for t, want in ((0, None), (1, "old"), (4, "old"), (5, "new"), (7, "new"), (8, None), (9, None), (10, "again")):
        assert ask(profile(), state, t) == ([want], want is not None)
    # WHERE comes after the newest row was chosen ...
    old = ref.Compare("=", WHO, ref.Const("old", TEXT))
    assert ask(profile(where=old), state, 4) == (["old"], True) and ask(profile(where=old), state, 5) == ([None], False)
    # ... but before it under QUALIFY and DISTINCT ON.
    table = rel.FromTable(TABLE)
    v = rel.NewestView("v", table, K, [("x", X)], ref.Compare("<", X, integer(5)))
    assert ask(v, {"t": rows((1, 4, 1), (1, 6, 2))}, 2) == ([4], True)
    assert ask(v, {"t": rows((1, 6, 2))}, 2) == ([None], False)
    assert ask(v, {"t": rows((1, 2, 2), (1, 3, 2), (1, None, 2))}, 2) == ([3], True)


def test_ttl() -> None:
    table = rel.Table("users", USERS.columns, "at", ["k"], ["k", "at"], ttl=Interval(us=3), dimension=True)
    state = {"users": [user(1, "a", 5)]}
    service = rel.Service("s", [("k", BIGINT)], [("p", profile(table), [])], [("c", rel.Feature("p", "c", TEXT))])
    for t, want in ((4, (None, "not found")), (5, ("a", "present")), (8, ("a", "present")), (9, (None, "expired"))):
        assert service.evaluate(state, {"k": 1}, t)["c"] == want
    state["users"].append({"k": 1, "at": 7, "ended": True})
    assert service.evaluate(state, {"k": 1}, 20)["c"] == (None, "not found")


def joined(kind: str = "LEFT", table: rel.Table = USERS) -> rel.GroupView:
    join = rel.Join(kind, rel.Dimension(table), "u", [ref.Column("k", BIGINT, "e.")])
    source = rel.Joined(rel.FromTable(TABLE), "e", [join])
    newest = ref.Aggregate("last", WHO, "")
    return rel.GroupView("v", source, [("k", ref.Column("k", BIGINT, "e."))], [("n", COUNT), ("c", newest)])


def test_joins_below_are_as_of_the_event() -> None:
    state = {"t": rows((1, 0, 2), (1, 0, 6)), "users": [user(1, "a", 3), user(1, "b", 7)]}
    assert ask(joined(), state, 2) == ([1, None], True)
    assert ask(joined(), state, 9) == ([2, "a"], True)  # not b, which came after the event
    assert ask(joined("INNER"), state, 9) == ([1, "a"], True)
    assert ask(joined("INNER"), state, 5) == ([None, None], False)
    short = rel.Table("users", USERS.columns, "at", ["k"], ["k", "at"], ttl=Interval(us=2), dimension=True)
    assert ask(joined(table=short), state, 9) == ([2, None], True)  # of age 3 at the event
    late = rel.Table("users", USERS.columns, "at", ["k"], ["k", "at"], Interval(us=4), dimension=True)
    assert ask(joined(table=late), state, 9) == ([2, None], True)
    assert "LEFT JOIN users AS u ON e.k = u.k" in joined().body()


def test_chained_and_asof() -> None:
    places = rel.Table("places", [("c", TEXT, True), ("r", TEXT, False), ("at", TIMESTAMP, True)], "at", ["c"], ["c", "at"], dimension=True)
    first = rel.Join("LEFT", rel.Dimension(USERS), "u", [ref.Column("k", BIGINT, "e.")])
    then = rel.Join("LEFT", rel.Dimension(places), "p", [WHO])
    source = rel.Joined(rel.FromTable(TABLE), "e", [first, then])
    v = rel.NewestView("v", source, [("k", ref.Column("k", BIGINT, "e."))], [("r", ref.Column("r", TEXT, "p."))])
    state = {"t": rows((1, 0, 5)), "users": [user(1, "de", 1)], "places": [{"c": "de", "r": "eu", "at": 4}]}
    assert ask(v, state, 9) == (["eu"], True)
    state["places"].append({"c": "de", "r": "later", "at": 6})
    assert ask(v, state, 9) == (["eu"], True)
    prices = rel.Table("prices", [("k", BIGINT, False), ("p", BIGINT, False), ("at", TIMESTAMP, True)], "at", ["k"], [])
    asof = rel.Join("ASOF LEFT", rel.NewestOf(prices, ["k"]), "q", [ref.Column("k", BIGINT, "e.")], "e.at >= q.at")
    v = rel.NewestView("v", rel.Joined(rel.FromTable(TABLE), "e", [asof]), v.keys, [("p", ref.Column("p", BIGINT, "q."))])
    state["prices"] = [{"k": 1, "p": 7, "at": 5}, {"k": 1, "p": 8, "at": 5}, {"k": 1, "p": 9, "at": 6}]
    assert ask(v, state, 9) == ([8], True)


def test_joins_above_are_as_of_t() -> None:
    total = group(SUM)
    total.name, total.how = "total", "cte"
    join = rel.Join("LEFT", total, "a", [ref.Column("k", BIGINT, "u.")])
    v = rel.CombinedView("v", rel.Dimension(USERS), "u", [("c", WHO), ("s", ref.Column("f0", BIGINT, "a."))], [join])
    state = {"t": rows((1, 5, 2), (2, 6, 2)), "users": [user(1, "a", 1), user(1, "b", 4)]}
    assert ask(v, state, 1) == (["a", None], True)
    assert ask(v, state, 5) == (["b", 5], True)
    assert ask(v, state, 5, (2,)) == ([None, None], False)  # the dimension has no row
    join.kind = "INNER"
    assert ask(v, state, 1) == ([None, None], False)
    assert v.body().startswith("WITH total AS (SELECT k, sum(x) AS f0 FROM t GROUP BY k) SELECT u.k AS k, u.c AS c")


def test_union_order() -> None:
    other = rel.Table("o", [("k", BIGINT, False), ("z", BIGINT, False), ("at", TIMESTAMP, True)], "at", ["k"], [])
    one = rel.Derived("a", rel.FromTable(TABLE), [K[0], ("x", X), ("at", AT)], "at")
    two = rel.Derived("b", rel.FromTable(other), [K[0], ("z", ref.Column("z", BIGINT)), ("at", AT)], "at")
    last = ref.Aggregate("last", X, "w")
    v = rel.WindowView("v", rel.Union("u", [one, two], "at"), K, [("last", last)], windows={"w": rel.Window()})
    state = {"t": rows((1, 100, 5)), "o": [{"k": 1, "z": 3, "at": 5}, {"k": 1, "z": 2, "at": 5}]}
    assert ask(v, state, 5)[0] == [3]  # the later place, then the greatest
    v.source = rel.Union("u", [rel.Derived("b", two.source, [K[0], ("x", ref.Column("z", BIGINT)), ("at", AT)], "at"), one], "at")
    assert ask(v, state, 5)[0] == [100]


def test_order_goes_by_key_then_by_what_is_read() -> None:
    columns = [("id", BIGINT, True), ("a", BIGINT, False), ("x", BIGINT, False), ("k", BIGINT, False), ("at", TIMESTAMP, True)]
    data = [{"id": 1, "a": 9, "x": 5, "k": 1, "at": 0}, {"id": 2, "a": 1, "x": 4, "k": 1, "at": 0}]
    last = ref.Aggregate("last", X, "w")
    for unique, extra, want in ((["id"], [], 4), ([], [], 5), ([], [ref.Aggregate("max", ref.Column("a", BIGINT), "w")], 5)):
        table = rel.Table("t", columns, "at", ["k"], unique)
        assert ask(over(rel.Window(), last, *extra, table=table), data, 0)[0][0] == want
    data[1]["a"] = 10
    table = rel.Table("t", columns, "at", ["k"], [])
    assert ask(over(rel.Window(), last, table=table), data, 0)[0][0] == 5
    assert ask(over(rel.Window(), last, ref.Aggregate("max", ref.Column("a", BIGINT), "w"), table=table), data, 0)[0][0] == 4


def test_derived_poisons() -> None:
    wrong = ref.Compare(">", ref.Arithmetic("+", X, integer(1)), integer(0))
    plus = ref.Arithmetic("+", X, integer(1))
    inner = rel.Derived("d", rel.FromTable(TABLE), [K[0], ("p", plus), ("at", AT)], "at", wrong)
    p = ref.Aggregate("sum", ref.Column("p", BIGINT), "w")
    v = rel.WindowView("v", inner, K, [("n", ref.Aggregate("count", None, "w")), ("s", p)], windows={"w": rel.Window(US[5])})
    data = {"t": rows((1, INT_MAX, 0), (1, 1, 10), (1, -9, 10))}
    assert ask(v, data, 0) == ([ERROR, ERROR], True) and ask(v, data, 10) == ([1, 2], True)


# ---- services and writes -----------------------------------------------------------------------------------------


def test_statuses() -> None:
    features = [("n", ref.Aggregate("count", None, "w")), ("s", ref.Aggregate("sum", X, "w"))]
    v = rel.WindowView("v", rel.FromTable(TABLE), K, list(features), windows={"w": rel.Window(US[5])})
    outputs: List[Tuple[str, ref.Expr]] = [("s2", rel.Feature("v", "s", BIGINT)), ("at", ref.Now())]
    outputs.append(("more", ref.Arithmetic("+", rel.Feature("v", "n", BIGINT), ref.Column("amount", BIGINT, "r."))))
    service = rel.Service("s", [("who", BIGINT), ("amount", BIGINT)], [("v", v, ["who"])], outputs, ["v"])
    state = {"t": rows((1, INT_MAX, 0), (1, 1, 0), (1, None, 20))}
    want = {
        0: [(2, "present"), (None, "error"), (None, "error"), (0, "present"), (9, "present")],
        20: [(1, "present"), (None, "null"), (None, "null"), (20, "present"), (8, "present")],
        30: [(0, "not found"), (None, "not found"), (None, "not found"), (30, "present"), (7, "present")],
    }
    for t, answers in want.items():
        assert list(service.evaluate(state, {"who": 1, "amount": 7}, t).values()) == answers
    assert "LEFT JOIN v v ON v.k = r.who" in service.sql() and "SELECT v.*, v.s AS s2" in service.sql()


def test_history() -> None:
    table = rel.Table("t", [("id", BIGINT, True), ("x", BIGINT, False), ("at", TIMESTAMP, True)], "at", ["id"], ["id"])
    history = rel.History(table)
    history.append([{"id": 1, "x": 1, "at": 0}, {"id": 2, "x": 2, "at": 0}])
    before = history.rows
    history.upsert([{"id": 2, "x": 3, "at": 5}, {"id": 3, "x": 4, "at": 0}])
    history.delete([(1,), (7,)])
    assert [(r["id"], r["x"]) for r in history.rows] == [(2, 3), (3, 4)] and len(before) == 2
