"""The naive reference, second half: what tables, joins, frames, views and services mean, over plain lists of rows.

Everything is a function of *(entity, t)*, computed from all rows each time. Each object also prints itself as SQL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple

from instants import DAY, Interval, shift, truncate
from reference import DATE, ERROR, TIMESTAMP, Aggregate, Column, Expr, Row, null_first

#: The rows of each table, by its name.
State = Dict[str, List[Row]]
Entity = Tuple[Any, ...]
NOTHING = Interval()

# ---- tables ------------------------------------------------------------------------------------------------------


@dataclass
class Table:
    """A table, or a dimension. A row of a dimension that ends a key holds the key, the time and ``ended``."""

    name: str
    columns: List[Tuple[str, str, bool]]  #: name, type, NOT NULL; in declaration order, which is the order of column ids
    time: str
    key: List[str]
    unique: List[str]
    delay: Interval = NOTHING
    retention: Optional[Interval] = None
    ttl: Optional[Interval] = None
    dimension: bool = False

    def sql(self) -> str:
        parts = [f"{name} {kind}{' NOT NULL' if strictly else ''}" for name, kind, strictly in self.columns]
        delay = f" DELAY {self.delay.sql()}" if self.delay != NOTHING else ""
        parts += [f"ENTITY KEY ({', '.join(self.key)})", f"EVENT TIME ({self.time}{delay})"]
        if self.unique and not self.dimension:
            parts.append(f"UNIQUE ({', '.join(self.unique)})")
        options = [f"{n} = {v.sql()}" for n, v in (("retention", self.retention), ("ttl", self.ttl)) if v is not None]
        tail = f" WITH ({', '.join(options)})" if options else ""
        return f"CREATE {'DIMENSION' if self.dimension else 'TABLE'} {self.name} ({', '.join(parts)}){tail};"

    def types(self) -> Dict[str, str]:
        return {name: kind for name, kind, _ in self.columns}

    def instant(self, row: Row) -> int:
        """The event time; a date is its first instant."""
        value: int = row[self.time]
        return value * DAY if self.types()[self.time] == DATE else value

    def visible(self, rows: List[Row], t: int) -> List[Row]:
        """Event time plus delay is not after t; and event time is not before t - retention."""
        out = [r for r in rows if shift(self.instant(r), self.delay) <= t]
        if self.retention is not None and not self.dimension:
            out = [r for r in out if self.instant(r) >= shift(t, self.retention, -1)]
        return out

    def canonical(self, row: Row, read: Set[str]) -> Tuple[Any, ...]:
        """The order of rows: event time, then the unique key, then the columns that the view reads, by column id; NULL
        first. (Two rows of one unique key hold a NULL in it.)"""
        rest = [name for name, _, _ in self.columns if name in read]
        return (self.instant(row), tuple(null_first(row[name]) for name in self.unique + rest))


class History:
    """The rows of a table after each write: a new list each time."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.rows: List[Row] = []

    def place(self, row: Row) -> Tuple[Any, ...]:
        return tuple(row[k] for k in self.table.unique)

    def append(self, rows: List[Row]) -> None:
        self.rows = self.rows + rows

    def upsert(self, rows: List[Row]) -> None:
        """A row replaces the one with its unique key, for all times. An end takes the place of a row, and a row that of an end."""
        keyed = {self.place(r): r for r in self.rows}
        for row in rows:
            keyed[self.place(row)] = row
        self.rows = list(keyed.values())

    def delete(self, places: Sequence[Tuple[Any, ...]]) -> None:
        """Retracts the rows of these unique keys, for all times."""
        gone = set(places)
        self.rows = [r for r in self.rows if self.place(r) not in gone]

    def end(self, ends: List[Row]) -> None:
        """The keys cease to exist from these times on."""
        self.upsert([{**end, "ended": True} for end in ends])


# ---- sources of events -------------------------------------------------------------------------------------------
#
# An event is a dict of the columns in scope, and of these: "@time", the event time; "@order", its place in the canonical
# order; "now()"; "failed", when a WHERE below was an error: such an event is kept, and poisons what contains it.


def names_read(exprs: Sequence[Optional[Expr]]) -> Set[str]:
    """The columns that expressions read, qualified where they are written so."""
    out: Set[str] = set()
    for root in exprs:
        for e in root.walk() if root is not None else ():
            if isinstance(e, Column):
                out.add(e.key())
            if isinstance(e, Aggregate):
                out |= names_read(e.event_parts)
    return out


