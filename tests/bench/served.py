"""What a training set as served costs beside one that is read from the newest version.

    python tests/bench/served.py [--build BUILD] [--events 1] [--commits 2000] [--rows 200000] [--late 0.02] [--corrected 0] [--profiles 0] [--rounds 3]

Needs pyarrow and a built BUILD/lib/libfeat.so. The shop of synthetic.py has --events millions of events over a year, which become
known in --commits commits, each a few minutes after its last event; a share --late of the events becomes known some commits later, and a
share --corrected is written again with another amount. The view has the twenty features of windows.py. With --profiles, every commit is
followed by one of so many rows of a dimension of the users, up to two days late, which the view's events are enriched with. A row is answered from the
version that was the newest at its time. Before anything is timed, the rows of some versions are compared by bytes with training sets
that are read from these versions. The ways take turns.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from typing import Any, Dict, List

import numpy as np
import pyarrow as pa

import measure
from measure import MIB
from synthetic import DAY, Shop
from windows import FEATURES, definitions

LAG = 5 * 60_000_000
VERIFIED = 5  #: versions


def with_ids(sql: str) -> str:
    head, tail = sql.split("CREATE TABLE events", 1)
    return head + "CREATE TABLE events" + tail.replace("ENTITY KEY", "id BIGINT NOT NULL, UNIQUE (id), ENTITY KEY", 1)


def enriched(sql: str) -> str:
    """The amounts become those times the plan that the user had at the time."""
    users = "CREATE DIMENSION users (user_id BIGINT NOT NULL, plan BIGINT, t TIMESTAMP NOT NULL, ENTITY KEY (user_id), EVENT TIME (t));"
    sql = sql.replace("SELECT user_id", "SELECT e.user_id").replace("(amount)", "(e.amount * u.plan)")
    sql = sql.replace("FROM events GROUP BY user_id", "FROM events e LEFT JOIN users u USING (user_id) GROUP BY e.user_id")
    return f"{users}\n{sql}"


def write(store: Any, args: argparse.Namespace, shop: Shop) -> np.ndarray:
    """The commits; the time at which each became known."""
    events = pa.concat_tables(shop.lots(4_000_000)).combine_chunks()
    n = len(events)
    g = np.random.default_rng([args.seed, 5])
    if args.corrected:
        events = events.append_column("id", pa.array(np.arange(n)))
    commit = np.arange(n) * args.commits // n
    late = g.random(n) < args.late
    commit[late] = np.minimum(commit[late] + g.integers(1, 20, int(late.sum())), args.commits - 1)
    order = np.argsort(commit, kind="stable")
    ends = np.searchsorted(commit[order], np.arange(args.commits), side="right")
    time = events["t"].cast(pa.int64()).to_numpy()
    known: List[int] = []
    if args.profiles:
        profile(store, known, int(time.min()), shop.ids, g, 0)
    for first, end in zip([0, *ends], ends):
        if args.profiles and first:
            profile(store, known, known[-1] + 1, g.choice(shop.ids, min(args.profiles, len(shop.ids)), replace=False), g, 2 * DAY)
        known.append(max(int(time[order[first:end]].max()) + LAG, known[-1] + 1 if known else 0))
        lot = events.take(pa.array(order[first:end]))
        if not args.corrected:
            store.append("events", lot, known_at=np.datetime64(known[-1], "us"))
            continue
        again = g.integers(0, max(first, 1), int((end - first) * args.corrected)) if first else np.zeros(0, np.int64)
        old = events.take(pa.array(order[np.unique(again)]))
        old = old.set_column(old.column_names.index("amount"), "amount", pa.array(np.round(g.random(len(old)), 2)))
        store.upsert("events", pa.concat_tables([lot, old]).combine_chunks(), known_at=np.datetime64(known[-1], "us"))
    return np.array(known)


def profile(store: Any, known: List[int], at: int, users: np.ndarray, g: np.random.Generator, late: int) -> None:
    time = pa.array(at - g.integers(0, late + 1, len(users))).cast(pa.timestamp("us"))
    store.append("users", pa.table({"user_id": users, "plan": g.integers(1, 4, len(users)), "t": time}), known_at=np.datetime64(at, "us"))
    known.append(at)


def raw(table: pa.Table) -> np.ndarray:
    """Values and NULLs of each feature, by row."""
    out = []
    for name in FEATURES:
        column = table[name].combine_chunks()
        values = column.fill_null(0).to_numpy(zero_copy_only=False).view(np.int64)
        out.append(np.stack([values, np.asarray(column.is_null()).astype(np.int64)]))
    return np.concatenate(out)


def verify(store: Any, spine: pa.Table, known: np.ndarray, whole: pa.Table, options: Dict[str, Any]) -> None:
    version = np.searchsorted(known, spine["t"].cast(pa.int64()).to_numpy(), side="right")
    values = raw(whole)
    compared = 0
    for v in np.unique(version)[:: max(len(np.unique(version)) // VERIFIED, 1)]:
        rows = np.flatnonzero(version == v)
        alone = pa.table(store.training_set("activity_service", spine.take(pa.array(rows)), "t", version=int(v), **options))
        if not (raw(alone) == values[:, rows]).all():
            raise SystemExit(f"rows as served at version {v} are not what the version says")
        compared += len(rows) * len(FEATURES)
    print(f"{compared:,} values are equal to those that their versions say, by bytes; {len(np.unique(version)):,} versions are asked", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(measure.ROOT, "build"))
    parser.add_argument("--events", type=float, default=1, help="millions")
    parser.add_argument("--commits", type=int, default=2000)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--late", type=float, default=0.02)
    parser.add_argument("--corrected", type=float, default=0)
    parser.add_argument("--profiles", type=int, default=0, help="rows in each commit to the dimension")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--memory", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", default=None, help="where the store is made")
    args = parser.parse_args()
    libfeat = measure.use_library(args.build)
    work = tempfile.mkdtemp(dir=args.work)
    options: Dict[str, Any] = {"threads": args.threads, "memory": args.memory or None}
    try:
        shop = Shop(int(args.events * 1e6), args.seed)
        with libfeat.open(os.path.join(work, "store")) as store:
            sql = enriched(definitions()) if args.profiles else definitions()
            store.define(with_ids(sql) if args.corrected else sql)
            known, cost = measure.once(lambda: write(store, args, shop))
            print(f"{args.events:g} M events in {len(known):,} commits, written in {cost['seconds']:.1f} s", flush=True)
            spine = shop.spine(args.rows, hot=True)
            ways: Dict[str, Dict[str, Any]] = {"newest version": {}, "as served": {"as_served": True}}
            runs: Dict[str, List[Any]] = {name: [] for name in ways}
            for i in range(args.rounds + 1):
                for name, how in ways.items():
                    result, cost = measure.once(lambda: store.training_set("activity_service", spine, "t", **how, **options))
                    if i:
                        runs[name].append((cost["seconds"], cost["peak"] - cost["before"], result.stats, result.explain()))
                    elif how:
                        verify(store, spine, known, pa.table(result), options)
            plain = min(r[0] for r in runs["newest version"])
            rows = []
            for name in ways:
                seconds, _, stats, _ = min(runs[name], key=lambda r: r[0])
                peak = max(r[1] for r in runs[name])
                rows.append([name, f"{seconds:.3f}", f"{seconds / plain:.1f}", f"{stats['rows_read']:,}", f"{peak / MIB:,.0f}"])
            print(f"{args.rows:,} rows, {args.threads} threads, load {measure.load_average():.1f}")
            measure.table(["", "min s", "x", "rows read", "MiB more"], rows)
            print(min(runs["as served"], key=lambda r: r[0])[3])
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
