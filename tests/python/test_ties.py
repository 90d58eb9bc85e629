"""Ties are harmless: rows of one event time, and rows that agree in all that orders them too, in any order of arrival and spread over
commits in any way, give the same bytes in training sets, lookups and materialised views.

The rows of a generated scene or world are moved to a few event times, and some come twice, once with other values in the columns that
nothing reads. FEAT_TEST_LONG=1 runs more; FEAT_TEST_SEED=n runs that one seed.
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any, Dict, FrozenSet, List, Optional

import numpy as np
import pytest

import libfeat
import reference as ref
import relations as rel
from campaign import Answers, Entropy, Scene, as_answers, exact_bits, write
from generate import BASE, value
from instants import DAY
from tables import as_arrow, as_columns, column_values, from_library
from worlds import World

LONG = bool(os.environ.get("FEAT_TEST_LONG"))
SEEDS = [int(os.environ["FEAT_TEST_SEED"])] if os.environ.get("FEAT_TEST_SEED") else list(range(200 if LONG else 12))
#: Worlds whose views take one of several rows, or look at rows as of the time of others.
KINDS = ["newest_rows", "asof", "union", "derived", "lags", "row_frames", "exclude"]
TIMES = [BASE, BASE + 1, BASE + DAY]


def tied(world: Any, rng: random.Random, read: Dict[str, Any]) -> Dict[str, List[ref.Row]]:
    """The rows that a world ended with, at few times; where no unique key tells them apart, some twice. ``read``: of each table the
    columns that something reads: a second row differs in the others."""
    out: Dict[str, List[ref.Row]] = {}
    for name, history in world.histories.items():
        table, rows = history.table, [dict(r) for r in history.rows]
        if table.dimension:
            out[name] = rows
            continue
        for row in rows:
            row[table.time] = rng.choice(TIMES)
        if not table.unique:
            for row in rng.sample(rows, len(rows) // 3):
                other = world.row(table)
                rows.append({c: row[c] if c in read[name] else other[c] for c, _, _ in table.columns})
        out[name] = rows
    return out


def requests(world: Any, rng: random.Random, rows: Dict[str, List[ref.Row]]) -> List[ref.Row]:
    known = [r for some in rows.values() for r in some]
    out = []
    for at in TIMES:
        for t in (at, at + 1, at + DAY):
            for _ in range(2):
                row = rng.choice(known) if known else {}
                request = {n: row[n] if n in row and rng.random() < 0.9 else value(rng, kind, world.mood) for n, kind in world.service.inputs}
                out.append({**request, "t": t})
    return out


def answers(store: Any, world: Any, asked: List[ref.Row], kept: bool) -> Dict[str, Any]:
    """The bits of all features, of each way to ask."""
    names, inputs = [n for n, _ in world.service.all_outputs()], world.service.inputs
    order, spine = list(range(len(asked))), as_arrow(asked, [*inputs, ("t", rel.SPINE_TIME)])

    def trained(service: str) -> Answers:
        return as_answers(store.training_set(service, spine, "t", status=True, on_error="null"), names, order, len(asked))

    found: Dict[str, Answers] = {"training set": trained("service")}
    store.deploy("service")
    with store.reader("service") as reader:
        vectors = reader.get(as_columns(asked, inputs), now=np.array([r["t"] for r in asked], dtype="int64"))
        made = vectors.to_numpy()
        found["lookups"] = {n: [(from_library(v), int(s)) for v, s in zip(column_values(made[n]), vectors.status[n])] for n in names}
    if kept:
        for view in world.views:
            store.materialize(view.name, at=TIMES, on_error="null")
        found["materialised"] = trained("kept")
    return {f"{way}, {n}": exact_bits([list(a) for a in of[n]]) for way, of in found.items() for n in names}


def check(world: Any, sql: str, rng: random.Random, read: Dict[str, Any], folder: Path, kept: bool, what: str) -> None:
    rows = tied(world, rng, read)
    asked = requests(world, rng, rows)
    first: Optional[Dict[str, Any]] = None
    for i in range(5):
        with libfeat.open(folder / str(i)) as store:
            store.define(sql)
            pieces = []
            for name, some in rows.items():
                arrived = list(some) if i == 0 else some[::-1] if i == 1 else rng.sample(some, len(some))
                size = max(1, len(arrived) if i < 2 else rng.choice([len(arrived) // 5, len(arrived) // 2, 7]))
                pieces += [(name, arrived[at : at + size]) for at in range(0, len(arrived), size)]
            if i > 1:
                rng.shuffle(pieces)
            for name, piece in pieces:
                for operation, chosen in (("append", [r for r in piece if not r.get("ended")]), ("end", [r for r in piece if r.get("ended")])):
                    if chosen:
                        write(store, world.histories[name].table, operation, chosen)
            got = answers(store, world, asked, kept)
        first = first or got
        wrong = [way for way in first if first[way] != got[way]]
        assert not wrong, f"{what}: {wrong} of another order of arrival differ\n{sql}"
    assert first is not None
    state = {name: some for name, some in rows.items()}
    for i, request in enumerate(asked):
        for name, (want, status) in world.service.evaluate(state, request, request["t"]).items():
            given = first[f"training set, {name}"][i]
            if not isinstance(getattr(world, "calls", {}).get(name), Entropy):
                assert given == [exact_bits(want, True), libfeat.STATUS.index(status)], f"{what}: {name} at {request}\n{sql}"


def columns_read(scene: Scene) -> FrozenSet[str]:
    return frozenset().union(*(view.read() for view in scene.views))


@pytest.mark.parametrize("few", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_aggregates(seed: int, few: bool, tmp_path: Path) -> None:
    rng = random.Random(f"ties {seed}")
    names = list(Scene(seed).calls)
    scene = Scene(seed, frozenset(rng.sample(names, 2)) if few else None)
    if not few:
        scene.sizes = [12]
    while sum(len(h.rows) for h in scene.histories.values()) < 12:
        for history in scene.histories.values():
            scene.write(history)
    for history in scene.histories.values():
        del history.rows[120:]
    check(scene, scene.sql(), rng, {"events": columns_read(scene)}, tmp_path, True, f"seed {seed}")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", SEEDS[: None if LONG else 4])
def test_worlds(kind: str, seed: int, tmp_path: Path) -> None:
    rng = random.Random(f"ties {kind} {seed}")
    world = World(kind, random.Random(9000 + seed))
    for _ in range(3):
        world.commits()
    read = {name: {c for c, _, _ in h.table.columns} for name, h in world.histories.items()}
    check(world, world.sql(), rng, read, tmp_path, False, f"{kind}, seed {seed}")