def passing(events: List[Row], where: Optional[Expr]) -> List[Row]:
    out = []
    for event in events:
        passes = where.value(event) if where is not None else True
        if passes is ERROR:
            out.append({**event, "failed": True})
        elif passes is True:
            out.append(event)
    return out


class Source:
    """Event rows: a table, a derived table or CTE, a UNION ALL, or one of these joined to lookups."""

    name: str  #: what FROM calls it
    time: str  #: its column of the event time

    def sql(self) -> str:
        """What stands after FROM."""
        raise NotImplementedError

    def ctes(self) -> List[Tuple[str, str]]:
        return []

    def types(self) -> Dict[str, str]:
        raise NotImplementedError

    def events(self, state: State, t: int, read: Set[str]) -> List[Row]:
        """All events visible at t, whatever their entity, in no order. ``read``: the columns that somebody reads."""
        raise NotImplementedError


class FromTable(Source):
    def __init__(self, table: Table) -> None:
        self.table, self.name, self.time = table, table.name, table.time

    def sql(self) -> str:
        return self.table.name

    def types(self) -> Dict[str, str]:
        return self.table.types()

    def events(self, state: State, t: int, read: Set[str]) -> List[Row]:
        rows = [r for r in self.table.visible(state[self.table.name], t) if not r.get("ended")]
        order = self.table.canonical
        return [{**r, "@time": self.table.instant(r), "@order": order(r, read)[1], "now()": t} for r in rows]


@dataclass
class Derived(Source):
    """SELECT outputs FROM source WHERE where: a derived table, a CTE or a branch of a UNION ALL. One output is the time."""

    name: str
    source: Source
    outputs: List[Tuple[str, Expr]]
    time: str
    where: Optional[Expr] = None
    as_cte: bool = False

    def select(self) -> str:
        outputs = ", ".join(e.sql() if e.sql() == name else f"{e.sql()} AS {name}" for name, e in self.outputs)
        where = f" WHERE {self.where.sql()}" if self.where else ""
        return f"SELECT {outputs} FROM {self.source.sql()}{where}"

    def sql(self) -> str:
        return self.name if self.as_cte else f"({self.select()}) AS {self.name}"

    def ctes(self) -> List[Tuple[str, str]]:
        return self.source.ctes() + ([(self.name, self.select())] if self.as_cte else [])

    def types(self) -> Dict[str, str]:
        return {name: e.type for name, e in self.outputs}

    def events(self, state: State, t: int, read: Set[str]) -> List[Row]:
        below = names_read([e for name, e in self.outputs if name in read] + [self.where])
        out = []
        for event in passing(self.source.events(state, t, below), self.where):
            row = {k: event[k] for k in ("@time", "@order", "now()", "failed") if k in event}
            out.append({**{name: e.value(event) for name, e in self.outputs}, **row})
        return out


@dataclass
class Union(Source):
    """branch UNION ALL branch ...: columns go by position and are called as in the first branch."""

    name: str
    branches: List[Derived]
    time: str
    as_cte: bool = False

    def select(self) -> str:
        return " UNION ALL ".join(b.select() for b in self.branches)

    def sql(self) -> str:
        return self.name if self.as_cte else f"({self.select()}) AS {self.name}"

    def ctes(self) -> List[Tuple[str, str]]:
        return [c for b in self.branches for c in b.source.ctes()] + ([(self.name, self.select())] if self.as_cte else [])

    def types(self) -> Dict[str, str]:
        return self.branches[0].types()

    def events(self, state: State, t: int, read: Set[str]) -> List[Row]:
        names = list(self.types())
        out = []
        for place, branch in enumerate(self.branches):
            own = [name for name, _ in branch.outputs]
            for event in branch.events(state, t, {own[names.index(n)] for n in read if n in names}):
                row = {k: event[k] for k in ("@time", "now()", "failed") if k in event}
                values = {name: event[theirs] for name, theirs in zip(names, own)}
                out.append({**values, **row, "@order": (place, event["@order"])})
        return out


# ---- lookups and joins -------------------------------------------------------------------------------------------


@dataclass
class Answer:
    """What a lookup gives at (entity, t). ``row``: there is a row, though its values may be those of empty windows."""

    values: Row
    found: bool
    row: bool
    expired: Set[str] = field(default_factory=set)  #: the names whose status is expired


