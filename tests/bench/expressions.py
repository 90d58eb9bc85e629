"""20 operations (arithmetic, comparison, CASE) over four DOUBLE columns: this library beside DuckDB and Polars, one thread each.

    python tests/bench/expressions.py [--build BUILD] [--rows N] [--runs N]

Needs duckdb, polars, numpy and a built BUILD/lib/libfeat.a; bench_expressions.c is compiled here. Each engine computes
the same rows twice: into a column (whose memory it may keep from one run to the next), and reduced to the greatest
value, which leaves out the cost of memory for the result. The best run counts. Ours and DuckDB's results must be numpy's
bit for bit; Polars may multiply by a reciprocal where it is told to divide, so its results must be within 1e-9 of them
and the rows that differ are counted.
"""

import argparse
import os
import subprocess
import tempfile
import time

os.environ["POLARS_MAX_THREADS"] = "1"

import duckdb  # noqa: E402
import numpy as np  # noqa: E402
import polars as pl  # noqa: E402
import pyarrow as pa  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OPERATIONS = 20

QUERY = """SELECT (w2 - z) * c + b / (c + 1.0::DOUBLE) r FROM (SELECT *, CASE WHEN d < c THEN w1 + x ELSE x * 0.5::DOUBLE END w2
  FROM (SELECT *, CASE WHEN z > 0.5::DOUBLE THEN (y - x) * 1.5::DOUBLE ELSE y END w1 FROM (SELECT *, b * 0.05::DOUBLE + z y
  FROM (SELECT *, (a - 50.0::DOUBLE) / 10.0::DOUBLE z, abs(d - 0.25::DOUBLE) / c x FROM t))))"""


def expression(a, b, c, d, absolute, choose):
    z = (a - 50.0) / 10.0
    y = b * 0.05 + z
    x = absolute(d - 0.25) / c
    w1 = choose(z > 0.5, (y - x) * 1.5, y)
    w2 = choose(d < c, w1 + x, x * 0.5)
    return (w2 - z) * c + b / (c + 1.0)


def best(work, runs):
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - started)
    return min(times), result


def ours(build, data, rows, runs):
    with tempfile.TemporaryDirectory() as work:
        program, source, target = (os.path.join(work, name) for name in ("bench", "input", "output"))
        includes = [f"-I{ROOT}/include", f"-I{ROOT}/lib", f"-I{build}/include"]
        libraries = [f"{build}/lib/libfeat.a", "-llmdb", "-lzstd", "-lxxhash", "-lmsgpackc", "-lm"]
        bench = f"{ROOT}/tests/bench/bench_expressions.c"
        subprocess.run(["cc", "-std=c11", "-O2", *includes, "-o", program, bench, *libraries], check=True)
        with open(source, "wb") as file:
            for column in data:
                file.write(column.tobytes())
        run = subprocess.run([program, str(rows), str(runs), source, target], check=True, stdout=subprocess.PIPE, text=True)
        times = {}
        for line in run.stdout.splitlines():
            name, value = line.split("\t")
            times[name] = min(float(value), times.get(name, float("inf")))
        return times, np.fromfile(target)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--build", default=os.path.join(ROOT, "build"))
    arguments.add_argument("--rows", type=int, default=10_000_000)
    arguments.add_argument("--runs", type=int, default=5)
    options = arguments.parse_args()
    rows, runs = options.rows, options.runs
    print(f"{OPERATIONS} operations over 4 DOUBLE columns of {rows:,} rows, one thread, best of {runs} runs;")
    print(f"duckdb {duckdb.__version__}, polars {pl.__version__}, numpy {np.__version__} for the expected bits")

    g = np.random.default_rng(5)
    data = (g.normal(50, 10, rows), g.lognormal(3, 1, rows), g.random(rows) + 0.1, g.normal(0, 1, rows))
    expected = expression(*data, np.abs, np.where)

    mine, result = ours(os.path.abspath(options.build), data, rows, runs)
    assert np.array_equal(result.view(np.uint64), expected.view(np.uint64)), "ours differs"
    assert mine.pop("greatest") == expected.max(), "our greatest differs"
    level = next(level for level in ("avx512", "avx2", "baseline") if f"{level}, column kept" in mine)

    table = {}
    frame = pl.DataFrame(dict(zip("abcd", data)))
    formula = expression(*(pl.col(k) for k in "abcd"), lambda v: v.abs(), lambda k, p, q: pl.when(k).then(p).otherwise(q))
    for engine in ("in-memory", "streaming"):
        seconds, result = best(lambda: frame.lazy().select(r=formula).collect(engine=engine), runs)
        result = result["r"].to_numpy()
        assert np.allclose(result, expected, rtol=1e-9, atol=1e-9), "polars differs"
        print(f"polars, {engine}: {int((result != expected).sum()):,} rows in other bits")
        table["polars", engine] = seconds, best(lambda: frame.lazy().select(formula.max()).collect(engine=engine), runs)[0]

    connection = duckdb.connect()
    connection.execute("SET threads=1")
    source = pa.table(dict(zip("abcd", data)))
    connection.register("source", source)
    connection.execute("CREATE TABLE t AS FROM source")
    seconds, _ = best(lambda: connection.execute("CREATE OR REPLACE TABLE o AS " + QUERY), runs)
    result = connection.execute("SELECT r FROM o").fetchnumpy()["r"]
    assert np.array_equal(np.asarray(result).view(np.uint64), expected.view(np.uint64)), "duckdb differs"
    maximum, greatest = best(lambda: connection.execute(f"SELECT max(r) FROM ({QUERY})").fetchone(), runs)
    assert greatest[0] == expected.max(), "duckdb's greatest differs"
    table["duckdb", "to a table"] = seconds, maximum

    column, most = mine[f"{level}, column kept"], mine[f"{level}, greatest only"]
    print(f"\n{'':24}{'column':>10}{'ns/op':>8}{'ratio':>8}{'max only':>12}{'ns/op':>8}{'ratio':>8}")

    def line(name, a, b):
        nanoseconds = 1e9 / rows / OPERATIONS
        print(f"{name:24}{a * 1e3:>8.1f}ms{a * nanoseconds:>8.3f}{a / column:>8.2f}{b * 1e3:>10.1f}ms{b * nanoseconds:>8.3f}{b / most:>8.2f}")

    line(f"ours, {level}", column, most)
    line(f"ours, {level}, new column", mine[f"{level}, new column"], most)
    if level != "baseline":
        line("ours, baseline", mine["baseline, column kept"], mine["baseline, greatest only"])
    for (peer, how), (a, b) in table.items():
        line(f"{peer}, {how}", a, b)
    print(f"\nrow machine: {mine['row machine'] * 1e9:.1f} ns for the {OPERATIONS} operations of one row")


if __name__ == "__main__":
    main()
