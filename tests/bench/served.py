"""Training sets as served beside plain ones: every row at the version that was the newest when it was served.

    python tests/bench/served.py [--build BUILD] [--events 1000000] [--commits 2000] [--rows 200000] [--threads 1]

Needs pyarrow and a built BUILD/lib/libfeat.so. Events of --events / 50 users come in --commits commits in the order of their times, one
in twenty of them late by up to a day; each row of the spine is asked at the version that was the newest at its time. The features are
those of windows.py. Before anything is timed the rows of a few versions are compared with the training set of that version alone, byte
for byte. For comparison the same spine is asked at the newest version.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile

import numpy as np
import pyarrow as pa

import measure
import synthetic
from windows import FEATURES, definitions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(measure.ROOT, "build"))
    for name, default in (("events", 1_000_000), ("commits", 2_000), ("rows", 200_000), ("threads", 1), ("runs", 3), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    libfeat = measure.use_library(options.build)
    g = np.random.default_rng(options.seed)
    shop = synthetic.Shop(options.events, options.seed)
    events = pa.concat_tables(list(shop.lots(options.events)))
    time = events["t"].cast(pa.int64()).to_numpy()
    known = time + np.where(g.random(len(time)) < 0.05, g.integers(0, synthetic.DAY, len(time)), 0)
    order = np.argsort(known, kind="stable")
    ends = np.linspace(0, len(order), options.commits + 1).astype(int)
    folder = tempfile.mkdtemp()
    try:
        with libfeat.open(os.path.join(folder, "store")) as store:
            store.define(definitions())
            versions, since = [], []
            for first, end in zip(ends, ends[1:]):
                versions.append(store.append("events", events.take(pa.array(order[first:end]))).version)
                since.append(known[order[end - 1]])
            picked = g.integers(0, len(time), options.rows)
            t = np.maximum(time[picked] + g.integers(0, 30 * synthetic.DAY, options.rows), since[0])
            at = np.array(versions)[np.searchsorted(since, t, side="right") - 1]
            spine = pa.table({"user_id": events["user_id"].take(pa.array(picked)), "t": pa.array(t).cast(pa.timestamp("us")), "version": at}).combine_chunks()

            def served() -> pa.Table:
                return store.training_set("activity_service", spine, "t", as_served=True, position="version", threads=options.threads).to_arrow()

            def plain() -> pa.Table:
                return store.training_set("activity_service", spine, "t", threads=options.threads).to_arrow()

            made = served()
            for version in g.choice(np.unique(at), 5, replace=False).tolist():
                rows = pa.array(np.nonzero(at == version)[0])
                alone = store.training_set("activity_service", spine.take(rows), "t", version=version).to_arrow()
                assert all(alone[f].combine_chunks().equals(made[f].take(rows).combine_chunks()) for f in FEATURES), version
            differ = sum(not a.equals(b) for a, b in ((made[f], plain()[f]) for f in FEATURES))
            print(f"{options.events:,} events in {options.commits:,} commits, {options.rows:,} rows at {len(np.unique(at)):,} versions; five versions compared with each alone: equal")
            print(f"{differ} of {len(FEATURES)} features have rows that differ from the newest version's; load average {measure.load_average():.2f}")
            times = {name: min(measure.once(work)[1]["seconds"] for _ in range(options.runs)) for name, work in (("as served", served), ("newest version", plain))}
            print(f"as served {times['as served']:.3f} s, at the newest version {times['newest version']:.3f} s: {times['as served'] / times['newest version']:.2f} times")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
