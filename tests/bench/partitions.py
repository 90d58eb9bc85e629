"""What partitions cost and save: a year of events stored by day, by month and together.

    python tests/bench/partitions.py [events] [entities]

Reading one day: bytes of the process's reads are not seen in a warm map, so that rows and segments are counted and times are
taken. The training set has windows of 1, 7, 30 and 90 days.
"""

from __future__ import annotations

import sys
import tempfile
import time
from typing import Any, Dict

import numpy as np

import libfeat

KINDS = ("none", "month", "day")


def best(work: Any, n: int) -> float:
    times = []
    for _ in range(n):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000_000
    entities = int(sys.argv[2]) if len(sys.argv) > 2 else n // 50
    rng = np.random.default_rng(1)
    year = 366 * 86_400_000_000
    data = {
        "k": rng.integers(0, entities, n),
        "x": np.round(rng.gamma(2.0, 20.0, n), 2),
        "at": np.datetime64("2024-01-01") + rng.integers(0, year, n).astype("timedelta64[us]"),
    }
    spine = {"k": rng.integers(0, entities, n // 10), "t": np.datetime64("2024-02-01") + rng.integers(0, year * 5 // 6, n // 10).astype("timedelta64[us]")}
    windows = ", ".join(f"sum(x) OVER w{d} AS s{d}, count(*) OVER w{d} AS n{d}, max(x) OVER w{d} AS m{d}" for d in (1, 7, 30, 90))
    frames = ", ".join(f"w{d} AS (RANGE INTERVAL '{d} days' PRECEDING)" for d in (1, 7, 30, 90))
    day = "at >= TIMESTAMP '2024-05-05' AND at < TIMESTAMP '2024-05-06'"
    want = int(((data["at"] >= np.datetime64("2024-05-05")) & (data["at"] < np.datetime64("2024-05-06"))).sum())
    train: Dict[str, float] = {}
    answers: Dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as path, libfeat.open(path + "/store") as store:
        for kind in KINDS:
            store.define(
                f"CREATE TABLE e_{kind} (k BIGINT NOT NULL, x DOUBLE, at TIMESTAMP NOT NULL, ENTITY KEY (k), EVENT TIME (at)) WITH (partition = '{kind}');"
                f"CREATE FEATURE VIEW v_{kind} AS SELECT k, {windows} FROM e_{kind} GROUP BY k WINDOW {frames};"
                f"CREATE FEATURE SERVICE f_{kind} AS v_{kind};"
            )
            start = time.perf_counter()
            store.append(f"e_{kind}", data)
            print(f"{kind:6} ingest {time.perf_counter() - start:6.2f} s", end="")
            with store.snapshot() as snap:
                assert snap.scan(f"e_{kind}", where=day).to_arrow().num_rows == want
                print(f", one day {best(lambda: snap.scan(f'e_{kind}', where=day).to_arrow(), 20) * 1e3:7.2f} ms", end="")
            answers[kind] = store.training_set(f"f_{kind}", spine, "t")
            train[kind] = best(lambda: store.training_set(f"f_{kind}", spine, "t"), 5)
            print(f", training set {train[kind]:.3f} s ({train[kind] / train['none']:.2f} of none)")
        first = answers["none"].to_arrow()
        for kind in KINDS[1:]:
            assert answers[kind].to_arrow().equals(first), kind


if __name__ == "__main__":
    main()
