"""The rows of one entity out of a large table, by search: time of a call from keys to released batch, warm.

    python tests/bench/scan_entity.py [entities] [rows of each]
"""

from __future__ import annotations

import ctypes
import random
import sys
import tempfile
import time
from ctypes import byref

import numpy as np

import libfeat
from libfeat import _arrow
from libfeat import _capi as c


def once(snap: libfeat.Snapshot, key: int, columns: object) -> tuple[int, int]:
    """Nanoseconds and rows."""
    keys = _arrow.source({"customer": [key]})
    opt = c.ScanOptions(size=ctypes.sizeof(c.ScanOptions), columns=columns, n_columns=3, entities=keys.pointer)
    out, batch, err, rows = c.ArrowArrayStream(), c.ArrowArray(), c.Error(), 0
    start = time.perf_counter_ns()
    c.check(c.lib.feat_snapshot_scan(snap._open_pointer, b"purchases", byref(opt), byref(out), byref(err)), err)
    while out.get_next(byref(out), byref(batch)) == 0 and batch.release:
        rows += batch.length
        batch.release(byref(batch))
    out.release(byref(out))
    return time.perf_counter_ns() - start, rows


def main() -> None:
    entities = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    each = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as path, libfeat.open(path + "/store") as store:
        store.define(
            "CREATE TABLE purchases (customer BIGINT NOT NULL, at TIMESTAMP NOT NULL, amount DOUBLE, items BIGINT, "
            "ENTITY KEY (customer), EVENT TIME (at))"
        )
        n = entities * each
        store.append(
            "purchases",
            {
                "customer": np.repeat(np.arange(entities), each),
                "at": (rng.integers(0, 10**15, n)).astype("datetime64[us]"),
                "amount": np.round(rng.gamma(2.0, 20.0, n), 2),
                "items": rng.integers(1, 20, n),
            },
        )
        columns = (ctypes.c_char_p * 3)(b"at", b"amount", b"items")
        picks = random.Random(2).sample(range(entities), min(entities, 2000))
        with store.snapshot() as snap:
            first, _ = once(snap, picks[0], columns)
            times = []
            for key in picks:
                spent, rows = once(snap, key, columns)
                assert rows == each, (key, rows)
                times.append(spent)
            hot = min(once(snap, picks[0], columns)[0] for _ in range(2000))
    times.sort()
    print(f"{n:,} rows, {entities:,} entities of {each} rows, 3 columns")
    print(f"first call {first / 1e3:.0f} us; then median {times[len(times) // 2] / 1e3:.1f} us, 90 % {times[len(times) * 9 // 10] / 1e3:.1f} us; one entity again and again {hot / 1e3:.1f} us")


if __name__ == "__main__":
    main()
