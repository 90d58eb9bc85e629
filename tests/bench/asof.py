"""As-of join alone: each of 5 M rows takes the newest value of its key at its time out of 5 M others.

    python tests/bench/asof.py [--build BUILD] [--rows 5000000] [--keys 10000] [--shapes keys,minutes] [--orders sorted,unsorted]

Needs duckdb, polars, pandas, pyarrow and a built BUILD/lib/libfeat.so. Two shapes: ``keys`` has times drawn at random for many keys;
``minutes`` is that of DuckDB's own published benchmark, 50 keys with 100,000 values each, a minute apart, asked for half a minute
before. Ours is a service of one view, ``last(v)`` over the whole past, from the stored version to Arrow in hand; the peers have
their tables in memory. ``sorted``: the rows that are asked for, and the peers' tables, are in the order that suits them best (key and
time, or time); ``unsorted``: all come in no order. Each engine has a process of its own and they take turns. Values must be equal
row by row before anything is timed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from typing import Any, Callable, Dict, List, Tuple

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather

import measure
from measure import MIB, Engine
from synthetic import DAY, FIRST

#: By order of the inputs: ways of the peers that belong to it.
WAYS = {
    "sorted": ["polars by key and time", "polars by time", "pandas by time", "duckdb by key and time"],
    "unsorted": ["polars sorts", "duckdb to arrow", "duckdb to table", "pandas sorts"],
}
TARGET = 3  #: times faster than the fastest of each order

DEFINITIONS = {
    "table": """CREATE TABLE r (k BIGINT NOT NULL, t TIMESTAMP NOT NULL, v DOUBLE, ENTITY KEY (k), EVENT TIME (t));
CREATE FEATURE VIEW newest AS SELECT k, last(v) OVER w AS v FROM r GROUP BY k WINDOW w AS (RANGE UNBOUNDED PRECEDING);""",
    "dimension": """CREATE DIMENSION r (k BIGINT NOT NULL, t TIMESTAMP NOT NULL, v DOUBLE, ENTITY KEY (k), EVENT TIME (t));
