"""As served, over generated stores: every row says bit for bit what a training set at its own version says.

Each case draws a world of one kind (``worlds.KINDS``) from its seed, writes it in many commits, and asks rows of all of its
states at versions of all of them. FEAT_TEST_LONG=1 runs many more cases; FEAT_TEST_SEED=n runs that one seed;
FEAT_TEST_KINDS=a,b runs these kinds alone.
"""

from __future__ import annotations

import os
import random
from typing import Any, Dict, List, Tuple

import pyarrow as pa
import pytest

import libfeat
import reference as ref
import relations as rel
from tables import as_columns, column_values, from_library
from worlds import KINDS, World

EVERYDAY, LONG = 2, 300


def chosen_kinds() -> List[str]:
    chosen = os.environ.get("FEAT_TEST_KINDS", "")
    return [k for k in chosen.split(",") if k] or list(KINDS)


def seeds() -> List[int]:
    if os.environ.get("FEAT_TEST_SEED"):
        return [int(os.environ["FEAT_TEST_SEED"])]
    return list(range(LONG if os.environ.get("FEAT_TEST_LONG") else EVERYDAY))


def written(world: World, store: libfeat.Store, commits: int) -> Tuple[List[ref.Row], int]:
    """Rows of a spine from each of the states that many commits make, and the newest version."""
    spine: List[ref.Row] = []
    newest = 0
    for _ in range(commits):
        for operation, table, rows in world.commits():
            names = table.unique if operation in ("delete", "end") else list(table.types())
            data = as_columns(rows, [(n, table.types()[n]) for n in names])
            newest = getattr(store, operation)(table.name, data).version
        spine += world.spine(world.state())
    return spine, newest


def answers(result: libfeat.TrainingSet, names: List[str]) -> List[Tuple[Any, ...]]:
    columns = result.to_numpy()
    values = [[ref.bits(from_library(v)) for v in column_values(columns[n])] for n in names]
    return list(zip(*values, *([int(s) for s in columns[n + "__status"]] for n in names)))


@pytest.mark.parametrize("kind, seed", [(k, s) for k in chosen_kinds() for s in seeds()])
def test_as_each_version_says(kind: str, seed: int, tmp_path: Any) -> None:
    rng = random.Random(f"{kind} {seed}")
    world = World(kind, rng)
    names = [name for name, _ in world.service.all_outputs()]
    how: Dict[str, Any] = {"status": True, "on_error": "null"}
    with libfeat.open(tmp_path / "store") as store:
        store.define(world.sql())
        spine, newest = written(world, store, rng.choice([3, 8, 20]))
        if newest == 0:
            return
        columns = [*world.service.inputs, ("t", rel.SPINE_TIME)]
        by_version: Dict[int, List[int]] = {}
        versions = [rng.randint(1, newest) for _ in spine]
        for i, version in enumerate(versions):
            by_version.setdefault(version, []).append(i)
        want: Dict[int, Tuple[Any, ...]] = {}
        for version, rows in by_version.items():
            made = store.training_set("service", as_columns([spine[i] for i in rows], columns), "t", version=version, **how)
            want.update(zip(rows, answers(made, names)))
        asked = {**as_columns(spine, columns), "position": pa.array(versions, pa.int64())}
        for options in ({}, {"threads": 2}, {"threads": 1, "memory": 1 << 16}, {"threads": 2, "memory": 1}):
            made = store.training_set("service", asked, "t", as_served=True, position="position", **how, **options)
            for i, got in enumerate(answers(made, names)):
                if got != want[i]:
                    pytest.fail(f"kind {kind}, seed {seed}, {options}: {got}, not {want[i]} as version {versions[i]} says\n{spine[i]}\n{world.sql()}", pytrace=False)
