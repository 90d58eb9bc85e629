"""Every kind of data that a write or a spine takes, with and without Arrow packages."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import libfeat
from shop import DAY, ROWS, SPINE, SQL, T0, WANT, content, expected, run_python


def as_input(kind: str) -> Any:
    if kind == "dict of lists":
        return ROWS
    if kind == "list of dicts":
        return [dict(zip(ROWS, values)) for values in zip(*ROWS.values())]
    if kind == "dict of numpy arrays":
        return {
            "purchase_id": np.array(ROWS["purchase_id"], dtype=np.int16),
            "user_id": np.array(ROWS["user_id"], dtype=np.uint32),
            "amount": np.ma.MaskedArray([1.5, 2.25, 0.0, 10.0], mask=[0, 0, 1, 0]),
            "status": np.array(ROWS["status"], dtype=object),
            "vip": np.ma.MaskedArray([True, False, False, True], mask=[0, 0, 1, 0]),
            "day": np.array(ROWS["day"], dtype="datetime64[D]"),
            "purchased_at": np.array(ROWS["purchased_at"], dtype="datetime64[ns]"),
        }
    pa = pytest.importorskip("pyarrow")
    table = pa.table(ROWS)
    if kind == "pyarrow table":
        return table
    if kind == "pyarrow record batch":
        return table.to_batches()[0]
    if kind == "pyarrow reader":
        return table.to_reader(max_chunksize=2)
    if kind == "pyarrow of other types":
        return pa.table(
            {
                "purchase_id": pa.array(ROWS["purchase_id"], pa.uint8()),
                "user_id": pa.array(ROWS["user_id"], pa.int32()),
                "amount": pa.array(ROWS["amount"], pa.float32()),
                "status": pa.array(ROWS["status"]).dictionary_encode(),
                "vip": pa.array(ROWS["vip"]),
                "day": pa.array(ROWS["day"], pa.date64()),
                "purchased_at": pa.array(ROWS["purchased_at"], pa.timestamp("s", "UTC")),
            }
        )
    if kind == "pyarrow slices":
        return pa.concat_tables([table, table, table]).slice(3, 4).combine_chunks()
    if kind.startswith("pandas"):
        pandas = pytest.importorskip("pandas")
        frame = table.to_pandas() if kind == "pandas" else pandas.DataFrame(ROWS, index=[4, 3, 2, 1])
        return frame.set_index("user_id") if kind == "pandas with a named index" else frame
    if kind.startswith("polars"):
        polars = pytest.importorskip("polars")
        frame = polars.from_arrow(table)
        return frame.lazy() if kind == "polars lazy" else frame
    if kind == "duckdb":
        duckdb = pytest.importorskip("duckdb")
        rows = table
        return duckdb.sql("FROM rows")
    raise AssertionError(kind)


KINDS = [
    "dict of lists",
    "list of dicts",
    "dict of numpy arrays",
    "pyarrow table",
    "pyarrow record batch",
    "pyarrow reader",
    "pyarrow of other types",
    "pyarrow slices",
    "pandas",
    "pandas with an index",
    "pandas with a named index",
    "polars",
    "polars lazy",
    "duckdb",
]


@pytest.mark.parametrize("kind", KINDS)
def test_inputs(store: Any, kind: str) -> None:
    done = store.append("purchases", as_input(kind))
    assert done.rows_read == 4
    got = content(store)
    want = sorted(expected()[-1:] + expected()[:3]) if kind == "pyarrow slices" else expected()
    assert got == want


def test_a_result_is_an_input(filled: Any, tmp_path: Path) -> None:
    with libfeat.open(tmp_path / "copy") as copy, filled.snapshot() as snap:
        copy.define(SQL)
        copy.append("purchases", snap.table("purchases"))
        with copy.snapshot() as other:
            assert other.digest("purchases") == snap.digest("purchases")


@pytest.mark.parametrize(
    "empty",
    [
        {n: [] for n in ROWS},
        {n: np.array([], "int64") for n in ("purchase_id", "user_id")} | {"purchased_at": np.array([], "datetime64[us]")},
    ],
)
def test_empty_input(store: Any, empty: Any) -> None:
    done = store.append("purchases", empty)
    assert (done.rows_read, done.rows_added) == (0, 0)
    assert content(store) == []


def test_empty_tables_and_spines(store: Any) -> None:
    assert len(store.training_set("churn", SPINE)) == 3
    empty = {"user_id": np.array([], "int64"), "amount": np.array([], "float64"), "at": np.array([], "datetime64[us]")}
    train = store.training_set("churn", empty, timestamp="at")
    assert len(train) == 0 and train.columns == list(SPINE) + list(WANT)
    assert train.to_numpy()["n_30d"].dtype == np.int64
    store.deploy("churn")
    with store.reader("churn") as reader:
        assert reader.get(user_id=1, amount=1.0)["n_30d"] == 0


def test_columns_of_nothing_but_null(store: Any) -> None:
    store.append("purchases", {**ROWS, "status": [None] * 4, "amount": [None] * 4})
    assert [r[2:4] for r in content(store)] == [(None, None)] * 4


@pytest.mark.parametrize(
    "column, values, part",
    [
        ("amount", [1.0, "x", 2.0, 3.0], "row 1"),
        ("amount", [2**53 + 1, 1.5, 1.0, 1.0], "without loss"),
        ("user_id", [2**63, 1, 2, 3], "BIGINT"),
        ("user_id", [True, 1, 2, 3], "row 1"),
        ("status", ["\ud800", "a", "b", "c"], "surrogate"),
        ("status", [b"bytes", b"", b"", b""], "TEXT"),
        ("amount", [1j, 1.0, 1.0, 1.0], "complex"),
        ("amount", [1.0, 2.0], "rows"),
        ("amount", 1.0, "list"),
        ("amount", "abcd", "list"),
        ("amount", np.zeros((4, 2)), "DOUBLE"),
        ("amount", np.zeros((4, 2, 2)), "dimensions"),
    ],
)
def test_columns_that_are_refused(store: Any, column: str, values: Any, part: str) -> None:
    with pytest.raises(libfeat.SchemaError, match=part) as failure:
        store.append("purchases", {**ROWS, column: values})
    assert column in str(failure.value)
    assert content(store) == []


@pytest.mark.parametrize("data", [None, 5, "text", b"bytes", [1, 2], object()])
def test_inputs_that_are_refused(store: Any, data: Any) -> None:
    with pytest.raises(libfeat.ArgumentError):
        store.append("purchases", data)


def test_times(store: Any) -> None:
    zone = dt.timezone(dt.timedelta(hours=-5))
    times = [T0.replace(tzinfo=zone), T0, dt.date(2024, 12, 5), np.datetime64("2024-12-06T00:00:00.000001")]
    store.append("purchases", {**ROWS, "purchased_at": times})
    micro = dt.timedelta(microseconds=1)
    assert [r[6] for r in content(store)] == [T0 + dt.timedelta(hours=5), T0, T0 + 4 * DAY, T0 + 5 * DAY + micro]
    with pytest.raises(libfeat.SchemaError, match="micro"):
        store.append("purchases", {**ROWS, "purchased_at": np.array([1, 2, 3, 4], "datetime64[ns]")})


def test_bits_of_doubles_survive(store: Any) -> None:
    values = [-0.0, 5e-324, math.inf, -math.inf, math.nan, 1.7976931348623157e308, 0.1]
    n = len(values)
    store.append("purchases", {"purchase_id": list(range(n)), "user_id": [1] * n, "amount": values, "purchased_at": [T0] * n})
    with store.snapshot() as snap:
        got = snap.table("purchases", ["purchase_id", "amount"]).to_numpy()
    order = np.argsort(got["purchase_id"])
    assert got["amount"][order].tobytes() == np.array(values).tobytes()


def test_large_input(store: Any) -> None:
    n = 200_000
    rng = np.random.default_rng(1)
    amounts = rng.normal(size=n)
    times = np.datetime64(T0, "us") + rng.integers(0, 10**12, n).astype("timedelta64[us]")
    data = {"purchase_id": np.arange(n), "user_id": rng.integers(0, 1000, n), "amount": amounts, "purchased_at": times}
    assert store.append("purchases", data).rows_added == n
    with store.snapshot() as snap:
        got = snap.table("purchases", ["purchase_id", "amount"]).to_numpy()
    assert (got["amount"][np.argsort(got["purchase_id"])] == amounts).all()


BLOCKED = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in sys.argv[2].split(","):
            raise ImportError(name + " is blocked")
sys.meta_path.insert(0, Block())
sys.path.insert(0, sys.argv[3])
import datetime as dt
import libfeat, test_store_rows as rows
with libfeat.open(sys.argv[1]) as store:
    store.define(rows.SQL)
    frame = rows.ROWS
    if "pandas" not in sys.argv[2]:
        import pandas
        frame = pandas.DataFrame(frame)
    store.append("purchases", frame)
    train = store.training_set("churn", rows.SPINE)
    assert train.to_dict() == {**rows.SPINE, **rows.WANT}, train.to_dict()
    store.deploy("churn")
    with store.reader("churn") as reader:
        got = reader.get(user_id=rows.SPINE["user_id"], amount=rows.SPINE["amount"], now=rows.SPINE["at"])
        assert got.to_dict() == rows.WANT
    if "pandas" not in sys.argv[2]:
        assert train.to_pandas()["n_30d"].tolist() == rows.WANT["n_30d"]
    try:
        train.to_arrow()
    except ImportError as failure:
        assert "pyarrow" in str(failure)
    else:
        raise AssertionError("pyarrow was not blocked")
"""


@pytest.mark.parametrize("blocked", ["pyarrow,pandas,polars,duckdb", "pyarrow,polars,duckdb"])
def test_without_arrow_packages(tmp_path: Path, blocked: str) -> None:
    if "pandas" not in blocked:
        pytest.importorskip("pandas")
    (tmp_path / "test_store_rows.py").write_text(
        f"import datetime\nSQL = {SQL!r}\nROWS = {ROWS!r}\nSPINE = {SPINE!r}\nWANT = {WANT!r}\n"
    )
    done = run_python(BLOCKED, tmp_path / "store", blocked, tmp_path)
    assert done.returncode == 0, done.stderr
