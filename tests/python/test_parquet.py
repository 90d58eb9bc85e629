"""Parquet in and out."""

from __future__ import annotations

import datetime as dt
import os

import pytest

import libfeat

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

BASE = dt.datetime(2024, 5, 1, 12)
SQL = "CREATE TABLE t (who BIGINT, name TEXT, at TIMESTAMP NOT NULL, x DOUBLE, d DECIMAL(10,2), ENTITY KEY (who), EVENT TIME (at))"
ROWS = [
    {"who": i % 7, "name": None if i % 5 == 0 else "n%d" % i, "at": BASE + dt.timedelta(hours=i), "x": i / 3, "d": None} for i in range(300)
]


@pytest.fixture
def store(tmp_path):
    with libfeat.open(tmp_path / "store") as store:
        store.define(SQL + "; " + SQL.replace("TABLE t", "TABLE copy"))
        store.append("t", ROWS)
        yield store


def test_a_file_there_and_back(store, tmp_path):
    snap = store.snapshot()
    snap.to_parquet("t", tmp_path / "t.parquet")
    assert os.listdir(tmp_path).count("t.parquet") == 1 and not any(n.endswith(".part") for n in os.listdir(tmp_path))
    assert pq.read_metadata(tmp_path / "t.parquet").num_rows == 300
    assert store.append_parquet("copy", tmp_path / "t.parquet").rows_added == 300
    assert store.snapshot().digest("copy") == snap.digest("t")
    store.overwrite("copy", libfeat.read_parquet([tmp_path / "t.parquet"]))
    assert store.snapshot().digest("copy") == snap.digest("t")


def test_directories_by_day(store, tmp_path):
    snap = store.snapshot()
    snap.to_parquet("t", tmp_path / "days", partition_by="at")
    days = sorted(os.listdir(tmp_path / "days"))
    assert days == [f"dt={BASE.date() + dt.timedelta(days=i)}" for i in range(13)]
    one = pq.ParquetFile(next((tmp_path / "days" / days[1]).iterdir())).read().to_pylist()
    assert sorted(r["at"] for r in one) == [dt.datetime(2024, 5, 2) + dt.timedelta(hours=i) for i in range(24)]
    assert store.append_parquet("copy", tmp_path / "days").rows_added == 300
    assert store.snapshot().digest("copy") == snap.digest("t")
    assert libfeat.read_parquet(tmp_path / "days").columns == ["who", "name", "at", "x", "d"]
    assert libfeat.read_parquet(tmp_path / "days", partitions=True).columns[-1] == "dt"
    with pytest.raises(Exception, match="not empty"):
        snap.to_parquet("t", tmp_path / "days", partition_by="at")


def test_a_partition_that_is_a_column(store, tmp_path):
    for country in ("at", "de"):
        os.makedirs(tmp_path / f"shop={country}")
        pq.write_table(pa.table({"who": [1, 2], "at": [BASE, BASE]}), tmp_path / f"shop={country}" / "a.parquet")
    store.define("CREATE TABLE shops (who BIGINT, at TIMESTAMP NOT NULL, shop TEXT, ENTITY KEY (who), EVENT TIME (at))")
    files = [str(tmp_path / f"shop={c}" / "a.parquet") for c in ("at", "de")]
    assert store.append_parquet("shops", files).rows_added == 4
    with store.snapshot() as snap:
        assert sorted(snap.table("shops").to_dict()["shop"]) == ["at", "at", "de", "de"]


def test_choices_and_mistakes(store, tmp_path):
    snap = store.snapshot()
    snap.to_parquet("t", tmp_path / "some.parquet", columns=["at", "who"], where="who = 3")
    table = pq.read_table(tmp_path / "some.parquet")
    assert table.column_names == ["at", "who"] and set(table["who"].to_pylist()) == {3}
    for options in ({"partition_by": "nope"}, {"partition_by": "x"}, {"partition_by": "at", "partition_name": "who"}):
        with pytest.raises(libfeat.ArgumentError):
            snap.to_parquet("t", tmp_path / "wrong", **options)
    with pytest.raises(libfeat.ArgumentError, match="no column 'zzz'"):
        libfeat.read_parquet(tmp_path / "some.parquet", columns=["zzz"])
    pq.write_table(pa.table({"who": [1], "at": [BASE], "new": ["a"]}), tmp_path / "new.parquet")
    with pytest.raises(libfeat.SchemaError):
        store.append_parquet("t", tmp_path / "new.parquet")
    assert store.append_parquet("t", tmp_path / "new.parquet", merge_schema=True).rows_added == 1
    with pytest.raises(Exception):
        snap.to_parquet("t", tmp_path / "broken.parquet", where="CAST(name AS BIGINT) = 1")
    assert not [n for n in os.listdir(tmp_path) if n.startswith("broken")]
