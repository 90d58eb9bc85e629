"""Twenty windowed features (1 hour to 90 days; count, sum, avg, max of each) for a spine: this library beside DuckDB and Polars.

    python tests/bench/windows.py [--build BUILD] [--events 1,10] [--spines uniform,hot] [--threads 1,2] [--peers ...] [--seed N]

Needs duckdb, polars, pyarrow and a built BUILD/lib/libfeat.so. For each size (in millions of events, with a tenth as many spine
rows), kind of spine and number of threads, every engine runs in a process of its own and they take turns. Ours goes from the
stored version to Arrow in hand, opening the store included; the peers begin with their tables in memory, and each may do it in the
ways that are the fastest known for it:

  duckdb bucket        join of each spine row with its events of 90 days, each pair in one of five classes of age, classes then added up
  duckdb joinint       the same join, twenty conditional aggregates over the pairs
  polars joinstream    join by user, then conditional aggregates, in the streaming engine
  polars bucket        as duckdb bucket
  polars rolling       events and spine rows in one sorted frame, a rolling aggregation for each window

Before anything is timed the results are looked at: counts and greatest values of all engines must be equal in every row, and ours of a
sample must be the correctly rounded exact ones to the last bit; of the peers the sums and averages that are not are counted.
``--profile`` prints where the time of ours goes: by stage, when the library says so, and by function, where there is perf.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from typing import Any, Callable, Dict, List, Tuple

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather

import measure
from measure import MIB, Engine
from synthetic import DAY, Shop

WINDOWS = {"1h": DAY // 24, "1d": DAY, "7d": 7 * DAY, "30d": 30 * DAY, "90d": 90 * DAY}
INTERVALS = {"1h": "1 hour", "1d": "1 day", "7d": "7 days", "30d": "30 days", "90d": "90 days"}
WAYS = ["duckdb bucket", "duckdb joinint", "polars joinstream", "polars bucket", "polars rolling"]
#: How many times faster than the fastest peer this is to be, by millions of events.
TARGETS = {1: 5, 10: 10}
#: How many times faster than one thread two are to be.
FASTER = 1.8
LONGEST = WINDOWS["90d"]

TABLE = """CREATE TABLE events (user_id BIGINT NOT NULL, t TIMESTAMP NOT NULL, amount DOUBLE, qty INTEGER, status TEXT, category TEXT,
  ENTITY KEY (user_id), EVENT TIME (t));"""


def definitions() -> str:
    features = [f"count(*) OVER w{n} AS c_{n}, sum(amount) OVER w{n} AS s_{n}, avg(amount) OVER w{n} AS a_{n}, max(amount) OVER w{n} AS m_{n}" for n in WINDOWS]
    frames = ", ".join(f"w{n} AS (RANGE INTERVAL '{interval}' PRECEDING)" for n, interval in INTERVALS.items())
    view = f"CREATE FEATURE VIEW activity AS SELECT user_id, {', '.join(features)} FROM events GROUP BY user_id WINDOW {frames};"
    return f"{TABLE}\n{view}\nCREATE FEATURE SERVICE activity_service AS activity;"


FEATURES = [f"{f}_{n}" for n in WINDOWS for f in "csam"]

Work = Tuple[Callable[[], Any], Callable[[Any, str], None]]


# ---- engines -----------------------------------------------------------------------------------------------------


def prepare(what: Dict[str, Any]) -> Dict[str, Any]:
    """Makes the store: events arrive in the order of time, in lots."""
    libfeat = measure.use_library(what["build"])
    shop = Shop(what["events"], what["seed"])
    seconds = 0.0
    with libfeat.open(what["store"]) as store:
        store.define(definitions())
        for lot in shop.lots(what["lot"]):
            _, answer = measure.once(lambda: store.append("events", lot))
            seconds += answer["seconds"]
    size = sum(os.path.getsize(os.path.join(folder, f)) for folder, _, files in os.walk(what["store"]) for f in files)
    return dict(seconds=seconds, peak=measure.memory("VmHWM"), size=size)


def ours(what: Dict[str, Any]) -> Work:
    libfeat = measure.use_library(what["build"])
    spine = feather.read_table(what["spine"], memory_map=False).combine_chunks()  # as the peers have theirs
    options = measure.run_options(libfeat, what["threads"], what.get("memory", 0))

    def work() -> Any:
        with libfeat.open(what["store"], "r") as store:
            result = store.training_set("activity_service", spine, timestamp="t", **options)
            return result.to_arrow(), measure.statistics(result)

    return work, lambda result, path: feather.write_feather(result[0], path, compression="uncompressed")


def duckdb_way(what: Dict[str, Any]) -> Work:
    import duckdb

    con = duckdb.connect()
    con.execute(f"SET threads = {what['threads']}")
    con.execute("SET preserve_insertion_order = false")
    events = feather.read_table(what["events_file"], columns=["user_id", "t", "amount"], memory_map=True)  # noqa: F841
    rows = feather.read_table(what["spine"], memory_map=True)  # noqa: F841
    con.execute("CREATE TABLE e AS SELECT user_id, epoch_us(t) AS t, amount FROM events")
    con.execute("CREATE TABLE s AS SELECT rid, user_id, epoch_us(t) AS t FROM rows")
    del events, rows
    pairs = f"""SELECT s.rid, s.t - e.t AS age, e.amount FROM s JOIN e ON e.user_id = s.user_id
                AND e.t BETWEEN s.t - {LONGEST} AND s.t"""
    if what["way"] == "joinint":
        parts = []
        for n, width in WINDOWS.items():
            inside = f"FILTER (age <= {width})"
            parts.append(f"count(*) {inside} c_{n}, sum(amount) {inside} s_{n}, avg(amount) {inside} a_{n}, max(amount) {inside} m_{n}")
        found = f"SELECT rid, {', '.join(parts)} FROM ({pairs}) GROUP BY rid"
    else:
        steps = " ".join(f"WHEN age <= {width} THEN {i}" for i, width in enumerate(WINDOWS.values()))
        classes = f"""SELECT rid, CASE {steps} END AS class, count(*) AS n, count(amount) AS present, sum(amount) AS total,
                      max(amount) AS most FROM ({pairs}) GROUP BY rid, class"""
        parts = []
        for i, n in enumerate(WINDOWS):
            inside = f"FILTER (class <= {i})"
            parts.append(
                f"""coalesce(sum(n) {inside}, 0) c_{n}, sum(total) {inside} s_{n},
                sum(total) {inside} / sum(present) {inside} a_{n}, max(most) {inside} m_{n}"""
            )
        found = f"SELECT rid, {', '.join(parts)} FROM ({classes}) GROUP BY rid"
    query = f"CREATE OR REPLACE TABLE o AS SELECT s.rid, f.* EXCLUDE (rid) FROM s LEFT JOIN ({found}) f ON f.rid = s.rid"

    def save(_: Any, path: str) -> None:
        table = con.cursor().sql("FROM o ORDER BY rid").to_arrow_table()
        feather.write_feather(table, path, compression="uncompressed")

    return lambda: con.execute(query), save


def polars_way(what: Dict[str, Any]) -> Work:
    import polars as pl

    events = pl.from_arrow(feather.read_table(what["events_file"], columns=["user_id", "t", "amount"], memory_map=False)).rechunk()
    spine = pl.from_arrow(feather.read_table(what["spine"], memory_map=False)).rechunk()
    amount, age = pl.col("amount"), pl.col("age")

    def pairs() -> Any:
        both = spine.lazy().join(events.lazy().rename({"t": "happened"}), on="user_id")
        aged = both.with_columns(age=(pl.col("t") - pl.col("happened")).dt.total_microseconds())
        return aged.filter((age >= 0) & (age <= LONGEST))

    def beside_spine(found: Any) -> Any:
        return spine.lazy().select("rid").join(found, on="rid", how="left").collect(engine="streaming")

    def joinstream() -> Any:
        parts = []
        for n, width in WINDOWS.items():
            inside = amount.filter(age <= width)
            parts += [(age <= width).sum().cast(pl.Int64).alias(f"c_{n}"), inside.sum().alias(f"s_{n}")]
            parts += [inside.mean().alias(f"a_{n}"), inside.max().alias(f"m_{n}")]
        return beside_spine(pairs().group_by("rid").agg(parts))

    def bucket() -> Any:
        limits = list(WINDOWS.values())[:-1]
        classed = pairs().select("rid", "amount", kind=pl.sum_horizontal([(age > width).cast(pl.Int8) for width in limits]))
        sums = classed.group_by("rid", "kind").agg(n=pl.len(), present=amount.count(), total=amount.sum(), most=amount.max())
        parts = []
        for i, n in enumerate(WINDOWS):
            count, present, total, most = (pl.col(c).filter(pl.col("kind") <= i) for c in ("n", "present", "total", "most"))
            parts += [count.sum().cast(pl.Int64).alias(f"c_{n}"), total.sum().alias(f"s_{n}")]
            parts += [(total.sum() / present.sum()).alias(f"a_{n}"), most.max().alias(f"m_{n}")]
        return beside_spine(sums.group_by("rid").agg(parts))

    def rolling() -> Any:
        happened = events.with_columns(event=pl.lit(1, pl.Int64), rid=pl.lit(None, pl.Int64))
        asked = spine.select("user_id", "t", amount=pl.lit(None, pl.Float64), event=pl.lit(0, pl.Int64), rid="rid")
        frame = pl.concat([happened, asked]).sort("user_id", "t", "event", descending=[False, False, True])
        out = frame.select("rid")
        for n, width in WINDOWS.items():
            windows = frame.rolling("t", period=f"{width}us", closed="both", group_by="user_id")
            parts = [pl.col("event").sum().alias(f"c_{n}"), amount.sum().alias(f"s_{n}"), amount.mean().alias(f"a_{n}")]
            out = out.hstack(windows.agg(*parts, amount.max().alias(f"m_{n}")).drop("user_id", "t"))
        return out.filter(pl.col("rid").is_not_null())

    def save(result: Any, path: str) -> None:
        feather.write_feather(result.sort("rid").to_arrow(), path, compression="uncompressed")

    return {"joinstream": joinstream, "bucket": bucket, "rolling": rolling}[what["way"]], save


def engine(what: Dict[str, Any]) -> None:
    if what["engine"] == "prepare":
        measure.say(prepare(what))
    elif what["engine"] == "libfeat":
        work, save = ours(what)
        measure.serve(work, save, lambda result: result[1])
    else:
        work, save = {"duckdb": duckdb_way, "polars": polars_way}[what["engine"]](what)
        measure.serve(work, save)


# ---- are they right? ---------------------------------------------------------------------------------------------


class Exact:
    """The windows of a sample of spine rows: sums and averages as exact fractions, rounded once."""

    def __init__(self, events: pa.Table, spine: pa.Table, sample: int) -> None:
        user, t = events["user_id"].to_numpy(), events["t"].to_numpy().astype(np.int64)
        amount = events["amount"].to_numpy(zero_copy_only=False)
        order = np.lexsort((t, user))
        user, t, amount = user[order], t[order], amount[order]
        asked, at = spine["user_id"].to_numpy(), spine["t"].to_numpy().astype(np.int64)
        self.rows = np.sort(np.random.default_rng(1).choice(len(asked), min(sample, len(asked)), replace=False))
        self.values: Dict[str, List[Any]] = {f: [] for f in FEATURES}
        for i in self.rows:
            begin, end = np.searchsorted(user, [asked[i], asked[i] + 1])
            times = t[begin:end]
            to = begin + int(np.searchsorted(times, at[i], "right"))
            for n, width in WINDOWS.items():
                start = begin + int(np.searchsorted(times, at[i] - width, "left"))
                inside = amount[start:to]
                self.add(n, to - start, inside[~np.isnan(inside)].tolist())

    def add(self, n: str, count: int, values: List[float]) -> None:
        # A whole number of 2**-1074ths would do for any double; 2**-70 does for amounts of money, as the assertion shows.
        whole = sum(int(math.ldexp(v, 70)) for v in values)
        total = whole / (1 << 70)
        assert total == math.fsum(values)
        self.values[f"c_{n}"].append(count)
        self.values[f"s_{n}"].append(total if values else None)
        self.values[f"a_{n}"].append(whole / (len(values) << 70) if values else None)
        self.values[f"m_{n}"].append(max(values, default=None))

    def wrong(self, result: pa.Table, kind: str) -> Tuple[int, int, float]:
        """Of the windows with a value: how many differ from the exact one, how many there are, the largest difference in units of
        the last place."""
        bad, of, worst = 0, 0, 0.0
        for n in WINDOWS:
            given = plain(result, f"{kind}_{n}")[self.rows]
            for want, got in zip(self.values[f"{kind}_{n}"], given.tolist()):
                if want is None:
                    continue
                of += 1
                if got != want:
                    bad += 1
                    worst = max(worst, abs(got - want) / math.ulp(want)) if not math.isnan(got) else math.inf
        return bad, of, worst


def plain(result: pa.Table, name: str) -> np.ndarray:
    """Counts with 0 for NULL (peers whose join finds nothing), greatest values with NaN for it."""
    values = result[name].cast(pa.float64()).to_numpy(zero_copy_only=False)
    return np.nan_to_num(values, nan=0.0) if name.startswith("c_") else values


def verify(engines: List[Engine], results: Dict[str, str], exact: Exact) -> None:
    """Ends the benchmark when an engine's counts or greatest values differ from the others', or ours from the exact values."""
    first: Dict[str, np.ndarray] = {}
    lines = []
    for e in sorted(engines, key=lambda e: e.what["engine"] != "duckdb"):
        if e.error:
            continue
        result = feather.read_table(results[e.name], memory_map=True)
        for name in [f for f in FEATURES if f[0] in "cm"]:
            values = plain(result, name)
            if name not in first:
                first[name] = values
            elif not np.array_equal(values, first[name], equal_nan=True):
                raise SystemExit(f"{e.name}: {name} differs in {int((values != first[name]).sum())} rows")
        counts = [exact.wrong(result, kind) for kind in "csam"]
        if counts[0][0] or counts[3][0]:
            raise SystemExit(f"{e.name}: counts or greatest values are wrong: {counts}")
        if e.name == "libfeat":
            if any(bad for bad, _, _ in counts):
                raise SystemExit(f"libfeat: sums or averages are not exact: {counts}")
            for n in WINDOWS:
                # A sum of nothing is NULL; a count is never.
                empty = result[f"m_{n}"].is_null()
                assert result[f"s_{n}"].is_null().equals(empty) and result[f"a_{n}"].is_null().equals(empty)
                assert result[f"c_{n}"].null_count == 0
        (s, of, s_ulp), (a, _, a_ulp) = counts[1], counts[2]
        lines.append([e.name, f"{s:,} of {of:,}", f"{s_ulp:.3g}", f"{a:,} of {of:,}", f"{a_ulp:.3g}"])
    measure.table(["last bits of a sample", "sums wrong", "max ulp", "averages wrong", "max ulp"], lines)


# ---- the comparison ----------------------------------------------------------------------------------------------


def bandwidth(work: str, threads: List[int]) -> Dict[int, Dict[str, float]]:
    """Bytes a second, by number of threads and kind of loop."""
    program = os.path.join(work, "bandwidth")
    source = os.path.join(measure.ROOT, "tests", "bench", "bench_bandwidth.c")
    subprocess.run(["cc", "-std=c11", "-O3", "-march=native", "-ffast-math", "-pthread", "-o", program, source], check=True)
    out = {}
    for n in threads:
        text = subprocess.run([program, str(n)], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        out[n] = {kind: float(rate) for kind, rate in (line.split("\t") for line in text.splitlines())}
    return out


def least_bytes(events: int, rows: int) -> int:
    """What any run has to move: entity, time and amount of each event and the spine's two columns once, and the result with its validity bits."""
    return events * 24 + rows * 16 + rows * len(FEATURES) * 8 + rows * len(FEATURES) // 8


