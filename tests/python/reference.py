"""The naive reference: what a definition means, written for clarity in exact arithmetic.

One object is both the SQL text of an expression and its value, so a generated definition can be handed to the library as
text and evaluated here. Nothing is shared with the library: no window index, no state, no floating sum. A value is a
Python int, float, bool or str, NULL is None, and an error is ERROR. Times are ints of µs since 1970 UTC.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Set, Tuple

BIGINT, DOUBLE, BOOLEAN, TEXT, TIMESTAMP = "BIGINT", "DOUBLE", "BOOLEAN", "TEXT", "TIMESTAMP"

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

    def value(self, row: Row) -> Any:
        return row[self.name]


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
        both = self.a.type == self.b.type == BIGINT
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
        if DOUBLE in (self.a.type, self.b.type):
            values = [as_double(v) for v in values]
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

    def __post_init__(self) -> None:
        self.parts = (self.condition, self.a, self.b)
        self.type = self.a.type

    def sql(self) -> str:
        return f"CASE WHEN {self.condition.sql()} THEN {self.a.sql()} ELSE {self.b.sql()} END"

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


# ---- aggregates --------------------------------------------------------------------------------------------------


@dataclass
class Window:
    """[t - width, t]; no width: everything up to t."""

    width: Optional[int]

    def contains(self, time: int, t: int) -> bool:
        return time <= t and (self.width is None or time >= t - self.width)


@dataclass(eq=False)
class Aggregate(Expr):
    """``func`` is count, sum, avg, min, max, first or last; ``arg`` None is count(*). Its value is looked up by identity
    in what ``View.evaluate`` has computed."""

    func: str
    arg: Optional[Expr]
    window: str
    filter: Optional[Expr] = None

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

    def sql(self) -> str:
        inner = "*" if self.arg is None else self.arg.sql()
        condition = f" FILTER (WHERE {self.filter.sql()})" if self.filter else ""
        return f"{self.func}({inner}){condition} OVER {self.window}"

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
        if self.func in ("first", "last"):
            return (values[0] if self.func == "first" else values[-1]) if values else None
        if any(v is ERROR for v in values):
            return ERROR
        values = [v for v in values if v is not None]
        if self.func == "count":
            return len(values)
        if not values:
            return None
        if self.func in ("min", "max"):
            return (min if self.func == "min" else max)(values, key=total_order)
        return self.total(values)

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
        return rounded(exact) if isinstance(values[0], float) else fits(int(exact))


# ---- views -------------------------------------------------------------------------------------------------------


@dataclass
class Table:
    name: str
    columns: List[Tuple[str, str, bool]]  #: name, type, NOT NULL; in declaration order, which is the order of column ids
    time: str
    key: List[str]
    unique: List[str]

    def sql(self) -> str:
        parts = [f"{name} {kind}{' NOT NULL' if strictly else ''}" for name, kind, strictly in self.columns]
        parts += [f"ENTITY KEY ({', '.join(self.key)})", f"EVENT TIME ({self.time})"]
        if self.unique:
            parts.append(f"UNIQUE ({', '.join(self.unique)})")
        return f"CREATE TABLE {self.name} ({', '.join(parts)});"


@dataclass
class View:
    name: str
    table: Table
    keys: List[str]
    windows: Dict[str, Window]
    features: List[Tuple[str, Expr]]
    where: Optional[Expr] = None
    standard: bool = False  #: print the standard form instead of the short one

    def sql(self) -> str:
        outputs = self.keys + [f"{e.sql()} AS {name}" for name, e in self.features]
        where = f" WHERE {self.where.sql()}" if self.where else ""
        group = "" if self.standard else f" GROUP BY {', '.join(self.keys)}"
        windows = ", ".join(f"{name} AS ({self.frame(w)})" for name, w in self.windows.items())
        return (
            f"CREATE FEATURE VIEW {self.name} AS SELECT {', '.join(outputs)} FROM {self.table.name}{where}{group} "
            f"WINDOW {windows};"
        )

    def frame(self, window: Window) -> str:
        start = "UNBOUNDED" if window.width is None else f"INTERVAL '{window.width} microseconds'"
        if not self.standard:
            return f"RANGE {start} PRECEDING"
        by = f"PARTITION BY {', '.join(self.keys)} ORDER BY {self.table.time}"
        return f"{by} RANGE BETWEEN {start} PRECEDING AND CURRENT ROW"

    def aggregates(self) -> List[Aggregate]:
        return [e for _, feature in self.features for e in feature.walk() if isinstance(e, Aggregate)]

    def columns_read(self) -> Set[str]:
        roots: List[Expr] = [part for a in self.aggregates() for part in a.event_parts]
        roots += [self.where] if self.where else []
        return {e.name for root in roots for e in root.walk() if isinstance(e, Column)} | set(self.keys)

    def canonical(self, row: Row) -> Any:
        """Event time, then the unique key, then the other columns that the view reads, by column id; NULL first."""
        read = self.columns_read()
        rest = [name for name, _, _ in self.table.columns if name in read]
        return [null_first(row[name]) for name in [self.table.time] + self.table.unique + rest]

    def passing(self, rows: List[Row], entity: Tuple[Any, ...]) -> List[Row]:
        """The entity's events that pass WHERE, in canonical order, those whose WHERE is an error marked as failed.
        A row with NULL in a key part is of no entity, and neither is a request with one."""
        if any(k is None for k in entity):
            return []
        out = []
        for row in rows:
            if tuple(row[k] for k in self.keys) != entity:
                continue
            passes = self.where.value(row) if self.where else True
            if passes is ERROR:
                out.append({**row, "failed": True})
            elif passes is True:
                out.append(row)
        return sorted(out, key=self.canonical)

    def evaluate(self, rows: List[Row], entity: Tuple[Any, ...], t: int) -> Tuple[Dict[str, Any], bool]:
        """The features at (entity, t), and whether the entity is found: some event lies in a window."""
        events = self.passing(rows, entity)
        inside = {name: [e for e in events if w.contains(e[self.table.time], t)] for name, w in self.windows.items()}
        # Only windows that something reads are the view's windows.
        used = {a.window for a in self.aggregates()}
        found = any(inside[name] for name in used)
        leaves: Dict[Any, Any] = {id(a): a.over(inside[a.window]) for a in self.aggregates()}
        leaves["now()"] = t
        return {name: e.value(leaves) for name, e in self.features}, found


# ---- services ----------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Feature(Expr):
    """A feature of a joined view, in an expression of a service."""

    alias: str
    name: str
    type: str

    def sql(self) -> str:
        return f"{self.alias}.{self.name}"

    def value(self, row: Row) -> Any:
        return row[self.sql()]


@dataclass
class Service:
    name: str
    inputs: List[Tuple[str, str]]  #: name and type; a view's keys are inputs of the same names
    joins: List[Tuple[str, View]]  #: alias and view
    outputs: List[Tuple[str, Expr]] = field(default_factory=list)

    def sql(self) -> str:
        inputs = ", ".join(f"{name} {kind}" for name, kind in self.inputs)
        joins = " ".join(f"LEFT JOIN {v.name} {alias} USING ({', '.join(v.keys)})" for alias, v in self.joins)
        outputs = ", ".join(f"{e.sql()} AS {name}" for name, e in self.outputs)
        return f"CREATE FEATURE SERVICE {self.name} AS SELECT {outputs} FROM REQUEST ({inputs}) AS r {joins};"

    def evaluate(self, rows: Dict[str, List[Row]], request: Row, t: int) -> Dict[str, Tuple[Any, str]]:
        """Value and status of each output for a request at t. ``rows`` are those of each table, by its name."""
        leaves: Row = {**request, "now()": t}
        found_of: Dict[str, bool] = {}
        for alias, view in self.joins:
            values, found = view.evaluate(rows[view.table.name], tuple(request[k] for k in view.keys), t)
            found_of[alias] = found
            leaves.update({f"{alias}.{name}": value for name, value in values.items()})
        out = {}
        for name, e in self.outputs:
            value = e.value(leaves)
            if value is ERROR:
                status = "error"
            elif isinstance(e, Feature) and not found_of[e.alias]:
                status = "not found"
            else:
                status = "null" if value is None else "present"
            out[name] = (None if value is ERROR else value, status)
        return out


# ---- the rows of each version ------------------------------------------------------------------------------------


class History:
    """The rows of a table after each commit: a list of rows a version, kept whole."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.rows: List[Row] = []

    def append(self, rows: List[Row]) -> None:
        self.rows = self.rows + rows

    def upsert(self, rows: List[Row]) -> None:
        """A row replaces the one with its unique key."""
        keyed = {tuple(r[k] for k in self.table.unique): r for r in self.rows}
        for row in rows:
            keyed[tuple(row[k] for k in self.table.unique)] = row
        self.rows = list(keyed.values())
