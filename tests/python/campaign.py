"""Scenes of the differential campaign: one small table with a history of writes, and many aggregates over many frames of it.

Everything about a scene is drawn from its seed, in the same order whichever of its aggregates are kept, so that one of them can
be looked at alone. What the aggregates mean is in ``reference.py`` and its companions; here are only the draws, and the few
aggregates that the generated worlds do without.
"""

from __future__ import annotations

import math
import random
import struct
from dataclasses import dataclass, replace
from typing import Any, Dict, FrozenSet, List, Optional, Set, Tuple

import pyarrow as pa

import ordered
import reference as ref
import reference_counts as counts
import reference_statistics as statistics
import relations as rel
from generate import Leaves, Mood, calm_time, expression, month_end, value
from instants import DAY, HOUR, UNITS, Interval, crossings, days_from_civil, truncate
from reference import BIGINT, BOOLEAN, DATE, DOUBLE, ERROR, INT_MAX, INT_MIN, INTEGER, MONEY, TEXT, TIMESTAMP, Aggregate, Column
from tables import as_columns, column_values, from_library
from worlds import BASIC, LAGS, MONTHS, MORE, WIDTHS, World, clock_bound, columns_of

UBIGINT, VECTOR = "UBIGINT", "DOUBLE[2]"
EVERYTHING = [("u", UBIGINT, False), ("v", VECTOR, False)]

#: First instants of days around which calendars differ: leap days, days that are none, ends of years.
TURNS = [
    days_from_civil(*day) * DAY
    for day in [(2000, 2, 29), (2000, 3, 1), (2023, 3, 1), (2024, 2, 29), (2024, 3, 1), (2100, 3, 1), (2023, 12, 31), (2024, 1, 1)]
]

# ---- values ------------------------------------------------------------------------------------------------------


def exact_bits(x: Any, wanted: bool = False) -> Any:
    """As ``reference.bits``, but a NaN has bits too. ``wanted``: of NaNs there is the one pattern that answers may hold."""
    if isinstance(x, float):
        return struct.pack("<d", math.nan if wanted and math.isnan(x) else x)
    if isinstance(x, list):
        return [exact_bits(v, wanted) for v in x]
    if isinstance(x, dict):
        return [(exact_bits(k, wanted), exact_bits(v, wanted)) for k, v in x.items()]
    return x


def columns(rows: List[ref.Row], names: List[Tuple[str, str]]) -> Dict[str, Any]:
    out = as_columns(rows, [(n, k) for n, k in names if k not in (UBIGINT, VECTOR)])
    for name, kind in names:
        if kind == UBIGINT:
            out[name] = pa.array([r[name] for r in rows], pa.uint64())
        elif kind == VECTOR:
            out[name] = pa.array([r[name] for r in rows], pa.list_(pa.float64(), 2))
    return out


def write(store: Any, table: rel.Table, operation: str, rows: List[ref.Row]) -> int:
    types = table.types()
    if operation in ("delete", "end"):
        return int(getattr(store, operation)(table.name, keys=columns(rows, [(n, types[n]) for n in table.unique])).version)
    return int(getattr(store, operation)(table.name, columns(rows, list(types.items()))).version)


Answer = Tuple[Any, int]  #: value and status
Answers = Dict[str, List[Answer]]  #: of each feature at each request


def as_answers(trained: Any, names: List[str], order: List[int], n: int, rows: Optional[List[int]] = None) -> Answers:
    """``order``: of each row which of the n requests it is. ``rows``: looks at these alone."""
    made, out = trained.to_numpy(), {}
    assert len(trained) == len(order)
    order = order if rows is None else [order[i] for i in rows]
    for name in names:
        row: List[Any] = [None] * n
        values, statuses = (made[c] if rows is None else made[c][rows] for c in (name, name + "__status"))
        for place, v, status in zip(order, column_values(values), statuses.tolist()):
            answer = (from_library(v), status)
            assert row[place] is None or exact_bits(list(row[place])) == exact_bits(list(answer)), f"{name}: a row has two answers"
            row[place] = answer
        out[name] = row
    return out


# ---- aggregates that no world draws ------------------------------------------------------------------------------


