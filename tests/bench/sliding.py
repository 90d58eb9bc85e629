"""Windows whose values are counted in and out as they slide: order statistics, distinct and frequent values, best events.

    python tests/bench/sliding.py [--build BUILD] [--events N] [--rows N] [--other BUILD]

Needs numpy, pyarrow, DuckDB, Polars and a built BUILD/lib/libfeat.so. Two stores:

  hot   N events (200,000) of one user over a year, N spine rows (20,000), windows of 30 days and of all time
  shop  as many events of a fiftieth as many users, of whom half have fewer than about 33: what short windows cost

One feature a training set, so that each time (of the processor, the least of all runs) is that of one aggregate. Before it is timed a sample of the rows is asked for again, each
in a training set of its own, whose window is looked at whole: the bytes must be equal. --other times another build in the same turns,
for example one from before a change; all its values must be equal too. DuckDB's window functions over the union of events and spine
rows, and Polars' rolling quantile, are timed where they can compute the same; their values are compared with ours, and how many are
not equal is shown (an interpolated quantile may be rounded otherwise).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
from typing import Any, Dict, List, Optional

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather

import measure
import synthetic
from synthetic import DAY, FIRST, Shop

CALLS = {
    "median": "median(amount)",
    "quantile": "quantile_cont(amount, 0.9)",
    "distinct": "count(DISTINCT amount)",
    "sketch": "approx_count_distinct(amount)",
    "mode": "mode(amount)",
    "top": "top_k(amount, 5)",
    "entropy": "entropy(amount)",
    "category": "entropy(category)",
    "sum": "sum(DISTINCT amount)",
    "best": "arg_max(category, amount)",
    "first": "first(category ORDER BY amount DESC)",
}
FRAMES = {"30d": "RANGE INTERVAL '30 days' PRECEDING", "ever": "RANGE UNBOUNDED PRECEDING"}
DUCKDB = {
    "median": "quantile_cont(amount, 0.5) {w}",
    "quantile": "quantile_cont(amount, 0.9) {w}",
    "distinct": "count(DISTINCT amount) {w}",
    "mode": "mode(amount) {w}",
}
POLARS = {"median": 0.5, "quantile": 0.9}


# ---- what there is to compute ----------------------------------------------------------------------------------------


def events_of(what: Dict[str, Any]) -> pa.Table:
    """Times differ, so that no engine's order of ties is of consequence."""
    n = what["events"]
    if what["store"] == "shop":
        return Shop(n, what["seed"]).unit(0) if n <= synthetic.UNIT else pa.concat_tables(Shop(n, what["seed"]).lots(n)).combine_chunks()
    g = np.random.default_rng([what["seed"], 2])
    time = FIRST + np.sort(g.choice(365 * 86_400, n, replace=False)).astype(np.int64) * 1_000_000
    amount = pa.array(np.round(g.lognormal(3, 1.2, n), 2), mask=g.random(n) < 0.03)
    category = synthetic.CATEGORIES.take(pa.array(g.integers(0, 40, n)))
    return pa.table({"user_id": np.ones(n, np.int64), "t": pa.array(time).cast(pa.timestamp("us")), "amount": amount, "category": category})


