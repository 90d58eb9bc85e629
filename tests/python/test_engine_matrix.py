"""One training set, built in many ways: the same bytes, whatever the layout of the store, the order of arrival, the order and batches of the
spine, the number of threads and the memory that a run may use; and what the naive reference says.

Generated worlds (``worlds.KINDS``) are small and try every part of the language; a larger set of events has more rows than a block, many
users and a hot one. A case is one feature of a generated service at one row of a spine, compared with the reference bit for bit:
more than 10^4 of them every day, more than 10^6 with FEAT_TEST_LONG=1, and each again for every other way to build it.
FEAT_TEST_SEED=n runs that one seed; FEAT_TEST_KINDS=a,b runs these kinds alone.
"""

from __future__ import annotations

import inspect
import math
import os
import random
import re
from fractions import Fraction
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Set, Tuple

import numpy as np
import pyarrow as pa
import pytest

import libfeat
import reference as ref
import relations as rel
from generate import BASE
from instants import DAY, HOUR, SECOND, Interval, crossings, days_from_civil, truncate
from reference import INT_MAX, INT_MIN
from tables import as_arrow, as_columns, column_values, from_library
from worlds import KINDS, World

LONG = bool(os.environ.get("FEAT_TEST_LONG"))
OPTIONS = inspect.signature(libfeat.Store.training_set).parameters
#: Bytes that a run may use: too few for anything, and for all at once.
SMALL, LARGE = [1, 20_000], [1 << 20, 16 << 20]
#: Features at rows of a spine that were compared with the reference, and with the first result.
COMPARED = {"reference": 0, "first": 0}


def chosen_kinds() -> List[str]:
    chosen = os.environ.get("FEAT_TEST_KINDS", "")
    return [k for k in chosen.split(",") if k] or list(KINDS)


def seeds() -> List[int]:
    if os.environ.get("FEAT_TEST_SEED"):
        return [int(os.environ["FEAT_TEST_SEED"])]
    return list(range(200 if LONG else 2))


def run_options(limits: List[int]) -> List[Dict[str, Any]]:
    """How a run may go; the first is the plain one."""
    out: List[Dict[str, Any]] = [{}]
    if "threads" in OPTIONS:
        out = [{"threads": 1}, {}, *({"threads": n} for n in (2, 3, 8))]
    if "memory" in OPTIONS:
        out += [{"memory": n} for n in limits]
    if "threads" in OPTIONS and "memory" in OPTIONS:
        out.append({"threads": 3, "memory": limits[0]})
    return out


# ---- times -------------------------------------------------------------------------------------------------------

#: First instants of days around which calendars differ: leap days, days that are none, ends of years.
TURNS = [
    days_from_civil(*day) * DAY
    for day in [(2000, 2, 29), (2000, 3, 1), (2023, 3, 1), (2024, 2, 29), (2024, 3, 1), (2100, 3, 1), (2023, 12, 31), (2024, 1, 1)]
]


def edge_times(world: World, state: rel.State, n: int) -> Iterator[int]:
    """Around the instants at which an event comes into a window or leaves it, to the microsecond, and around turns of the calendar."""
    rng = world.rng
    events = [world.histories[name].table.instant(r) for name, rows in state.items() for r in rows]
    for _ in range(n):
        if not events or rng.random() < 0.15:
            yield rng.choice(TURNS) + rng.choice([0, -1, 1, 12 * HOUR])
            continue
        t = rng.choice(events)
        if world.moments and rng.random() < 0.75:
            found = crossings(t, rng.choice(world.moments))
            t = rng.choice(found) if found else t
        elif rng.random() < 0.3:
            t = truncate(rng.choice(["day", "week", "month", "quarter", "year"]), t)
        yield t + rng.choice([0, 0, 1, -1])


