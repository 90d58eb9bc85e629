"""Materialisations of generated views: incremental runs say what full runs say, and both what the live view said.

Each case draws a world of one kind (``worlds.KINDS``) from its seed and keeps two stores with the same writes. One is
materialised incrementally, the other in full, at the same times between the same writes: forwards, late, again. After each
step a service that joins the views MATERIALIZED must read the same bits and statuses from both, and what a training set of
the live views said at the newest run's time, from the version that the run read.

FEAT_TEST_LONG=1 runs many more cases; FEAT_TEST_SEED=n runs that one seed; FEAT_TEST_KINDS=a,b runs these kinds alone.
"""

from __future__ import annotations

import os
import random
from typing import Any, Dict, List, Optional, Tuple

import pytest

import libfeat
import reference as ref
import relations as rel
from generate import value
from instants import Interval, shift
from reference import INT_MAX, INT_MIN
from tables import as_columns, column_values, from_library
from worlds import KINDS, World

EVERYDAY, LONG = 2, 600


def chosen_kinds() -> List[str]:
    chosen = os.environ.get("FEAT_TEST_KINDS", "")
    return [k for k in chosen.split(",") if k] or list(KINDS)


def seeds() -> List[int]:
    if os.environ.get("FEAT_TEST_SEED"):
        return [int(os.environ["FEAT_TEST_SEED"])]
    return list(range(LONG if os.environ.get("FEAT_TEST_LONG") else EVERYDAY))


Answers = List[Tuple[Any, int]]


