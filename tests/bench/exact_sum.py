"""Exact, correctly rounded sums of DOUBLEs beside the plain sums of numpy and DuckDB and beside math.fsum, one thread each.

    python tests/bench/exact_sum.py [--build BUILD] [--rows N] [--runs N]

Needs duckdb, numpy, pyarrow and a built BUILD/lib/libfeat.a; bench_exact_sum.c is compiled here. Ours must be what
math.fsum, which rounds correctly, gives, bit for bit; the others are compared with it, and how far off they are is
printed. The best run counts, in the processor's time, which other programs disturb less than the clock's.
"""

import argparse
import math
import os
import struct
import subprocess
import tempfile
import time

import duckdb
import numpy as np
import pyarrow as pa

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def best(work, runs):
    times = []
    for _ in range(runs):
        started = time.process_time()
        result = work()
        times.append(time.process_time() - started)
    return min(times), result


def build_program(build, folder):
    program = os.path.join(folder, "bench")
    includes = [f"-I{ROOT}/include", f"-I{ROOT}/lib", f"-I{build}/include"]
    libraries = [f"{build}/lib/libfeat.a", "-llmdb", "-lzstd", "-lxxhash", "-lmsgpackc", "-lm"]
    source = f"{ROOT}/tests/bench/bench_exact_sum.c"
    subprocess.run(["cc", "-std=c11", "-O2", "-ffp-contract=off", *includes, "-o", program, source, *libraries], check=True)
    return program


def ours(program, folder, rows, runs, values, valid=None):
    """(level, way) -> (ns, result), with the array read from a file."""
    paths = [os.path.join(folder, "values")]
    values.tofile(paths[0])
    if valid is not None:
        paths.append(os.path.join(folder, "valid"))
        valid.astype(np.uint8).tofile(paths[1])
    run = subprocess.run([program, str(rows), str(runs), *paths], check=True, stdout=subprocess.PIPE, text=True)
    lines = (line.split("\t") for line in run.stdout.splitlines())
    return {(level, way): (float(ns), struct.unpack(">d", bytes.fromhex(bits))[0]) for level, way, ns, bits in lines}


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--build", default=os.path.join(ROOT, "build"))
    arguments.add_argument("--rows", type=int, default=10_000_000)
    arguments.add_argument("--runs", type=int, default=9)
    options = arguments.parse_args()
    rows, runs, build = options.rows, options.runs, os.path.abspath(options.build)
    print(f"{rows:,} DOUBLEs, one thread, best of {runs} runs; numpy {np.__version__}, duckdb {duckdb.__version__}; ns a value")

    g = np.random.default_rng(1)
    amounts = np.round(g.lognormal(3, 1.2, rows), 2)
    data = {
        "amounts": (amounts, None),
        "normal": (g.normal(0, 1, rows), None),
        "amounts, 3 % NULL": (amounts, g.random(rows) >= 0.03),
        "50 binades": (np.ldexp(g.normal(0, 1, rows), g.integers(-25, 25, rows)), None),
    }
    connection = duckdb.connect()
    connection.execute("SET threads=1").fetchall()
    with tempfile.TemporaryDirectory() as folder:
        program = build_program(build, folder)
        for name, (values, valid) in data.items():
            kept = values if valid is None else values[valid]
            fsum, expected = best(lambda: math.fsum(kept), 1)
            unit = math.ulp(expected)
            connection.register("source", pa.table({"v": pa.array(values, mask=None if valid is None else ~valid)}))
            connection.execute("CREATE OR REPLACE TABLE t AS FROM source").fetchall()
            mine, theirs, duck = {}, (math.inf, 0.0), (math.inf, 0.0)
            for _ in range(3):  # in turns: other programs disturb
                for key, (ns, result) in ours(program, folder, rows, runs, values, valid).items():
                    mine[key] = min(ns, mine[key][0] if key in mine else ns), result
                where = {} if valid is None else {"where": valid}
                theirs = min(theirs, best(lambda: float(np.sum(values, **where)), runs))
                duck = min(duck, best(lambda: connection.execute("SELECT sum(v) FROM t").fetchall()[0][0], runs))
            way = "array" if valid is None else "masked"
            for (level, kind), (_, result) in mine.items():
                assert kind != way or struct.pack("d", result) == struct.pack("d", expected), (name, level, result, expected)
            last = math.fsum(values[rows // 1024 * 1024 - 1024 : rows // 1024 * 1024])  # its last whole block
            for (level, kind), (_, result) in mine.items():
                if kind in ("plan and prefix", "round", "mean") and not math.isnan(result):
                    assert result == (last / 1024 if kind == "mean" else last), (name, level, kind, result, last)
            peer = min(theirs[0], duck[0]) * 1e9 / rows
            level = next(level for level in ("avx512", "avx2", "baseline") if (level, way) in mine)
            print(f"\n{name}: sum {expected!r}")
            print(f"  numpy.sum {theirs[0] * 1e9 / rows:.3f} ({abs(theirs[1] - expected) / unit:.0f} ulp off),", end=" ")
            print(f"DuckDB sum {duck[0] * 1e9 / rows:.3f} ({abs(duck[1] - expected) / unit:.0f} ulp off), math.fsum {fsum * 1e9 / rows:.1f}")
            print(f"  ours {mine[level, way][0]:.3f}, {mine[level, way][0] / peer:.2f} of the faster peer")
            for (level, kind), (ns, _) in mine.items():
                print(f"    {level:9} {kind:16} {ns:.3f}")


if __name__ == "__main__":
    main()
