"""What it costs to keep a view materialised: computing every entity, against computing those whose values can have changed.

    python tests/bench/materialize.py [--build BUILD] [--events 10] [--share 0.01] [--hours 1] [--rounds 3] [--threads N] [--memory BYTES]

Needs pyarrow and a built BUILD/lib/libfeat.so. The shop of synthetic.py has --events millions of events of a fiftieth as many users, and
the view the twenty features of windows.py. It is materialised at the end of the year; then a --share of the users have a new event, and
--hours later it is materialised again: in one copy of the store by what changed, in another one whole. Before anything is timed, the rows
that a service reads of both copies for every user are compared by bytes, with each other and with a training set of the live view.

Every timed run starts from a fresh copy of the store, and the two ways take turns. Memory is what a run needed at most above what the
process had before; the pages of the store's files that it looked at are part of it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from typing import Any, Dict, List, Tuple

import numpy as np
import pyarrow as pa

import measure
from measure import MIB
from synthetic import DAY, FIRST, Shop
from windows import definitions

HOUR = 3_600_000_000
YEAR_END = FIRST + 365 * DAY
VIEW = "activity"  #: of definitions()
SERVICES = """CREATE FEATURE SERVICE live_values AS activity;
CREATE FEATURE SERVICE kept_values AS SELECT k.* FROM REQUEST (user_id BIGINT) AS r LEFT JOIN MATERIALIZED activity k USING (user_id);"""


def options(args: argparse.Namespace) -> Dict[str, Any]:
    return {"threads": args.threads, "memory": args.memory or None}


def prepare(libfeat: Any, path: str, args: argparse.Namespace, shop: Shop) -> Tuple[Any, Dict[str, Any]]:
    """The store, materialised at the end of the year and with the new events after it: what the run did and cost."""
    with libfeat.open(path) as store:
        store.define(definitions())
        store.define(SERVICES)
        for lot in shop.lots(4_000_000):
            store.append("events", lot)
        done, cost = measure.once(lambda: store.materialize(VIEW, at=np.datetime64(YEAR_END, "us"), **options(args)))
        g = np.random.default_rng([args.seed, 9])
        users = g.choice(shop.users, max(int(shop.users * args.share), 1), replace=False).astype(np.int64) + 1
        new = shop.unit(0).slice(0, 1).take(pa.array(np.zeros(len(users), np.int64)))
        new = new.set_column(0, "user_id", pa.array(users))
        time = pa.array(np.sort(YEAR_END + 1 + g.integers(0, int(args.hours * HOUR), len(users)))).cast(pa.timestamp("us"))
        store.append("events", new.set_column(1, "t", time))
    return done, cost


def run(libfeat: Any, base: str, full: bool, args: argparse.Namespace, keep: str = "") -> Tuple[Any, Dict[str, Any]]:
    """Materialises a copy of the store again."""
    path = keep or base + ".copy"
    shutil.copytree(base, path)
    at = np.datetime64(YEAR_END + int(args.hours * HOUR), "us")
    with libfeat.open(path) as store:
        done, cost = measure.once(lambda: store.materialize(VIEW, at=at, full=full, **options(args)))
    if not keep:
        shutil.rmtree(path)
    return done, cost


def verify(libfeat: Any, copies: List[str], args: argparse.Namespace, users: int) -> None:
    at = np.full(users, YEAR_END + int(args.hours * HOUR)).astype("datetime64[us]")
    spine = {"user_id": np.arange(1, users + 1), "t": at}
    tables = []
    for path in copies:
        with libfeat.open(path) as store:
            tables.append(pa.table(store.training_set("kept_values", spine, "t", status=True)))
            if len(tables) == 1:
                live = pa.table(store.training_set("live_values", spine, "t", status=True))
    names = [n for n in live.column_names if n not in spine]
    known = np.asarray(tables[0][names[1]]) != 2  # an entity without any event is not found, and has no row
    values = 0
    for name in names:
        whole, part, now = (table_bytes(t[name]) for t in (tables[1], tables[0], live))
        if not all((a == b).all() for a, b in zip(whole, part)):
            raise SystemExit(f"{name}: what was computed by changes is not what was computed whole")
        if not all((a[known] == b[known]).all() for a, b in zip(part, now)):
            raise SystemExit(f"{name}: what is kept is not what the live view says")
        values += users
    print(f"{values:,} values and statuses of {users:,} users are equal, by bytes; {int(known.sum()):,} users have events\n", flush=True)


def table_bytes(column: Any) -> Tuple[np.ndarray, np.ndarray]:
    array = column.combine_chunks()
    missing = np.asarray(array.is_null())
    values = array.fill_null(0).to_numpy(zero_copy_only=False)
    return missing, values.view(np.int64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(measure.ROOT, "build"))
    parser.add_argument("--events", type=float, default=10, help="millions")
    parser.add_argument("--share", type=float, default=0.01, help="of the users, who have a new event")
    parser.add_argument("--hours", type=float, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--memory", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", default=None, help="where the stores are made")
    args = parser.parse_args()
    libfeat = measure.use_library(args.build)
    work = tempfile.mkdtemp(dir=args.work)
    base = os.path.join(work, "base")
    try:
        shop = Shop(int(args.events * 1e6), args.seed)
        first, first_cost = prepare(libfeat, base, args, shop)
        kept = [os.path.join(work, name) for name in ("changed", "whole")]
        for path, full in zip(kept, (False, True)):
            run(libfeat, base, full, args, keep=path)
        verify(libfeat, kept, args, shop.users)
        for path in kept:
            shutil.rmtree(path)
        runs: Dict[bool, List[Tuple[Any, Dict[str, Any]]]] = {False: [], True: []}
        for _ in range(args.rounds):
            for full in (False, True):
                runs[full].append(run(libfeat, base, full, args))
        print(f"{args.events:g} M events of {shop.users:,} users, {args.threads} threads, load {measure.load_average():.1f}")
        rows = [["first run", f"{first_cost['seconds']:.3f}", "", f"{first.entities:,}", f"{first.rows:,}", f"{(first_cost['peak'] - first_cost['before']) / MIB:,.0f}"]]
        whole = min(cost["seconds"] for _, cost in runs[True])
        for name, full in (("whole", True), ("by changes", False)):
            done, cost = min(runs[full], key=lambda r: r[1]["seconds"])
            peak = max(c["peak"] - c["before"] for _, c in runs[full])
            ratio = f"{whole / cost['seconds']:.1f}"
            rows.append([name, f"{cost['seconds']:.3f}", ratio, f"{done.entities:,}", f"{done.rows:,}", f"{peak / MIB:,.0f}"])
        measure.table(["", "min s", "x faster", "entities", "rows", "MiB more"], rows)
        for full in (True, False):
            print(min(runs[full], key=lambda r: r[1]["seconds"])[0].explain())
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
