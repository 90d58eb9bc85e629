"""Runs the views of a world in DuckDB, where it gives them the same meaning.

At events: a window view of the standard form gives one row an event, which is the view at the event's entity and time. At a
fixed t: the tables hold what is visible at t, dimensions their newest rows, and the clock is written as a constant.
"""

from __future__ import annotations

import copy
import math
from decimal import Decimal
from typing import Any, Dict, List, Tuple

import duckdb

import reference as ref
import relations as rel
from instants import DAY, date_text, instant_text
from reference import BIGINT, DOUBLE, INTEGER
from tables import as_arrow, from_library


def connect() -> Any:
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'; SET threads = 1; SET error_on_division_by_zero = false")
    return con


def load(con: Any, tables: List[rel.Table], state: rel.State) -> None:
    for table in tables:
        # In the order of time, in which first and last of a plain aggregate take them.
        rows = as_arrow(sorted(state[table.name], key=table.instant), list(table.types().items()))
        con.register("incoming", rows)
        con.execute(f"CREATE OR REPLACE TABLE {table.name} AS SELECT * FROM incoming")
        con.unregister("incoming")


def load_at(con: Any, tables: List[rel.Table], state: rel.State, t: int, newest_only: bool) -> None:
    """What is visible at t; of dimensions all rows, which lookups below an aggregate go through, or the newest ones."""
    load(con, tables, state)
    for table in tables:
        con.execute(f"DELETE FROM {table.name} WHERE epoch_us({table.time}) > {t}")
        if table.dimension and newest_only:
            keys = ", ".join(table.key)
            newest = f"SELECT DISTINCT ON ({keys}) * FROM {table.name} ORDER BY {keys}, {table.time} DESC"
            con.execute(f"CREATE OR REPLACE TABLE {table.name} AS {newest}")


def at_clock(sql: str, t: int) -> str:
    return sql.replace("CURRENT_DATE", f"DATE '{date_text(t // DAY)}'").replace("now()", f"TIMESTAMP '{instant_text(t)}'")


def value(given: Any, kind: str) -> Any:
    """What DuckDB gave for a value of this type: its sums of integers are wider, its constants may be decimals."""
    if given is None:
        return None
    if kind in (BIGINT, INTEGER):
        return int(given)
    if kind == DOUBLE:
        return float(given)
    return from_library(given)


def same(a: Any, b: Any) -> bool:
    """Equal values; the sign of a zero is not compared (DuckDB keeps whichever it saw)."""
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a):
        return math.isnan(b)
    if isinstance(a, Decimal) or isinstance(b, Decimal):
        return a == b
    return type(a) is type(b) and a == b


def asof(source: rel.Source) -> rel.Source:
    """Lookups of dimensions as of the event's time, written as DuckDB's ASOF joins."""
    if not isinstance(source, rel.Joined):
        return source
    joins = []
    for join in source.joins:
        join = copy.copy(join)
        table = join.lookup.table  # type: ignore[attr-defined]
        join.inequality = f"{source.alias}.{source.time} >= {join.alias}.{table.time}"
        join.kind = {"LEFT": "ASOF LEFT", "INNER": "ASOF"}.get(join.kind, join.kind)
        joins.append(join)
    return rel.Joined(source.source, source.alias, joins)


Rows = List[Tuple[Tuple[Any, ...], int, Dict[str, Any]]]


def fetch(con: Any, sql: str, view: rel.View, t: int = 0) -> Rows:
    """Entity, time and features of each row of the result."""
    out: Rows = []
    kinds = [e.type for _, e in view.keys + view.features]
    n = len(view.keys)
    for row in con.execute(sql).fetchall():
        values = [value(v, kind) for v, kind in zip(row, kinds)]
        features = dict(zip([name for name, _ in view.features], values[n:]))
        out.append((tuple(values[:n]), from_library(row[-1]) if len(row) > len(kinds) else t, features))
    return out


def at_events(con: Any, view: rel.WindowView) -> Tuple[str, Rows]:
    """The view at each event that passes its WHERE."""
    view = copy.copy(view)
    view.standard, view.source = True, asof(view.source)
    prefix = f"{view.source.alias}." if isinstance(view.source, rel.Joined) else ""
    sql = view.body()
    cut = sql.index(" FROM " + view.source.sql(), sql.index(view.outputs()) + len(view.outputs()))
    sql = f"{sql[:cut]}, {prefix}{view.source.time} AS at_time{sql[cut:]}"
    return sql, fetch(con, sql, view)


def as_ctes(view: rel.View) -> rel.View:
    """A view whose named views are CTEs of one statement."""
    view = copy.copy(view)
    if isinstance(view, rel.EventView):
        view.source = asof(view.source)
    if isinstance(view, rel.CombinedView):
        if isinstance(view.base, rel.View):
            view.base = as_ctes(view.base)
            view.base.how = "cte" if view.base.how == "view" else view.base.how
        joins = []
        for join in view.joins:
            join = copy.copy(join)
            if isinstance(join.lookup, rel.View):
                join.lookup = as_ctes(join.lookup)
                join.lookup.how = "cte" if join.lookup.how == "view" else join.lookup.how
            joins.append(join)
        view.joins = joins
    return view


def at_time(con: Any, view: rel.View, t: int) -> Tuple[str, Rows]:
    """The view's rows at t, over what ``load_at`` has loaded."""
    sql = at_clock(as_ctes(view).body(), t)
    return sql, fetch(con, sql, view, t)


def windowed(view: rel.View) -> bool:
    """Whether a window view stands anywhere in it: DuckDB gives one row an event for it, not one an entity."""
    return isinstance(view, rel.WindowView) or any(isinstance(v, rel.WindowView) for v in view.views())


__all__ = ["at_events", "at_time", "connect", "load", "load_at", "ref", "same", "windowed"]
