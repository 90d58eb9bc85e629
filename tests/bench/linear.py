"""Whether cost grows linearly: ten times the events, and users with millions of them.

    python tests/bench/linear.py [--build BUILD] [--events 10,100] [--hot 1,10] [--memory BYTES] [--threads N]

Needs pyarrow and a built BUILD/lib/libfeat.so. The features are those of windows.py. Two comparisons, each of a smaller and a ten
times larger store:

  events   millions of events of a fiftieth as many users. The spine has --rows rows in both, or, with --scale-spine, a tenth of the events
  hot      millions of events of one user, a tenth as many spine rows

Events are made and appended a lot at a time (--lot), so that nothing here ever holds all of them; the store is made by a process of its
own, and the training set by another one. For each: time from the stored version to Arrow in hand and peak memory, with the ratio of the
times beside the target. Before it is timed a sample of the result is compared with the exact values of windows.py, of its users' events
drawn again; every run must then give the same sums of all columns, which are printed: they are the same for any --lot and --memory.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from typing import Any, Dict, Iterator, List

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.feather as feather

import measure
import synthetic
from measure import MIB
from synthetic import Shop
from windows import FEATURES, Exact, definitions, numbers

#: Times the smaller one's time that ten times the events may take; bytes of memory.
TARGET_RATIO, TARGET_MEMORY = 11, 2 * 1024 * MIB


def lots(what: Dict[str, Any]) -> Iterator[pa.Table]:
    if what["what"] == "events":
        yield from Shop(what["events"], what["seed"]).lots(what["lot"])
        return
    # Of one user: drawn at once, which is small, and handed over in lots.
    everything = synthetic.hot_user(what["events"], what["seed"])
    for first in range(0, what["events"], what["lot"]):
        yield everything.slice(first, what["lot"])


def prepare(what: Dict[str, Any]) -> Dict[str, Any]:
    libfeat = measure.use_library(what["build"])
    seconds = 0.0
    with libfeat.open(what["store"]) as store:
        store.define(definitions())
        for lot in lots(what):
            _, answer = measure.once(lambda: store.append("events", lot))
            seconds += answer["seconds"]
    size = sum(os.path.getsize(os.path.join(folder, f)) for folder, _, files in os.walk(what["store"]) for f in files)
    return dict(seconds=seconds, peak=measure.memory("VmHWM"), size=size)


def spine_of(what: Dict[str, Any]) -> pa.Table:
    if what["what"] == "hot":
        return synthetic.hot_spine(what["rows"], what["seed"])
    return Shop(what["events"], what["seed"]).spine(what["rows"], hot=what["hot_spine"])


def verify(what: Dict[str, Any], sample: str) -> None:
    """Ends the benchmark when a value of the sample is not the exact one, rounded once."""
    spine = spine_of(what).take(pa.array(what["sample"]))
    users = pc.unique(spine["user_id"])
    mine = [lot.filter(pc.is_in(lot["user_id"], users)).select(["user_id", "t", "amount"]) for lot in lots(what)]
    exact = Exact(pa.concat_tables(mine), spine, spine.num_rows)
    found = [exact.wrong(feather.read_table(sample), kind) for kind in "csam"]
    if any(bad for bad, _, _ in found):
        raise SystemExit(f"libfeat: counts, sums, averages or greatest values of the sample are wrong: {found}")
    print(f"{sum(of for _, of, _ in found):,} values of {spine.num_rows} rows are exact; ", end="", flush=True)


def check(result: pa.Table) -> List[float]:
    """What tells one result from another: for each feature how many values there are, and their sum."""
    out: List[float] = []
    for name in FEATURES:
        column = result[name]
        out += [len(column) - column.null_count, float(pc.sum(column).as_py() or 0)]
    return out


def train(what: Dict[str, Any]) -> None:
    libfeat = measure.use_library(what["build"])
    spine = spine_of(what)
    options = measure.run_options(libfeat, what["threads"], what["memory"])

    def work() -> Any:
        with libfeat.open(what["store"], "r") as store:
            result = store.training_set("activity_service", spine, timestamp="t", **options)
            return result.to_arrow(), measure.statistics(result)

    def save(result: Any, path: str) -> None:
        feather.write_feather(result[0].take(pa.array(what["sample"])).select(FEATURES), path, compression="uncompressed")

    measure.serve(work, save, lambda result: dict(check=check(result[0]), statistics=result[1]))


def one(what: Dict[str, Any], options: argparse.Namespace, work: str) -> measure.Engine:
    what = {**what, "store": os.path.join(work, f"{what['what']}-{what['events']}"), "build": options.build, "seed": options.seed, "lot": options.lot}
    what.update(memory=options.memory, hot_spine=options.hot_spine)
    # A window of the hot user holds a quarter of all events.
    what["sample"] = np.random.default_rng(1).integers(0, what["rows"], 2 if what["what"] == "hot" else 300).tolist()
    made = measure.in_own_process({**what, "engine": "prepare"})
    print(f"{what['events']:,} events in lots of {options.lot:,}: {made['seconds']:.1f} s, {made['size'] / 1e6:,.0f} MB, peak {made['peak'] / MIB:,.0f} MiB; ", end="", flush=True)
    e = measure.Engine("libfeat", {**what, "engine": "train"}, options.threads)
    sample = os.path.join(work, "sample.arrow")
    e.warm(sample)
    if e.error:
        raise SystemExit(f"libfeat: {e.error}")
    verify(what, sample)
    measure.take_turns([e], options.runs if what["events"] < 50_000_000 else options.runs_large, float("inf"))
    e.end()
    print(f"load average {measure.load_average()}", flush=True)
    shutil.rmtree(what["store"])
    if e.error:
        raise SystemExit(f"libfeat: {e.error}")
    assert all(r["about"]["check"] == e.first["about"]["check"] for r in e.runs), "two runs differ"
    return e


def compare(kind: str, millions: List[float], options: argparse.Namespace, work: str) -> List[List[str]]:
    lines, before = [], None
    for m in millions:
        events = int(m * 1_000_000)
        rows = events // 10 if kind == "hot" or options.scale_spine else options.rows
        e = one({"what": kind, "events": events, "rows": rows}, options, work)
        grown = ["", ""]
        if before is not None:
            factor = events / before[0]
            grown = [f"{e.best / before[1]:.2f}", f"{factor * TARGET_RATIO / 10:g}"]
        before = (events, e.best)
        total = float(np.sum(e.first["about"]["check"]))
        lines.append([f"{m:g} M, {kind}", f"{rows:,}", f"{e.best:.2f}", f"{e.cpu:.2f}", str(len(e.timed())), *grown, f"{e.peak / MIB:,.0f}", f"{TARGET_MEMORY // MIB:,}", repr(total)])
        if options.profile:
            measure.profile(e.first["about"]["statistics"])
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(measure.ROOT, "build"))
    parser.add_argument("--events", type=numbers, default=[10.0, 100.0], help="millions, with commas; '0' for none")
    parser.add_argument("--hot", type=numbers, default=[1.0, 10.0], help="millions of events of one user; '0' for none")
    parser.add_argument("--rows", type=int, default=1_000_000, help="spine rows beside many users")
    parser.add_argument("--scale-spine", action="store_true", help="a tenth as many spine rows as events")
    parser.add_argument("--hot-spine", action="store_true", help="users of the spine drawn as often as they are active")
    parser.add_argument("--lot", type=int, default=2_000_000, help="events in one commit")
    parser.add_argument("--memory", type=int, default=1024 * MIB, help="bytes that a run may use, when the library takes a bound")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=3, help="after a first one that does not count")
    parser.add_argument("--runs-large", type=int, default=1, help="the same for 50 million events and more; 0 counts the first one")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--work", help="folder for the stores (default: a new one that is deleted)")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.engine:
        what = json.loads(options.engine)
        if what["engine"] == "prepare":
            measure.say(prepare(what))
        else:
            train(what)
        return
    work = options.work or tempfile.mkdtemp(prefix="libfeat-linear-")
    os.makedirs(work, exist_ok=True)
    lines = []
    try:
        for kind, millions in (("events", options.events), ("hot", options.hot)):
            lines += compare(kind, [m for m in millions if m], options, work)
        head = ["", "spine rows", "min s", "cpu s", "runs", "x smaller", "target", "peak MiB", "target", "sum of all"]
        measure.table(head, lines)
    finally:
        if not options.work:
            shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