class Lookup:
    """The right side of a join: a function of (entity, t)."""

    name: str
    key_names: List[str]

    def types(self) -> Dict[str, str]:
        raise NotImplementedError

    def at(self, state: State, entity: Entity, t: int, read: Set[str]) -> Answer:
        raise NotImplementedError

    def ctes(self) -> List[Tuple[str, str]]:
        return []

    def sql(self) -> str:
        return self.name


def newest(table: Table, rows: List[Row], keys: Sequence[str], entity: Entity, read: Set[str]) -> Optional[Row]:
    own = [r for r in rows if all(v is not None for v in entity) and tuple(r[k] for k in keys) == entity]
    return max(own, key=lambda r: table.canonical(r, set() if table.dimension else read)) if own else None


class Dimension(Lookup):
    """Newest row per key, not ended, not older than its TTL."""

    def __init__(self, table: Table) -> None:
        self.table, self.name, self.key_names = table, table.name, table.key

    def types(self) -> Dict[str, str]:
        return self.table.types()

    def at(self, state: State, entity: Entity, t: int, read: Set[str]) -> Answer:
        row = newest(self.table, self.table.visible(state[self.table.name], t), self.table.key, entity, set())
        gone: Row = {name: None for name, _, _ in self.table.columns}
        if row is None or row.get("ended"):
            return Answer(gone, False, False)
        if self.table.ttl is not None and self.table.instant(row) < shift(t, self.table.ttl, -1):
            return Answer(gone, False, False, set(gone))
        return Answer({name: row[name] for name in gone}, True, True)


class NewestOf(Lookup):
    """The newest row of a table by some columns, which ASOF LEFT JOIN finds."""

    def __init__(self, table: Table, keys: List[str]) -> None:
        self.table, self.name, self.key_names = table, table.name, keys

    def types(self) -> Dict[str, str]:
        return self.table.types()

    def at(self, state: State, entity: Entity, t: int, read: Set[str]) -> Answer:
        row = newest(self.table, self.table.visible(state[self.table.name], t), self.key_names, entity, read)
        values = {name: row[name] if row else None for name, _, _ in self.table.columns}
        return Answer(values, row is not None, row is not None)


@dataclass
class Join:
    kind: str  #: LEFT, INNER or ASOF LEFT
    lookup: Lookup
    alias: str
    on: List[Expr]  #: one for each key of the lookup
    inequality: str = ""  #: of an ASOF join, as written

    def sql(self) -> str:
        pairs = [f"{e.sql()} = {self.alias}.{k}" for e, k in zip(self.on, self.lookup.key_names)]
        pairs += [self.inequality] if self.inequality else []
        return f"{self.kind} JOIN {self.lookup.sql()} AS {self.alias} ON {' AND '.join(pairs)}"

    def columns(self) -> Dict[str, str]:
        return {f"{self.alias}.{name}": kind for name, kind in self.lookup.types().items()}

    def at(self, state: State, scope: Row, t: int, read: Set[str]) -> Answer:
        """The answer for a row, its values under qualified names."""
        entity = tuple(e.value(scope) for e in self.on)
        mine = {name.split(".", 1)[1] for name in read if name.startswith(self.alias + ".")} | set(self.lookup.key_names)
        answer = self.lookup.at(state, entity, t, mine)
        qualified = {f"{self.alias}.{name}": value for name, value in answer.values.items()}
        return Answer(qualified, answer.found, answer.row, {f"{self.alias}.{name}" for name in answer.expired})


@dataclass
class Joined(Source):
    """Events enriched as of their own times; a lookup may go by what an earlier one gave."""

    source: Source
    alias: str
    joins: List[Join]

    def __post_init__(self) -> None:
        self.name, self.time = self.alias, self.source.time

    def sql(self) -> str:
        return f"{self.source.sql().removesuffix(' AS ' + self.source.name)} AS {self.alias} " + " ".join(
            j.sql() for j in self.joins
        )

    def ctes(self) -> List[Tuple[str, str]]:
        return self.source.ctes() + [c for j in self.joins for c in j.lookup.ctes()]

    def types(self) -> Dict[str, str]:
        out = {f"{self.alias}.{name}": kind for name, kind in self.source.types().items()}
        for j in self.joins:
            out.update(j.columns())
        return out

    def events(self, state: State, t: int, read: Set[str]) -> List[Row]:
        wanted = read | names_read([e for j in self.joins for e in j.on])
        below = {n.removeprefix(self.alias + ".") for n in wanted} & set(self.source.types())
        out = []
        for event in self.source.events(state, t, below):
            scope, kept = dict(event), True
            for join in self.joins:
                answer = join.at(state, {**scope, "now()": event["@time"]}, event["@time"], wanted)
                scope.update(answer.values)
                kept = kept and (join.kind != "INNER" or answer.row)
            if kept:
                out.append(scope)
        return out


