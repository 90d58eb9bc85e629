"""Functions of texts over a column of real short texts: this library beside DuckDB and Polars, one thread each.

    python tests/bench/text_functions.py FILE.csv.gz [--column Description] [--build BUILD] [--rows N] [--runs N]

Needs duckdb, polars and a built BUILD/lib/libfeat.a; bench_text_functions.c is compiled here. The column's texts are repeated up to N
rows. Each engine computes each function for all rows and reduces the results to a sum (of numbers and truths, or of the
bytes of texts), so that no engine pays for storing a column; the best run counts, in processor time. The sums must be equal, and so must the results
of the first 100,000 rows.
"""

import argparse
import csv
import gzip
import os
import subprocess
import tempfile
import time

os.environ["POLARS_MAX_THREADS"] = "1"

import duckdb  # noqa: E402
import polars as pl  # noqa: E402
import pyarrow as pa  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CHECKED = 100_000
S = pl.col("s").str

# Name: DuckDB's expression, Polars', or None where it has none of that meaning.
FUNCTIONS = {
    "octets": ("strlen(s)", S.len_bytes()),
    "length": ("length(s)", S.len_chars()),
    "lower": ("lower(s)", S.to_lowercase()),
    "upper": ("upper(s)", S.to_uppercase()),
    "trim": ("trim(s)", S.strip_chars(" ")),
    "substring": ("substring(s, 3, 10)", S.slice(2, 10)),
    "left": ("left(s, 5)", S.head(5)),
    "contains": ("s LIKE '%HEART%'", S.contains("HEART", literal=True)),
    "starts": ("s LIKE 'WHITE%'", S.starts_with("WHITE")),
    "segments": ("s LIKE '%RED%HEART%'", S.contains("RED.*HEART")),
    "any case": ("s ILIKE '%heart%'", S.contains("(?i)heart")),
    "replace": ("replace(s, 'RED', 'BLUE')", S.replace_all("RED", "BLUE", literal=True)),
    "split_part": ("split_part(s, ' ', 2)", S.split(" ").list.get(1, null_on_oob=True).fill_null("")),
    "concat": ("s || '-x'", pl.col("s") + "-x"),
    "md5": ("md5(s)", None),
    "levenshtein": ("levenshtein(s, 'WHITE HANGING HEART')", None),
}
BYTES = {"levenshtein"}  # DuckDB counts bytes, and some texts are not ASCII


def best(work, runs):
    times = []
    for _ in range(runs):
        started = time.process_time()
        result = work()
        times.append(time.process_time() - started)
    return min(times), result


def ours(build, path, rows, runs):
    with tempfile.TemporaryDirectory() as work:
        program = os.path.join(work, "bench")
        includes = [f"-I{ROOT}/include", f"-I{ROOT}/lib", f"-I{build}/include"]
        libraries = [f"{build}/lib/libfeat.a", "-llmdb", "-lzstd", "-lxxhash", "-lmsgpackc", "-lm"]
        subprocess.run(["cc", "-std=c11", "-O2", *includes, "-o", program, f"{ROOT}/tests/bench/bench_text_functions.c", *libraries], check=True)
        command = [program, str(rows), str(runs), path, str(min(CHECKED, rows))]
        lines = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.decode().split("\n")
    table, at = {}, 0
    for name in FUNCTIONS:
        found, seconds, total = lines[at].split("\t")
        assert found == name
        table[name] = float(seconds), int(total), lines[at + 1 : at + 1 + min(CHECKED, rows)]
        at += 1 + min(CHECKED, rows)
    return table


def printed(values):
    return [str(int(v)) if isinstance(v, (bool, int)) else v for v in values]


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("file")
    arguments.add_argument("--column", default="Description")
    arguments.add_argument("--build", default=os.path.join(ROOT, "build"))
    arguments.add_argument("--rows", type=int, default=10_000_000)
    arguments.add_argument("--runs", type=int, default=3)
    options = arguments.parse_args()
    rows, runs = options.rows, options.runs
    with gzip.open(options.file, "rt", encoding="utf-8", newline="") as file:
        texts = [row[options.column].replace("\n", " ") for row in csv.DictReader(file) if row[options.column]]
    texts = texts[:rows]
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="") as file:
        file.write("".join(text + "\n" for text in texts))
        file.flush()
        mine = ours(os.path.abspath(options.build), file.name, rows, runs)
    column = pa.array(texts, pa.large_string())
    repeated = pa.chunked_array([column] * (rows // len(texts)) + [column[: rows % len(texts)]])
    frame = pl.DataFrame({"s": pl.from_arrow(repeated)}).rechunk()
    connection = duckdb.connect()
    connection.execute("SET threads=1")
    connection.register("source", pa.table({"s": repeated}))
    connection.execute("CREATE TABLE t AS FROM source")
    print(f"{rows:,} texts ({len(texts):,} different rows), one thread, best of {runs} runs; ns a text")
    print(f"duckdb {duckdb.__version__}, polars {pl.__version__}")
    print(f"{'':14}{'ours':>8}{'duckdb':>8}{'polars':>8}   times duckdb, polars")
    for name, (sql, expression) in FUNCTIONS.items():
        seconds, total, head = mine[name]
        kind = connection.execute(f"SELECT typeof({sql}) FROM t LIMIT 1").fetchone()[0]
        size = f"strlen({sql})" if kind == "VARCHAR" else f"CAST({sql} AS BIGINT)"
        theirs, result = best(lambda: connection.execute(f"SELECT sum({size}) FROM t").fetchone()[0], runs)
        assert name in BYTES or result == total, (name, total, result)
        first = connection.execute(f"SELECT {sql} FROM (FROM t LIMIT {CHECKED})").fetchnumpy()
        values = printed(next(iter(first.values())).tolist())
        assert name in BYTES or values == head, (name, [(a, b) for a, b in zip(values, head) if a != b][:3])
        other = float("nan")
        if expression is not None:
            reduced = expression.str.len_bytes() if kind == "VARCHAR" else expression
            other, result = best(lambda: frame.select(reduced.sum()).item(), runs)
            assert result == total, (name, total, result)
        ns = 1e9 / rows
        print(f"{name:14}{seconds * ns:>8.1f}{theirs * ns:>8.1f}{other * ns:>8.1f}   {theirs / seconds:>10.1f}{other / seconds:>8.1f}")


if __name__ == "__main__":
    main()
