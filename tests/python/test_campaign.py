"""The differential campaign: aggregates over frames of small tables, on every path and in every way to run, beside the naive reference.

A case is one definition (an aggregate with its clauses over a frame of a view) over the rows of a table at all rows of a spine, and it
holds when every answer of every way has the bits and the status that the reference says: training sets of stores with the same rows in
other commits, orders and segments, with other threads, batches, spine orders and bounds of memory, at an earlier version, of the
materialised view, and lookups. A scene (``campaign.py``) serves some fifty cases.

10^4 cases every day, 10^6 with FEAT_TEST_LONG=1, FEAT_TEST_CASES=n for another number, from FEAT_TEST_SEED=n on another part of all
seeds. What fails is made small before it is shown, with a command that runs it alone: FEAT_TEST_SEED=n with FEAT_TEST_FEATURE=name.
"""

from __future__ import annotations

import math
import os
import random
import re
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Dict, FrozenSet, Iterator, List, Optional, Tuple

import numpy as np
import pyarrow as pa
import pytest

import libfeat
import reference as ref
import relations as rel
from campaign import SHORT, Answer, Answers, Entropy, Scene, as_answers, exact_bits, row_of_agg_def, write
from tables import as_arrow, as_columns, column_values, from_library

LONG = bool(os.environ.get("FEAT_TEST_LONG"))
CASES = int(os.environ.get("FEAT_TEST_CASES", 1_000_000 if LONG else 10_000))
FIRST = int(os.environ.get("FEAT_TEST_SEED", 0))
FEATURE = os.environ.get("FEAT_TEST_FEATURE", "")
PART = 1000  #: cases of one test

PRESENT, NULL, NOT_FOUND, EXPIRED, FAILED = range(5)

#: What was drawn, and how many answers were compared on each path.
DRAWN: Counter = Counter()
FRAMES: Counter = Counter()
COMPARED: Counter = Counter()


class Mismatch(Exception):
    def __init__(self, feature: str, why: str) -> None:
        super().__init__(why)
        self.feature, self.why = feature, why


# ---- one scene in several stores -----------------------------------------------------------------------------------