# ---- frames ------------------------------------------------------------------------------------------------------


@dataclass
class Window:
    """A frame. ``unit``: RANGE between t - start and t - end (a start of None is unbounded); ROWS and GROUPS between
    ``first`` and ``last`` before the current row (a first of None is unbounded); SINCE a calendar unit; or "" for no frame."""

    start: Optional[Interval] = None
    end: Interval = NOTHING
    closed: str = ""
    unit: str = "RANGE"
    first: Optional[int] = None
    last: int = 0
    since: str = ""
    exclude: str = ""

    def frame(self, standard: bool) -> str:
        tail = (f" CLOSED {self.closed}" if self.closed else "") + (f" EXCLUDE {self.exclude}" if self.exclude else "")
        if not self.unit:
            return ""
        if self.unit == "SINCE":
            return f"SINCE {self.since}{tail}"
        if self.unit == "RANGE":
            start = "UNBOUNDED" if self.start is None else self.start.sql()
            end = "CURRENT ROW" if self.end == NOTHING else f"{self.end.sql()} PRECEDING"
        else:
            start = "UNBOUNDED" if self.first is None else str(self.first)
            end = "CURRENT ROW" if self.last == 0 else f"{self.last} PRECEDING"
        if end == "CURRENT ROW" and not standard:
            return f"{self.unit} {start} PRECEDING{tail}"
        return f"{self.unit} BETWEEN {start} PRECEDING AND {end}{tail}"

    def edges(self, t: int) -> Tuple[Optional[int], int]:
        if self.unit == "SINCE":
            return truncate(self.since, t), t
        return (None if self.start is None else shift(t, self.start, -1)), shift(t, self.end, -1)

    def inside(self, events: List[Row], t: int) -> List[Row]:
        """The events of the frame; ``events`` are all that pass, in canonical order, the last one is the current row."""
        if not events:
            return []
        current = events[-1]
        if self.unit in ("RANGE", "SINCE", ""):
            start, end = self.edges(t) if self.unit else (None, t)
            left, right = self.closed in ("", "left", "both"), self.closed in ("", "right", "both")
            out = [e for e in events if e["@time"] < end or (right and e["@time"] == end)]
            if start is not None:
                out = [e for e in out if e["@time"] > start or (left and e["@time"] == start)]
        else:
            # The number of each row (of each group of peers), counted back from the current one, which is 0.
            if self.unit == "ROWS":
                back = list(range(len(events) - 1, -1, -1))
            else:
                times = sorted({e["@time"] for e in events}, reverse=True)
                back = [times.index(e["@time"]) for e in events]
            out = [e for e, n in zip(events, back) if n >= self.last and (self.first is None or n <= self.first)]
        if self.exclude == "CURRENT ROW":
            return [e for e in out if not (e is current and e["@time"] == t)]
        if self.exclude == "GROUP":
            return [e for e in out if e["@time"] != t]
        if self.exclude == "TIES":
            return [e for e in out if e is current or e["@time"] != t]
        return out


# ---- views -------------------------------------------------------------------------------------------------------


