"""Serving stands on its own: without the blocks, behind a crash, through kills of the writer."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import libfeat

SQL = """
CREATE TABLE events (id BIGINT NOT NULL, k BIGINT, x DOUBLE, s TEXT, t TIMESTAMP, ENTITY KEY (k), EVENT TIME (t), UNIQUE (id));
CREATE FEATURE VIEW v AS SELECT k, count(*) OVER w AS n, sum(x) OVER w AS total, max(x) OVER () AS top, last(s) OVER () AS newest
FROM events GROUP BY k WINDOW w AS (RANGE INTERVAL '1 hour' PRECEDING);
CREATE FEATURE SERVICE s AS SELECT v.*, r.a + coalesce(v.total, 0) AS sum FROM REQUEST (k BIGINT, a DOUBLE) AS r LEFT JOIN v USING (k);
"""
START = 1_700_000_000_000_000


def rows(first: int, n: int) -> dict[str, list[Any]]:
    rng = random.Random(first)
    ids = list(range(first, first + n))
    return {
        "id": ids,
        "k": [rng.choice([1, 2, 3, None]) for _ in ids],
        "x": [rng.choice([0.1, -0.0, 1e300, -1e300, 5e-324, None]) for _ in ids],
        "s": [rng.choice(["a", "bb", None]) for _ in ids],
        "t": [START + rng.randrange(0, 7200) * 1_000_000 for _ in ids],
    }


def as_events(data: dict[str, list[Any]]) -> Any:
    import numpy as np

    return {**data, "t": np.array(data["t"], dtype="datetime64[us]")}


SPINE = [(k, 0.5, START + m * 600_000_000) for k in (1, 2, 3, 4) for m in range(14)]


def answers(reader: Any) -> tuple[int, list[str]]:
    many = reader.get(k=[r[0] for r in SPINE], a=[r[1] for r in SPINE], now=[r[2] for r in SPINE])
    return many.position.version, [repr(v) for v in zip(*many.to_dict().values())]


def trained(store: Any, version: int) -> list[str]:
    import numpy as np

    spine = {"k": [r[0] for r in SPINE], "a": [r[1] for r in SPINE], "at": np.array([r[2] for r in SPINE], dtype="datetime64[us]")}
    result = store.training_set("s", spine, timestamp="at", version=version).to_dict()
    return [repr(v) for v in zip(*[column for name, column in result.items() if name not in spine])]


@pytest.fixture
def served(tmp_path: Path) -> Path:
    path = tmp_path / "s.feat"
    with libfeat.open(path) as store:
        store.define(SQL)
        store.append("events", as_events(rows(0, 500)))
        store.deploy("s")
        store.append("events", as_events(rows(500, 200)))
    return path


def ask(path: Path) -> tuple[int, list[str]]:
    """What a process of its own answers: nothing of the store is open or cached there."""
    code = "import sys; from test_serving import *\nwith libfeat.open(sys.argv[1], mode='r') as s: print(repr(answers(s.reader('s'))))"
    here = Path(__file__).resolve()
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here.parent), str(here.parents[2] / "bindings" / "python")])}
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    return eval(done.stdout)  # our own repr


def test_serves_without_the_blocks(served: Path, tmp_path: Path) -> None:
    with libfeat.open(served) as store:
        version, want = store.version, trained(store, store.version)
    libfeat.open(tmp_path / "empty.feat").close()
    shutil.copy(tmp_path / "empty.feat" / "blocks.mdb", served / "blocks.mdb")
    assert ask(served) == (version, want)
    with libfeat.open(served, mode="r") as store, pytest.raises(libfeat.CorruptionError):
        trained(store, version)


def test_a_crash_before_the_serving_state_is_made_up_for(served: Path, tmp_path: Path) -> None:
    """The catalog is the commit; the state follows. A crash in between leaves the state of the version before."""
    shutil.copy(served / "online.mdb", tmp_path / "online.mdb")
    with libfeat.open(served) as store:
        before = store.version
        store.append("events", as_events(rows(700, 100)))
        store.upsert("events", as_events({**rows(0, 50), "k": [2] * 50}))
    shutil.copy(tmp_path / "online.mdb", served / "online.mdb")
    version, got = ask(served)
    with libfeat.open(served) as store:
        assert version == before and got == trained(store, before)
        store.append("events", as_events(rows(800, 10)))
        newest = store.version
        want = trained(store, newest)
    assert ask(served) == (newest, want)


def test_the_serving_state_can_be_dropped_and_built_again(served: Path) -> None:
    version, want = ask(served)
    (served / "online.mdb").unlink()
    with libfeat.open(served) as store:
        with pytest.raises(libfeat.NotFoundError, match="feat_deploy"):
            store.reader("s")
        store.deploy("s")
    assert ask(served) == (version, want)


WRITER = """
import sys
from test_serving import *
store = libfeat.open(sys.argv[1])
at = int(sys.argv[2])
while True:
    batch = rows(at, 37)
    if at % 3 == 2:
        store.upsert("events", as_events({**rows(at - 37, 20), "k": [1] * 20}))
    done = store.append("events", as_events(batch))
    at += 37
    print(at, done.version, flush=True)
"""


def test_kills_of_the_writer_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "s.feat"
    with libfeat.open(path) as store:
        store.define(SQL)
        store.append("events", as_events(rows(0, 10)))
        store.deploy("s")
    here = Path(__file__).resolve()
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here.parent), str(here.parents[2] / "bindings" / "python")])}
    rng = random.Random(5)
    at, acknowledged = 10, 1
    kills = 100 if os.environ.get("FEAT_TEST_LONG") else 8
    for _ in range(kills):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(at)], stdout=subprocess.PIPE, text=True, env=env)
        assert writer.stdout is not None
        first = writer.stdout.readline()
        assert first, "the writer died of itself"
        time.sleep(rng.random() * 0.3)
        writer.send_signal(signal.SIGKILL)
        lines = [first, *writer.stdout.read().splitlines()]
        writer.wait()
        complete = [line.split() for line in lines if len(line.split()) == 2]
        at, acknowledged = int(complete[-1][0]), int(complete[-1][1])
        with libfeat.open(path) as store:
            assert store.version >= acknowledged
            ids = set(store.snapshot().table("events", columns=["id"]).to_dict()["id"])
            assert ids >= set(range(at)), "an acknowledged row is lost"
            assert (len(ids) - 10) % 37 == 0, "half a commit is there"
            at = len(ids)
            version, got = answers(store.reader("s"))
            assert got == trained(store, version)
            store.append("events", as_events(rows(at, 37)))
            at += 37
            version, got = answers(store.reader("s"))
            assert version == store.version and got == trained(store, version)
