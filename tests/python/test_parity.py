"""No drift: training set, one lookup, many lookups and the naive reference give the same bits and the same statuses.

Each case draws a definition, commits and a spine from its seed, which is part of the test's name and of every message.
FEAT_TEST_LONG=1 runs many more cases; FEAT_TEST_SEED=n runs that one case.
"""

from __future__ import annotations

import os
import random
from typing import Any, Dict, List, Tuple

import numpy as np
import pytest

import generate
import libfeat
import reference as ref

if os.environ.get("FEAT_TEST_SEED"):
    SEEDS = [int(os.environ["FEAT_TEST_SEED"])]
else:
    SEEDS = list(range(4000 if os.environ.get("FEAT_TEST_LONG") else 150))

Answer = Tuple[Any, str]


def from_library(value: Any) -> Any:
    """Times as µs, as in the reference."""
    if isinstance(value, np.datetime64):
        return int(value.astype("datetime64[us]").astype("int64"))
    if hasattr(value, "timetuple"):
        return libfeat._time.from_datetime(value)
    return value


def column_values(array: np.ndarray) -> List[Any]:
    """Python values of a column; times stay 64-bit numbers, since datetime does not reach the ends of the range."""
    if array.dtype.kind == "M":
        mask = np.ma.getmaskarray(array)
        return [None if m else int(v) for m, v in zip(mask, np.ma.getdata(array).astype("datetime64[us]").astype("int64"))]
    return array.tolist()


def from_training(result: libfeat.TrainingSet, names: List[str]) -> List[Dict[str, Answer]]:
    columns = result.to_numpy()
    values = {n: column_values(columns[n]) for n in names}
    statuses = {n: [libfeat.STATUS[i] for i in columns[n + "__status"]] for n in names}
    return [{n: (values[n][i], statuses[n][i]) for n in names} for i in range(len(result))]


def from_vectors(vectors: libfeat.Vectors) -> List[Dict[str, Answer]]:
    values = {n: column_values(a) for n, a in vectors.to_numpy().items()}
    return [{n: (values[n][i], libfeat.STATUS[vectors.status[n][i]]) for n in values} for i in range(len(vectors))]


class Case:
    """A store with a definition and its rows at each version."""

    def __init__(self, seed: int, path: Any) -> None:
        self.seed = seed
        self.rng = rng = random.Random(seed)
        self.mood = generate.Mood(rng.choice([0, 0.1, 0.4]), rng.choice([0, 0, 0.1, 0.5]), rng.choice([0, 0, 0.05, 0.3]))
        self.table = generate.table(rng)
        self.views = [generate.view(rng, f"view{i}", self.table, self.mood) for i in range(rng.randint(1, 2))]
        self.service = generate.service(rng, self.views, self.mood)
        self.sql = "\n".join([self.table.sql()] + [v.sql() for v in self.views] + [self.service.sql()])
        self.store = libfeat.open(path)
        self.store.define(self.sql)
        self.history = ref.History(self.table)
        self.versions: Dict[int, List[ref.Row]] = {}
        self.next_id = 0
        self.run()

    def run(self) -> None:
        rng = self.rng
        deploy_before = rng.randint(0, 3)
        for i in range(rng.randint(1, 5)):
            if i == deploy_before:
                self.store.deploy("service")
            self.commit()
        self.store.deploy("service")

    def commit(self) -> None:
        rng = self.rng
        ids = list(range(self.next_id, self.next_id + rng.choice([0, 1, 5, 20, 60])))
        self.next_id += len(ids)
        rng.shuffle(ids)
        rows = [generate.row(rng, i, self.mood) for i in ids]
        names = [(name, kind) for name, kind, _ in self.table.columns]
        rng.shuffle(names)
        if self.table.unique and self.history.rows and rng.random() < 0.5:
            replaced = rng.sample(self.history.rows, rng.randint(1, min(10, len(self.history.rows))))
            rows += [generate.row(rng, r["id"], self.mood) for r in replaced]
            rng.shuffle(rows)
            done = self.store.upsert(self.table.name, generate.as_columns(rows, names))
            self.history.upsert(rows)
        else:
            done = self.store.append(self.table.name, generate.as_columns(rows, names))
            self.history.append(rows)
        self.versions[done.version] = self.history.rows

    def check(self, what: str, spine: List[ref.Row], got: List[Dict[str, Answer]], rows: List[ref.Row]) -> None:
        assert len(got) == len(spine)
        for i, request in enumerate(spine):
            want = self.service.evaluate({self.table.name: rows}, request, request["t"])
            for name, (value, status) in want.items():
                given, given_status = got[i][name]
                if (ref.bits(from_library(given)), given_status) != (ref.bits(value), status):
                    pytest.fail(
                        f"seed {self.seed}: {what}, row {i}, {name}: {given!r} ({given_status}), "
                        f"the reference says {value!r} ({status})\nrequest {request}\n{self.sql}",
                        pytrace=False,
                    )

    def training(self, spine: List[ref.Row], version: int, **options: Any) -> libfeat.TrainingSet:
        names = [*self.service.inputs, ("t", ref.TIMESTAMP)]
        columns = generate.as_columns(spine, names)
        return self.store.training_set("service", columns, "t", version=version, **options)


@pytest.mark.parametrize("seed", SEEDS)
def test_parity(seed: int, tmp_path: Any) -> None:
    case = Case(seed, tmp_path / "store")
    rng = case.rng
    names = [name for name, _ in case.service.outputs]
    windows = [w for v in case.views for w in v.windows.values()]
    with case.store:
        for version, rows in case.versions.items():
            if version != max(case.versions) and rng.random() < 0.5:
                continue
            spine = generate.spine(rng, case.service, rows, windows, case.mood)
            result = case.training(spine, version, status=True, on_error="null")
            training = from_training(result, names)
            case.check(f"training set at version {version}", spine, training, rows)
            fails = any(status == "error" for answers in training for _, status in answers.values())
            if fails:
                with pytest.raises(libfeat.DataError):
                    case.training(spine, version)
            else:
                case.training(spine, version)
            if version == max(case.versions):
                check_reader(case, spine, rows, result)


def check_reader(case: Case, spine: List[ref.Row], rows: List[ref.Row], trained: libfeat.TrainingSet) -> None:
    inputs = generate.as_columns(spine, case.service.inputs)
    times = np.array([r["t"] for r in spine], dtype="int64")
    with case.store.reader("service", fingerprint=trained.fingerprint) as reader:
        many = reader.get(inputs, now=times)
        assert many.position.version == trained.version
        case.check("many lookups", spine, from_vectors(many), rows)
        singles = []
        for request in spine:
            one = reader.get({n: request[n] for n, _ in case.service.inputs}, now=request["t"])
            singles.append({n: (one[n], one.status[n]) for n in one})
        case.check("one lookup", spine, singles, rows)