class View(Lookup):
    """Named features by an entity. ``select`` is the statement's body, which is also a CTE or a derived table of another."""

    name: str
    keys: List[Tuple[str, Expr]]
    features: List[Tuple[str, Expr]]
    how: str = "view"  #: or cte, derived: how another statement brings it in
    options: str = ""

    @property
    def key_names(self) -> List[str]:  # type: ignore[override]
        return [name for name, _ in self.keys]

    def types(self) -> Dict[str, str]:
        return {name: e.type for name, e in self.keys + self.features}

    def parts(self) -> Tuple[List[Tuple[str, str]], str]:
        """The CTEs and the SELECT."""
        raise NotImplementedError

    def body(self) -> str:
        ctes, select = self.parts()
        unique = list(dict.fromkeys(ctes))
        return ("WITH " + ", ".join(f"{n} AS ({text})" for n, text in unique) + " " if unique else "") + select

    def create(self) -> str:
        return f"CREATE FEATURE VIEW {self.name}{self.options} AS {self.body()};"

    def sql(self) -> str:
        return f"({self.body()})" if self.how == "derived" else self.name

    def ctes(self) -> List[Tuple[str, str]]:
        if self.how != "cte":
            return []
        below, select = self.parts()
        return below + [(self.name, select)]

    def outputs(self) -> str:
        out = [e.sql() if e.sql() == name else f"{e.sql()} AS {name}" for name, e in self.keys]
        return ", ".join(out + [f"{e.sql()} AS {name}" for name, e in self.features])

    def views(self) -> List["View"]:
        """The named views that this one reads, each after those that it reads."""
        return []

    def absent(self, expired: bool = False) -> Answer:
        names = [name for name, _ in self.features]
        return Answer({n: None for n in names}, False, False, set(names) if expired else set())

    def failed(self) -> Answer:
        return Answer({name: ERROR for name, _ in self.features}, True, True)

    def at(self, state: State, entity: Entity, t: int, read: Set[str]) -> Answer:
        answer = self.evaluate(state, entity, t)
        keys = entity if answer.row else [None] * len(entity)
        return Answer({**answer.values, **dict(zip(self.key_names, keys))}, answer.found, answer.row, answer.expired)

    def evaluate(self, state: State, entity: Entity, t: int) -> Answer:
        raise NotImplementedError


def lookup_views(lookup: Lookup) -> List[View]:
    if not isinstance(lookup, View):
        return []
    return lookup.views() + ([lookup] if lookup.how == "view" else [])


def source_views(source: Source) -> List[View]:
    if isinstance(source, Joined):
        return source_views(source.source) + [v for j in source.joins for v in lookup_views(j.lookup)]
    if isinstance(source, Derived):
        return source_views(source.source)
    if isinstance(source, Union):
        return [v for b in source.branches for v in source_views(b)]
    return []


@dataclass
class EventView(View):
    """What views over event rows have in common."""

    name: str
    source: Source
    keys: List[Tuple[str, Expr]]
    features: List[Tuple[str, Expr]]
    where: Optional[Expr] = None
    options: str = ""
    how: str = "view"

    def views(self) -> List[View]:
        return source_views(self.source)

    def where_sql(self) -> str:
        return f" WHERE {self.where.sql()}" if self.where is not None else ""

    def by(self) -> str:
        return ", ".join(e.sql() for _, e in self.keys)

    def aggregates(self) -> List[Aggregate]:
        return [e for _, feature in self.features for e in feature.walk() if isinstance(e, Aggregate)]

    def read(self) -> Set[str]:
        return names_read([e for _, e in self.keys + self.features] + [self.where])

    def of_entity(self, state: State, entity: Entity, t: int) -> List[Row]:
        """The entity's events that pass WHERE, in canonical order. A row with NULL in a key part is of no entity, and
        neither is a request with one."""
        if any(k is None for k in entity):
            return []
        events = self.source.events(state, t, self.read())
        own = [e for e in events if tuple(key.value(e) for _, key in self.keys) == entity]
        return sorted(passing(own, self.where), key=lambda e: (e["@time"], e["@order"]))


@dataclass
class WindowView(EventView):
    """Forms 1 and 2: aggregates over windows, which may be empty."""

    windows: Dict[str, Window] = field(default_factory=dict)
    standard: bool = False  #: print the standard form instead of the short one
    inline: bool = False  #: print each window where it is used

    def parts(self) -> Tuple[List[Tuple[str, str]], str]:
        group = "" if self.standard else f" GROUP BY {self.by()}"
        windows = ", ".join(f"{name} AS ({self.window(w)})" for name, w in self.windows.items())
        outputs, tail = self.outputs(), f" WINDOW {windows}"
        if self.inline:
            tail = ""
            for name, w in self.windows.items():
                outputs = re.sub(rf"\bOVER {name}\b", f"OVER ({self.window(w)})", outputs)
        return self.source.ctes(), f"SELECT {outputs} FROM {self.source.sql()}{self.where_sql()}{group}{tail}"

    def window(self, window: Window) -> str:
        prefix = ""
        if isinstance(self.source, Joined):
            prefix = self.source.alias + "."
        by = f"PARTITION BY {self.by()} ORDER BY {prefix}{self.source.time} " if self.standard else ""
        return (by + window.frame(self.standard)).strip()

    def evaluate(self, state: State, entity: Entity, t: int) -> Answer:
        events = self.of_entity(state, entity, t)
        aggregates = self.aggregates()
        inside = {name: w.inside(events, t) for name, w in self.windows.items()}
        # Only windows that something reads are the view's windows.
        found = any(inside[name] for name in {a.window for a in aggregates})
        leaves: Dict[Any, Any] = {id(a): a.over(events if a.func == "lag" else inside[a.window]) for a in aggregates}
        leaves["now()"] = t
        return Answer({name: e.value(leaves) for name, e in self.features}, found, True)