CREATE FEATURE VIEW newest AS SELECT k, v FROM r;""",
}

Work = Tuple[Callable[[], Any], Callable[[Any, str], None]]


def sides(shape: str, rows: int, keys: int, seed: int) -> Tuple[pa.Table, pa.Table]:
    """What asks (key, time, a number of its own, its place) and what answers (key, time, value), in no order."""
    g = np.random.default_rng([seed, 5])
    if shape == "keys":
        k, t = g.integers(0, keys, (2, rows)), FIRST + g.integers(0, 365 * DAY, (2, rows))
        v = g.random(rows)
    else:
        each = rows // 50
        minute = np.tile(np.arange(each), 50)
        key, at = np.repeat(np.arange(50), each), FIRST + minute * 60_000_000
        left, right = g.permutation(len(key)), g.permutation(len(key))
        k, t = np.stack([2 * key[left], key[right]]), np.stack([at[left] - 30_000_000, at[right]])
        v = minute[right].astype(float)
    times = [pa.array(x).cast(pa.timestamp("us")) for x in t]
    asks = pa.table({"k": k[0], "t": times[0], "lv": g.random(len(k[0])), "place": np.arange(len(k[0]))})
    return asks, pa.table({"k": k[1], "t": times[1], "v": v})


# ---- engines -----------------------------------------------------------------------------------------------------


def prepare(what: Dict[str, Any]) -> Dict[str, Any]:
    libfeat = measure.use_library(what["build"])
    with libfeat.open(what["store"]) as store:
        store.define(DEFINITIONS[what["form"]] + "CREATE FEATURE SERVICE newest_service AS newest;")
        rows = feather.read_table(what["right"])
        _, answer = measure.once(lambda: store.append("r", rows))
    return answer


def ours(what: Dict[str, Any]) -> Work:
    libfeat = measure.use_library(what["build"])
    spine = feather.read_table(what["left"], memory_map=False).combine_chunks()  # as the peers have theirs
    options = measure.run_options(libfeat, what["threads"])

    def work() -> Any:
        with libfeat.open(what["store"], "r") as store:
            return store.training_set("newest_service", spine, timestamp="t", **options).to_arrow()

    return work, save_arrow


def save_arrow(result: pa.Table, path: str) -> None:
    feather.write_feather(result.select(["place", "v"]).sort_by("place"), path, compression="uncompressed")


def duckdb_way(what: Dict[str, Any]) -> Work:
    import duckdb

    con = duckdb.connect()
    con.execute(f"SET threads = {what['threads']}")
    asks, answers = (feather.read_table(what[side], memory_map=True) for side in ("left", "right"))  # noqa: F841
    order = " ORDER BY k, t" if what["way"] == "by key and time" else ""
    con.execute(f"CREATE TABLE l AS FROM asks{order}")
    con.execute(f"CREATE TABLE r AS FROM answers{order}")
    del asks, answers
    query = "SELECT l.*, r.v FROM l ASOF LEFT JOIN r ON l.k = r.k AND l.t >= r.t"
    if what["way"] == "to arrow":
        return lambda: con.cursor().sql(query).to_arrow_table(), save_arrow
    return (
        lambda: con.execute(f"CREATE OR REPLACE TABLE o AS {query}"),
        lambda _, path: save_arrow(con.cursor().sql("FROM o").to_arrow_table(), path),
    )


def polars_way(what: Dict[str, Any]) -> Work:
    import polars as pl

    left, right = (pl.from_arrow(feather.read_table(what[side], memory_map=False)).rechunk() for side in ("left", "right"))

    def join(a: Any, b: Any) -> Any:
        return a.join_asof(b, on="t", by="k", strategy="backward", check_sortedness=False)

    if what["way"] == "sorts":
        return lambda: join(left.sort("t"), right.sort("t")), lambda result, path: save_arrow(result.to_arrow(), path)
    order = ["k", "t"] if what["way"] == "by key and time" else ["t"]
    left, right = left.sort(order), right.sort(order)
    return lambda: join(left, right), lambda result, path: save_arrow(result.to_arrow(), path)


def pandas_way(what: Dict[str, Any]) -> Work:
    import pandas as pd

    left, right = (feather.read_table(what[side], memory_map=False).to_pandas() for side in ("left", "right"))

    def save(result: Any, path: str) -> None:
        save_arrow(pa.Table.from_pandas(result[["place", "v"]], preserve_index=False), path)

    if what["way"] == "sorts":
        return lambda: pd.merge_asof(left.sort_values("t"), right.sort_values("t"), on="t", by="k"), save
    left, right = left.sort_values("t"), right.sort_values("t")
    return lambda: pd.merge_asof(left, right, on="t", by="k"), save


def engine(what: Dict[str, Any]) -> None:
    if what["engine"] == "prepare":
        measure.say(prepare(what))
        return
    ways = {"libfeat": ours, "duckdb": duckdb_way, "polars": polars_way, "pandas": pandas_way}
    work, save = ways[what["engine"]](what)
    measure.serve(work, save)


# ---- the comparison ----------------------------------------------------------------------------------------------


def verify(engines: List[Engine], results: Dict[str, str]) -> None:
    want, found = None, 0
    for e in engines:
        if e.error:
            continue
        v = feather.read_table(results[e.name], memory_map=True)["v"].to_numpy(zero_copy_only=False)
        if want is None:
            want, found = v, int((~np.isnan(v)).sum())
        elif not np.array_equal(v, want, equal_nan=True):
            raise SystemExit(f"{e.name} and {engines[0].name}: {int((v != want).sum())} rows differ")
    print(f"{found:,} rows found a value, the same in every engine")


def compare(shape: str, order: str, threads: int, what: Dict[str, Any], options: argparse.Namespace, work: str) -> List[str]:
    engines = [Engine("libfeat", {**what, "engine": "libfeat"}, threads)]
    for name in WAYS[order]:
        peer, way = name.split(" ", 1)
        if peer in options.peers and (peer != "pandas" or threads == 1):
            engines.append(Engine(name, {**what, "engine": peer, "way": way}, threads))
    results = {e.name: os.path.join(work, e.name.replace(" ", "-") + ".arrow") for e in engines}
    try:
        for e in engines:
            e.warm(results[e.name])
        verify(engines, results)
        measure.take_turns(engines, options.runs, options.limit)
    finally:
        for e in engines:
            e.end()
    measure.table(measure.ENGINE_HEAD, measure.engine_rows(engines))
    mine, others = engines[0], [e for e in engines[1:] if not e.error]
    line = [f"{shape}, {order}, {threads} thread(s)", f"{mine.best:.3f}"]
    if others:
        quickest = min(others, key=lambda e: e.best)
        line += [f"{quickest.best:.3f} {quickest.name}", f"{quickest.best / mine.best:.2f}", str(TARGET), f"{mine.peak / MIB:,.0f} / {quickest.peak / MIB:,.0f}"]
    else:
        line += ["", "", "", f"{mine.peak / MIB:,.0f}"]
    return line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(measure.ROOT, "build"))
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--keys", type=int, default=10_000)
    parser.add_argument("--shapes", type=lambda s: s.split(","), default=["keys", "minutes"])
    parser.add_argument("--orders", type=lambda s: s.split(","), default=["sorted", "unsorted"])
    parser.add_argument("--form", choices=list(DEFINITIONS), default="table", help="what the values are stored as")
    parser.add_argument("--threads", type=lambda s: [int(n) for n in s.split(",")], default=[1, 2])
    parser.add_argument("--peers", type=lambda s: [w for w in s.split(",") if w], default=["polars", "duckdb", "pandas"])
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--limit", type=float, default=10.0, help="an engine whose first run takes longer is not run again")
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.engine:
        engine(json.loads(options.engine))
        return
    work = tempfile.mkdtemp(prefix="libfeat-asof-")
    summary = []
    try:
        for shape in options.shapes:
            left, right = sides(shape, options.rows, options.keys, options.seed)
            for order in options.orders:
                if order == "sorted":
                    left, right = left.sort_by([("k", "ascending"), ("t", "ascending")]), right.sort_by([("k", "ascending"), ("t", "ascending")])
                what = dict(build=options.build, form=options.form)
                what.update({side: os.path.join(work, f"{shape}-{order}-{side}.arrow") for side in ("left", "right")})
                what["store"] = os.path.join(work, f"{shape}-{order}")
                feather.write_feather(left, what["left"], compression="uncompressed")
                feather.write_feather(right, what["right"], compression="uncompressed")
                made = measure.in_own_process({**what, "engine": "prepare"})
                print(f"\n{right.num_rows:,} rows stored in {made['seconds']:.1f} s; load average {measure.load_average()}")
                for threads in options.threads:
                    print(f"\n--- {shape}: {left.num_rows:,} x {right.num_rows:,} rows, {order}, {threads} thread(s)\n")
                    summary.append(compare(shape, order, threads, what, options, work))
                shutil.rmtree(what["store"])
                left, right = sides(shape, options.rows, options.keys, options.seed)
        measure.table(["", "ours s", "fastest peer s", "ratio", "target", "peak MiB ours / peer"], summary)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