@dataclass(eq=False)
class Plain(Aggregate):
    """One of ``Aggregate`` over a type that the worlds have not."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.func == "sum" and self.arg is not None and self.arg.type == UBIGINT:
            self.type = BIGINT


@dataclass(eq=False)
class OfVector(Aggregate):
    """sum, avg, min or max of each element; NULL elements are passed over."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.type = VECTOR

    def over(self, events: List[ref.Row]) -> Any:
        rows = []
        for event in events:
            passes = self.filter.value(event) if self.filter else True
            if event.get("failed") or passes is ERROR:
                return ERROR
            if passes is True and event["v"] is not None:
                rows.append(event["v"])
        if not rows:
            return None
        inner = Aggregate(self.func, Column("v", DOUBLE), "")
        return [inner.over([{"v": row[i]} for row in rows]) for i in range(2)]


@dataclass(eq=False)
class Entropy(counts.Counted):
    """Its bits are those of the library's logarithm: the reference says what they must be near to."""

    def of(self, values: List[Any]) -> Any:
        n, many = len(values), {}
        for v in values:
            many[ref.comparison_key(v)] = many.get(ref.comparison_key(v), 0) + 1
        return math.fsum(c * math.log2(n / c) for c in many.values()) / n


def ends(a: ordered.Ordered, rows: ordered.Rows, events: List[ref.Row]) -> Any:
    return rows[0][0] if a.func == "first" else rows[-1][0]


@dataclass(eq=False)
class End(ordered.Ordered):
    """first and last with an ORDER BY of their own, which keep NULLs."""

    def over(self, events: List[ref.Row]) -> Any:
        rows: ordered.Rows = []
        for event in events:
            passes = self.filter.value(event) if self.filter else True
            if event.get("failed") or passes is ERROR:
                return ERROR
            if passes is True:
                rows.append((self.arg.value(event), True, tuple(e.value(event) for e, _, _ in self.by), 0))  # type: ignore[union-attr]
        if self.ignore_nulls:
            rows = [r for r in rows if r[0] is not None]
        return ends(self, self.ordered(rows), events) if rows else None


ALIASES = {
    "quantile_disc": ["quantile"], "top_k": ["approx_top_k"], "count_if": ["countif"], "bool_and": ["every"], "first": ["first_value"],
    "last": ["last_value"], "arg_min": ["min_by", "argmin"], "arg_max": ["max_by", "argmax"], "list": ["array_agg"],
    "string_agg": ["listagg", "group_concat"], "var_samp": ["variance"], "stddev_samp": ["stddev"],
}  # fmt: skip


def with_alias(rng: random.Random, a: Aggregate) -> Aggregate:
    """Now and then under another of its names."""
    others = ALIASES.get(a.func)
    if others and rng.random() < 0.3:
        other, printed = rng.choice(others), a.sql()
        a.sql = lambda: other + printed[len(a.func) :]  # type: ignore[method-assign]
    return a


# ---- what was drawn, for the count ---------------------------------------------------------------------------------

CLASSES = {BIGINT: "I", INTEGER: "I", DOUBLE: "F", MONEY: "W", UBIGINT: "U", VECTOR: "VECTOR", DATE: "S", TIMESTAMP: "S"}


def row_of_agg_def(a: Aggregate, rows: Dict[str, List[Tuple[str, str]]]) -> str:
    """The row of agg.def that a call is bound to. ``rows``: of each name the ids with what they take."""
    name = {"count_map": "histogram"}.get(a.func, a.func)
    name += "(DISTINCT)" if a.distinct and name in ("count", "sum", "avg") else ""
    kind = CLASSES.get(a.arg.type, "ORD") if a.arg is not None else "N"
    for id_, takes in sorted(rows[name], key=lambda row: row[1] != "VECTOR"):
        if (takes == "VECTOR") != (kind == "VECTOR") and len(rows[name]) > 1:
            continue
        if len(rows[name]) == 1 or takes in (kind, "ANY") or (takes == "NUM" and kind in "IFWU") or (takes == "ORD" and kind == "ORD"):
            return id_
        if takes == "W" and kind == "U" and ("UNSIGNED" in id_ or "WIDE" in id_):
            return id_
    raise AssertionError((a.sql(), rows[name]))


#: Those that stand for others: they have no row of their own.
SHORT = {"count_if": "COUNT_IF", "any_value": "ANY_VALUE"}


# ---- scenes ------------------------------------------------------------------------------------------------------


