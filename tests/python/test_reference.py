"""The reference itself, by hand: a wrong reference would make the parity test worthless."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, Dict, List, Optional

import pytest

import reference as ref
from reference import BIGINT, BOOLEAN, DOUBLE, ERROR, INT_MAX, INT_MIN, TEXT, TIMESTAMP

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
    ("first", DOUBLE, [None, 1.0], None),
    ("last", DOUBLE, [None, 1.0], 1.0),
]


@pytest.mark.parametrize("func, kind, values, want", AGGREGATES)
def test_aggregates(func: str, kind: str, values: List[Any], want: Any) -> None:
    got = ref.Aggregate(func, ref.Column("v", kind), "w").over([{"v": v} for v in values])
    assert (got is want) if want is ERROR else ref.bits(got) == ref.bits(want)


def test_rounding() -> None:
    assert ref.rounded(Fraction(2**53 + 1)) == 2.0**53 and ref.rounded(Fraction(2**53 + 3)) == 2.0**53 + 4
    assert ref.bits(ref.rounded(Fraction(0))) == ref.bits(0.0)
    assert ref.rounded(Fraction(5e-324) / 2) == 0.0 and ref.rounded(Fraction(5e-324) * 3 / 2) == 1e-323


TABLE = ref.Table("t", [("k", BIGINT, False), ("x", BIGINT, False), ("at", TIMESTAMP, True)], "at", ["k"], [])


def view(where: Optional[ref.Expr] = None, condition: Optional[ref.Expr] = None) -> ref.View:
    features = [("n", ref.Aggregate("count", None, "w", condition)), ("last", ref.Aggregate("last", X, "w", condition))]
    return ref.View("v", TABLE, ["k"], {"w": ref.Window(10)}, features, where)


def rows(*pairs: Any) -> List[Dict[str, Any]]:
    return [{"k": k, "x": x, "at": at} for k, x, at in pairs]


def test_windows_are_closed() -> None:
    data = rows((1, 5, 0), (1, 6, 10), (2, 7, 5), (None, 8, 5))
    for t, want in ((-1, 0), (0, 1), (9, 1), (10, 2), (11, 1), (20, 1), (21, 0)):
        values, found = view().evaluate(data, (1,), t)
        assert (values["n"], found) == (want, want > 0)
    assert view().evaluate(data, (None,), 5) == ({"n": 0, "last": None}, False)


def test_ties_and_errors() -> None:
    data = rows((1, 9, 5), (1, None, 5), (1, 3, 5))
    assert view().evaluate(data, (1,), 5)[0]["last"] == 9
    error = ref.Compare(">", ref.Arithmetic("+", X, integer(INT_MAX)), integer(0))
    assert view(where=error).evaluate(data, (1,), 5) == ({"n": ERROR, "last": ERROR}, True)
    assert view(where=error).evaluate(data, (1,), 16) == ({"n": 0, "last": None}, False)
    assert view(condition=error).evaluate(data, (1,), 5)[0]["n"] is ERROR
    nothing = ref.Compare("<", X, integer(0))
    assert view(where=nothing).evaluate(data, (1,), 5) == ({"n": 0, "last": None}, False)
    assert view(condition=nothing).evaluate(data, (1,), 5) == ({"n": 0, "last": None}, True)
