#!/usr/bin/env python3
"""Times the elementary functions over arrays beside numpy, over the same arguments, and compares the results.

    tests/bench/elementary.py BENCH-ELEMENTARY [N [NAME...]]     (N arguments, by default 10 million; names after it pick functions)
"""

import subprocess
import sys
import tempfile
import time

import numpy as np

FUNCTIONS = {
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "pow": np.power,
}


def best(f, *arguments):
    taken = []
    for _ in range(7):
        start = time.perf_counter()
        f(*arguments)
        taken.append(time.perf_counter() - start)
    return min(taken)


def main():
    program = sys.argv[1]
    n = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000_000
    print(f"{n} elements; ns an element\n             ours   numpy   ours/numpy   largest difference in ulps")
    with tempfile.TemporaryDirectory() as folder:
        for name, theirs in FUNCTIONS.items():
            if len(sys.argv) > 3 and name not in sys.argv[3:]:
                continue
            ours, taken = [], []
            for _ in range(3):  # in turns: other programs disturb
                run = subprocess.run([program, folder, name, str(n)], check=True, stdout=subprocess.PIPE, text=True)
                ours.append(float(run.stdout))
                x, y, out = (np.fromfile(f"{folder}/{part}") for part in ("x", "y", "out"))
                result = np.zeros_like(x)
                taken.append(best(theirs, *((x, y) if name == "pow" else (x,)), result) * 1e9 / n)
            ours, taken = min(ours), min(taken)
            finite = np.isfinite(result) & np.isfinite(out)
            unit = np.spacing(np.abs(out[finite]))
            ulps = np.max(np.abs(result[finite] - out[finite]) / unit)
            print(f"{name:8} {ours:8.2f} {taken:7.2f} {ours / taken:12.2f} {ulps:12.1f}", flush=True)


if __name__ == "__main__":
    main()
