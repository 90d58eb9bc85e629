"""What a table takes on disk, and what writing and reading it takes, beside Parquet files of the same rows.

    python tests/bench/sizes.py [--build BUILD] [--data DIR] [--events 10] [--only retail,flights] [--rounds 3] [--work DIR] [--columns]

Needs pyarrow, polars, duckdb and a built BUILD/lib/libfeat.so. DIR has Online Retail as online_retail.csv.gz and nycflights13 as
nycflights13/*.csv.gz; a data set that is not there is left out. The shop of synthetic.py has --events millions of events.

The store's size is that of all files of its directory but those of locks and readers, after one commit and a vacuum. Beside it is the
smallest Parquet file, zstd level 3, that pyarrow (both page versions), polars and DuckDB (v1 and v2) make of the rows as they come and in
the store's order. Reading is one thread, all columns, to Arrow, files warm. Writing ends with the bytes on the disk: one commit of unsorted rows,
against pyarrow's sort and its Parquet file with an fsync. Before a line is printed, the rows of the store and of the smallest Parquet
file are compared with the source's, sorted by all columns.
"""

from __future__ import annotations

import argparse
import gc
import os
import shutil
import tempfile
import time
from typing import Any, Callable, Dict, Iterator, List, Tuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

import measure
from synthetic import Shop

TYPES = {"int64": "BIGINT", "int32": "INTEGER", "double": "DOUBLE", "string": "TEXT", "timestamp[us]": "TIMESTAMP"}
Source = Tuple[pa.Table, str, str]  # rows, entity, event time


# ---- what is stored ----------------------------------------------------------------------------------------------


def retail(directory: str) -> Source:
    kinds = {"InvoiceNo": pa.string(), "StockCode": pa.string(), "CustomerID": pa.float64(), "InvoiceDate": pa.timestamp("us")}
    convert = pyarrow.csv.ConvertOptions(column_types=kinds, strings_can_be_null=True)
    rows = pyarrow.csv.read_csv(os.path.join(directory, "online_retail.csv.gz"), convert_options=convert)
    at = rows.schema.get_field_index("CustomerID")
    return rows.set_column(at, "CustomerID", rows["CustomerID"].cast(pa.int64())), "StockCode", "InvoiceDate"


def nycflights(directory: str, name: str) -> pa.Table:
    convert = pyarrow.csv.ConvertOptions(null_values=["NA", ""], strings_can_be_null=True)
    return pyarrow.csv.read_csv(os.path.join(directory, "nycflights13", name), convert_options=convert)


def flights(directory: str) -> Source:
    """The file has no column of type time: its hour is put together and added, to Parquet's rows too."""
    rows = nycflights(directory, "flights.csv.gz")
    frame = {name: rows[name].cast(pa.string()) for name in ("year", "month", "day")}
    day = pc.binary_join_element_wise(frame["year"], pc.utf8_lpad(frame["month"], 2, "0"), pc.utf8_lpad(frame["day"], 2, "0"), "-")
    return rows.append_column("date", pc.strptime(day, "%Y-%m-%d", "us")), "carrier", "date"


def weather(directory: str) -> Source:
    rows = nycflights(directory, "weather.csv.gz")
    at = rows.schema.get_field_index("time_hour")
    return rows.set_column(at, "time_hour", rows["time_hour"].cast(pa.timestamp("us"))), "origin", "time_hour"


def shop(events: float) -> Source:
    made = Shop(int(events * 1e6), 1)
    return pa.concat_tables(made.unit(i) for i in range(made.units)), "user_id", "t"


def sources(args: argparse.Namespace) -> Iterator[Tuple[str, Source]]:
    makers: Dict[str, Callable[[], Source]] = {
        "retail": lambda: retail(args.data),
        "flights": lambda: flights(args.data),
        "weather": lambda: weather(args.data),
        "shop": lambda: shop(args.events),
    }
    for name, make in makers.items():
        if args.only and name not in args.only.split(","):
            continue
        try:
            rows, entity, at = make()
        except FileNotFoundError as e:
            print(f"{name}: left out, {e}")
            continue
        yield name, (rows.combine_chunks(), entity, at)


# ---- measuring ---------------------------------------------------------------------------------------------------


def seconds(work: Callable[[], Any], rounds: int) -> float:
    best = float("inf")
    for _ in range(rounds):
        gc.collect()
        started = time.perf_counter()
        kept = work()
        best = min(best, time.perf_counter() - started)
        del kept
    return best


def same(a: pa.Table, b: pa.Table) -> bool:
    """The same rows, in any order."""
    order = [(name, "ascending") for name in a.column_names]
    return bool(a.sort_by(order).equals(b.select(a.column_names).cast(a.schema).sort_by(order)))


def statement(rows: pa.Table, entity: str, at: str) -> str:
    needed = {entity, at}
    columns = ", ".join(f'"{f.name}" {TYPES[str(f.type)]}{" NOT NULL" if f.name in needed else ""}' for f in rows.schema)
    return f'CREATE TABLE t ({columns}, ENTITY KEY ("{entity}"), EVENT TIME ("{at}"))'


def files(path: str) -> Dict[str, int]:
    kept = [name for name in os.listdir(path) if not name.endswith("-lock") and not name.endswith(".lock")]
    return {name: os.path.getsize(os.path.join(path, name)) for name in kept}


