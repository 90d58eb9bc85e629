"""The figures of the main job: ingest, training set, lookups beside mdb_get, size beside Parquet, peak memory.

    python tests/bench/figures.py [--build BUILD] [--data online_retail.csv.gz]

Needs pandas, pyarrow and a built libfeat (BUILD/lib/libfeat.so); lookups are timed by bench_lookup.c, compiled here.
Every timed result is verified: counts, the bytes of two training sets, single against batched answers.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "bindings", "python"), os.path.join(ROOT, "examples")]


def timed(work, runs=3):
    best, result = None, None
    for _ in range(runs):
        started = time.perf_counter()
        result = work()
        seconds = time.perf_counter() - started
        best = seconds if best is None else min(best, seconds)
    return best, result


def build_lookup(build, work):
    """Compiles bench_lookup.c against the library; returns the program."""
    program = os.path.join(work, "bench-lookup")
    library = os.path.join(build, "lib")
    source = os.path.join(ROOT, "tests", "bench", "bench_lookup.c")
    command = ["cc", "-std=c11", "-D_DEFAULT_SOURCE", "-O2", f"-I{ROOT}/include", "-o", program, source, f"-L{library}", "-lfeat", "-llmdb", f"-Wl,-rpath,{library}"]
    subprocess.run(command, check=True)
    return program


def directory_size(path):
    return sum(os.stat(os.path.join(path, name)).st_blocks * 512 for name in os.listdir(path) if not name.startswith("online"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--data")
    args = parser.parse_args()
    os.environ.setdefault("FEAT_LIBRARY", os.path.join(args.build, "lib", "libfeat.so"))
    import libfeat
    import pyarrow as pa
    import pyarrow.parquet as pq
    import shop

    source = shop.find(args.data)
    lines = shop.load(source) if source else shop.generate()
    spine = shop.spine(lines)
    table = pa.Table.from_pandas(lines, preserve_index=False)
    work = tempfile.mkdtemp(prefix="libfeat-figures-")
    with open(os.path.join(ROOT, "examples", "features.sql"), encoding="utf-8") as f:
        sql = f.read()
    print(f"{len(lines):,} lines ({'Online Retail' if source else 'generated'}), {len(spine):,} spine rows")

    def ingest():
        shutil.rmtree(os.path.join(work, "s"), ignore_errors=True)
        store = libfeat.open(os.path.join(work, "s"))
        store.define(sql)
        started = time.perf_counter()
        done = store.append("invoice_lines", table)
        seconds = time.perf_counter() - started
        assert done.rows_added == len(lines)
        return seconds, store

    seconds, store = min((ingest() for _ in range(3)), key=lambda r: r[0])
    store = libfeat.open(os.path.join(work, "s"))
    print(f"ingest, durable, with UNIQUE key     {len(lines) / seconds:12,.0f} rows/s")
    best, result = timed(lambda: store.training_set("returns_soon", spine, timestamp="asof").to_arrow())
    assert result.num_rows == len(spine)
    assert result.equals(store.training_set("returns_soon", spine, timestamp="asof").to_arrow())
    print(f"training set, {result.num_columns - spine.shape[1]} features              {len(spine) / best:12,.0f} rows/s")
    parquet = os.path.join(work, "lines.parquet")
    pq.write_table(table, parquet, compression="zstd", compression_level=3)
    size, beside = directory_size(os.path.join(work, "s")), os.path.getsize(parquet)
    print(f"size on disk                         {size / 1e6:12.2f} MB; Parquet zstd-3 {beside / 1e6:.2f} MB; ratio {size / beside:.2f}")
    print(f"peak memory of this process          {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:12,.0f} MB")
    started = time.perf_counter()
    store.deploy("returns_soon")
    print(f"deploy                               {time.perf_counter() - started:12.2f} s")
    requests = os.path.join(work, "requests")
    shuffled = spine.sample(n=min(10_000, len(spine)), random_state=1)
    with open(requests, "w", encoding="utf-8") as f:
        now = shuffled["asof"].to_numpy().astype("datetime64[us]").astype("int64")
        for customer, product, t in zip(shuffled["customer_id"], shuffled["stock_code"], now):
            f.write(f"{customer}\t{product}\t{t}\n")
    sys.stdout.flush()
    subprocess.run([build_lookup(args.build, work), os.path.join(work, "s"), "returns_soon", requests], check=True)
    store.close()
    shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