def spine_of(what: Dict[str, Any]) -> pa.Table:
    n, g = what["rows"], np.random.default_rng([what["seed"], 3])
    users = np.ones(n, np.int64) if what["store"] == "hot" else g.integers(1, max(what["events"] // 50, 1) + 1, n)
    time = FIRST + 30 * DAY + np.sort(g.integers(0, 335 * 86_400, n)) * 1_000_000 + 1
    return pa.table({"user_id": users, "t": pa.array(time).cast(pa.timestamp("us"))})


def definitions() -> str:
    table = "CREATE TABLE events (user_id BIGINT NOT NULL, t TIMESTAMP NOT NULL, amount DOUBLE, category TEXT, ENTITY KEY (user_id), EVENT TIME (t));"
    for frame, words in FRAMES.items():
        for name, call in CALLS.items():
            table += f"CREATE FEATURE VIEW {name}_{frame}_v AS SELECT user_id, {call} OVER w AS f FROM events GROUP BY user_id WINDOW w AS ({words});"
            table += f"CREATE FEATURE SERVICE {name}_{frame} AS {name}_{frame}_v;"
    return table


# ---- engines ---------------------------------------------------------------------------------------------------------


def prepare(what: Dict[str, Any]) -> None:
    libfeat = measure.use_library(what["build"])
    with libfeat.open(what["path"]) as store:
        store.define(definitions())
        store.append("events", events_of(what).select(["user_id", "t", "amount", "category"]))
    measure.say({})


def train(what: Dict[str, Any]) -> None:
    libfeat = measure.use_library(what["build"])
    spine, service = spine_of(what), f"{what['call']}_{what['frame']}"
    options = measure.run_options(libfeat, what["threads"])
    store = libfeat.open(what["path"], "r")

    def work() -> pa.Table:
        return store.training_set(service, spine, timestamp="t", **options).to_arrow()

    def save(result: pa.Table, path: str) -> None:
        for i in what["sample"]:
            alone = store.training_set(service, spine.slice(i, 1), timestamp="t").to_arrow()
            if repr(alone["f"].to_pylist()) != repr(result["f"].slice(i, 1).to_pylist()):
                raise SystemExit(f"libfeat: row {i} of {service} is {result['f'][i]}, alone it is {alone['f'][0]}")
        feather.write_feather(result.select(["f"]), path, compression="uncompressed")

    measure.serve(work, save)


def duckdb(what: Dict[str, Any]) -> None:
    import duckdb as engine

    db = engine.connect()
    db.execute(f"SET threads = {what['threads']}")
    db.register("events_", events_of(what).select(["user_id", "t", "amount"]))
    db.register("spine_", spine_of(what).append_column("n", pa.array(range(what["rows"]))))
    db.execute("CREATE TABLE rows_ AS SELECT user_id, t, amount, NULL::BIGINT AS n FROM events_ UNION ALL SELECT user_id, t, NULL, n FROM spine_")
    low = "INTERVAL 30 DAY" if what["frame"] == "30d" else "UNBOUNDED"
    over = DUCKDB[what["call"]].format(w=f"OVER (PARTITION BY user_id ORDER BY t RANGE BETWEEN {low} PRECEDING AND CURRENT ROW)")
    query = f"SELECT n, f FROM (SELECT n, {over} AS f FROM rows_) WHERE n IS NOT NULL"

    def save(result: pa.Table, path: str) -> None:
        feather.write_feather(result.sort_by("n").select(["f"]), path, compression="uncompressed")

    measure.serve(lambda: db.sql(query).to_arrow_table(), save)


def polars(what: Dict[str, Any]) -> None:
    import polars as pl

    rows = pl.from_arrow(events_of(what).select(["user_id", "t", "amount"])).with_columns(n=pl.lit(None, pl.Int64))
    spine = pl.from_arrow(spine_of(what)).with_columns(amount=pl.lit(None, pl.Float64), n=pl.int_range(pl.len(), dtype=pl.Int64))
    rows = pl.concat([rows, spine.select(rows.columns)]).sort("t")
    window = "30d" if what["frame"] == "30d" else "3650d"
    f = pl.col("amount").rolling_quantile_by("t", window, quantile=POLARS[what["call"]], interpolation="linear", closed="both").over("user_id")

    def save(result: Any, path: str) -> None:
        feather.write_feather(result.sort("n").select("f").to_arrow(), path, compression="uncompressed")

    measure.serve(lambda: rows.select("n", f=f).filter(pl.col("n").is_not_null()), save)


# ---- the table -------------------------------------------------------------------------------------------------------


def differ(path: str, other: str) -> int:
    """How many values are not the same, NaN and NULL being what they are."""
    a, b = feather.read_table(path)["f"].to_pylist(), feather.read_table(other)["f"].to_pylist()
    assert len(a) == len(b)
    return sum(repr(x) != repr(y) and not (isinstance(x, float) and isinstance(y, float) and math.isnan(x) and math.isnan(y)) for x, y in zip(a, b))


def engine(name: str, what: Dict[str, Any], options: argparse.Namespace, work: str) -> measure.Engine:
    e = measure.Engine(name, {**what, "engine": name if name in ("duckdb", "polars") else "train"}, options.threads)
    e.warm(os.path.join(work, name))
    return e


def cell(e: Optional[measure.Engine], mine: measure.Engine) -> str:
    if e is None:
        return "-"
    return "failed" if e.error else f"{1000 * e.cpu:,.1f} ({e.cpu / mine.cpu:.1f}x)"


def compare(what: Dict[str, Any], options: argparse.Namespace, work: str) -> List[str]:
    mine = engine("libfeat", what, options, work)
    if mine.error:
        raise SystemExit(f"libfeat: {mine.error}")
    other = engine("other", {**what, "build": options.other, "sample": []}, options, work) if options.other else None
    if other and not other.error and differ(os.path.join(work, "libfeat"), os.path.join(work, "other")):
        raise SystemExit(f"libfeat: the two builds differ in {what}")
    able = {} if options.no_peers else {"duckdb": DUCKDB, "polars": POLARS}
    peers = {name: engine(name, what, options, work) for name, calls in able.items() if what["call"] in calls}
    wrong = []
    for name, e in peers.items():
        if not e.error:
            wrong.append(f"{name} {differ(os.path.join(work, 'libfeat'), os.path.join(work, name)):,}")
    everyone = [e for e in (mine, other, *peers.values()) if e]
    measure.take_turns(everyone, options.runs, options.limit)
    for e in everyone:
        e.end()
    label = f"{what['store']}, {what['frame']}: {CALLS[what['call']]}"
    return [label, f"{1000 * mine.cpu:,.1f}", cell(other, mine), cell(peers.get("duckdb"), mine), cell(peers.get("polars"), mine), ", ".join(wrong) or "-"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(measure.ROOT, "build"))
    parser.add_argument("--other", help="another build, timed beside it")
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--stores", default="hot,shop")
    parser.add_argument("--frames", default=",".join(FRAMES))
    parser.add_argument("--calls", default=",".join(CALLS))
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=3, help="after a first one that does not count")
    parser.add_argument("--limit", type=float, default=5, help="seconds; what takes longer runs once")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.engine:
        what = json.loads(options.engine)
        {"prepare": prepare, "train": train, "duckdb": duckdb, "polars": polars}[what["engine"]](what)
        return
    lines = []
    with tempfile.TemporaryDirectory(prefix="libfeat-sliding-") as work:
        for store in options.stores.split(","):
            what = {"store": store, "path": os.path.join(work, store), "events": options.events, "rows": options.rows, "seed": options.seed, "build": options.build}
            what["sample"] = np.random.default_rng(1).integers(0, options.rows, 20).tolist()
            measure.in_own_process({**what, "engine": "prepare"})
            for frame in options.frames.split(","):
                for call in options.calls.split(","):
                    lines.append(compare({**what, "frame": frame, "call": call}, options, work))
                    print("\t".join(lines[-1]), flush=True)
    print(f"\nload average {measure.load_average()}")
    measure.table(["", "libfeat cpu ms", "other build", "DuckDB", "Polars", "values that differ"], lines)


if __name__ == "__main__":
    main()
