"""Random worlds for the parity test: tables, dimensions, views and a service of one kind, the writes, and the requests.

A world is drawn whole from one random.Random. ``KINDS`` names the parts of the language, each with the function that
defines views of it; a test takes them one by one, so that one failing kind does not hide another.
"""

from __future__ import annotations

import random
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

import ordered
import reference as ref
import reference_counts as counts
import reference_statistics as statistics
import relations as rel
from generate import BASE, TEXTS, Leaves, Mood, calm_time, expression, month_end, time, value
from instants import DAY, HOUR, UNITS, Interval, shift, truncate
from reference import BIGINT, BOOLEAN, DATE, DOUBLE, INT_MAX, INT_MIN, INTEGER, MONEY, TEXT, TIMESTAMP, Column, Const

BASIC = [
    ("k", BIGINT, False),
    ("x", BIGINT, False),
    ("id", BIGINT, True),
    ("y", DOUBLE, False),
    ("g", TEXT, False),
    ("s", TEXT, False),
    ("b", BOOLEAN, False),
    ("ts", TIMESTAMP, True),
]
MORE = [("i", INTEGER, False), ("d", DATE, False), ("m", MONEY, False)]

WIDTHS: List[Optional[Interval]] = [
    None,
    *(Interval(us=n) for n in (1, 5, 60_000_000, HOUR)),
    *(Interval(days=n) for n in (1, 30, 400)),
    Interval(days=30, us=1),
]
MONTHS = [Interval(1), Interval(2), Interval(3), Interval(12), Interval(1, 1), Interval(1, 0, 1)]
LAGS = [Interval(us=1), Interval(us=3), Interval(days=1), Interval(days=2, us=1), Interval(days=30)]

Aggregates = Callable[..., ref.Expr]


def columns_of(types: Dict[str, str], qualifier: str = "") -> Dict[str, List[ref.Expr]]:
    leaves: Dict[str, List[ref.Expr]] = {}
    for name, kind in types.items():
        if kind.endswith("]"):
            continue  # lists are looked at, not computed with
        bare = name.split(".", 1)
        column = Column(bare[1], kind, bare[0] + ".") if len(bare) == 2 else Column(name, kind, qualifier)
        leaves.setdefault(kind, []).append(column)
    return leaves