@dataclass
class GroupView(EventView):
    """Form 3: a plain aggregate. No passing row, or a HAVING that is not true: no row."""

    having: Optional[Expr] = None

    def parts(self) -> Tuple[List[Tuple[str, str]], str]:
        having = f" HAVING {self.having.sql()}" if self.having is not None else ""
        select = f"SELECT {self.outputs()} FROM {self.source.sql()}{self.where_sql()} GROUP BY {self.by()}{having}"
        return self.source.ctes(), select

    def aggregates(self) -> List[Aggregate]:
        own = [e for e in self.having.walk() if isinstance(e, Aggregate)] if self.having is not None else []
        return super().aggregates() + own

    def read(self) -> Set[str]:
        return super().read() | names_read([self.having])

    def evaluate(self, state: State, entity: Entity, t: int) -> Answer:
        events = self.of_entity(state, entity, t)
        if not events:
            return self.absent()
        leaves: Dict[Any, Any] = {id(a): a.over(events) for a in self.aggregates()}
        leaves["now()"] = t
        having = self.having.value(leaves) if self.having is not None else True
        if having is ERROR:
            return self.failed()
        if having is not True:
            return self.absent()
        return Answer({name: e.value(leaves) for name, e in self.features}, True, True)


@dataclass
class NewestView(EventView):
    """Form 4 over any source: WHERE, then the newest row by the key. ``style``: qualify or distinct."""

    style: str = "qualify"
    star: bool = False  #: the features are all columns but the keys, under their own names

    def outputs(self) -> str:
        return "*" if self.star else super().outputs()

    def parts(self) -> Tuple[List[Tuple[str, str]], str]:
        tail = f" FROM {self.source.sql()}{self.where_sql()}"
        prefix = self.source.alias + "." if isinstance(self.source, Joined) else ""
        newest_first = f"{prefix}{self.source.time} DESC"
        if self.style == "distinct":
            select = f"SELECT DISTINCT ON ({self.by()}) {self.outputs()}{tail} ORDER BY {self.by()}, {newest_first}"
        else:
            number = f"row_number() OVER (PARTITION BY {self.by()} ORDER BY {newest_first})"
            select = f"SELECT {self.outputs()}{tail} QUALIFY {number} = 1"
        return self.source.ctes(), select

    def evaluate(self, state: State, entity: Entity, t: int) -> Answer:
        events = self.of_entity(state, entity, t)
        if not events:
            return self.absent()
        if events[-1].get("failed"):
            return self.failed()
        return Answer({name: e.value(events[-1]) for name, e in self.features}, True, True)