def write_store(libfeat: Any, path: str, source: Source) -> float:
    """Seconds of the commit."""
    rows, entity, at = source
    shutil.rmtree(path, ignore_errors=True)
    with libfeat.open(path) as store:
        store.define(statement(rows, entity, at))
        started = time.perf_counter()
        store.append("t", rows)
        took = time.perf_counter() - started
        store.vacuum()
    return took


def parquet_writers(rows: pa.Table, path: str) -> Dict[str, Callable[[], Any]]:
    import duckdb
    import polars

    frame = polars.from_arrow(rows)
    database = duckdb.connect()
    database.register("rows", rows)
    copy = f"COPY rows TO '{path}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 3%s)"
    return {
        "pyarrow": lambda: pq.write_table(rows, path, compression="zstd", compression_level=3),
        "pyarrow v2": lambda: pq.write_table(rows, path, compression="zstd", compression_level=3, data_page_version="2.0"),
        "polars": lambda: frame.write_parquet(path, compression="zstd", compression_level=3),
        "duckdb": lambda: database.execute(copy % ""),
        "duckdb v2": lambda: database.execute(copy % ", PARQUET_VERSION v2"),
    }


def smallest_parquet(source: Source, work: str) -> Tuple[int, str, str]:
    """Bytes, who made it, and where it is kept."""
    rows, entity, at = source
    best = (1 << 62, "", os.path.join(work, "best.parquet"))
    path = os.path.join(work, "trial.parquet")
    for order, table in (("as they come", rows), ("sorted", rows.sort_by([(entity, "ascending"), (at, "ascending")]))):
        for name, write in parquet_writers(table, path).items():
            write()
            size = os.path.getsize(path)
            if size < best[0]:
                best = (size, f"{name}, {order}", best[2])
                os.replace(path, best[2])
    return best


def write_parquet(source: Source, path: str) -> None:
    rows, entity, at = source
    with open(path, "wb") as file:
        pq.write_table(rows.sort_by([(entity, "ascending"), (at, "ascending")]), file, compression="zstd", compression_level=3)
        file.flush()
        os.fsync(file.fileno())


def run(libfeat: Any, name: str, source: Source, work: str, rounds: int) -> List[str]:
    import polars

    rows = source[0]
    values = rows.num_rows * rows.num_columns
    path = os.path.join(work, name)
    took = min(write_store(libfeat, path, source) for _ in range(rounds))
    plain = seconds(lambda: write_parquet(source, os.path.join(work, "sorted.parquet")), rounds)
    size = sum(files(path).values())
    least, who, parquet = smallest_parquet(source, work)
    with libfeat.open(path) as store, store.snapshot() as snapshot:

        def read() -> pa.Table:
            return pa.table(snapshot.table("t"))

        if not same(rows, read()) or not same(rows, pq.read_table(parquet)):
            raise SystemExit(f"{name}: what was read is not what was written")
        ours = seconds(read, rounds * 2)
    arrow = seconds(lambda: pq.read_table(parquet, use_threads=False, pre_buffer=False), rounds * 2)
    lazy = seconds(lambda: polars.read_parquet(parquet, use_statistics=False), rounds * 2)
    line = [name, f"{rows.num_rows:,}", f"{size:,}", f"{least:,}", f"{size / least:.3f}", who]
    line += [f"{t / values * 1e9:.2f}" for t in (ours, arrow, lazy)] + [f"{took:.3f}", f"{plain:.3f}", f"{plain / took:.2f}"]
    print(f"{name}: {files(path)}")
    return line


def columns_alone(libfeat: Any, name: str, source: Source, work: str) -> None:
    """What each column adds: the table's size less that of the table without it."""
    rows, entity, at = source
    path = os.path.join(work, "columns")

    def size(table: pa.Table) -> int:
        write_store(libfeat, path, (table, entity, at))
        return sum(files(path).values())

    whole = size(rows)
    lines = [[c, f"{whole - size(rows.drop_columns([c])):,}"] for c in rows.column_names if c not in (entity, at)]
    print(f"{name}: bytes that each column adds to {whole:,}")
    measure.table(["column", "bytes"], lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(measure.ROOT, "build"))
    parser.add_argument("--data", default=os.path.join(measure.ROOT, "..", "shared", "data"))
    parser.add_argument("--events", type=float, default=10)
    parser.add_argument("--only", default="")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", default=None)
    parser.add_argument("--columns", action="store_true", help="also say what each column adds")
    args = parser.parse_args()
    os.environ["POLARS_MAX_THREADS"] = "1"
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    libfeat = measure.use_library(args.build)
    work = tempfile.mkdtemp(prefix="feat-sizes-", dir=args.work)
    lines: List[List[str]] = []
    try:
        for name, source in sources(args):
            lines.append(run(libfeat, name, source, work, args.rounds))
            if args.columns:
                columns_alone(libfeat, name, source, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(f"load {measure.load_average():.1f}; decoding in ns a value, writing in seconds")
    measure.table(
        ["data", "rows", "store", "parquet", "ratio", "of", "decode", "pyarrow", "polars", "commit", "pyarrow", "x faster"], lines
    )


if __name__ == "__main__":
    main()
