"""Many small commits: their time and the bytes they write, and the time to open any of the versions that they made.

    python tests/bench/commits.py [versions] [rows of the table before] [directory]

Beside it, when deltalake is there, appends of 1,000 rows to a Delta table, with its files synced and without. The directory is
where the stores are made; the disk below it decides what a sync costs, so that ratios are worth more than times.
"""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
import time
from ctypes import byref, c_void_p
from typing import Any, Callable, List, Tuple

import numpy as np
import pyarrow as pa

import libfeat
from libfeat import _capi as c


def rows(rng: Any, n: int) -> Any:
    return pa.table(
        {
            "customer": rng.integers(0, 200_000, n),
            "at": pa.array(rng.integers(0, 10**15, n).astype("datetime64[us]")),
            "amount": np.round(rng.gamma(2.0, 20.0, n), 2),
            "items": rng.integers(1, 20, n),
        }
    )


def written() -> int:
    with open("/proc/self/io", encoding="ascii") as file:
        return int(next(line for line in file if line.startswith("write_bytes")).split()[1])


def commits(work: Callable[[Any], Any], data: List[Any]) -> Tuple[str, float]:
    times, before = [], written()
    for one in data:
        start = time.perf_counter()
        work(one)
        times.append(time.perf_counter() - start)
    times.sort()
    median = times[len(times) // 2]
    text = f"median {median * 1e3:7.3f} ms, p99 {times[int(len(times) * 0.99)] * 1e3:7.3f} ms, {(written() - before) / len(data) / 1024:7.1f} KiB written"
    return text, median


def opened(store: Any, version: int) -> float:
    """Seconds to open a version and know the number of rows of its table: the least of many."""
    where = c.At(size=ctypes.sizeof(c.At), kind=c.AT_VERSION, version=version)
    best, handle, err = 1.0, store._open_pointer, c.Error()
    digest, count = (ctypes.c_char * c.DIGEST_SIZE)(), ctypes.c_int64()
    for _ in range(200):
        pointer = c_void_p()
        start = time.perf_counter()
        c.lib.feat_snapshot_open(handle, byref(where), byref(pointer), byref(err))
        c.lib.feat_snapshot_digest(pointer, b"purchases", digest, byref(count), byref(err))
        best = min(best, time.perf_counter() - start)
        c.lib.feat_snapshot_close(pointer)
    return best


def read(store: Any, version: int) -> float:
    """Seconds to open a version and read the rows of one entity."""
    best = 1.0
    for key in range(100):
        start = time.perf_counter()
        with store.snapshot(version=version) as snap:
            snap.scan("purchases", entities={"customer": key}).to_arrow()
        best = min(best, time.perf_counter() - start)
    return best


def delta(directory: str, data: List[Any]) -> None:
    try:
        import deltalake
    except ImportError:
        print("deltalake is not installed: no comparison")
        return
    for synced in (False, True):
        with tempfile.TemporaryDirectory(dir=directory) as path:

            def append(one: Any) -> None:
                deltalake.write_deltalake(path, one, mode="append")
                if synced:
                    log = os.path.join(path, "_delta_log")
                    newest = max((os.path.join(d, n) for d in (path, log) for n in os.listdir(d)), key=os.path.getmtime)
                    parquet = max((os.path.join(path, n) for n in os.listdir(path) if n.endswith(".parquet")), key=os.path.getmtime)
                    for name in {newest, parquet, path, log}:
                        fd = os.open(name, os.O_RDONLY)
                        os.fsync(fd)
                        os.close(fd)

            text, _ = commits(append, data)
            print(f"Delta, 1,000 rows{', synced' if synced else '':8} {text}")


def main() -> None:
    versions = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    base = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    directory = sys.argv[3] if len(sys.argv) > 3 else tempfile.gettempdir()
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory(dir=directory) as path, libfeat.open(path + "/store") as store:
        store.define("CREATE TABLE purchases (customer BIGINT NOT NULL, at TIMESTAMP NOT NULL, amount DOUBLE, items BIGINT, ENTITY KEY (customer), EVENT TIME (at))")
        if base:
            store.append("purchases", rows(rng, base))
        total, start = base, time.perf_counter()
        append = lambda one: store.append("purchases", one)  # noqa: E731
        step = max(versions // 5, 1)
        for done in range(0, versions, step):
            n = min(step, versions - done)
            text, _ = commits(append, [rows(rng, 1) for _ in range(n)])
            total += n
            print(f"1 row, behind {done:7} versions: {text}")
        text, _ = commits(append, [rows(rng, 1000) for _ in range(300)])
        total += 300_000
        print(f"1,000 rows, behind {versions} versions: {text}; all commits in {time.perf_counter() - start:.1f} s")
        newest = store.version
        assert newest == versions + 300 + bool(base)
        with store.snapshot() as snap:
            assert snap.count("purchases") == total
        with store.snapshot(version=newest // 2) as snap:
            assert snap.count("purchases") == base + newest // 2 - bool(base)
        for name, version in (("oldest", 1), ("middle", newest // 2), ("newest", newest)):
            print(f"open the {name:6} of {newest} versions: {opened(store, version) * 1e6:6.1f} us; and read an entity: {read(store, version) * 1e6:6.1f} us")
        print(f"files: {sum(os.path.getsize(os.path.join(path, 'store', n)) for n in os.listdir(path + '/store')) / 1e6:.1f} MB")
        delta(directory, [rows(rng, 1000) for _ in range(300)])


if __name__ == "__main__":
    main()