class Comparison:
    def __init__(self, options: argparse.Namespace, work: str) -> None:
        self.options, self.work = options, work
        self.rates = bandwidth(work, options.threads)
        self.summary: List[List[str]] = []
        self.ours: Dict[Tuple[float, str, int], float] = {}
        for n, rates in self.rates.items():
            print(f"memory, {n} thread(s): " + ", ".join(f"{kind} {rate / 1e9:.1f} GB/s" for kind, rate in rates.items()))

    def size(self, millions: float) -> None:
        options, events = self.options, int(millions * 1_000_000)
        shop = Shop(events, options.seed)
        everything = pa.concat_tables(list(shop.lots(10_000_000)))
        events_file = os.path.join(self.work, "events.arrow")
        feather.write_feather(everything, events_file, compression="uncompressed")
        store = os.path.join(self.work, f"store-{millions}")
        made = measure.in_own_process(dict(engine="prepare", build=options.build, store=store, events=events, seed=options.seed, lot=options.lot))
        rate = events / made["seconds"]
        print(f"\n{events:,} events of {shop.users:,} users stored in {made['seconds']:.1f} s ({rate:,.0f} rows/s), {made['size'] / 1e6:.0f} MB; ", end="")
        print(f"seed {options.seed}, load average {measure.load_average()}")
        for kind in options.spines:
            rows = events // 10
            spine, spine_file = shop.spine(rows, kind == "hot"), os.path.join(self.work, "spine.arrow")
            feather.write_feather(spine, spine_file, compression="uncompressed")
            exact = Exact(everything, spine, options.sample)
            mean = np.mean(exact.values["c_90d"])
            for threads in options.threads:
                print(f"\n--- {millions:g} M events, {rows:,} spine rows, {kind} ({mean:.1f} events in 90 days), {threads} thread(s)\n")
                what = dict(build=options.build, store=store, events_file=events_file, spine=spine_file, memory=options.memory)
                self.compare(millions, rows, kind, threads, what, exact)
        shutil.rmtree(store)

    def compare(self, millions: float, rows: int, kind: str, threads: int, what: Dict[str, Any], exact: Exact) -> None:
        engines = [Engine("libfeat", {**what, "engine": "libfeat"}, threads)]
        for name in self.options.peers:
            peer, way = name.split()
            engines.append(Engine(name, {**what, "engine": peer, "way": way}, threads))
        results = {e.name: os.path.join(self.work, e.name.replace(" ", "-") + ".arrow") for e in engines}
        try:
            for e in engines:
                e.warm(results[e.name])
            verify(engines, results, exact)
            measure.take_turns(engines, self.options.runs, self.options.limit)
            hot = measure.functions(engines[0], self.work) if self.options.profile else []
        finally:
            for e in engines:
                e.end()
            for path in results.values():
                if os.path.exists(path):
                    os.remove(path)
        measure.table(measure.ENGINE_HEAD, measure.engine_rows(engines))
        self.conclude(millions, rows, kind, threads, engines)
        if hot:
            measure.table(["function of ours", "share"], hot)

    def conclude(self, millions: float, rows: int, kind: str, threads: int, engines: List[Engine]) -> None:
        mine, others = engines[0], [e for e in engines[1:] if not e.error]
        if mine.error:
            raise SystemExit(f"libfeat: {mine.error}")
        self.ours[millions, kind, threads] = mine.best
        quickest = min(others, key=lambda e: e.best, default=None)
        least = least_bytes(int(millions * 1_000_000), rows)
        floor = least / self.rates[threads]["copy"]
        line = [f"{millions:g} M {kind}, {threads} thread(s)", f"{mine.best:.3f}"]
        if quickest is not None:
            target = TARGETS.get(int(millions))
            line += [f"{quickest.best:.3f} {quickest.name}", f"{quickest.best / mine.best:.2f}", f"{target}" if target else ""]
            line += [f"{mine.peak / MIB:,.0f} / {quickest.peak / MIB:,.0f}"]
        else:
            line += ["", "", "", f"{mine.peak / MIB:,.0f}"]
        about = next((r["about"] for r in mine.timed() if r["seconds"] == mine.best), None)
        read = f" ({about['bytes_read'] / 1e6:,.0f} read)" if about and "bytes_read" in about else ""
        self.summary.append(line + [f"{least / 1e6:,.0f}{read}", f"{floor:.3f}", f"{mine.best / floor:.1f}"])
        if self.options.profile:
            measure.profile(about)

    def end(self) -> None:
        head = ["", "ours s", "fastest peer s", "ratio", "target", "peak MiB ours / peer", "least MB", "at bandwidth s", "ours x that"]
        measure.table(head, self.summary)
        more = [[f"{m:g} M {kind}", f"{self.ours[m, kind, 1] / seconds:.2f}", str(FASTER)] for (m, kind, n), seconds in self.ours.items() if n == 2 and (m, kind, 1) in self.ours]
        if more:
            measure.table(["two threads, ours", "x faster than one", "target"], more)