def test_crossings() -> None:
    def at(*day: int) -> int:
        return days_from_civil(*day) * DAY + 5 * SECOND

    month = Interval(1)
    assert crossings(at(2024, 2, 29), month) == [at(2024, 3, 29), at(2024, 3, 30), at(2024, 3, 31)]
    assert crossings(at(2023, 2, 28), month) == [at(2023, 3, day) for day in (28, 29, 30, 31)]
    assert crossings(at(2024, 1, 31), month) == []  # no day of February is a month above it
    assert crossings(at(2024, 2, 29), Interval(12)) == [] and crossings(at(2023, 2, 28), Interval(12)) == [at(2024, 2, 28), at(2024, 2, 29)]
    assert crossings(at(2024, 2, 29), Interval(us=7)) == [at(2024, 2, 29) + 7]


# ---- one world in many stores ------------------------------------------------------------------------------------


class Built:
    """A store with a world's definitions that holds its rows, written in some way."""

    def __init__(self, world: World, path: Path) -> None:
        self.world, self.store = world, libfeat.open(path)
        self.store.define(world.sql())

    def write(self, operation: str, table: rel.Table, rows: List[ref.Row]) -> None:
        types = table.types()
        if operation in ("delete", "end"):
            getattr(self.store, operation)(table.name, keys=as_columns(rows, [(n, types[n]) for n in table.unique]))
        else:
            getattr(self.store, operation)(table.name, as_columns(rows, list(types.items())))

    def put(self, state: rel.State, order: Callable[[List[ref.Row]], List[ref.Row]], size: Optional[int]) -> None:
        """All rows that the world ended with, some at a time."""
        for name, rows in state.items():
            table = self.world.histories[name].table
            rows = order(list(rows))
            for first in range(0, len(rows), size or max(len(rows), 1)):
                part = rows[first : first + (size or len(rows))]
                for operation, chosen in (("append", [r for r in part if not r.get("ended")]), ("end", [r for r in part if r.get("ended")])):
                    if chosen:
                        self.write(operation, table, chosen)