class World:
    """``tame``: the data are such that DuckDB computes exactly too. ``ties``: several rows may have one event time."""

    def __init__(self, kind: str, rng: random.Random, tame: bool = False, ties: bool = True) -> None:
        self.kind, self.rng, self.ties = kind, rng, ties
        self.mood = Mood(rng.choice([0, 0.1, 0.4]), rng.choice([0, 0, 0.1, 0.5]), rng.choice([0, 0, 0.05, 0.3]))
        if tame:
            self.mood = Mood(self.mood.nulls, self.mood.wild / 5, 0, True)
        self.times: Set[int] = set()
        self.histories: Dict[str, rel.History] = {}
        self.views: List[rel.View] = []
        self.moments: List[Interval] = []  #: lengths at which something may change
        self.wild_times = kind == "windows" and not tame
        self.next_id = 0
        self.deletes = kind == "deletes"
        self.ends = kind == "ended"
        for _ in range(rng.choice([1, 1, 2])):
            self.views.append(KINDS[kind](self, f"view{len(self.views)}"))
        self.service = self.make_service()

    # ---- tables

    def table(self, table: rel.Table) -> rel.Table:
        if table.name in self.histories:
            return self.histories[table.name].table
        self.histories[table.name] = rel.History(table)
        self.moments += [i for i in (table.delay, table.retention, table.ttl) if i is not None]
        return table

    def events(self, more: bool = False, unique: float = 0.6, **options: Any) -> rel.Table:
        if "events" in self.histories:
            return self.histories["events"].table
        rng = self.rng
        columns = BASIC + (MORE if more else [])
        rng.shuffle(columns)
        key = rng.choice([["k"], ["g"], ["k", "g"]] + ([["i"], ["d"], ["m"], ["b", "d"]] if more else []))
        return self.table(rel.Table("events", columns, "ts", key, ["id"] if rng.random() < unique else [], **options))

    def clicks(self) -> rel.Table:
        columns = [("z", DOUBLE, False), ("cid", BIGINT, True), ("k", BIGINT, False), ("n", BIGINT, False)]
        columns += [("page", TEXT, False), ("seen", TIMESTAMP, True)]
        delay = Interval() if self.mood.tame else self.rng.choice([Interval(), Interval(us=2), Interval(days=1)])
        return self.table(rel.Table("clicks", columns, "seen", ["k"], ["cid"], delay))

    def users(self, ttl: Optional[Interval] = None, delay: bool = False) -> rel.Table:
        columns = [("k", BIGINT, False), ("country", TEXT, False), ("score", DOUBLE, False), ("level", BIGINT, False)]
        columns += [("signed", TIMESTAMP, False), ("updated", TIMESTAMP, True)]
        late = Interval(days=1) if delay and not self.mood.tame and self.rng.random() < 0.5 else Interval()
        return self.table(rel.Table("users", columns, "updated", ["k"], ["k", "updated"], late, None, ttl, True))

    def places(self, name: str, key: str, above: str) -> rel.Table:
        columns = [(key, TEXT, False), (above, TEXT, False), ("rate", DOUBLE, False), ("changed", TIMESTAMP, True)]
        table = rel.Table(name, columns, "changed", [key], [key, "changed"], dimension=True)
        return self.table(table)

    # ---- parts of views

    def where(self, types: Dict[str, str], chance: float = 0.4) -> Optional[ref.Expr]:
        if self.rng.random() >= chance:
            return None
        return expression(self.rng, BOOLEAN, Leaves(columns_of(types)), self.mood, 2)

    def aggregate(self, types: Dict[str, str], window: str, nulls: bool = False) -> ref.Aggregate:
        rng, leaves = self.rng, columns_of(types)
        if not self.mood.tame and rng.random() < 0.3:
            return self.counted(types, window)
        if not self.mood.tame and rng.random() < 0.4:
            drawn = ordered.draw(self, leaves, window, self.where(types))
            if drawn is not None:
                return drawn
        if not self.mood.tame and rng.random() < 0.3 and any(k in leaves for k in statistics.NUMBERS):
            return statistics.draw(self, leaves, window, self.where(types))
        func = rng.choice(["count", "count", "sum", "sum", "avg", "min", "max", "first", "last"])
        numbers = [k for k in (BIGINT, DOUBLE, DOUBLE, MONEY, INTEGER) if k in leaves]
        arg: Optional[ref.Expr] = None
        if func != "count" or rng.random() < 0.5:
            kind = rng.choice(numbers if func in ("sum", "avg") else list(leaves))
            depth = 0 if kind in (TIMESTAMP, DATE, MONEY, INTEGER) else rng.choice([0, 0, 1, 2])
            if self.mood.tame and func in ("sum", "avg"):
                depth = 0
            arg = expression(rng, kind, Leaves(leaves), self.mood, depth) if depth else rng.choice(leaves[kind])
        condition = self.where(types)
        if self.mood.tame and window and func in ("first", "last"):
            condition = None  # DuckDB has no FILTER there
        ignore = nulls and func in ("first", "last") and rng.random() < 0.5
        distinct = arg is not None and func in ("count", "sum", "avg") and not self.mood.tame and rng.random() < 0.25
        return ref.Aggregate(func, arg, window, condition, ignore, distinct=distinct)

    def counted(self, types: Dict[str, str], window: str) -> ref.Aggregate:
        """An aggregate of the multiset of values. Lists and maps stay where no other view reads them."""
        leaves = columns_of(types)
        nested = self.kind not in ("joins_above", "views_of_views", "view_below")

        def arg(kind: str) -> ref.Expr:
            depth = 0 if kind in (TIMESTAMP, DATE, MONEY, INTEGER) else self.rng.choice([0, 0, 0, 1])
            return expression(self.rng, kind, Leaves(leaves), self.mood, depth) if depth else self.rng.choice(leaves[kind])

        return counts.draw(self.rng, leaves, arg, window, self.where(types, 0.3), nested, not self.wild_times)

    def outputs(self, aggregates: List[ref.Expr]) -> List[Tuple[str, ref.Expr]]:
        """The aggregates themselves, and expressions over them."""
        rng = self.rng
        features: List[Tuple[str, ref.Expr]] = [(f"f{i}", a) for i, a in enumerate(aggregates)]
        leaves: Dict[str, List[ref.Expr]] = {}
        for a in aggregates:
            leaves.setdefault(a.type, []).append(a)
        for i in range(rng.randint(0, 3)):
            e = expression(rng, rng.choice([BIGINT, DOUBLE, BOOLEAN]), Leaves(leaves), self.mood, 2)
            if any(isinstance(part, ref.Aggregate) for part in e.walk()):
                features.append((f"e{i}", e))
        plain = [(name, e) for name, e in features if not e.type.endswith("]") and not e.type.startswith("MAP")]
        if plain and rng.random() < 0.2 and not self.mood.tame:
            name, earlier = rng.choice(plain)
            features.append(("again", ref.Choose("nullif", ref.Alias(name, earlier), Const(None, earlier.type))))
        return features

    def window_view(
        self,
        name: str,
        source: rel.Source,
        windows: List[rel.Window],
        keys: List[Tuple[str, ref.Expr]],
        nulls: bool = False,
        lags: bool = False,
        options: str = "",
    ) -> rel.WindowView:
        rng, types = self.rng, source.types()
        named = {f"w{i}": w for i, w in enumerate(windows)}
        aggregates: List[ref.Expr] = [
            self.aggregate(types, rng.choice(list(named)), nulls) for _ in range(rng.randint(2, 7))
        ]
        if lags:
            named["whole"] = rel.Window()
            aggregates += [self.lag(types) for _ in range(rng.randint(1, 4))]
        view = rel.WindowView(name, source, keys, self.outputs(aggregates), self.where(types), options)
        used = {a.window for a in view.aggregates()}
        view.windows = {n: w for n, w in named.items() if n in used}
        view.standard, view.inline = rng.random() < 0.5, rng.random() < 0.2 and not self.mood.tame
        for w in view.windows.values():
            self.moments += [i for i in (w.start, w.end) if i is not None]
        return view

    def lag(self, types: Dict[str, str]) -> ref.Aggregate:
        rng, leaves = self.rng, columns_of(types)
        arg = rng.choice(leaves[rng.choice(list(leaves))])
        simple = arg.type in (BIGINT, DOUBLE, TEXT)
        default = Const({BIGINT: 7, DOUBLE: 0.5, TEXT: "none"}[arg.type], arg.type) if simple and rng.random() < 0.3 else None
        return ref.Aggregate("lag", arg, "whole", None, rng.random() < 0.3, rng.choice([0, 1, 1, 2, 5]), default)

    def any_keys(self, types: Dict[str, str], qualifier: str = "") -> List[Tuple[str, ref.Expr]]:
        choices = [["k"], ["g"], ["k", "g"], ["x"], ["b"]]
        names = self.rng.choice([c for c in choices if all(n in types or qualifier + n in types for n in c)])
        return [(n, Column(n, types.get(n) or types[qualifier + n], qualifier)) for n in names]

    def ranges(self, pool: List[Optional[Interval]] = WIDTHS) -> List[rel.Window]:
        return [rel.Window(w) for w in self.rng.sample(pool, self.rng.randint(1, 3))]

    def group_view(self, name: str, source: rel.Source, keys: List[Tuple[str, ref.Expr]], chance: float = 0.4) -> rel.GroupView:
        types = source.types()
        aggregates: List[ref.Expr] = [self.aggregate(types, "") for _ in range(self.rng.randint(1, 5))]
        view = rel.GroupView(name, source, keys, self.outputs(aggregates), self.where(types, chance))
        for a in view.aggregates():
            if a.func in ("first", "last") and (self.mood.tame or self.rng.random() < 0.3):
                a.order = f"{source.alias}.{source.time}" if isinstance(source, rel.Joined) else source.time
        return view

    # ---- the service

    def make_service(self) -> rel.Service:
        rng = self.rng
        inputs: Dict[str, str] = {}
        joins: List[Tuple[str, rel.View, List[str]]] = []
        for i, v in enumerate(self.views):
            types, by = v.types(), []
            renamed = self.kind == "services" and rng.random() < 0.5
            for k in v.key_names:
                name = f"{k}_{i}" if renamed or inputs.get(k, types[k]) != types[k] else k
                inputs[name] = types[k]
                by.append(name)
            joins.append((f"v{i}", v, [] if by == v.key_names else by))
        inputs["amount"] = DOUBLE
        outputs: List[Tuple[str, ref.Expr]] = []
        leaves: Dict[str, List[ref.Expr]] = {DOUBLE: [Column("amount", DOUBLE, "r.")]}
        stars = [joins[0][0]] if self.kind == "services" and rng.random() < 0.5 else []
        for alias, v, _ in joins:
            for name, e in v.features:
                leaf = rel.Feature(alias, name, e.type)
                leaves.setdefault(e.type, []).append(leaf)
                if alias not in stars:
                    outputs.append((f"{alias}_{name}", leaf))
        names = [name for v in self.views for name, _ in v.features] + list(inputs)
        if self.kind == "services" and not any(by for _, _, by in joins) and len(set(names)) == len(names) and rng.random() < 0.5:
            del inputs["amount"]
            return rel.Service("service", list(inputs.items()), joins, [], [alias for alias, _, _ in joins], True)
        rng.shuffle(outputs)
        for i in range(rng.randint(0, 3)):
            kind = rng.choice([BIGINT, DOUBLE, BOOLEAN, TEXT])
            outputs.append((f"o{i}", expression(rng, kind, Leaves(leaves), self.mood, 3)))
        if self.kind == "services":
            outputs.append(("now_is", ref.Now()))
            outputs.append(("amount_again", Column("amount", DOUBLE, "r.")))
        return rel.Service("service", list(inputs.items()), joins, outputs, stars)

    def sql(self) -> str:
        tables = [h.table.sql() for h in self.histories.values()]
        return "\n".join(tables + [v.create() for v in self.service.views()] + [self.service.sql()])

    # ---- writes

    def row(self, table: rel.Table) -> ref.Row:
        rng = self.rng
        out = {n: value(rng, kind, self.mood, not strictly) for n, kind, strictly in table.columns}
        small: Dict[str, List[Any]] = {
            "k": [1, 2, 3],
            "g": TEXTS[:3],
            "i": [1, 2, -7],
            "page": TEXTS[:3],
            "country": ["de", "fr", ""],
            "region": ["eu", "us"],
            "continent": ["one", "two"],
        }
        for name, values in small.items():
            if out.get(name) is not None:
                out[name] = rng.choice(values)
        out[table.time] = time(rng) if self.wild_times else calm_time(rng)
        if table.types()[table.time] == DATE:
            out[table.time] //= DAY
        while not self.ties and out[table.time] in self.times:
            out[table.time] += 1
        self.times.add(out[table.time])
        for name in ("id", "cid"):
            if name in out:
                out[name] = self.next_id
                self.next_id += 1
        return out

    def commits(self) -> List[Tuple[str, rel.Table, List[ref.Row]]]:
        """One write of each table: append, upsert, delete or end, with its rows; the histories have seen it."""
        out = []
        for history in self.histories.values():
            operation, rows = self.write(history)
            out.append((operation, history.table, rows))
        return out

    def write(self, history: rel.History) -> Tuple[str, List[ref.Row]]:
        rng, table = self.rng, history.table
        size = rng.choice([0, 1, 3, 8] if table.dimension or self.kind == "view_below" else [0, 1, 5, 20, 60])
        rows = [self.row(table) for _ in range(size)]
        rng.shuffle(rows)
        if table.dimension:
            taken = {history.place(r) for r in history.rows}
            kept: List[ref.Row] = []
            for row in rows:
                if None not in history.place(row) and history.place(row) not in taken:
                    taken.add(history.place(row))
                    kept.append(row)
            if self.ends and rng.random() < 0.5:
                ends = [{n: r[n] for n in table.unique} for r in kept]
                history.end(ends)
                return "end", ends
            history.append(kept)
            return "append", kept
        if table.unique and history.rows and self.deletes and rng.random() < 0.5:
            gone = rng.sample(history.rows, rng.randint(1, min(10, len(history.rows))))
            history.delete([history.place(r) for r in gone])
            return "delete", [{n: r[n] for n in table.unique} for r in gone]
        if table.unique and history.rows and rng.random() < 0.5:
            for old in rng.sample(history.rows, rng.randint(1, min(10, len(history.rows)))):
                rows.append({**self.row(table), **{n: old[n] for n in table.unique}})
            rng.shuffle(rows)
            history.upsert(rows)
            return "upsert", rows
        history.append(rows)
        return "append", rows

    def state(self) -> rel.State:
        return {name: h.rows for name, h in self.histories.items()}

    # ---- requests

    def spine(self, state: rel.State) -> List[ref.Row]:
        """Known and unknown entities, on the edges of windows and a µs beside them, repeated, in no order."""
        rng = self.rng
        everything = [(name, r) for name, rows in state.items() for r in rows]
        keys = self.known_keys(state)
        out = []
        for _ in range(rng.randint(1, 25)):
            request = {name: value(rng, kind, self.mood) for name, kind in self.service.inputs}
            if keys and rng.random() < 0.85:
                known = rng.choice(keys)
                request.update({n: v for n, v in known.items() if rng.random() < 0.95})
            t = time(rng) if self.wild_times else calm_time(rng)
            if everything and rng.random() < 0.8:
                name, row = rng.choice(everything)
                t = self.histories[name].table.instant(row) + rng.choice([0, 0, 1, -1])
                if self.moments and rng.random() < 0.6:
                    t = shift(t, rng.choice(self.moments)) + rng.choice([0, 0, 1, -1])
                if not self.wild_times and rng.random() < 0.15:
                    t = truncate(rng.choice(UNITS), t) + rng.choice([0, -1, DAY])
            elif not self.wild_times and rng.random() < 0.3:
                t = month_end(rng)
            request["t"] = max(INT_MIN + 1, min(INT_MAX, t))
            out.append(request)
        out += rng.sample(out, len(out) // 4)
        rng.shuffle(out)
        return out

    def known_keys(self, state: rel.State) -> List[ref.Row]:
        """Inputs that some rows answer to: each view's key over the rows that it reads."""
        out: List[ref.Row] = []
        for _, view, by in self.service.joins:
            names = by or view.key_names
            base = view
            while isinstance(base, rel.CombinedView) and isinstance(base.base, rel.View):
                base = base.base
            if isinstance(base, rel.EventView):
                events = base.source.events(state, INT_MAX // 2, base.read())
                rows = [tuple(e.value(r) for _, e in base.keys) for r in events]
            elif isinstance(base, rel.CombinedView):
                rows = [tuple(r[k] for k in base.base.key_names) for r in state[base.base.name]]
            else:
                raise AssertionError(base)
            out += [dict(zip(names, key)) for key in rows]
        return out


# ---- the kinds: forms 1 and 2 ------------------------------------------------------------------------------------


def windows(world: World, name: str) -> rel.View:
    source = rel.FromTable(world.events())
    return world.window_view(name, source, world.ranges(), world.any_keys(source.types()))


def calendar_frames(world: World, name: str) -> rel.View:
    source = rel.FromTable(world.events())
    return world.window_view(name, source, world.ranges([*MONTHS, None]), world.any_keys(source.types()))


def lagged_frames(world: World, name: str) -> rel.View:
    rng, source = world.rng, rel.FromTable(world.events())
    frames = []
    for w in world.ranges():
        # The frame must begin before it ends.
        ends = [e for e in LAGS if w.start is None or (e.days, e.us) <= (w.start.days, w.start.us)]
        w.end = rng.choice(ends) if ends and rng.random() < 0.7 else Interval()
        w.closed = rng.choice(["", "LEFT", "RIGHT", "BOTH", "NONE"]).lower()
        frames.append(w)
    return world.window_view(name, source, frames, world.any_keys(source.types()))


def row_frames(world: World, name: str) -> rel.View:
    rng, source = world.rng, rel.FromTable(world.events())
    frames = []
    for _ in range(rng.randint(1, 3)):
        first = rng.choice([None, 0, 1, 2, 5])
        last = rng.choice([0, 0, 1, 2])
        last = last if first is None else min(first, last)
        frames.append(rel.Window(unit=rng.choice(["ROWS", "ROWS", "GROUPS"]), first=first, last=last))
    return world.window_view(name, source, frames, world.any_keys(source.types()), nulls=True)


def since_frames(world: World, name: str) -> rel.View:
    rng, source = world.rng, rel.FromTable(world.events())
    frames = [rel.Window(unit="SINCE", since=unit) for unit in rng.sample(UNITS, rng.randint(1, 3))]
    return world.window_view(name, source, frames + [rel.Window()], world.any_keys(source.types()))


def exclude(world: World, name: str) -> rel.View:
    rng, source = world.rng, rel.FromTable(world.events())
    frames = world.ranges()
    frames.append(rel.Window(unit=rng.choice(["ROWS", "GROUPS"]), first=rng.choice([0, 2, None])))
    for w in frames:
        w.exclude = rng.choice(["CURRENT ROW", "GROUP", "TIES", ""])
    return world.window_view(name, source, frames, world.any_keys(source.types()))


def lags(world: World, name: str) -> rel.View:
    source = rel.FromTable(world.events())
    return world.window_view(name, source, world.ranges(), world.any_keys(source.types()), nulls=True, lags=True)


def key_types(world: World, name: str) -> rel.View:
    source = rel.FromTable(world.events(more=True))
    types = source.types()
    names = world.rng.choice([["i"], ["d"], ["m"], ["b", "d"], ["g", "i"], ["d", "m", "k"]])
    keys: List[Tuple[str, ref.Expr]] = [(n, Column(n, types[n])) for n in names]
    return world.window_view(name, source, world.ranges(), keys)


def key_expressions(world: World, name: str) -> rel.View:
    source = rel.FromTable(world.events())
    k, g, x = Column("k", BIGINT), Column("g", TEXT), Column("x", BIGINT)
    choices: List[ref.Expr] = [
        ref.Arithmetic("%", x, Const(3, BIGINT)),
        ref.Case(ref.Compare(">", k, Const(1, BIGINT)), Const("high", TEXT), Const("low", TEXT)),
        ref.Choose("coalesce", g, Const("none", TEXT)),
        ref.Choose("nullif", g, Const("a", TEXT)),
        ref.IsNull(Column("y", DOUBLE)),
        ref.Trunc("", Column("ts", TIMESTAMP)),
    ]
    chosen = world.rng.sample(choices, world.rng.choice([1, 1, 2]))
    keys: List[Tuple[str, ref.Expr]] = [(f"kk{len(world.views)}{i}", e) for i, e in enumerate(chosen)]
    if world.rng.random() < 0.3:
        keys.append(("k", k))
    return world.window_view(name, source, world.ranges(), keys)


def more_types(world: World, name: str) -> rel.View:
    """INTEGER, DATE and DECIMAL as arguments of aggregates and in comparisons."""
    source = rel.FromTable(world.events(more=True))
    return world.window_view(name, source, world.ranges(), world.any_keys(source.types()))


def delay(world: World, name: str) -> rel.View:
    late = world.rng.choice([Interval(us=1), Interval(us=4), Interval(days=1), Interval(days=30, us=1)])
    source = rel.FromTable(world.events(delay=late))
    frames = world.ranges() + [rel.Window(Interval(days=2), Interval(days=1))]
    return world.window_view(name, source, frames, world.any_keys(source.types()))


def date_times(world: World, name: str) -> rel.View:
    """An event time of type DATE, which is known a day later."""
    columns = [("id", BIGINT, True), ("k", BIGINT, False), ("x", BIGINT, False), ("g", TEXT, False), ("on_day", DATE, True)]
    late = world.rng.choice([Interval(days=1), Interval(days=1, us=5), Interval(days=40)])
    table = world.table(rel.Table("days", columns, "on_day", ["k"], world.rng.choice([["id"], []]), late))
    frames = world.ranges([Interval(days=n) for n in (1, 2, 30)] + [None])
    return world.window_view(name, rel.FromTable(table), frames, world.any_keys(table.types()))


def retention(world: World, name: str) -> rel.View:
    kept = world.rng.choice([Interval(days=30), Interval(days=1), Interval(2), Interval(us=3)])
    source = rel.FromTable(world.events(retention=kept))
    tail = " WITH (lifetime = 'retained')"
    return world.window_view(name, source, world.ranges(), world.any_keys(source.types()), options=tail)


# ---- the kinds: forms 3 and 4 ------------------------------------------------------------------------------------


def groups(world: World, name: str) -> rel.View:
    source = rel.FromTable(world.events())
    return world.group_view(name, source, world.any_keys(source.types()))


def having(world: World, name: str) -> rel.View:
    source = rel.FromTable(world.events())
    view = world.group_view(name, source, world.any_keys(source.types()))
    own = [world.aggregate(source.types(), "") for _ in range(2)]
    for a in own:
        a.order = "ts" if a.func in ("first", "last") else ""
    leaves: Dict[str, List[ref.Expr]] = {}
    for a in own:
        leaves.setdefault(a.type, []).append(a)
    view.having = expression(world.rng, BOOLEAN, Leaves(leaves), world.mood, 2)
    return view


def clock_bound(world: World, time_column: ref.Expr, ops: List[str]) -> ref.Expr:
    """A comparison of the event time with the clock."""
    rng = world.rng
    by = rng.choice([Interval(days=n) for n in (0, 1, 7, 30)] + [Interval(1), Interval(2)])
    world.moments.append(by)
    today: ref.Expr = ref.CurrentDate()
    unit = rng.choice(UNITS)
    bounds: List[ref.Expr] = [
        today,
        ref.Shift(today, Interval(days=rng.choice([0, 1, 7, 30])), -1, "days"),
        ref.Shift(today, by),
        ref.Shift(ref.Now(), by),
        ref.Shift(today, by, -1, "operator" if world.mood.tame else "dateadd"),
        ref.Trunc(unit, ref.Now()),
        ref.Shift(ref.Trunc(unit, ref.Now()), by),
        ref.Trunc("", ref.Now()),
    ]
    left = rng.choice([time_column] * 3 + [ref.Trunc(rng.choice(UNITS), time_column), ref.Trunc("", time_column)])
    op = rng.choice(ops)
    right = rng.choice(bounds)
    if rng.random() < 0.15:
        flipped = {">=": "<=", ">": "<", "<": ">", "<=": ">="}[op]
        return ref.Compare(flipped, right, left)
    return ref.Compare(op, left, right)


def clock(world: World, name: str) -> rel.View:
    rng, source = world.rng, rel.FromTable(world.events())
    at = Column("ts", TIMESTAMP)
    view = world.group_view(name, source, world.any_keys(source.types()))
    bounds = [clock_bound(world, at, [">=", ">"])] if rng.random() < 0.7 else []
    if rng.random() < 0.3:
        bounds.append(clock_bound(world, at, ["<", "<="]))
    for bound in bounds:
        view.where = bound if view.where is None else ref.Logic("AND", *rng.sample([view.where, bound], 2))
    for a in {id(a): a for a in view.aggregates()}.values():  # one may stand in several features
        roll = rng.random()
        if roll < 0.3:
            bound = clock_bound(world, at, [">=", ">", "<", "<="])
            a.filter = bound if a.filter is None else ref.Logic("AND", a.filter, bound)
        elif roll < 0.6 and a.arg is not None and counts.may_have_case(a) and ordered.may_have_case(a):
            bare = rng.random() < 0.5 or ordered.only_bare(a) or a.arg.type not in (BIGINT, DOUBLE, TEXT)
            other = None if bare else {BIGINT: 0, DOUBLE: 0.0, TEXT: "no"}[a.arg.type]
            a.arg = ref.Case(clock_bound(world, at, [">=", ">", "<"]), a.arg, Const(other, a.arg.type), bare)
        a.__post_init__()
    return view


def profile_features(world: World, types: Dict[str, str], keys: List[str]) -> List[Tuple[str, ref.Expr]]:
    """Columns, and expressions over them and the clock."""
    rng = world.rng
    plain = {n: k for n, k in types.items() if n not in keys}
    leaves = columns_of(plain)
    out: List[Tuple[str, ref.Expr]] = []
    for kind in leaves:
        for column in leaves[kind]:
            if rng.random() < 0.7:
                assert isinstance(column, Column)
                out.append((f"{column.qualifier.rstrip('.')}_{column.name}", column))
    for i in range(rng.randint(0, 2)):
        out.append((f"p{i}", expression(rng, rng.choice([BIGINT, DOUBLE, BOOLEAN]), Leaves(leaves), world.mood, 2)))
    if TIMESTAMP in leaves:
        out.append(("age", ref.DaysBetween(rng.choice(leaves[TIMESTAMP]), ref.CurrentDate())))
    return out or [("one", next(iter(leaves.values()))[0])]


def profile(world: World, name: str, table: rel.Table) -> rel.CombinedView:
    base = rel.Dimension(table)
    types = {f"u.{n}": k for n, k in base.types().items()}
    view = rel.CombinedView(name, base, "u", profile_features(world, types, [f"u.{k}" for k in table.key]))
    view.where = world.where(types)
    return view


def rows(world: World, name: str) -> rel.View:
    return profile(world, name, world.users())


def ended(world: World, name: str) -> rel.View:
    return world.rng.choice([rows, joins_below, joins_above])(world, name)


def ttl(world: World, name: str) -> rel.View:
    return profile(world, name, world.users(world.rng.choice([Interval(days=1), Interval(us=2), Interval(1)])))


def newest_rows(world: World, name: str) -> rel.View:
    source = rel.FromTable(world.events())
    types = source.types()
    keys = world.any_keys(types)
    features = [(f"c{n}", e) for n, e in profile_features(world, types, [k for k, _ in keys])]
    view = rel.NewestView(name, source, keys, features, world.where(types))
    view.star = world.rng.random() < 0.2 and not world.mood.tame
    if view.star:
        view.features = [(n, Column(n, kind)) for n, kind in types.items() if n not in view.key_names]
    view.style = world.rng.choice(["qualify", "distinct"])
    return view


# ---- the kinds: sources and joins --------------------------------------------------------------------------------


def derived_source(world: World, name: str, table: rel.Table) -> rel.Derived:
    rng, types = world.rng, table.types()
    leaves = Leaves(columns_of(types))
    outputs: List[Tuple[str, ref.Expr]] = [(n, Column(n, k)) for n, k in types.items() if n in ("k", "g", "x", "b", "ts")]
    outputs += [("y2", expression(rng, DOUBLE, leaves, world.mood, 0 if world.mood.tame else 2))]
    outputs += [("x2", expression(rng, BIGINT, leaves, world.mood, 2))]
    outputs += [("flag", expression(rng, BOOLEAN, leaves, world.mood, 2))]
    return rel.Derived(name, rel.FromTable(table), outputs, "ts", world.where(types), rng.random() < 0.5)


def derived(world: World, name: str) -> rel.View:
    source: rel.Source = derived_source(world, f"d{len(world.views)}", world.events())
    if world.rng.random() < 0.3:
        outputs: List[Tuple[str, ref.Expr]] = [(n, Column(n, k)) for n, k in source.types().items()]
        source = rel.Derived(f"dd{len(world.views)}", source, outputs, "ts", world.where(source.types(), 0.8), True)
    keys = world.any_keys(source.types())
    if world.rng.random() < 0.3:
        return world.group_view(name, source, keys)
    return world.window_view(name, source, world.ranges(), keys)


def union(world: World, name: str) -> rel.View:
    rng, events, clicks = world.rng, world.events(), world.clicks()
    first: List[Tuple[str, ref.Expr]] = [
        ("k", Column("k", BIGINT)),
        ("x", Column("x", BIGINT)),
        ("y", Column("y", DOUBLE)),
        ("g", Column("g", TEXT)),
        ("ts", Column("ts", TIMESTAMP)),
    ]
    second: List[Tuple[str, ref.Expr]] = [
        ("k", Column("k", BIGINT)),
        ("n", Column("n", BIGINT)),
        ("z", Column("z", DOUBLE)),
        ("page", Column("page", TEXT)),
        ("seen", Column("seen", TIMESTAMP)),
    ]
    branches = [
        rel.Derived("b0", rel.FromTable(events), first, "ts", world.where(events.types())),
        rel.Derived("b1", rel.FromTable(clicks), second, "seen", world.where(clicks.types())),
    ]
    if rng.random() < 0.3:
        branches.append(rel.Derived("b2", rel.FromTable(events), first, "ts", world.where(events.types(), 0.9)))
    if rng.random() < 0.5:
        # The second's names must be the first's only where it stands first.
        branches.reverse()
    time_column = branches[0].time
    source = rel.Union(f"all{len(world.views)}", branches, time_column, rng.random() < 0.5)
    types = source.types()
    keys: List[Tuple[str, ref.Expr]] = [("k", Column("k", BIGINT))]
    if rng.random() < 0.3:
        return world.group_view(name, source, keys)
    return world.window_view(name, source, world.ranges() if types else [], keys)


def over_joined(world: World, name: str, source: rel.Joined) -> rel.View:
    keys = world.any_keys(source.types(), "e.")
    if world.rng.random() < 0.3:
        return world.group_view(name, source, keys)
    return world.window_view(name, source, world.ranges(), keys)


def joins_below(world: World, name: str) -> rel.View:
    users = world.users(delay=True)
    kind = world.rng.choice(["LEFT", "LEFT", "INNER"])
    join = rel.Join(kind, rel.Dimension(users), "u", [Column("k", BIGINT, "e.")])
    return over_joined(world, name, rel.Joined(rel.FromTable(world.events()), "e", [join]))


def joins_ttl(world: World, name: str) -> rel.View:
    """The age of a dimension's row is bounded at the event's own time."""
    users = world.users(world.rng.choice([Interval(days=1), Interval(us=2), Interval(1)]))
    kind = world.rng.choice(["LEFT", "INNER"])
    join = rel.Join(kind, rel.Dimension(users), "u", [Column("k", BIGINT, "e.")])
    return over_joined(world, name, rel.Joined(rel.FromTable(world.events()), "e", [join]))


def chained(world: World, name: str) -> rel.View:
    joins = [
        rel.Join("LEFT", rel.Dimension(world.users()), "u", [Column("k", BIGINT, "e.")]),
        rel.Join("LEFT", rel.Dimension(world.places("countries", "country", "region")), "c", [Column("country", TEXT, "u.")]),
        rel.Join("LEFT", rel.Dimension(world.places("regions", "region", "continent")), "z", [Column("region", TEXT, "c.")]),
    ]
    return over_joined(world, name, rel.Joined(rel.FromTable(world.events()), "e", joins[: world.rng.choice([2, 3])]))


def asof(world: World, name: str) -> rel.View:
    inequality = world.rng.choice(["", "e.ts >= p.seen"])
    join = rel.Join("ASOF LEFT", rel.NewestOf(world.clicks(), ["k"]), "p", [Column("k", BIGINT, "e.")], inequality)
    return over_joined(world, name, rel.Joined(rel.FromTable(world.events()), "e", [join]))


def aggregate_of_users(world: World, name: str, how: str) -> rel.View:
    source = rel.FromTable(world.events())
    keys: List[Tuple[str, ref.Expr]] = [("k", Column("k", BIGINT))]
    if how == "view" and world.rng.random() < 0.6:
        return world.window_view(name, source, world.ranges(), keys)
    view = world.group_view(name, source, keys)
    if world.rng.random() < 0.5:
        bound = clock_bound(world, Column("ts", TIMESTAMP), [">=", ">"])
        view.where = bound if view.where is None else ref.Logic("AND", view.where, bound)
    view.how = how
    return view


def joins_above(world: World, name: str) -> rel.View:
    """User-360: aggregates brought together with a dimension, as of t."""
    rng = world.rng
    base: rel.Lookup = rel.Dimension(world.users())
    if rng.random() < 0.3:
        base = aggregate_of_users(world, f"{name}_base", rng.choice(["cte", "view", "derived"]))
    joins = []
    for i in range(rng.randint(1, 2)):
        how = rng.choice(["cte", "cte", "view", "derived"])
        kind = "INNER" if how != "view" and rng.random() < 0.2 else "LEFT"
        lookup = aggregate_of_users(world, f"{name}_part{i}", how)
        joins.append(rel.Join(kind, lookup, f"a{i}", [Column("k", BIGINT, "u.")]))
    if isinstance(base, rel.View):
        joins.append(rel.Join("LEFT", rel.Dimension(world.users()), "w", [Column("k", BIGINT, "u.")]))
    types = {f"u.{n}": k for n, k in base.types().items()}
    for j in joins:
        types.update({n: k for n, k in j.columns().items() if n.split(".")[1] != "k"})
    view = rel.CombinedView(name, base, "u", profile_features(world, types, ["u.k"]), joins)
    view.where = world.where(types, 0.2)
    return view


def views_of_views(world: World, name: str) -> rel.View:
    base = aggregate_of_users(world, f"{name}_below", "view")
    other = world.rng.choice([lambda: profile(world, f"{name}_who", world.users()), lambda: joins_above(world, f"{name}_all")])()
    types = {f"u.{n}": k for n, k in base.types().items()}
    join = rel.Join("LEFT", other, "o", [Column("k", BIGINT, "u.")])
    types.update({n: k for n, k in join.columns().items() if n != "o.k"})
    return rel.CombinedView(name, base, "u", profile_features(world, types, ["u.k"]), [join])


def view_below(world: World, name: str) -> rel.View:
    """Events enriched with a view as of their own times."""
    lookup = aggregate_of_users(world, f"{name}_below", "view")
    join = rel.Join("LEFT", lookup, "q", [Column("k", BIGINT, "e.")])
    return over_joined(world, name, rel.Joined(rel.FromTable(world.events()), "e", [join]))


def services(world: World, name: str) -> rel.View:
    if not world.views:
        world.views.append(rows(world, "who"))
    return world.rng.choice([windows, groups, newest_rows])(world, name)


def deletes(world: World, name: str) -> rel.View:
    world.events(unique=1.0)
    return world.rng.choice([windows, groups, newest_rows, union])(world, name)


KINDS: Dict[str, Callable[[World, str], rel.View]] = {
    "windows": windows,
    "calendar_frames": calendar_frames,
    "lagged_frames": lagged_frames,
    "row_frames": row_frames,
    "since_frames": since_frames,
    "exclude": exclude,
    "lags": lags,
    "key_types": key_types,
    "key_expressions": key_expressions,
    "more_types": more_types,
    "delay": delay,
    "date_times": date_times,
    "retention": retention,
    "groups": groups,
    "having": having,
    "clock": clock,
    "rows": rows,
    "ended": ended,
    "ttl": ttl,
    "newest_rows": newest_rows,
    "derived": derived,
    "union": union,
    "joins_below": joins_below,
    "joins_ttl": joins_ttl,
    "chained": chained,
    "asof": asof,
    "joins_above": joins_above,
    "views_of_views": views_of_views,
    "view_below": view_below,
    "services": services,
    "deletes": deletes,
}

__all__ = ["BASE", "KINDS", "World"]
