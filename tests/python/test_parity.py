"""No drift: training set, one lookup, many lookups and the naive reference give the same bits and the same statuses.

Each case draws a world of one kind (``worlds.KINDS``) from its seed: definitions, commits and spines. Kind and seed are part
of the test's name and of every message. FEAT_TEST_LONG=1 runs many more cases; FEAT_TEST_SEED=n runs that one seed;
FEAT_TEST_KINDS=a,b runs these kinds alone.
"""

from __future__ import annotations

import os
import random
from typing import Any, Dict, List, Tuple

import numpy as np
import pytest

import libfeat
import reference as ref
import relations as rel
from tables import as_columns, column_values, from_library, scalar
from worlds import KINDS, World



def chosen_kinds() -> List[str]:
    chosen = os.environ.get("FEAT_TEST_KINDS", "")
    return [k for k in chosen.split(",") if k] or list(KINDS)


def seeds(kind: str) -> List[int]:
    if os.environ.get("FEAT_TEST_SEED"):
        return [int(os.environ["FEAT_TEST_SEED"])]
    everyday, long = (150, 4000) if kind == "windows" else (10, 600)
    return list(range(long if os.environ.get("FEAT_TEST_LONG") else everyday))


CASES = [(kind, seed) for kind in chosen_kinds() for seed in seeds(kind)]

Answer = Tuple[Any, str]


def from_training(result: libfeat.TrainingSet, names: List[str]) -> List[Dict[str, Answer]]:
    columns = result.to_numpy()
    values = {n: column_values(columns[n]) for n in names}
    statuses = {n: [libfeat.STATUS[i] for i in columns[n + "__status"]] for n in names}
    return [{n: (values[n][i], statuses[n][i]) for n in names} for i in range(len(result))]


def from_vectors(vectors: libfeat.Vectors) -> List[Dict[str, Answer]]:
    values = {n: column_values(a) for n, a in vectors.to_numpy().items()}
    return [{n: (values[n][i], libfeat.STATUS[vectors.status[n][i]]) for n in values} for i in range(len(vectors))]


class Case:
    """A store with a world's definitions and its rows at each version."""

    def __init__(self, kind: str, seed: int, path: Any) -> None:
        self.seed, self.kind = seed, kind
        self.rng = random.Random(seed)
        self.world = World(kind, self.rng)
        self.sql = self.world.sql()
        self.store = libfeat.open(path)
        self.versions: Dict[int, rel.State] = {}
        try:
            self.store.define(self.sql)
        except libfeat.Error as e:
            self.fail(f"the definition is refused: {e}")
        self.run()

    @property
    def service(self) -> rel.Service:
        return self.world.service

    def fail(self, why: str) -> None:
        pytest.fail(f"kind {self.kind}, seed {self.seed}: {why}\n{self.sql}", pytrace=False)

    def run(self) -> None:
        rng = self.rng
        deploy_before = rng.randint(0, 3)
        for i in range(rng.randint(1, 5)):
            if i == deploy_before:
                self.store.deploy("service")
            for operation, table, rows in self.world.commits():
                done = self.write(operation, table, rows)
            self.versions[done.version] = self.world.state()
        self.store.deploy("service")

    def write(self, operation: str, table: rel.Table, rows: List[ref.Row]) -> libfeat.Commit:
        if operation in ("delete", "end"):
            names = [(n, table.types()[n]) for n in table.unique]
            return getattr(self.store, operation)(table.name, keys=as_columns(rows, names))
        names = list(table.types().items())
        self.rng.shuffle(names)
        return getattr(self.store, operation)(table.name, as_columns(rows, names))

    def check(self, what: str, spine: List[ref.Row], got: List[Dict[str, Answer]], state: rel.State) -> None:
        assert len(got) == len(spine)
        for i, request in enumerate(spine):
            want = self.service.evaluate(state, request, request["t"])
            for name, (value, status) in want.items():
                given, given_status = got[i][name]
                if (ref.bits(from_library(given)), given_status) != (ref.bits(value), status):
                    self.fail(
                        f"{what}, row {i}, {name}: {given!r} ({given_status}), the reference says {value!r} ({status})\n"
                        f"request {request}"
                    )

    def training(self, spine: List[ref.Row], version: int, **options: Any) -> libfeat.TrainingSet:
        columns = as_columns(spine, [*self.service.inputs, ("t", rel.SPINE_TIME)])
        return self.store.training_set("service", columns, "t", version=version, **options)


@pytest.mark.parametrize("kind, seed", CASES)
def test_parity(kind: str, seed: int, tmp_path: Any) -> None:
    case = Case(kind, seed, tmp_path / "store")
    rng = case.rng
    names = [name for name, _ in case.service.all_outputs()]
    with case.store:
        for version, state in case.versions.items():
            if version != max(case.versions) and rng.random() < 0.5:
                continue
            spine = case.world.spine(state)
            result = case.training(spine, version, status=True, on_error="null")
            training = from_training(result, names)
            case.check(f"training set at version {version}", spine, training, state)
            fails = any(status == "error" for answers in training for _, status in answers.values())
            if fails:
                with pytest.raises(libfeat.DataError):
                    case.training(spine, version)
            else:
                case.training(spine, version)
            if version == max(case.versions):
                check_reader(case, spine, state, result)


def check_reader(case: Case, spine: List[ref.Row], state: rel.State, trained: libfeat.TrainingSet) -> None:
    inputs = as_columns(spine, case.service.inputs)
    times = np.array([r["t"] for r in spine], dtype="int64")
    with case.store.reader("service", fingerprint=trained.fingerprint) as reader:
        many = reader.get(inputs, now=times)
        assert many.position.version == trained.version
        case.check("many lookups", spine, from_vectors(many), state)
        singles = []
        for request in spine:
            one = reader.get({n: scalar(request[n], kind) for n, kind in case.service.inputs}, now=request["t"])
            singles.append({n: (one[n], one.status[n]) for n in one})
        case.check("one lookup", spine, singles, state)