def numbers(text: str) -> List[float]:
    return [float(n) for n in text.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(measure.ROOT, "build"))
    parser.add_argument("--events", type=numbers, default=[1.0, 10.0], help="millions of events, with commas")
    parser.add_argument("--spines", type=lambda s: s.split(","), default=["uniform", "hot"])
    parser.add_argument("--threads", type=lambda s: [int(n) for n in s.split(",")], default=[1, 2])
    parser.add_argument("--peers", type=lambda s: [w for w in s.split(",") if w], default=WAYS, help="ways, with commas; '' for none")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--limit", type=float, default=8.0, help="an engine whose first run takes longer is not run again")
    parser.add_argument("--lot", type=int, default=10_000_000, help="events in one commit")
    parser.add_argument("--sample", type=int, default=2000, help="spine rows whose sums are computed exactly")
    parser.add_argument("--memory", type=int, default=0, help="bytes that a run of ours may use")
    parser.add_argument("--work", help="folder for the data (default: a new one that is deleted)")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.engine:
        engine(json.loads(options.engine))
        return
    import duckdb
    import polars

    print(f"duckdb {duckdb.__version__}, polars {polars.__version__}, pyarrow {pa.__version__}; {os.cpu_count()} processors")
    work = options.work or tempfile.mkdtemp(prefix="libfeat-windows-")
    os.makedirs(work, exist_ok=True)
    try:
        comparison = Comparison(options, work)
        for millions in options.events:
            comparison.size(millions)
        comparison.end()
    finally:
        if not options.work:
            shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