class Case:
    def __init__(self, kind: str, seed: int, path: Any) -> None:
        self.kind, self.seed, self.rng = kind, seed, random.Random(f"{kind} {seed}")
        self.world = World(kind, self.rng)
        self.views = self.world.service.views()
        self.ttls: List[Optional[Interval]] = []
        for view in self.views:
            ttl = self.rng.choice([None, None, Interval(days=1), Interval(days=2, us=1), Interval(months=1)])
            if hasattr(view, "options") and not view.options and ttl:
                view.options = f" WITH (ttl = {ttl.sql()})"
            else:
                ttl = None
            self.ttls.append(ttl)
        self.sql = "\n".join(
            [h.table.sql() for h in self.world.histories.values()]
            + [v.create() for v in self.views]
            + [self.service("kept", "MATERIALIZED "), self.service("live", "")]
        )
        self.incremental = libfeat.open(path / "incremental")
        self.full = libfeat.open(path / "full")
        for store in (self.incremental, self.full):
            store.define(self.sql)
        self.runs: List[Dict[int, int]] = [{} for _ in self.views]  #: of each view: time -> version that was read
        self.version = 0
        self.deployed = False
        self.recomputed = 0

    def fail(self, why: str) -> None:
        pytest.fail(f"kind {self.kind}, seed {self.seed}: {why}\n{self.sql}", pytrace=False)

    # ---- definitions

    def inputs(self) -> List[Tuple[str, str]]:
        return [(f"{k}_{i}", v.types()[k]) for i, v in enumerate(self.views) for k in v.key_names]

    def features(self, i: int) -> List[str]:
        return [f"v{i}_{name}" for name, _ in self.views[i].features]

    def service(self, name: str, how: str) -> str:
        inputs = ", ".join(f"{n} {kind}" for n, kind in self.inputs())
        outputs = ", ".join(f"v{i}.{n} AS v{i}_{n}" for i, v in enumerate(self.views) for n, _ in v.features)
        joins = ""
        for i, v in enumerate(self.views):
            on = " AND ".join(f"v{i}.{k} = r.{k}_{i}" for k in v.key_names)
            joins += f" LEFT JOIN {how}{v.name} v{i} ON {on}"
        return f"CREATE FEATURE SERVICE {name} AS SELECT {outputs} FROM REQUEST ({inputs}) AS r{joins};"

    # ---- what happens

    def write(self) -> None:
        for operation, table, rows in self.world.commits():
            for store in (self.incremental, self.full):
                if operation in ("delete", "end"):
                    data = as_columns(rows, [(n, table.types()[n]) for n in table.unique])
                else:
                    data = as_columns(rows, list(table.types().items()))
                done = getattr(store, operation)(table.name, data)
                if store is self.incremental:
                    self.version = done.version

    def a_time(self) -> int:
        """Near the edge of a window of some row, near a run, or anywhere."""
        rng = self.rng
        rows = [(name, r) for name, h in self.world.histories.items() for r in h.rows]
        runs = [t for runs in self.runs for t in runs]
        t = rng.choice([10**15, 1_700_000_000_000_000])
        if runs and rng.random() < 0.3:
            t = rng.choice(runs) + rng.choice([0, 1, -1, 3_600_000_000, 86_400_000_000])
        elif rows:
            name, row = rng.choice(rows)
            t = self.world.histories[name].table.instant(row) + rng.choice([0, 0, 1, -1])
            if self.world.moments and rng.random() < 0.6:
                t = shift(t, rng.choice(self.world.moments)) + rng.choice([0, 0, 1, -1])
        return max(INT_MIN + 1, min(INT_MAX, t))

    def materialize(self) -> None:
        rng = self.rng
        for i, view in enumerate(self.views):
            if rng.random() < 0.2:
                continue
            times = sorted({self.a_time() for _ in range(rng.choice([1, 1, 2, 3]))})
            options = {"at": times, "on_error": "null", "entities_at_once": rng.choice([0, 1, 3])}
            how = {"threads": rng.choice([1, 1, 2, 3]), "memory": rng.choice([None, None, 1 << 16])}  # change no byte
            done = self.incremental.materialize(view.name, **options, **how)
            again = self.full.materialize(view.name, full=True, **options)
            assert (done.runs, done.runs_present) == (again.runs, again.runs_present)
            assert again.runs_full == again.runs
            assert done.online == again.online == "OK"
            self.recomputed += done.entities
            for t in times:
                self.runs[i][t] = self.version
            repeated = self.incremental.materialize(view.name, **options)
            assert (repeated.runs, repeated.runs_present, repeated.rows) == (0, len(times), 0)
            assert repeated.version == done.version

    # ---- what is read

    def spine(self) -> List[ref.Row]:
        rng = self.rng
        states = {name: h.rows for name, h in self.world.histories.items()}
        out = []
        for _ in range(60):
            row: ref.Row = {n: value(rng, kind, self.world.mood) for n, kind in self.inputs()}
            for i, view in enumerate(self.views):
                known = [e for e in self.entities(view, states)]
                if known and rng.random() < 0.95:
                    row.update({f"{k}_{i}": v for k, v in zip(view.key_names, rng.choice(known))})
            t = self.a_time()
            runs = [(i, t) for i, runs in enumerate(self.runs) for t in runs]
            if runs and rng.random() < 0.8:
                i, t = rng.choice(runs)
                ttl = self.ttls[i]
                if ttl is not None and rng.random() < 0.5:
                    t = shift(t, ttl)
                t += rng.choice([0, 0, 0, 1, -1])
            row["t"] = max(INT_MIN + 1, min(INT_MAX, t))
            out.append(row)
        return out

    def entities(self, view: rel.View, state: rel.State) -> List[Tuple[Any, ...]]:
        base = view
        while isinstance(base, rel.CombinedView) and isinstance(base.base, rel.View):
            base = base.base
        if isinstance(base, rel.EventView):
            return [tuple(e.value(r) for _, e in base.keys) for r in base.source.events(state, INT_MAX // 2, base.read())]
        assert isinstance(base, rel.CombinedView)
        return [tuple(r[k] for k in base.base.key_names) for r in state[base.base.name]]

    def read(self, store: libfeat.Store, service: str, spine: List[ref.Row], version: Optional[int] = None) -> Dict[str, Answers]:
        columns = as_columns(spine, [*self.inputs(), ("t", rel.SPINE_TIME)])
        result = store.training_set(service, columns, "t", version=version, status=True, on_error="null").to_numpy()
        return {
            n: list(zip(map(ref.bits, map(from_library, column_values(result[n]))), [int(s) for s in result[n + "__status"]]))
            for i in range(len(self.views))
            for n in self.features(i)
        }

    def check(self) -> None:
        spine = self.spine()
        kept = self.read(self.incremental, "kept", spine)
        whole = self.read(self.full, "kept", spine)
        for name in kept:
            for row, one, other in zip(spine, kept[name], whole[name]):
                if one != other:
                    self.fail(f"{name}: {one} after incremental runs, {other} after full ones\n{row}\n{self.runs}")
        self.check_live(spine, kept)
        if self.deployed or self.rng.random() < 0.5:
            self.check_reader(spine, kept)

    def check_live(self, spine: List[ref.Row], kept: Dict[str, Answers]) -> None:
        present, null, not_found, expired, error = range(5)
        for i in range(len(self.views)):
            newest = [max((t for t in self.runs[i] if t <= r["t"]), default=None) for r in spine]
            for version in set(self.runs[i].values()):
                rows = [n for n, t in enumerate(newest) if t is not None and self.runs[i][t] == version]
                if not rows:
                    continue
                asked = [{**spine[n], "t": newest[n]} for n in rows]
                live = self.read(self.incremental, "live", asked, version)
                for name in self.features(i):
                    for n, (want, status) in zip(rows, live[name]):
                        got = kept[name][n]
                        ttl = self.ttls[i]
                        old = ttl is not None and newest[n] < shift(spine[n]["t"], ttl, -1)
                        allowed = [(want, status)]
                        if old:
                            allowed = [(ref.bits(None), expired)]
                        if status in (not_found, error):  # an entity that nothing makes known has no row
                            allowed.append((ref.bits(None), not_found))
                        if got not in allowed:
                            self.fail(f"{name}: {got} kept, {(want, status)} live at {newest[n]} from {version}, {old=}\n{spine[n]}")
            for n, t in enumerate(newest):
                for name in self.features(i) if t is None else []:
                    if kept[name][n] != (ref.bits(None), not_found):
                        self.fail(f"{name}: {kept[name][n]} before the first run\n{spine[n]}")

    def check_reader(self, spine: List[ref.Row], kept: Dict[str, Answers]) -> None:
        if not self.deployed:
            self.incremental.deploy("kept")
            self.deployed = True
        inputs = as_columns(spine, self.inputs())
        with self.incremental.reader("kept") as reader:
            got = reader.get(inputs, now=[r["t"] for r in spine])
            for name, answers in kept.items():
                values = [ref.bits(from_library(v)) for v in column_values(got.to_numpy()[name])]
                for row, value_, status, want in zip(spine, values, got.status[name], answers):
                    if (value_, int(status)) != want:
                        self.fail(f"{name}: {(value_, int(status))} looked up, {want} in the training set\n{row}")


@pytest.mark.parametrize("kind, seed", [(k, s) for k in chosen_kinds() for s in seeds()])
def test_incremental_is_full(kind: str, seed: int, tmp_path: Any) -> None:
    case = Case(kind, seed, tmp_path)
    with case.incremental, case.full:
        if case.rng.random() < 0.3:
            case.materialize()  # of empty tables
        for _ in range(case.rng.randint(2, 5)):
            if case.rng.random() < 0.8:
                case.write()
            case.materialize()
            case.check()
