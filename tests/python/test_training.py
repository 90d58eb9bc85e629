"""Training sets, and results as other packages see them."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import libfeat
from shop import DAY, ROWS, SPINE, SQL, T0, WANT, run_python


def test_training_set(filled: Any) -> None:
    train = filled.training_set("churn", SPINE)
    assert train.columns == list(SPINE) + list(WANT)
    assert train.to_dict() == {**SPINE, **WANT}
    assert len(train) == 3
    assert (train.service, train.version) == ("churn", filled.version)
    assert len(train.fingerprint) == 32
    assert train.to_dict() == train.to_dict()


def test_training_set_statuses(filled: Any) -> None:
    got = filled.training_set("churn", SPINE, timestamp="at", status=True).to_dict()
    assert got["n_30d__status"] == [0, 0, 2]
    assert got["spent_30d__status"] == [0, 1, 2]
    assert got["ratio__status"] == [0, 1, 1]


def test_training_set_errors(filled: Any) -> None:
    with pytest.raises(libfeat.NotFoundError, match="chrn"):
        filled.training_set("chrn", SPINE)
    with pytest.raises(libfeat.SchemaError, match="user_id"):
        filled.training_set("churn", {"amount": [1.0], "at": [T0]})
    with pytest.raises(libfeat.SchemaError):
        filled.training_set("churn", {**SPINE, "other": [T0] * 3})
    assert len(filled.training_set("churn", {**SPINE, "other": [T0] * 3}, timestamp="at")) == 3
    with pytest.raises(libfeat.SchemaError, match="nothing"):
        filled.training_set("churn", SPINE, timestamp="nothing")
    with pytest.raises(libfeat.ExistsError, match="n_30d"):
        filled.training_set("churn", {**SPINE, "n_30d": [1, 2, 3]})
    with pytest.raises(libfeat.NotFoundError):
        filled.training_set("churn", SPINE, version=99)


def test_error_values(store: Any) -> None:
    store.define(
        "CREATE FEATURE VIEW big AS SELECT user_id, sum(purchase_id) OVER w AS s FROM purchases GROUP BY user_id "
        "WINDOW w AS (RANGE UNBOUNDED PRECEDING); CREATE FEATURE SERVICE big_service AS big;"
    )
    data = {n: [v[0], v[0]] for n, v in ROWS.items()} | {"purchase_id": [2**63 - 1, 2**63 - 2]}
    store.append("purchases", data)
    spine = {"user_id": [9, 7], "at": [T0, T0]}
    with pytest.raises(libfeat.DataError) as failure:
        store.training_set("big_service", spine)
    assert failure.value.row == 1 and "s" in str(failure.value)
    got = store.training_set("big_service", spine, on_error="null", status=True).to_dict()
    assert got["s"] == [None, None] and got["s__status"] == [2, 4]
    store.deploy("big_service")
    with store.reader("big_service") as reader:
        answer = reader.get(user_id=7, now=T0)
        assert answer == {"s": None} and answer.status == {"s": "error"}


def test_spine_columns_come_back_untouched(filled: Any) -> None:
    pa = pytest.importorskip("pyarrow")
    spine = pa.table(
        {
            "user_id": pa.array([7, 8], pa.int32()),
            "amount": pa.array([1.0, None], pa.float32()),
            "at": pa.array([T0, T0 + DAY], pa.timestamp("ms", "Europe/Paris")),
            "label": pa.array(["a", None]).dictionary_encode(),
            "list": pa.array([[1, 2], None], pa.list_(pa.int16())),
            "struct": pa.array([{"a": 1}, None]),
        }
    )
    got = filled.training_set("churn", spine, timestamp="at").to_arrow()
    assert got.select(spine.column_names).combine_chunks().equals(spine.combine_chunks())


def test_results_as_other_packages_see_them(filled: Any) -> None:
    pa = pytest.importorskip("pyarrow")
    train = filled.training_set("churn", SPINE)
    table = pa.table(train)
    assert table.column_names == train.columns and table.column("n_30d").to_pylist() == WANT["n_30d"]
    assert table.schema.metadata[b"libfeat.fingerprint"].decode() == train.fingerprint
    assert train.to_arrow().equals(table)
    frame = train.to_pandas()
    assert list(frame.columns) == train.columns and frame["n_30d"].tolist() == WANT["n_30d"]
    polars = pytest.importorskip("polars")
    assert train.to_polars()["n_30d"].to_list() == WANT["n_30d"]
    assert polars.DataFrame(train).shape == (3, len(train.columns))
    duckdb = pytest.importorskip("duckdb")
    assert duckdb.sql("SELECT sum(n_30d) FROM train").fetchall() == [(3,)]


def test_results_outlive_everything(path: Path) -> None:
    pytest.importorskip("pyarrow")
    with libfeat.open(path) as store:
        store.define(SQL)
        store.append("purchases", ROWS)
        train = store.training_set("churn", SPINE)
        with store.snapshot() as snap:
            table = snap.table("purchases").to_arrow()
    capsule = train.__arrow_c_stream__()
    arrow = train.to_arrow()
    column = arrow.column("n_30d")
    del train, arrow
    gc.collect()
    assert column.to_pylist() == WANT["n_30d"] and table.num_rows == 4
    del capsule  # an unread stream: its C destructor releases it


def test_capsule_at_interpreter_exit(path: Path) -> None:
    with libfeat.open(path) as store:
        store.define(SQL)
        store.append("purchases", ROWS)
    code = (
        "import libfeat, sys, datetime\n"
        "store = libfeat.open(sys.argv[1], 'r')\n"
        "train = store.training_set('churn', {'user_id': [7], 'amount': [1.0], 'at': [datetime.datetime(2024, 12, 2)]})\n"
        "sys.kept = [train.__arrow_c_stream__(), train, store, store.snapshot().table('purchases').__arrow_c_stream__()]\n"
        "sys.kept.append(sys.kept)\n"
    )
    done = run_python(code, path)
    assert (done.returncode, done.stderr) == (0, "")


NUMBERS = [[-0.0, 0.0], [1.5, None], [float("nan"), 2.0], [None, None], [float("inf"), 7.0], [-3.0, -2.0]]


@pytest.mark.parametrize("constant", ["0", "1.5", "-2.5", "7"])
@pytest.mark.parametrize("op", ["=", "<", "<=", ">", ">="])
def test_segments_that_where_cannot_pass(tmp_path, op, constant):
    """What is left unread by its statistics is what would not have passed: as when they cannot be used."""
    with libfeat.open(tmp_path / "s.feat") as store:
        store.define("CREATE TABLE e (k BIGINT, y DOUBLE, x BIGINT, b BOOLEAN, ts TIMESTAMP NOT NULL, ENTITY KEY (k), EVENT TIME (ts))")
        for i, ys in enumerate(NUMBERS):
            store.append("e", {"k": [1, 1], "y": ys, "x": [i, i + 1], "b": [i < 3, i < 3], "ts": np.array([i, i + 1], dtype="datetime64[us]")})
        where = {
            "plain": f"y {op} {constant} AND x {op} CAST({constant} AS BIGINT) OR b = FALSE AND {constant} {op} y",
            "one": f"y {op} {constant}",
            "turned": f"{constant} {op} y AND b = TRUE",
            "error": f"x {op} 3 AND x * 9223372036854775807 > 0",
            "null": f"y {op} {constant} AND x * 9223372036854775807 <> 0",
        }
        answers = {}
        for name, condition in where.items():
            hidden = condition.replace("y ", "(y + 0.0) ").replace("x ", "(x + 0) ").replace(" y", " (y + 0.0)")
            for how, text in (("read", condition), ("hidden", hidden)):
                view = f"{name}_{how}"
                store.define(
                    f"CREATE FEATURE VIEW {view} AS SELECT k, count(*) AS n, sum(y) AS s, min(x) AS low FROM e WHERE {text} GROUP BY k;"
                    f"CREATE FEATURE SERVICE s_{view} AS {view};"
                )
                spine = {"k": [1], "t": np.array([100], dtype="datetime64[us]")}
                columns = store.training_set(f"s_{view}", spine, "t", status=True, on_error="null").to_numpy()
                answers[view] = [(n, repr(columns[n][0])) for n in columns]
            assert answers[f"{name}_read"] == answers[f"{name}_hidden"], condition
