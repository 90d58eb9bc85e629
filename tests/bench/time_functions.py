"""Functions of times over a column of real timestamps: this library beside DuckDB and Polars, one thread each.

    python tests/bench/time_functions.py FILE.csv.gz [--column InvoiceDate] [--build BUILD] [--rows N] [--runs N]

Needs duckdb, polars, pyarrow and a built BUILD; bench_time_functions.c is compiled here. The column is repeated up to N rows. Each engine
computes each function for all rows and reduces the results to a sum; the best run counts, in processor time. The sums must be equal modulo 2^64, but
that of hash, which is each engine's own.
"""

import argparse
import csv
import datetime
import gzip
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
T = pl.col("t")

# Name: DuckDB's expression as an integer, Polars'.
FUNCTIONS = {
    "date_trunc hour": ("epoch_us(date_trunc('hour', t))", T.dt.truncate("1h").cast(pl.Int64)),
    "date_trunc day": ("epoch_us(date_trunc('day', t))", T.dt.truncate("1d").cast(pl.Int64)),
    "date_trunc week": ("epoch_us(date_trunc('week', t))", T.dt.truncate("1w").cast(pl.Int64)),
    "date_trunc month": ("epoch_us(date_trunc('month', t))", T.dt.truncate("1mo").cast(pl.Int64)),
    "date_trunc year": ("epoch_us(date_trunc('year', t))", T.dt.truncate("1y").cast(pl.Int64)),
    "date_part hour": ("date_part('hour', t)", T.dt.hour().cast(pl.Int64)),
    "date_part day": ("date_part('day', t)", T.dt.day().cast(pl.Int64)),
    "date_part month": ("date_part('month', t)", T.dt.month().cast(pl.Int64)),
    "date_part year": ("date_part('year', t)", T.dt.year().cast(pl.Int64)),
    "date_part isodow": ("date_part('isodow', t)", T.dt.weekday().cast(pl.Int64)),
    "date_part doy": ("date_part('doy', t)", T.dt.ordinal_day().cast(pl.Int64)),
    "hash": ("CAST(hash(t) & 1023 AS BIGINT)", (T.cast(pl.Int64).hash() & 1023).cast(pl.Int64)),
}


def best(work, runs):
    times = []
    for _ in range(runs):
        started = time.process_time()
        result = work()
        times.append(time.process_time() - started)
    return min(times), result


def ours(build, values, runs):
    with tempfile.TemporaryDirectory() as work:
        program, source = os.path.join(work, "bench"), os.path.join(work, "input")
        includes = [f"-I{ROOT}/include", f"-I{ROOT}/lib", f"-I{build}/include"]
        libraries = [f"{build}/lib/libfeat.a", "-llmdb", "-lzstd", "-lxxhash", "-lmsgpackc", "-lm"]
        subprocess.run(["cc", "-std=c11", "-O2", *includes, "-o", program, f"{ROOT}/tests/bench/bench_time_functions.c", *libraries], check=True)
        values.tofile(source)
        text = subprocess.run([program, source, str(len(values)), str(runs)], check=True, stdout=subprocess.PIPE, text=True).stdout
    return {name: (float(seconds), int(total)) for name, seconds, total in (line.split("\t") for line in text.splitlines())}


def times_of(path, column):
    forms = ["%Y-%m-%d %H:%M:%S", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M"]
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        texts = [row[column] for row in csv.DictReader(file)]
    for form in forms:
        try:
            epoch = datetime.datetime(1970, 1, 1)
            return np.array([(datetime.datetime.strptime(t, form) - epoch) // datetime.timedelta(microseconds=1) for t in texts], dtype=np.int64)
        except ValueError:
            continue
    raise SystemExit(f"{column}: not a form that is known: {texts[0]!r}")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("file")
    arguments.add_argument("--column", default="InvoiceDate")
    arguments.add_argument("--build", default=os.path.join(ROOT, "build"))
    arguments.add_argument("--rows", type=int, default=10_000_000)
    arguments.add_argument("--runs", type=int, default=3)
    options = arguments.parse_args()
    values = np.resize(times_of(options.file, options.column), options.rows)
    mine = ours(os.path.abspath(options.build), values, options.runs)
    column = pa.array(values.view("datetime64[us]"))
    frame = pl.DataFrame({"t": pl.from_arrow(column)})
    connection = duckdb.connect()
    connection.execute("SET threads=1")
    connection.register("source", pa.table({"t": column}))
    connection.execute("CREATE TABLE t AS FROM source")
    print(f"{options.rows:,} timestamps, one thread, best of {options.runs} runs; ns a value; duckdb {duckdb.__version__}, polars {pl.__version__}")
    print(f"{'':18}{'ours':>8}{'duckdb':>8}{'polars':>8}   times duckdb, polars")
    for name, (sql, expression) in FUNCTIONS.items():
        seconds, total = mine[name]
        theirs, result = best(lambda: connection.execute(f"SELECT sum({sql}) FROM t").fetchone()[0], options.runs)
        assert name == "hash" or (int(result) - total) % 2**64 == 0, (name, total, result)
        other, result = best(lambda: frame.select(expression.sum()).item(), options.runs)
        assert name == "hash" or (int(result) - total) % 2**64 == 0, (name, total, result)
        ns = 1e9 / options.rows
        print(f"{name:18}{seconds * ns:>8.2f}{theirs * ns:>8.2f}{other * ns:>8.2f}   {theirs / seconds:>10.1f}{other / seconds:>8.1f}")


if __name__ == "__main__":
    main()