def layouts(scene: Scene, folder: Path) -> Iterator[Tuple[str, Any, Dict[int, rel.State]]]:
    """Stores with the same rows: as they were written, with the versions on the way; and as one draw has it."""
    rng, table, states = scene.ways, scene.table_of_events, scene.states()
    final = states[-1]["events"] if states else []
    store = libfeat.open(folder / "written")
    store.define(scene.sql())
    versions = {}
    for (operation, _, rows), state in zip(scene.writes, states):
        versions[write(store, table, operation, rows)] = state
    yield "as written", store, versions
    order = rng.choice(["one commit", "shuffled", "backwards", "by time"])
    rows, size = list(final), rng.choice([1, 3, 7, 1000])
    rows.sort(key=lambda r: r["ts"]) if order == "by time" else rows.reverse() if order == "backwards" else rng.shuffle(rows)
    size = max(size, len(rows) // 6 + 1) if order != "one commit" else 1000
    store = libfeat.open(folder / "again")
    store.define(scene.sql())
    for first in range(0, len(rows), size):
        write(store, table, "append", rows[first : first + size])
    yield f"{order}, {size} rows a commit", store, {}


class Run:
    """Evaluates a scene on every path; what differs from the reference raises Mismatch."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        self.scene, self.folder, self.rng = scene, folder, scene.ways
        self.names = [name for name, _ in scene.service.all_outputs()]
        self.requests = scene.requests
        self.inputs = scene.service.inputs

    def wanted(self, requests: List[ref.Row], state: rel.State) -> Answers:
        out: Answers = {name: [] for name in self.names}
        for request in requests:
            for name, (v, status) in self.scene.service.evaluate(state, request, request["t"]).items():
                out[name].append((v, libfeat.STATUS.index(status)))
        return out

    def compare(self, path: str, where: str, got: Answers, want: Answers, requests: List[ref.Row]) -> None:
        for name in self.names:
            COMPARED[path] += len(requests)
            for request, given, expected in zip(requests, got[name], want[name]):
                if not self.same(name, given, expected):
                    raise Mismatch(name, f"{path}, {where}: {given!r} at {request}, the reference says {expected!r}")

    def same(self, name: str, given: Answer, expected: Answer) -> bool:
        if isinstance(self.scene.calls[name], Entropy) and isinstance(given[0], float) and isinstance(expected[0], float):
            # All ways must give the bits of the first.
            bits = self.entropies.setdefault((name, expected[0]), exact_bits(given[0]))
            return given[1] == expected[1] and math.isclose(given[0], expected[0], rel_tol=1e-14) and bits == exact_bits(given[0])
        return given[1] == expected[1] and exact_bits(given[0]) == exact_bits(expected[0], True)

    def all(self) -> None:
        self.entropies: Dict[Any, bytes] = {}
        states = self.scene.states()
        final = states[-1] if states else {"events": []}
        want = self.wanted(self.requests, final)
        for layout, store, versions in layouts(self.scene, self.folder):
            with store:
                for _ in range(2):
                    self.train(store, layout, want)
                if self.rng.random() < 0.2 and self.scene.few:
                    self.lots(store, layout, want)
                if layout == "as written":
                    self.earlier(store, versions)
                    self.served(store, want)
                self.kept(store, layout, final)

    def spine(self, requests: List[ref.Row], order: List[int], batch: int) -> Any:
        table = as_arrow([requests[i] for i in order], [*self.inputs, ("t", rel.SPINE_TIME)])
        return pa.Table.from_batches(table.to_batches(max_chunksize=batch), table.schema)

    def options(self) -> Dict[str, Any]:
        rng = self.rng
        return {"threads": rng.choice([1, 2, 3]), "memory": rng.choice([None, None, 1, 20_000, 1 << 20])}

    def train(self, store: Any, layout: str, want: Answers, version: Optional[int] = None, path: str = "training set") -> None:
        rng, n = self.rng, len(self.requests)
        order, batch, options = list(range(n)), rng.choice([1, 2, 5, 1000]), self.options()
        if rng.random() < 0.7:
            rng.shuffle(order)
        if rng.random() < 0.2:
            order += order[: n // 2]
        trained = store.training_set("service", self.spine(self.requests, order, batch), "t", version=version, status=True, on_error="null", **options)
        COMPARED["runs that spilled"] += trained.stats["bytes_spilled"] > 0
        got = as_answers(trained, self.names, order, n)
        self.compare(path, f"{layout}, {batch} rows a batch in the order {order}, {options}", got, want, self.requests)

    def lots(self, store: Any, layout: str, want: Answers) -> None:
        """More rows than are answered at a time under a small bound: the requests over and over."""
        n, threads = len(self.requests), self.rng.choice([1, 2, 3])
        once = self.spine(self.requests, list(range(n)), n).to_batches()
        times = 70_000 // n + 1
        given = pa.Table.from_batches(once * times).combine_chunks()
        trained = store.training_set("service", given, "t", status=True, on_error="null", memory=1, threads=threads)
        COMPARED["runs of several passes"] += trained.stats["passes"] > len(self.scene.views)
        some = sorted({*range(n), *range(n * times - n, n * times), *range(65536 - n, 65536 + n), *self.rng.sample(range(n * times), n)})
        got = as_answers(trained, self.names, list(range(n)) * times, n, some)
        self.compare("training set", f"{layout}, {times} times the spine, {threads=}, memory=1", got, want, self.requests)

    def earlier(self, store: Any, versions: Dict[int, rel.State]) -> None:
        version = self.rng.choice(sorted(versions)) if versions else None
        if version is not None and self.rng.random() < 0.4:
            self.train(store, f"version {version}", self.wanted(self.requests, versions[version]), version, "earlier version")

    def served(self, store: Any, want: Answers) -> None:
        if self.rng.random() >= 0.4:
            return
        store.deploy("service")
        with store.reader("service") as reader:
            vectors = reader.get(as_columns(self.requests, self.inputs), now=np.array([r["t"] for r in self.requests], dtype="int64"))
            made = vectors.to_numpy()
            got = {n: [(from_library(v), int(s)) for v, s in zip(column_values(made[n]), vectors.status[n])] for n in self.names}
        self.compare("lookups", "", got, want, self.requests)

    def kept(self, store: Any, layout: str, final: rel.State) -> None:
        """The views materialised at times of the spine: every request is asked at the newest run that is not after it."""
        if self.rng.random() >= 0.3:
            return
        times = sorted(set(self.rng.choices([r["t"] for r in self.requests], k=2)))
        asked = [{**r, "t": max((t for t in times if t <= r["t"]), default=times[0])} for r in self.requests]
        for view in self.scene.views:
            store.materialize(view.name, at=times, on_error="null", **self.options())
        want = self.wanted(asked, final)
        trained = store.training_set("kept", self.spine(asked, list(range(len(asked))), 1000), "t", status=True, on_error="null")
        got = as_answers(trained, self.names, list(range(len(asked))), len(asked))
        for name in self.names:  # an entity that nothing makes known has no row in a layer
            for i, (_, status) in enumerate(want[name]):
                if got[name][i] == (None, NOT_FOUND) and status in (NOT_FOUND, FAILED):
                    want[name][i] = (None, NOT_FOUND)
        self.compare("materialised", f"{layout}, runs at {times}", got, want, asked)


# ---- making a failure small ----------------------------------------------------------------------------------------


def problem(scene: Scene, folder: Path) -> Optional[Tuple[str, str]]:
    """The feature and what is wrong with it."""
    scene.ways = random.Random(f"ways {scene.seed}")
    folder.mkdir()
    try:
        Run(scene, folder).all()
    except Mismatch as e:
        return e.feature, e.why
    except (libfeat.Error, AssertionError) as e:
        return "", f"{type(e).__name__}: {e}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return None


def smaller(items: List[Any], still: Callable[[List[Any]], bool]) -> List[Any]:
    """Leaves out what is not needed, in ever smaller pieces."""
    size = max(1, len(items) // 2)
    while items:
        first = 0
        while first < len(items):
            rest = items[:first] + items[first + size :]
            if still(rest):
                items = rest
            else:
                first += size
        if size == 1:
            break
        size //= 2
    return items


def report(seed: int, found: Tuple[str, str], folder: Path, whole: Scene) -> str:
    """A feature alone, when it fails alone, and only the rows and requests that it takes."""
    only: Optional[FrozenSet[str]] = None
    for name in [found[0]] if found[0] else list(whole.calls):
        alone = Scene(seed, frozenset([name]))
        again = problem(alone, folder)
        if again and again[0] == found[0]:
            only, found = frozenset([name]), again
            break
    scene = Scene(seed, only)
    why = found[1]

    def fails(writes: List[Any], requests: List[ref.Row]) -> bool:
        nonlocal why
        scene.writes, scene.requests = writes, requests
        wrong = problem(scene, folder) if requests else None
        if wrong is None or wrong[0] != found[0] or (not wrong[0] and wrong[1].split(":")[0] != found[1].split(":")[0]):
            return False
        why = wrong[1]
        return True

    def joined(flat: List[Any]) -> List[Any]:
        """Rows back in the writes that they came in."""
        return [(op, table, [r for j, r in flat if j == i]) for i, (op, table, _) in enumerate(kinds) if any(j == i for j, _ in flat)]

    kinds, requests = scene.writes, scene.requests
    if fails(kinds, requests):  # else it was of the moment
        requests = smaller(requests, lambda some: fails(kinds, some))
        flat = smaller([(i, r) for i, (_, _, rows) in enumerate(kinds) for r in rows], lambda some: fails(joined(some), requests))
        fails(joined(flat), requests)
    rows = "\n".join(f"  {operation} {r}" for operation, _, rows in scene.writes for r in rows)
    alone = f" FEAT_TEST_FEATURE={next(iter(only))}" if only else ""
    command = f"FEAT_TEST_SEED={seed}{alone} python -m pytest tests/python/test_campaign.py -k test_campaign"
    return f"{why}\nthe same alone: {command}\n{scene.sql()}\n{rows}\n" + "\n".join(f"  at {r}" for r in scene.requests)


# ---- the campaign --------------------------------------------------------------------------------------------------


def agg_def() -> Dict[str, List[Tuple[str, str]]]:
    folder = Path(__file__).parents[2] / "lib" / "plan"
    out: Dict[str, List[Tuple[str, str]]] = {}
    for name in ("agg", "agg_counts", "agg_order", "agg_statistics"):
        for id_, sql, takes in re.findall(r'^FEAT_AGG(?:_FUNCTION)?\((\w+),\s*"([^"]+)",\s*(\w+)', (folder / f"{name}.def").read_text(), re.MULTILINE):
            out.setdefault(sql, []).append((id_, takes))
    assert sum(map(len, out.values())) > 70
    return out


ROWS = agg_def()


def note(scene: Scene) -> None:
    for name, call in scene.calls.items():
        DRAWN[SHORT.get(call.func) or row_of_agg_def(call, ROWS)] += 1
        FRAMES[scene.kinds[name]] += 1
        FRAMES.update(what for what, has in (("FILTER", call.filter), ("DISTINCT", getattr(call, "distinct", False)), ("ORDER BY", getattr(call, "by", None))) if has)
    for view in scene.views:
        for w in getattr(view, "windows", {}).values():
            FRAMES.update(what for what, has in (("CLOSED " + w.closed, w.closed), ("EXCLUDE " + w.exclude, w.exclude)) if has)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where that can be had: a disk would have most of the time, to make small commits durable."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as path:
        yield Path(path)


@pytest.mark.parametrize("part", range(1 if FEATURE else max(1, CASES // PART)))
def test_campaign(part: int, folder: Path) -> None:
    seed, cases = FIRST + part * PART, 0
    while cases < PART:
        scene = Scene(seed, frozenset([FEATURE]) if FEATURE else None)
        found = problem(scene, folder / "scene")
        if found:
            pytest.fail(report(seed, found, folder / "smaller", scene), pytrace=False)
        note(scene)
        cases += len(scene.calls)
        seed += 1
        if FEATURE:
            return
    COMPARED["cases"] += cases


def test_all_is_drawn(record_property: Any) -> None:
    """Which cases there were. Where only some ran, nothing is asked for."""
    for what, n in COMPARED.items():
        record_property(what, n)
    print(f"{COMPARED['cases']:,} cases; answers compared: {dict(COMPARED)}; {dict(FRAMES)}; {dict(DRAWN)}")
    if FEATURE or COMPARED["cases"] < max(CASES, 5000):
        return
    ids = {id_ for rows in ROWS.values() for id_, _ in rows} | set(SHORT.values())
    assert ids - set(DRAWN) == set()
    frames = {"range", "calendar", "lifetime", "lagged", "rows", "groups", "since", "group", "clock", "whole", "FILTER", "DISTINCT", "ORDER BY"}
    frames |= {f"CLOSED {side}" for side in ("left", "right", "both", "none")} | {f"EXCLUDE {what}" for what in ("CURRENT ROW", "GROUP", "TIES")}
    assert frames - set(FRAMES) == set()
    assert COMPARED["runs of several passes"] > 0
    assert {"runs that spilled", "training set", "earlier version", "lookups", "materialised"} <= set(COMPARED)