class Scene(World):
    """``only``: the aggregates to keep, all when it is None."""

    def __init__(self, seed: int, only: Optional[FrozenSet[str]] = None) -> None:
        rng = self.rng = random.Random(f"campaign {seed}")
        self.kind, self.seed, self.only, self.ties, self.ends, self.wild_times = "campaign", seed, only, True, False, False
        self.mood = Mood(rng.choice([0, 0.1, 0.4]), rng.choice([0, 0, 0.1, 0.5]), rng.choice([0, 0, 0.05, 0.3]))
        self.times, self.histories, self.views, self.next_id = set(), {}, [], 0
        self.moments: List[Interval] = []
        self.since: Set[str] = set()
        self.deletes = rng.random() < 0.3
        self.calls: Dict[str, Aggregate] = {}  #: by the name of the feature
        self.kinds: Dict[str, str] = {}  #: of frames, by the name of the feature
        shuffled = BASIC + MORE + EVERYTHING
        rng.shuffle(shuffled)
        key = rng.choice([["k"], ["g"], ["k", "g"], ["i"]])
        delay = rng.choice([Interval()] * 6 + [Interval(us=2), Interval(days=1)])
        self.table_of_events = self.table(rel.Table("events", shuffled, "ts", key, ["id"] if rng.random() < 0.6 else [], delay))
        # Most are small; in some a window holds more events than are looked at one by one, or an entity is asked for often.
        self.sizes, n, asked = rng.choices([([0, 1, 4, 10, 20], 70, [6, 9, 12]), ([500, 700], 12, [6]), ([30, 60], 25, [100])], [0.94, 0.03, 0.03])[0]
        self.few = n < 70  #: aggregates, so that they can be asked for many times
        self.partition = rng.choice(["", "", "month", "week", "day"])
        self.draw_views(n)
        self.service = self.make_service()
        self.writes = [commit for _ in range(rng.randint(1, 4)) for commit in self.commits()]
        self.requests = self.draw_requests(rng.choice(asked))
        #: What is drawn for the ways to run must not depend on what was kept.
        self.ways = random.Random(f"ways {seed}")

    # ---- definitions

    def draw_views(self, n: int) -> None:
        rng, source = self.rng, rel.FromTable(self.table_of_events)
        types = source.types()
        kinds, windows = ["whole"], {"whole": rel.Window()}
        # The engine has ways of its own for views whose windows are all decided by t alone, and for one window.
        plain = rng.random() < 0.5
        for i in range(rng.choice([1, 3, 12, 12])):
            kind, windows[f"w{i}"] = self.frame(plain)
            kinds.append(kind)
        grouped = n // 4 if rng.random() < 0.5 else 0
        seen: Set[str] = set()
        features: Dict[str, List[Tuple[str, ref.Expr]]] = {"": [], "w": []}
        for i in range(n):
            in_group = i < grouped
            at = rng.randrange(1, len(kinds))
            a = self.call(types, "" if in_group else f"w{at - 1}", i)
            kind = "group" if in_group else "whole" if a.func == "lag" else kinds[at]
            if a.sql() in seen:
                continue
            seen.add(a.sql())
            if self.only is None or f"f{i}" in self.only:
                features["" if in_group else "w"].append((f"f{i}", a))
                self.calls[f"f{i}"], self.kinds[f"f{i}"] = a, kind
        keys = [self.keys(types) for _ in range(2)]
        where = [self.where(types, 0.2) for _ in range(2)]
        bounded = rng.random() < 0.4
        if bounded:  # a plain aggregate over what is not older than something
            bound = clock_bound(self, Column("ts", TIMESTAMP), [">=", ">"])
            where[1] = bound if where[1] is None else ref.Logic("AND", *rng.sample([where[1], bound], 2))
        if features["w"]:
            view = rel.WindowView("windows_", source, keys[0], features["w"], where[0])
            used = {a.window for a in view.aggregates()}
            view.windows = {name: w for name, w in windows.items() if name in used}
            view.standard, view.inline = rng.random() < 0.5, False
            self.views.append(view)
        if features[""]:
            self.views.append(rel.GroupView("groups_", source, keys[1], features[""], where[1]))
            self.kinds.update({name: "clock" for name, _ in features[""] if bounded})

    def keys(self, types: Dict[str, str]) -> List[Tuple[str, ref.Expr]]:
        names = self.rng.choice([["k"], ["k"], ["g"], ["k", "g"], ["b"], ["i"]])
        return [(n, Column(n, types[n])) for n in names]

    def frame(self, plain: bool) -> Tuple[str, rel.Window]:
        rng = self.rng
        kind = rng.choice(["range", "range", "calendar", "lifetime", "lagged", "lagged"] + ([] if plain else ["rows", "groups", "since"]))
        w = rel.Window()
        if kind in ("range", "lagged"):
            drawn = Interval(us=rng.randint(1, 10 ** rng.randint(1, 13)))
            w.start = rng.choice([*WIDTHS[1:], drawn, drawn])
        elif kind == "calendar":
            w.start = rng.choice(MONTHS)
        elif kind in ("rows", "groups"):
            w.unit, w.first, w.last = kind.upper(), rng.choice([None, 0, 1, 2, 5]), rng.choice([0, 0, 1, 2])
            w.last = w.last if w.first is None else min(w.first, w.last)
        elif kind == "since":
            w.unit, w.since = "SINCE", rng.choice(UNITS)
            self.since.add(w.since)
        if kind == "lagged":
            assert w.start is not None
            within = [e for e in LAGS if (e.days * DAY + e.us) <= w.start.days * DAY + w.start.us]
            w.end = rng.choice(within)
        if w.unit == "RANGE" and rng.random() < 0.5:
            w.closed = rng.choice(["left", "right", "both", "none"])
        if not plain and rng.random() < 0.4:
            w.exclude = rng.choice(["CURRENT ROW", "GROUP", "TIES"])
        self.moments += [i for i in (w.start, w.end) if i is not None]
        return kind, w

    # ---- calls

    def call(self, types: Dict[str, str], window: str, i: int) -> Aggregate:
        rng = self.rng
        numbers = {name: kind for name, kind in types.items() if kind not in (UBIGINT, VECTOR)}
        leaves = columns_of(numbers)
        condition = self.where(numbers, 0.3)
        family = rng.choice(["basic"] * 5 + ["counts"] * 5 + ["ordered"] * 5 + ["statistics"] * 4 + ["rest"] * 2)
        made: Optional[Aggregate] = None
        if family == "counts":
            made = counts.draw(rng, leaves, lambda kind: self.argument(leaves, kind), window, condition, True, True)
        elif family == "ordered":
            made = ordered.draw(self, leaves, window, condition)
        elif family == "statistics":
            made = statistics.draw(self, leaves, window, condition)
        elif family == "rest":
            made = self.rest(leaves, window, condition)
        return with_alias(rng, made or self.basic(leaves, window, condition))

    def argument(self, leaves: Dict[str, List[ref.Expr]], kind: str) -> ref.Expr:
        depth = self.rng.choice([0, 0, 0, 1, 2]) if kind in (BIGINT, DOUBLE, TEXT, BOOLEAN) else 0
        return expression(self.rng, kind, Leaves(leaves), self.mood, depth) if depth else self.rng.choice(leaves[kind])

    def basic(self, leaves: Dict[str, List[ref.Expr]], window: str, condition: Optional[ref.Expr]) -> Aggregate:
        rng = self.rng
        func = rng.choice(["count", "sum", "avg", "min", "max", "first", "last"])
        if func == "count" and rng.random() < 0.3:
            return Plain(func, None, window, condition)
        numbers = [BIGINT, DOUBLE, DOUBLE, MONEY, INTEGER, UBIGINT]
        kind = rng.choice(numbers if func in ("sum", "avg") else [*leaves, UBIGINT])
        arg = Column("u", UBIGINT) if kind == UBIGINT else self.argument(leaves, kind)
        ignore = window != "" and func in ("first", "last") and rng.random() < 0.4
        distinct = func in ("count", "sum", "avg") and rng.random() < 0.4
        return Plain(func, arg, window, condition, ignore, distinct=distinct)

    def rest(self, leaves: Dict[str, List[ref.Expr]], window: str, condition: Optional[ref.Expr]) -> Optional[Aggregate]:
        rng = self.rng
        pick = rng.choice(["entropy", "vector", "vector", "lag", "end", "end"])
        if pick == "entropy":
            kind = rng.choice([BIGINT, TEXT, DOUBLE, DATE, BOOLEAN])
            return Entropy("entropy", self.argument(leaves, kind), window, condition)
        if pick == "vector":
            return OfVector(rng.choice(["sum", "avg", "min", "max"]), Column("v", VECTOR), window, condition)
        if pick == "end":
            kind, by = rng.choice(list(leaves)), rng.choice(list(leaves))
            other = [e for e in leaves[by] if e.sql() != "ts"]  # by the event time they are first and last without an order
            order = [(rng.choice(other or leaves[BIGINT]), rng.random() < 0.5, rng.choice(["", "NULLS FIRST", "NULLS LAST"]))]
            return End(rng.choice(["first", "last"]), rng.choice(leaves[kind]), window, condition, by=order)
        return self.lag({k: v[0].type for v in leaves.values() for k in [v[0].sql()]}) if window else None

    # ---- data

    def row(self, table: rel.Table) -> ref.Row:
        known = replace(table, columns=[c for c in table.columns if c not in EVERYTHING])
        out: ref.Row = {**super().row(known), "u": None, "v": None}
        if self.rng.random() >= self.mood.nulls:
            out["u"] = self.rng.choice([0, 1, 2, 2**53 + 1, *([2**64 - 1, 2**63] if self.mood.extremes else [])])
        if self.rng.random() >= self.mood.nulls:
            out["v"] = [value(self.rng, DOUBLE, self.mood) for _ in range(2)]
        return out

    def write(self, history: rel.History) -> Tuple[str, List[ref.Row]]:
        """As a world writes, of sizes that many aggregates can be looked at over."""
        rng, table = self.rng, history.table
        if table.unique and history.rows and self.deletes and rng.random() < 0.4:
            gone = rng.sample(history.rows, rng.randint(1, min(8, len(history.rows))))
            history.delete([history.place(r) for r in gone])
            return "delete", [{n: r[n] for n in table.unique} for r in gone]
        rows = [self.row(table) for _ in range(rng.choice(self.sizes))]
        if table.unique and history.rows and rng.random() < 0.5:
            rows += [{**self.row(table), "id": old["id"]} for old in rng.sample(history.rows, min(3, len(history.rows)))]
            rng.shuffle(rows)
            history.upsert(rows)
            return "upsert", rows
        history.append(rows)
        return "append", rows

    def states(self) -> List[rel.State]:
        """The rows after each write."""
        history, out = rel.History(self.table_of_events), []
        for operation, _, rows in self.writes:
            if operation == "delete":
                history.delete([tuple(r[n] for n in self.table_of_events.unique) for r in rows])
            else:
                getattr(history, operation)(rows)
            out.append({"events": history.rows})
        return out

    # ---- requests

    def draw_requests(self, n: int) -> List[ref.Row]:
        rng, rows = self.rng, [r for _, _, rows in self.writes for r in rows if "ts" in r]
        out = []
        types = dict(self.table_of_events.types())
        inputs = ["k", "g", "b", "i"]  # all that may be keys, whatever was kept
        whole = [r for r in rows if all(r[name] is not None for name in inputs)] or rows  # a NULL is nobody's key
        for _ in range(n):
            drawn = rng.choice(whole if rng.random() < 0.8 else rows) if rows else {}
            request = {name: drawn[name] if drawn and rng.random() < 0.9 else value(rng, types[name], self.mood) for name in inputs}
            request["amount"], request["t"] = value(rng, DOUBLE, self.mood), self.instant(drawn)
            out.append(request)
        return out + rng.sample(out, 1)

    def instant(self, near: ref.Row) -> int:
        """Where a row comes into a window or leaves it, or a µs beside that; at a turn of the calendar; anywhere."""
        rng = self.rng
        roll = rng.random()
        if roll < 0.1 or not near:
            return rng.choice(TURNS) + rng.choice([0, -1, 1, 12 * HOUR])
        if roll < 0.25:
            return month_end(rng) if rng.random() < 0.5 else calm_time(rng)
        t: int = near["ts"]
        if roll < 0.8:
            found = crossings(t, rng.choice(self.moments)) if self.moments else []
            t = rng.choice(found) if found else t
        elif roll < 0.9 and self.since:
            t = truncate(rng.choice(sorted(self.since)), t) + rng.choice([0, DAY])
        return max(INT_MIN + 1, min(INT_MAX, t + rng.choice([0, 0, 1, -1])))

    def sql(self) -> str:
        table = self.table_of_events.sql()
        if self.partition:
            table = table.removesuffix(";") + f" WITH (partition = '{self.partition}');"
        kept = self.service.sql().replace("SERVICE service", "SERVICE kept").replace("LEFT JOIN ", "LEFT JOIN MATERIALIZED ")
        return "\n".join([table] + [v.create() for v in self.views] + [self.service.sql(), kept])

    def make_service(self) -> rel.Service:
        inputs: Dict[str, str] = {}
        outputs: List[Tuple[str, ref.Expr]] = []
        for i, view in enumerate(self.views):
            inputs.update({k: view.types()[k] for k in view.key_names})
            outputs += [(name, rel.Feature(f"v{i}", name, e.type)) for name, e in view.features]
        joins: List[Tuple[str, rel.View, List[str]]] = [(f"v{i}", v, []) for i, v in enumerate(self.views)]
        return rel.Service("service", list(inputs.items()), joins, outputs)