def layouts(world: World, commits: List[Any], state: rel.State, folder: Path) -> Iterator[Tuple[str, Built]]:
    """The same rows: as they were written, corrected and retracted; in one commit; in many; from the last to the first."""
    shuffled = random.Random(1)
    ways: Dict[str, Tuple[Callable[[List[ref.Row]], List[ref.Row]], Optional[int]]] = {
        "one commit": (lambda rows: rows, None),
        "many commits": (lambda rows: shuffled.sample(rows, len(rows)), max(1, sum(map(len, state.values())) // 8)),
        "backwards": (lambda rows: rows[::-1], None),
    }
    built = Built(world, folder / "written")
    for operation, table, rows in commits:
        built.write(operation, table, rows)
    yield "as written", built
    for name, (order, size) in ways.items():
        built = Built(world, folder / name.replace(" ", "-"))
        built.put(state, order, size)
        yield name, built


def spines(world: World, spine: List[ref.Row]) -> Iterator[Tuple[str, List[int], Any]]:
    """The spine in other orders and batches: the places of its rows in the spine, and what is handed over, batch by batch."""
    types = [*world.service.inputs, ("t", rel.SPINE_TIME)]
    places = list(range(len(spine)))
    shuffled = random.Random(2).sample(places, len(places))
    by_time = sorted(places, key=lambda i: spine[i]["t"])
    for name, order, batch in (
        ("as it is", places, len(places)),
        ("a row a batch", places, 1),
        ("shuffled, three rows a batch", shuffled, 3),
        ("backwards in time", by_time[::-1], len(places)),
        ("twice", places + shuffled, 7),
    ):
        table = as_arrow([spine[i] for i in order], types)
        yield name, order, pa.Table.from_batches(table.to_batches(max_chunksize=batch), table.schema)


def answers(trained: libfeat.TrainingSet, names: List[str], order: List[int], rows: int) -> List[List[Any]]:
    """For each row of the spine, in its own order, the bits and statuses of all features. Rows that stand in it twice must agree."""
    columns = trained.to_numpy()
    values = {n: [ref.bits(from_library(v)) for v in column_values(columns[n])] for n in names}
    statuses = {n: columns[n + "__status"].tolist() for n in names}
    out: List[Any] = [None] * rows
    assert len(trained) == len(order)
    for i, place in enumerate(order):
        row = [(values[n][i], statuses[n][i]) for n in names]
        assert out[place] is None or out[place] == row, f"row {place} has two answers"
        out[place] = row
    return out


@pytest.mark.parametrize("seed", seeds())
@pytest.mark.parametrize("kind", chosen_kinds())
def test_worlds(kind: str, seed: int, tmp_path: Path) -> None:
    world = World(kind, random.Random(1000 + seed))
    commits = [commit for _ in range(world.rng.randint(1, 4)) for commit in world.commits()]
    state = world.state()
    spine = world.spine(state)
    for t in edge_times(world, state, 12):
        spine.append({**world.rng.choice(spine), "t": max(INT_MIN + 1, min(INT_MAX, t))})
    names = [name for name, _ in world.service.all_outputs()]
    first: Optional[List[List[Any]]] = None
    options = run_options(SMALL)
    n = 0
    for layout, built in layouts(world, commits, state, tmp_path):
        with built.store as store:
            for way, order, given in spines(world, spine):
                # The plain way of each layout and spine, and all ways of the first ones; long runs try all of them now and then.
                every = (LONG and seed % 10 == 0) or (layout in ("as written", "many commits") and way == "as it is")
                for option in options if every else [options[n % len(options)]]:
                    trained = store.training_set("service", given, "t", status=True, on_error="null", **option)
                    got = answers(trained, names, order, len(spine))
                    if first is None:
                        first = got
                        check(world, state, spine, names, got, f"kind {kind}, seed {seed}")
                    COMPARED["first"] += len(spine) * len(names)
                    for i, (row, want) in enumerate(zip(got, first)):
                        if row != want:
                            which = [names[j] for j in range(len(names)) if row[j] != want[j]]
                            why = f"{layout}, spine {way}, {option}: {which} of {spine[i]} differ from the first result"
                            pytest.fail(f"kind {kind}, seed {seed}: {why}\n{world.sql()}", pytrace=False)
                n += 1


def check(world: World, state: rel.State, spine: List[ref.Row], names: List[str], got: List[List[Any]], where: str) -> None:
    COMPARED["reference"] += len(spine) * len(names)
    for request, row in zip(spine, got):
        want = world.service.evaluate(state, request, request["t"])
        for name, given in zip(names, row):
            value, found = want[name]
            if given != (ref.bits(value), libfeat.STATUS.index(found)):
                why = f"{name} of {request}: {given}, the reference says {value!r} ({found})"
                pytest.fail(f"{where}: {why}\n{world.sql()}", pytrace=False)


def test_enough_cases(record_property: Any) -> None:
    """What the worlds above have compared; where only some of them ran, it says so and asks for nothing."""
    for what, n in COMPARED.items():
        record_property(f"cases beside the {what}", n)
    print(f"{COMPARED['reference']:,} cases beside the reference, {COMPARED['first']:,} beside the first result")
    if not os.environ.get("FEAT_TEST_SEED") and not os.environ.get("FEAT_TEST_KINDS") and COMPARED["reference"]:
        assert COMPARED["reference"] >= (1_000_000 if LONG else 10_000)


#: The bits of a logarithm are the library's own: test_counts.py bounds what it may be off.
NOT_IN_WORLDS = {"entropy"}


def test_every_aggregate_is_drawn() -> None:
    folder = Path(__file__).parents[2] / "lib" / "plan"
    table = "".join((folder / f"{name}.def").read_text() for name in ("agg", "agg_counts", "agg_order", "agg_statistics"))
    names = set(re.findall(r'^FEAT_AGG(?:_FUNCTION)?\(\w+,\s*"([^"]+)"', table, re.MULTILINE))
    assert len(names) > 50
    drawn: Set[str] = set()
    for seed in range(40):
        for kind in KINDS:
            text = World(kind, random.Random(1000 + seed)).sql()
            drawn |= {name for name in names - drawn if re.search(rf"\b{re.escape(name.replace('(DISTINCT)', '(DISTINCT ') if '(' in name else name + '(')}", text)}
    assert names - drawn == NOT_IN_WORLDS


# ---- more rows than a block --------------------------------------------------------------------------------------

WIDTHS = {"hour": HOUR, "day": DAY, "month": 30 * DAY}
AGGREGATES = ["count(*)", "sum(amount)", "avg(amount)", "min(amount)", "max(qty)", "sum(qty)", "first(status)", "last(amount)", "count(DISTINCT status)"]


def large_sql(partition: str) -> str:
    def view(name: str, key: str, where: str) -> str:
        items = [f"{call} OVER {w} AS {name}_{w}_{i}" for w in WIDTHS for i, call in enumerate(AGGREGATES)]
        items += [f"sum(amount) FILTER (WHERE qty > 5) OVER near AS {name}_near", f"count(*) OVER ever AS {name}_ever", f"avg(amount) OVER since AS {name}_since"]
        frames = ", ".join(f"{w} AS (RANGE INTERVAL '{us} microseconds' PRECEDING)" for w, us in WIDTHS.items())
        frames += ", near AS (ROWS 9 PRECEDING), ever AS (RANGE UNBOUNDED PRECEDING), since AS (SINCE month)"
        return f"CREATE FEATURE VIEW {name} AS SELECT {key}, {', '.join(items)} FROM e {where} GROUP BY {key} WINDOW {frames};"

    return (
        "CREATE TABLE e (id BIGINT NOT NULL, user_id BIGINT NOT NULL, t TIMESTAMP NOT NULL, amount DOUBLE, qty INTEGER, status TEXT, place TEXT,"
        f" ENTITY KEY (user_id), EVENT TIME (t), UNIQUE (id)) WITH (partition = '{partition}');"
        + view("by_user", "user_id", "")
        + view("by_place", "place", "WHERE qty <> 3")  # its entity is not what the rows are clustered by
        + "CREATE FEATURE SERVICE s AS by_user, by_place;"
    )


def large_events(n: int, users: int) -> pa.Table:
    """Users of whom one has a fifth of the events; times with ties, and whole hours and days among them."""
    g = np.random.default_rng(11)
    user = np.where(g.random(n) < 0.2, 1, g.integers(1, users + 1, n))
    time = BASE + g.integers(0, 100 * DAY, n)
    rough = g.random(n)
    time = np.where(rough < 0.2, time // HOUR * HOUR, np.where(rough < 0.3, time // DAY * DAY, time))
    amount = np.where(g.random(n) < 0.9, np.round(g.normal(0, 100, n), 2), g.normal(0, 1, n) * 10.0 ** g.integers(-200, 200, n))
    columns = {"id": np.arange(n), "user_id": user, "t": pa.array(time).cast(pa.timestamp("us"))}
    columns["amount"] = pa.array(amount, mask=g.random(n) < 0.05)
    columns["qty"] = pa.array(g.integers(0, 20, n).astype(np.int32), mask=g.random(n) < 0.05)
    columns["status"] = pa.array(np.array(["new", "paid", "sent", None], dtype=object)[g.integers(0, 4, n)])
    columns["place"] = pa.array([f"place {i}" for i in g.integers(0, users // 10 + 1, n)])
    return pa.table(columns)


def large_spine(events: pa.Table, n: int) -> pa.Table:
    g = np.random.default_rng(12)
    picked = events.take(pa.array(g.integers(0, events.num_rows, n)))
    time = picked["t"].cast(pa.int64()).to_numpy() + g.choice([0, 0, *WIDTHS.values()], n) + g.choice([0, 1, -1], n)
    user = np.where(g.random(n) < 0.05, -1, picked["user_id"].to_numpy())
    place = events["place"].take(pa.array(g.integers(0, events.num_rows, n)))
    return pa.table({"row": np.arange(n), "user_id": user, "place": place, "t": pa.array(time).cast(pa.timestamp("us"))})


def column_bytes(column: pa.ChunkedArray) -> bytes:
    """What tells one column from another: where it is NULL, and the bytes of what it holds elsewhere."""
    array = column.combine_chunks()
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    nulls = array.is_null().to_numpy(zero_copy_only=False).tobytes()
    if pa.types.is_large_string(array.type) or pa.types.is_string(array.type):
        return nulls + repr(array.to_pylist()).encode()
    zero = pa.scalar(0, pa.int64()).cast(array.type)
    return nulls + array.fill_null(zero).to_numpy(zero_copy_only=False).tobytes()


def in_order(trained: libfeat.TrainingSet) -> Dict[str, bytes]:
    table = trained.to_arrow()
    places = np.argsort(table["row"].to_numpy(), kind="stable")
    return {name: column_bytes(table[name].take(pa.array(places))) for name in table.column_names}


def large_layouts(events: pa.Table) -> Iterator[Tuple[str, str, List[pa.Table]]]:
    g = np.random.default_rng(13)
    n = events.num_rows
    shuffled = events.take(pa.array(g.permutation(n)))
    by_time = events.sort_by("t")
    parts = [0, *sorted(g.integers(0, n, 6).tolist()), n]
    yield "one commit in the order of time", "none", [by_time]
    yield "seven commits in no order", "none", [shuffled.slice(a, b - a) for a, b in zip(parts, parts[1:])]
    yield "seven commits in the order of time, by month", "month", [by_time.slice(a, b - a) for a, b in zip(parts, parts[1:])]
    yield "two commits, from the last to the first", "day", [by_time.slice(n // 2), by_time.slice(0, n // 2)]


def test_large(tmp_path: Path) -> None:
    events = large_events(2_000_000 if LONG else 60_000, 20_000 if LONG else 500)
    spine = large_spine(events, 200_000 if LONG else 4_000)
    shuffled = spine.take(pa.array(np.random.default_rng(14).permutation(spine.num_rows)))
    ordered = spine.sort_by([("user_id", "ascending"), ("t", "ascending")])
    first: Dict[str, bytes] = {}
    for i, (layout, partition, commits) in enumerate(large_layouts(events)):
        with libfeat.open(tmp_path / str(i)) as store:
            store.define(large_sql(partition))
            for commit in commits:
                store.append("e", commit)
            ways: List[Tuple[str, pa.Table, int, Dict[str, Any]]] = [("plain", spine, spine.num_rows, o) for o in run_options(LARGE)]
            ways += [("shuffled, 1,000 rows a batch", shuffled, 1000, {}), ("by user and time, 7 rows a batch", ordered, 7, {})]
            if i > 0 and not LONG:
                ways = [ways[0], ways[-1], *(w for w in ways if len(w[3]) == 2)]
            for way, rows, batch, options in ways:
                given = pa.Table.from_batches(rows.combine_chunks().to_batches(max_chunksize=batch))
                trained = store.training_set("s", given, "t", **options)
                got = in_order(trained)
                if not first:
                    first = got
                    by_hand(events, spine, trained.to_arrow())
                differ = [name for name in first if got[name] != first[name]]
                assert not differ, f"{layout}, {way}, {options}: {differ}"


def by_hand(events: pa.Table, spine: pa.Table, trained: pa.Table) -> None:
    """A sample of the first result, from all rows."""
    t, user = events["t"].cast(pa.int64()).to_numpy(), events["user_id"].to_numpy()
    amount, qty = (events[c].to_numpy(zero_copy_only=False) for c in ("amount", "qty"))
    place = events["place"].to_numpy(zero_copy_only=False)
    got = trained.sort_by("row")
    for i in np.random.default_rng(15).integers(0, spine.num_rows, 150).tolist():
        at = spine["t"][i].cast(pa.int64()).as_py()
        mine = {"by_user": user == spine["user_id"][i].as_py(), "by_place": (place == spine["place"][i].as_py()) & (qty != 3) & ~np.isnan(qty)}
        for view, of in mine.items():
            for w, width in WIDTHS.items():
                inside = of & (t <= at) & (t >= at - width)
                values = [v for v in amount[inside].tolist() if not math.isnan(v)]
                assert got[f"{view}_{w}_0"][i].as_py() == int(inside.sum())
                assert got[f"{view}_{w}_1"][i].as_py() == (math.fsum(values) if values else None)
                mean = sum(map(Fraction, values), Fraction(0)) / len(values) if values else None
                assert got[f"{view}_{w}_2"][i].as_py() == (None if mean is None else mean.numerator / mean.denominator)
                assert got[f"{view}_{w}_3"][i].as_py() == min(values, default=None)
            assert got[f"{view}_ever"][i].as_py() == int((of & (t <= at)).sum())
