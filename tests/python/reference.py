"""The naive reference, first half: values, expressions and aggregates in exact arithmetic. ``relations.py`` is the other:
tables, joins, frames, views and services.

One object is both the SQL text of an expression and its value, so a generated definition can be handed to the library as
text and evaluated here. Nothing is shared with the library: no window index, no state, no floating sum. A value is a
Python int, float, bool, str or Decimal, NULL is None, and an error is ERROR. Times are ints of µs since 1970 UTC, dates
are ints of days; an expression's type says which.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

from instants import DAY, Interval, date_text, instant_text, shift, truncate

BIGINT, DOUBLE, BOOLEAN, TEXT, TIMESTAMP = "BIGINT", "DOUBLE", "BOOLEAN", "TEXT", "TIMESTAMP"
INTEGER, DATE = "INTEGER", "DATE"
#: The one decimal type of the generated tables; sums of it are DECIMAL(38, 2).
MONEY = "DECIMAL(12,2)"

INT_MIN, INT_MAX = -(2**63), 2**63 - 1


class _Error:
    def __repr__(self) -> str:
        return "ERROR"


ERROR = _Error()

# ---- order and rounding ------------------------------------------------------------------------------------------


def total_order(x: Any) -> Any:
    """Sort key of a value that is not NULL: doubles -inf .. -0.0 < +0.0 .. inf < NaN, text by its bytes."""
    if isinstance(x, float):
        if math.isnan(x):
            return 2**64
        (bits,) = struct.unpack("<q", struct.pack("<d", x))
        return bits if bits >= 0 else -(bits & INT_MAX) - 1
    if isinstance(x, str):
        return x.encode("utf-8")
    if isinstance(x, list):
        return [null_first(v) for v in x]
    return x


def null_first(x: Any) -> Tuple[Any, ...]:
    return (0,) if x is None else (1, total_order(x))


def comparison_key(x: Any) -> Any:
    """For = and <: -0.0 equals +0.0, NaN equals NaN and is above everything."""
    return total_order(x + 0.0) if isinstance(x, float) else total_order(x)


def rounded(x: Fraction) -> float:
    """The double nearest to a rational, ties to even; zero is +0.0; beyond the greatest it is an infinity."""
    try:
        return x.numerator / x.denominator  # division of ints is rounded once
    except OverflowError:
        return math.inf if x > 0 else -math.inf


def bits(x: Any) -> Any:
    """What must be equal: the bits of a double (there is one NaN), the value of anything else."""
    if isinstance(x, float):
        return ("double", "nan" if math.isnan(x) else struct.pack("<d", x))
    if isinstance(x, list):
        return ("list", [bits(v) for v in x])
    if isinstance(x, dict):
        return ("map", [(bits(k), bits(v)) for k, v in x.items()])
    return x


# ---- expressions -------------------------------------------------------------------------------------------------

#: What an expression's leaves look things up in.
Row = Dict[str, Any]


class Expr:
    """A node. ``parts`` are its operands; ``value`` computes from a row (events) or a dict of leaves (aggregates, features)."""

    type: str
    parts: Sequence["Expr"] = ()

    def sql(self) -> str:
        raise NotImplementedError

    def value(self, row: Row) -> Any:
        raise NotImplementedError

    def walk(self) -> Iterator["Expr"]:
        yield self
        for part in self.parts:
            yield from part.walk()


@dataclass(eq=False)
class Column(Expr):
    """A column of an event row, or an input of a request."""

    name: str
    type: str
    qualifier: str = ""

    def sql(self) -> str:
        return self.qualifier + self.name

    def key(self) -> str:
        return self.qualifier + self.name

    def value(self, row: Row) -> Any:
        """What was joined is kept under its qualified name, the row itself under bare names."""
        return row[self.key()] if self.key() in row else row[self.name]


@dataclass(eq=False)
class Const(Expr):
    of: Any
    type: str

    def sql(self) -> str:
        if self.of is None:
            return f"CAST(NULL AS {self.type})"
        if self.type == TEXT:
            return "'" + self.of.replace("'", "''") + "'"
        if self.type == BOOLEAN:
            return "TRUE" if self.of else "FALSE"
        if self.type == DATE:
            return f"DATE '{date_text(self.of)}'"
        if self.type == TIMESTAMP:
            return f"TIMESTAMP '{instant_text(self.of)}'"
        if isinstance(self.of, Decimal):
            return f"CAST('{self.of}' AS {self.type})"
        if self.of == INT_MIN:
            return f"(-{INT_MAX} - 1)"
        text = repr(abs(self.of))
        return f"(-{text})" if self.of < 0 or math.copysign(1, self.of) < 0 else text

    def value(self, row: Row) -> Any:
        return self.of


@dataclass(eq=False)
class Now(Expr):
    type: str = TIMESTAMP

    def sql(self) -> str:
        return "now()"

    def value(self, row: Row) -> Any:
        return row["now()"]


@dataclass(eq=False)
class CurrentDate(Expr):
    type: str = DATE

    def sql(self) -> str:
        return "CURRENT_DATE"

    def value(self, row: Row) -> Any:
        return row["now()"] // DAY


@dataclass(eq=False)
class Shift(Expr):
    """A time moved by an interval, or a date by a number of days. ``style``: operator, dateadd (one unit only), or days."""

    a: Expr
    by: Interval
    sign: int = -1
    style: str = "operator"

    def __post_init__(self) -> None:
        self.parts = (self.a,)
        self.type = DATE if self.style == "days" else TIMESTAMP

    def sql(self) -> str:
        mark = "-" if self.sign < 0 else "+"
        if self.style == "days":
            return f"({self.a.sql()} {mark} {self.by.days})"
        if self.style == "dateadd":
            unit, n = ("month", self.by.months) if self.by.months else ("day", self.by.days)
            return f"DATEADD({unit}, {'-' if self.sign < 0 else ''}{n}, {self.a.sql()})"
        return f"({self.a.sql()} {mark} {self.by.sql()})"

    def value(self, row: Row) -> Any:
        return strict([self.a.value(row)], self.compute)

    def compute(self, a: int) -> int:
        if self.style == "days":
            return a + self.sign * self.by.days
        return shift(a * DAY if self.a.type == DATE else a, self.by, self.sign)


@dataclass(eq=False)
class Trunc(Expr):
    """date_trunc(unit, time), or CAST(time AS DATE) when there is no unit."""

    unit: str
    a: Expr

    def __post_init__(self) -> None:
        self.parts = (self.a,)
        self.type = TIMESTAMP if self.unit else DATE

    def sql(self) -> str:
        return f"date_trunc('{self.unit}', {self.a.sql()})" if self.unit else f"CAST({self.a.sql()} AS DATE)"

    def value(self, row: Row) -> Any:
        return strict([self.a.value(row)], self.compute)

    def compute(self, a: int) -> int:
        instant = a * DAY if self.a.type == DATE else a
        return truncate(self.unit, instant) if self.unit else instant // DAY


@dataclass(eq=False)
class DaysBetween(Expr):
    """datediff('day', a, b): the midnights between two dates or times."""

    a: Expr
    b: Expr
    type: str = BIGINT

    def __post_init__(self) -> None:
        self.parts = (self.a, self.b)

    def sql(self) -> str:
        return f"datediff('day', {self.a.sql()}, {self.b.sql()})"

    def value(self, row: Row) -> Any:
        days = [(lambda v: v if v is None or v is ERROR or p.type == DATE else v // DAY)(p.value(row)) for p in self.parts]
        return strict(days, lambda a, b: b - a)


def strict(values: Sequence[Any], compute: Callable[..., Any]) -> Any:
    """The rule of most operators: an error in, an error out; else NULL in, NULL out."""
    if any(v is ERROR for v in values):
        return ERROR
    if any(v is None for v in values):
        return None
    return compute(*values)


def as_double(v: Any) -> Any:
    return float(v) if isinstance(v, int) and not isinstance(v, bool) else v


def fits(v: int) -> Any:
    return v if INT_MIN <= v <= INT_MAX else ERROR


def divide(a: float, b: float) -> float:
    if b != 0:
        return a / b
    if a == 0 or math.isnan(a) or math.isnan(b):
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1.0, b)


def truncated(a: int, b: int) -> int:
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


@dataclass(eq=False)
class Arithmetic(Expr):
    op: str
    a: Expr
    b: Expr

    def __post_init__(self) -> None:
        self.parts = (self.a, self.b)
        both = all(p.type in (BIGINT, INTEGER) for p in self.parts)
        self.type = BIGINT if both and self.op != "/" else DOUBLE

    def sql(self) -> str:
        return f"({self.a.sql()} {self.op} {self.b.sql()})"

    def value(self, row: Row) -> Any:
        values = [p.value(row) for p in self.parts]
        if self.type == DOUBLE:
            values = [as_double(v) for v in values]
        return strict(values, self.compute)

    def compute(self, a: Any, b: Any) -> Any:
        if self.op == "/":
            return divide(a, b)
        if self.op in ("//", "%"):
            if b == 0:
                return None
            quotient = truncated(a, b)
            return fits(quotient) if self.op == "//" else a - b * quotient
        result = a + b if self.op == "+" else a - b if self.op == "-" else a * b
        return fits(result) if self.type == BIGINT else result


@dataclass(eq=False)
class Unary(Expr):
    """Negation, abs, NOT, and casts between BIGINT, DOUBLE and BOOLEAN."""

    op: str
    a: Expr
    to: str = ""

    def __post_init__(self) -> None:
        self.parts = (self.a,)
        self.type = self.to or self.a.type

    def sql(self) -> str:
        inner = self.a.sql()
        if self.op == "cast":
            return f"CAST({inner} AS {self.to})"
        return f"abs({inner})" if self.op == "abs" else f"(NOT {inner})" if self.op == "not" else f"(-({inner}))"

    def value(self, row: Row) -> Any:
        return strict([self.a.value(row)], self.compute)

    def compute(self, a: Any) -> Any:
        if self.op == "not":
            return not a
        if self.op == "cast":
            return self.convert(a)
        result = abs(a) if self.op == "abs" else -a
        return fits(result) if isinstance(a, int) else result

    def convert(self, a: Any) -> Any:
        if self.to == DOUBLE:
            return float(a)
        if self.to == BOOLEAN:
            return a != 0
        if isinstance(a, float):
            return ERROR if math.isnan(a) or math.isinf(a) else fits(round(a))  # round() takes ties to even
        return int(a)


@dataclass(eq=False)
class Compare(Expr):
    op: str
    a: Expr
    b: Expr
    type: str = BOOLEAN

    def __post_init__(self) -> None:
        self.parts = (self.a, self.b)

    def sql(self) -> str:
        return f"({self.a.sql()} {self.op} {self.b.sql()})"

    def value(self, row: Row) -> Any:
        values = [p.value(row) for p in self.parts]
        types = (self.a.type, self.b.type)
        if DOUBLE in types:
            values = [as_double(v) for v in values]
        if set(types) == {DATE, TIMESTAMP}:
            values = [v * DAY if kind == DATE and isinstance(v, int) else v for v, kind in zip(values, types)]
        if self.op.startswith("IS"):
            return self.distinct(*values)
        return strict(values, self.compute)

    def compute(self, a: Any, b: Any) -> bool:
        x, y = comparison_key(a), comparison_key(b)
        return {"=": x == y, "<>": x != y, "<": x < y, "<=": x <= y, ">": x > y, ">=": x >= y}[self.op]

    def distinct(self, a: Any, b: Any) -> Any:
        if a is ERROR or b is ERROR:
            return ERROR
        if a is None or b is None:
            differ = (a is None) != (b is None)
        else:
            differ = comparison_key(a) != comparison_key(b)
        return differ == (self.op == "IS DISTINCT FROM")


@dataclass(eq=False)
class Logic(Expr):
    """AND and OR: an argument that decides does so whatever the other is; else an error, else NULL."""

    op: str
    a: Expr
    b: Expr
    type: str = BOOLEAN

    def __post_init__(self) -> None:
        self.parts = (self.a, self.b)

    def sql(self) -> str:
        return f"({self.a.sql()} {self.op} {self.b.sql()})"

    def value(self, row: Row) -> Any:
        values = [p.value(row) for p in self.parts]
        decider = self.op == "OR"
        if any(v is decider for v in values):
            return decider
        return strict(values, lambda a, b: not decider)


@dataclass(eq=False)
class IsNull(Expr):
    a: Expr
    negated: bool = False
    type: str = BOOLEAN

    def __post_init__(self) -> None:
        self.parts = (self.a,)

    def sql(self) -> str:
        return f"({self.a.sql()} IS {'NOT ' if self.negated else ''}NULL)"

    def value(self, row: Row) -> Any:
        v = self.a.value(row)
        return ERROR if v is ERROR else (v is None) != self.negated


@dataclass(eq=False)
class Case(Expr):
    """CASE WHEN condition THEN a ELSE b END. Both branches have one type."""

    condition: Expr
    a: Expr
    b: Expr
    bare: bool = False  #: b is NULL and ELSE is not written

    def __post_init__(self) -> None:
        self.parts = (self.condition, self.a, self.b)
        self.type = self.a.type

    def sql(self) -> str:
        otherwise = "" if self.bare else f" ELSE {self.b.sql()}"
        return f"CASE WHEN {self.condition.sql()} THEN {self.a.sql()}{otherwise} END"

    def value(self, row: Row) -> Any:
        condition = self.condition.value(row)
        if condition is ERROR:
            return ERROR
        return (self.a if condition is True else self.b).value(row)


@dataclass(eq=False)
class Choose(Expr):
    """coalesce(a, b) and nullif(a, b), of one type."""

    op: str
    a: Expr
    b: Expr

    def __post_init__(self) -> None:
        self.parts = (self.a, self.b)
        self.type = self.a.type

    def sql(self) -> str:
        return f"{self.op}({self.a.sql()}, {self.b.sql()})"

    def value(self, row: Row) -> Any:
        a = self.a.value(row)
        if self.op == "coalesce":
            return self.b.value(row) if a is None else a
        b = self.b.value(row)
        if a is ERROR or b is ERROR:
            return ERROR
        if a is None or b is None:
            return a
        return None if comparison_key(a) == comparison_key(b) else a


@dataclass(eq=False)
class Alias(Expr):
    """An earlier output, by its name."""

    name: str
    of: Expr

    def __post_init__(self) -> None:
        self.parts, self.type = (self.of,), self.of.type

    def sql(self) -> str:
        return self.name

    def value(self, row: Row) -> Any:
        return self.of.value(row)


# ---- aggregates --------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Aggregate(Expr):
    """``func`` is count, sum, avg, min, max, first, last or lag; ``arg`` None is count(*); ``window`` "" is a plain aggregate.
    Its value is looked up by identity in what the view has computed."""

    func: str
    arg: Optional[Expr]
    window: str
    filter: Optional[Expr] = None
    ignore_nulls: bool = False
    offset: int = 1  #: of lag
    default: Optional[Expr] = None  #: of lag
    order: str = ""  #: the event time, where first and last say by what they go (which they do anyway)
    distinct: bool = False  #: of count, sum and avg: of equal values one

    def __post_init__(self) -> None:
        # Event expressions are not operands of the view's own expressions, but columns that they read are the view's.
        self.event_parts = [e for e in (self.arg, self.filter) if e is not None]
        if self.func == "count":
            self.type = BIGINT
        elif self.func == "avg":
            self.type = DOUBLE
        else:
            assert self.arg is not None
            self.type = self.arg.type
            if self.func == "sum":
                self.type = {INTEGER: BIGINT, MONEY: "DECIMAL(38,2)"}.get(self.type, self.type)

    def sql(self) -> str:
        inner = "*" if self.arg is None else self.arg.sql()
        if self.func == "lag" and (self.offset != 1 or self.default is not None):
            inner += f", {self.offset}" + (f", {self.default.sql()}" if self.default is not None else "")
        inner += f" ORDER BY {self.order}" if self.order else ""
        inner += " IGNORE NULLS" if self.ignore_nulls else ""
        condition = f" FILTER (WHERE {self.filter.sql()})" if self.filter else ""
        over = f" OVER {self.window}" if self.window else ""
        return f"{self.func}({'DISTINCT ' * self.distinct}{inner}){condition}{over}"

    def value(self, row: Row) -> Any:
        return row[id(self)]  # type: ignore[index]

    def over(self, events: List[Row]) -> Any:
        """The value over the events of a window, which come in canonical order. An event marked as failed by WHERE poisons
        the window."""
        values: List[Any] = []
        for event in events:
            passes = self.filter.value(event) if self.filter else True
            if event.get("failed") or passes is ERROR:
                values.append(ERROR)
            elif passes is True:
                values.append(True if self.arg is None else self.arg.value(event))
        if self.ignore_nulls:
            values = [v for v in values if v is not None]
        if self.func == "lag":
            return self.before(values, events)
        if self.func in ("first", "last"):
            return (values[0] if self.func == "first" else values[-1]) if values else None
        if any(v is ERROR for v in values):
            return ERROR
        values = [v for v in values if v is not None]
        if self.distinct:
            values = list({comparison_key(v): v for v in values}.values())
        if self.func == "count":
            return len(values)
        if not values:
            return None
        if self.func in ("min", "max"):
            return (min if self.func == "min" else max)(values, key=total_order)
        return self.total(values)

    def before(self, values: List[Any], events: List[Row]) -> Any:
        """lag: ``events`` are all rows of the entity, the last one is the current row. IGNORE NULLS counts, before the
        current row, only rows with a value."""
        if self.ignore_nulls and self.arg is not None and events:
            current = ERROR if events[-1].get("failed") else self.arg.value(events[-1])
            if self.offset == 0:
                return current
            earlier = values if current is None else values[:-1]
            back = self.offset
        else:
            earlier, back = values, self.offset + 1
        if len(earlier) >= back:
            return earlier[-back]
        return self.default.value({}) if self.default is not None else None

    def total(self, values: List[Any]) -> Any:
        """sum and avg: exact, rounded once."""
        if isinstance(values[0], float):
            if any(math.isnan(v) for v in values) or (math.inf in values and -math.inf in values):
                return math.nan
            for infinite in (math.inf, -math.inf):
                if infinite in values:
                    return infinite
        exact = sum((Fraction(v) for v in values), Fraction(0))
        if self.func == "avg":
            return rounded(exact / len(values))
        if isinstance(values[0], Decimal):
            with localcontext() as context:
                context.prec = 80
                total = sum(values, Decimal(0))
                return total if abs(total) < Decimal(10) ** 36 else ERROR
        return rounded(exact) if isinstance(values[0], float) else fits(int(exact))