@dataclass
class CombinedView(View):
    """Form 4 over a dimension, and everything above aggregates: SELECT expressions FROM a lookup, LEFT or INNER JOINed to
    others as of t. WHERE comes after the newest row was chosen."""

    name: str
    base: Lookup
    alias: str
    features: List[Tuple[str, Expr]]
    joins: List[Join] = field(default_factory=list)
    where: Optional[Expr] = None
    options: str = ""
    how: str = "view"

    def __post_init__(self) -> None:
        types = self.base.types()
        self.keys = [(k, Column(k, types[k], self.alias + ".")) for k in self.base.key_names]

    def views(self) -> List[View]:
        return lookup_views(self.base) + [v for j in self.joins for v in lookup_views(j.lookup)]

    def parts(self) -> Tuple[List[Tuple[str, str]], str]:
        ctes = self.base.ctes() + [c for j in self.joins for c in j.lookup.ctes()]
        joins = "".join(" " + j.sql() for j in self.joins)
        where = f" WHERE {self.where.sql()}" if self.where is not None else ""
        return ctes, f"SELECT {self.outputs()} FROM {self.base.sql()} AS {self.alias}{joins}{where}"

    def outputs(self) -> str:
        return ", ".join(f"{e.sql()} AS {name}" for name, e in self.keys + self.features)

    def evaluate(self, state: State, entity: Entity, t: int) -> Answer:
        read = names_read([e for _, e in self.features] + [self.where] + [e for j in self.joins for e in j.on])
        mine = {name.split(".", 1)[1] for name in read if name.startswith(self.alias + ".")}
        base = self.base.at(state, entity, t, mine | set(self.base.key_names))
        if not base.row:
            return self.absent(bool(base.expired))
        scope: Row = {f"{self.alias}.{name}": value for name, value in base.values.items()}
        scope["now()"] = t
        expired = {f"{self.alias}.{name}" for name in base.expired}
        for join in self.joins:
            answer = join.at(state, scope, t, read)
            if join.kind == "INNER" and not answer.row:
                return self.absent()
            scope.update(answer.values)
            expired |= answer.expired
        passes = self.where.value(scope) if self.where is not None else True
        if passes is ERROR:
            return self.failed()
        if passes is not True:
            return self.absent()
        late = {name for name, e in self.features if isinstance(e, Column) and e.key() in expired}
        return Answer({name: e.value(scope) for name, e in self.features}, base.found, True, late)


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
    inputs: List[Tuple[str, str]]
    #: Alias, view, and the input that each key of the view is found by (nothing: the inputs are called like the keys)
    joins: List[Tuple[str, View, List[str]]]
    outputs: List[Tuple[str, Expr]] = field(default_factory=list)
    stars: List[str] = field(default_factory=list)  #: aliases of which all features are outputs, under their own names
    listed: bool = False  #: print the list of views, of which all features are outputs

    def all_outputs(self) -> List[Tuple[str, Expr]]:
        whole = {alias: view for alias, view, _ in self.joins}
        own = [(n, Feature(alias, n, e.type)) for alias in self.stars for n, e in whole[alias].features]
        return own + self.outputs

    def views(self) -> List[View]:
        out: List[View] = []
        for _, view, _ in self.joins:
            out += [v for v in view.views() + [view] if not any(v is o for o in out)]
        return out

    def sql(self) -> str:
        if self.listed:
            parts = [v.name + (f" ({', '.join(n for n, _ in v.features)})" if i else "") for i, (_, v, _) in enumerate(self.joins)]
            return f"CREATE FEATURE SERVICE {self.name} AS {', '.join(parts)};"
        inputs = ", ".join(f"{name} {kind}" for name, kind in self.inputs)
        joins = " ".join(f"LEFT JOIN {v.name} {alias} {self.condition(alias, v, by)}" for alias, v, by in self.joins)
        outputs = [f"{alias}.*" for alias in self.stars]
        outputs += [f"{e.sql()} AS {name}" for name, e in self.outputs]
        return f"CREATE FEATURE SERVICE {self.name} AS SELECT {', '.join(outputs)} FROM REQUEST ({inputs}) AS r {joins};"

    def condition(self, alias: str, view: View, by: List[str]) -> str:
        if not by:
            return f"USING ({', '.join(view.key_names)})"
        return "ON " + " AND ".join(f"{alias}.{k} = r.{i}" for k, i in zip(view.key_names, by))

    def evaluate(self, state: State, request: Row, t: int) -> Dict[str, Tuple[Any, str]]:
        """Value and status of each output for a request at t."""
        leaves: Row = {**request, "now()": t}
        answers: Dict[str, Answer] = {}
        for alias, view, by in self.joins:
            answer = answers[alias] = view.evaluate(state, tuple(request[k] for k in by or view.key_names), t)
            leaves.update({f"{alias}.{name}": value for name, value in answer.values.items()})
        return {name: self.output(e, answers, e.value(leaves)) for name, e in self.all_outputs()}

    def output(self, e: Expr, answers: Dict[str, Answer], value: Any) -> Tuple[Any, str]:
        if value is ERROR:
            return None, "error"
        if isinstance(e, Feature):
            if e.name in answers[e.alias].expired:
                return value, "expired"
            if not answers[e.alias].found:
                return value, "not found"
        return value, "null" if value is None else "present"


#: The type of the column that a spine's times are in.
SPINE_TIME = TIMESTAMP
