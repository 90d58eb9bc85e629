"""Values of every type through the package: into tables and requests, out of scans, training sets and readers."""

from __future__ import annotations

import ctypes
import datetime as dt
import math
from decimal import Decimal
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np
import pytest

import libfeat
from libfeat import Interval, _arrow, _types
from libfeat import _capi as c

T0 = dt.datetime(2024, 3, 1)
HOUR = dt.timedelta(hours=1)

#: Column, SQL type, values in the order of their rows; the first one is of entity 1 and the third of entity 2.
VALUES: Dict[str, Tuple[str, List[Any]]] = {
    "boolean": ("BOOLEAN", [True, None, False]),
    "tinyint": ("TINYINT", [-128, 127, None]),
    "smallint": ("SMALLINT", [-(2**15), 2**15 - 1, 0]),
    "integer": ("INTEGER", [-(2**31), None, 2**31 - 1]),
    "bigint": ("BIGINT", [-(2**63), 2**63 - 1, 5]),
    "utinyint": ("UTINYINT", [0, 255, None]),
    "usmallint": ("USMALLINT", [0, 2**16 - 1, 7]),
    "uinteger": ("UINTEGER", [2**32 - 1, None, 0]),
    "ubigint": ("UBIGINT", [0, 2**64 - 1, 2**63]),
    "real": ("REAL", [1.5, float(np.float32(0.1)), None]),
    "double": ("DOUBLE", [0.1, -1e300, 2.0]),
    "money": ("DECIMAL(10,2)", [Decimal("-12345678.90"), None, Decimal("0.01")]),
    "wide": ("DECIMAL(38,10)", [Decimal("9" * 28 + "." + "9" * 10), Decimal(0), Decimal("-1E-10")]),
    "text": ("TEXT", ["", "päid", None]),
    "blob": ("BLOB", [b"", b"\0\xff\0", None]),
    "date": ("DATE", [dt.date(1, 1, 1), None, dt.date(9999, 12, 31)]),
    "timestamp": ("TIMESTAMP", [T0, dt.datetime(1969, 12, 31, 23, 59, 59, 999999), None]),
    "interval": ("INTERVAL", [Interval(-1, 2, 3), Interval(0, 0, 86_400_000_000), None]),
    "embedding": ("REAL[3]", [[1.0, -0.0, 0.5], None, [0.25, 0.0, 2.0]]),
    "vector": ("DOUBLE[2]", [[0.1, 0.2], [1.0, 2.0], None]),
    "words": ("TEXT[]", [["a", None, ""], [], None]),
    "numbers": ("BIGINT[]", [[1, 2**62], None, [None]]),
    "counts": ("MAP(TEXT, BIGINT)", [{"a": 1, "b": None}, {}, None]),
    "weights": ("MAP(INTEGER, DOUBLE)", [{-1: 0.5, 7: 1.0}, None, {}]),
}

KEYS: Dict[str, List[Any]] = {
    "TINYINT": [-5, 0, 127],
    "SMALLINT": [-300, 0, 300],
    "INTEGER": [-70000, 0, 70000],
    "BIGINT": [-(2**40), 0, 2**40],
    "UTINYINT": [0, 1, 255],
    "USMALLINT": [0, 1, 65535],
    "UINTEGER": [0, 1, 2**32 - 1],
    "UBIGINT": [0, 1, 2**64 - 1],
    "TEXT": ["", "a", "ä"],
    "BLOB": [b"", b"\0", b"\0\0"],
    "DATE": [dt.date(1970, 1, 1), dt.date(1969, 12, 31), dt.date(2024, 2, 29)],
    "TIMESTAMP": [T0, T0 + HOUR, T0 - HOUR],
    "BOOLEAN": [True, False],
    "DECIMAL(10,2)": [Decimal("1.50"), Decimal("-1.5"), Decimal(0)],
    "DECIMAL(38,0)": [Decimal(10**37), Decimal(-1), Decimal(0)],
}


def plain(value: Any) -> Any:
    """A value as `to_dict` gives it."""
    return value.tolist() if isinstance(value, np.ndarray) else value


def same(a: Any, b: Any) -> bool:
    """Equal with types, the sign of zero told apart."""
    a, b = plain(a), plain(b)
    if isinstance(a, float) and isinstance(b, float):
        return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    return type(a) is type(b) and bool(a == b)


def arrow_type(sql: str) -> Any:
    pa = pytest.importorskip("pyarrow")
    flat = {
        "BOOLEAN": pa.bool_(), "TINYINT": pa.int8(), "SMALLINT": pa.int16(), "INTEGER": pa.int32(), "BIGINT": pa.int64(),
        "UTINYINT": pa.uint8(), "USMALLINT": pa.uint16(), "UINTEGER": pa.uint32(), "UBIGINT": pa.uint64(),
        "REAL": pa.float32(), "DOUBLE": pa.float64(), "TEXT": pa.large_string(), "BLOB": pa.large_binary(),
        "DATE": pa.date32(), "TIMESTAMP": pa.timestamp("us"), "INTERVAL": pa.month_day_nano_interval(),
    }  # fmt: skip
    if sql in flat:
        return flat[sql]
    if sql.startswith("DECIMAL"):
        return pa.decimal128(*map(int, sql[8:-1].split(",")))
    if sql.startswith("MAP"):
        return pa.map_(*(flat[part.strip()] for part in sql[4:-1].split(",")))
    inner, size = sql[:-1].split("[")
    return pa.list_(flat[inner], int(size)) if size else pa.list_(flat[inner])


def arrow_array(sql: str, values: List[Any]) -> Any:
    pa = pytest.importorskip("pyarrow")
    if sql == "INTERVAL":
        values = [v and (v.months, v.days, v.microseconds * 1000) for v in values]
    if sql.startswith("MAP"):
        values = [None if v is None else list(v.items()) for v in values]
    return pa.array(values, arrow_type(sql))


@pytest.fixture
def every(tmp_path: Path) -> Any:
    """A store with a table of every type."""
    with libfeat.open(tmp_path / "types.feat") as store:
        columns = ", ".join(f"{name} {sql}" for name, (sql, _) in VALUES.items())
        store.define(
            f"CREATE TABLE t (k BIGINT NOT NULL, at TIMESTAMP NOT NULL, {columns}, ENTITY KEY (k), EVENT TIME (at))"
        )
        yield store


def keyed(make: Any) -> Dict[str, Any]:
    return {"k": [1, 1, 2], "at": [T0, T0 + HOUR, T0], **{name: make(sql, values) for name, (sql, values) in VALUES.items()}}


def arrow_table() -> Any:
    pa = pytest.importorskip("pyarrow")
    return pa.table(keyed(arrow_array))


def scanned(store: Any) -> Dict[str, List[Any]]:
    with store.snapshot() as snap:
        rows = snap.table("t").to_dict()
    order = sorted(range(3), key=lambda i: (rows["k"][i], rows["at"][i]))
    return {name: [column[i] for i in order] for name, column in rows.items()}


# ---- tables ----


def test_every_type_has_a_table(every: Any) -> None:
    described = every.describe("t").to_dict()
    assert [t for t in described["type"]][2:] == [sql for sql, _ in VALUES.values()]


@pytest.mark.parametrize("how", ["pyarrow", "python", "rows", "pandas"])
def test_append_and_scan(every: Any, how: str) -> None:
    data: Any = keyed(lambda sql, values: values)
    if how == "pyarrow":
        data = arrow_table()
    elif how == "rows":
        data = [dict(zip(data, row)) for row in zip(*data.values())]
    elif how == "pandas":
        pandas = pytest.importorskip("pandas")
        data = pandas.DataFrame({name: pandas.Series(v, dtype=object) for name, v in data.items()})
    every.append("t", data)
    got = scanned(every)
    for name, (_, values) in VALUES.items():
        assert all(map(same, got[name], values)), (name, got[name])


def test_numpy_columns(every: Any) -> None:
    rows = {
        "k": [1, 2],
        "at": [T0, T0],
        "embedding": np.array([[1, 2, 3], [4, 5, np.nan]], np.float32),
        "utinyint": np.array([1, 255], np.uint8),
        "ubigint": np.array([1, 2**64 - 1], np.uint64),
        "interval": np.array([36, "NaT"], "timedelta64[h]"),
    }
    every.append("t", rows)
    with every.snapshot() as snap:
        got = snap.table("t").to_dict()
    first = got["k"].index(1)
    assert got["embedding"][first] == [1.0, 2.0, 3.0] and math.isnan(got["embedding"][1 - first][2])
    assert got["ubigint"][1 - first] == 2**64 - 1
    assert got["interval"][first] == Interval(0, 1, 43_200_000_000) and got["interval"][1 - first] is None


# ---- features ----

NUMBERS = [n for n, (sql, _) in VALUES.items() if "INT" in sql and "[" not in sql and "(" not in sql and sql != "INTERVAL"]
NUMBERS += ["real", "double", "money"]
ORDERED = NUMBERS + ["wide", "text", "blob", "date", "timestamp", "boolean"]


def test_training_set_and_reader_agree(every: Any) -> None:
    items = [f"last({name}) AS {name}" for name in VALUES]
    items += [f"{f}({name}) AS {f}_{name}" for f in ("min", "max") for name in ORDERED]
    items += [f"avg({name}) AS avg_{name}" for name in NUMBERS]
    items += [f"sum({name}) AS sum_{name}" for name in NUMBERS if name not in ("bigint", "ubigint")]
    every.define(f"CREATE FEATURE VIEW v AS SELECT k, {', '.join(items)} FROM t GROUP BY k")
    every.define("CREATE FEATURE SERVICE s AS SELECT v.* FROM REQUEST (k BIGINT) AS r LEFT JOIN v USING (k)")
    every.append("t", arrow_table())
    every.deploy("s")
    spine = {"k": [1, 1, 2, 3], "at": [T0, T0 + 2 * HOUR, T0 + HOUR, T0]}
    train = every.training_set("s", spine).to_dict()
    with every.reader("s") as reader:
        many = reader.get(k=spine["k"], now=spine["at"]).to_dict()
        for i in range(4):
            one = reader.get(k=spine["k"][i], now=spine["at"][i])
            for name, value in one.items():
                assert same(value, train[name][i]) and same(many[name][i], train[name][i]), (name, i, value, train[name][i])
        assert set(one) <= set(train) and one["tinyint"] is None
        at_first = reader.get(k=1, now=T0)
        for name, (_, values) in VALUES.items():
            assert same(at_first[name], values[0]), name


# ---- keys ----


@pytest.fixture
def keyed_store(tmp_path: Path, request: Any) -> Any:
    sql = request.param
    with libfeat.open(tmp_path / "keys.feat") as store:
        store.define(
            f"CREATE TABLE t (k {sql} NOT NULL, at TIMESTAMP NOT NULL, x BIGINT, ENTITY KEY (k), EVENT TIME (at));"
            "CREATE FEATURE VIEW v AS SELECT k, sum(x) AS x FROM t GROUP BY k;"
            f"CREATE FEATURE SERVICE s AS SELECT v.x FROM REQUEST (k {sql}) AS r LEFT JOIN v USING (k);"
            f"CREATE FEATURE SERVICE other AS SELECT v.x, v.x IS NULL AS no FROM REQUEST (k {OTHER.get(sql, sql)}) AS r "
            "LEFT JOIN v USING (k);"
        )
        pa = pytest.importorskip("pyarrow")
        n = len(KEYS[sql])
        store.append("t", pa.table({"k": arrow_array(sql, KEYS[sql]), "at": [T0] * n, "x": list(range(1, n + 1))}))
        store.deploy("s")
        store.deploy("other")
        yield sql, store


#: Another type whose equal values are the same keys.
OTHER = {
    "TINYINT": "BIGINT", "SMALLINT": "INTEGER", "INTEGER": "BIGINT", "BIGINT": "DECIMAL(20,1)", "UTINYINT": "SMALLINT",
    "USMALLINT": "UBIGINT", "UINTEGER": "DECIMAL(12,2)", "UBIGINT": "DECIMAL(20,0)", "DECIMAL(10,2)": "DECIMAL(20,4)",
}  # fmt: skip


@pytest.mark.parametrize("keyed_store", sorted(KEYS), indirect=True)
def test_entity_keys(keyed_store: Any) -> None:
    sql, store = keyed_store
    keys, want = KEYS[sql], list(range(1, len(KEYS[sql]) + 1))
    pa = pytest.importorskip("pyarrow")
    spine = pa.table({"k": arrow_array(sql, keys), "at": [T0] * len(keys)})
    assert store.training_set("s", spine).to_dict()["x"] == want
    for service in ("s", "other"):
        with store.reader(service) as reader:
            assert [reader.get(k=key, now=T0)["x"] for key in keys] == want
            assert reader.get(k=keys, now=T0).to_dict()["x"] == want
            assert reader.get(k=None, now=T0)["x"] is None


def test_composite_keys(tmp_path: Path) -> None:
    with libfeat.open(tmp_path / "keys.feat") as store:
        store.define(
            "CREATE TABLE t (a SMALLINT, b BLOB, d DECIMAL(6,2), at TIMESTAMP NOT NULL, x BIGINT, ENTITY KEY (a), "
            "EVENT TIME (at));"
            "CREATE FEATURE VIEW v AS SELECT a, b, d, sum(x) AS x FROM t GROUP BY a, b, d;"
            "CREATE FEATURE SERVICE s AS SELECT v.x FROM REQUEST (a SMALLINT, b BLOB, d DECIMAL(6,2)) AS r "
            "LEFT JOIN v USING (a, b, d);"
        )
        keys = [(1, b"", Decimal("1.5")), (1, b"\0", Decimal("1.5")), (2, b"", Decimal("-1.5"))]
        a, b, d = map(list, zip(*keys))
        store.append("t", {"a": a, "b": b, "d": d, "at": [T0] * 3, "x": [1, 2, 3]})
        store.deploy("s")
        with store.reader("s") as reader:
            assert reader.get(a=a, b=b, d=d, now=T0).to_dict()["x"] == [1, 2, 3]
            assert [reader.get(a=i, b=j, d=k, now=T0)["x"] for i, j, k in keys] == [1, 2, 3]
            assert reader.get(a=2, b=b"\0", d=1, now=T0)["x"] is None


# ---- requests ----


@pytest.fixture
def echo(tmp_path: Path) -> Any:
    """A reader of a service that answers its inputs."""
    with libfeat.open(tmp_path / "echo.feat") as store:
        inputs = ", ".join(f"{name} {sql}" for name, (sql, _) in VALUES.items())
        items = ", ".join(f"r.{name} AS {name}_" for name in VALUES)
        store.define(
            "CREATE TABLE t (k BIGINT NOT NULL, at TIMESTAMP NOT NULL, ENTITY KEY (k), EVENT TIME (at));"
            "CREATE FEATURE VIEW v AS SELECT k, count(*) AS n FROM t GROUP BY k;"
            f"CREATE FEATURE SERVICE s AS SELECT v.n, {items} FROM REQUEST (k BIGINT, {inputs}) AS r LEFT JOIN v USING (k)"
        )
        store.deploy("s")
        with store.reader("s") as reader:
            yield reader


def ask(reader: Any, name: str, value: Any) -> Any:
    nothing: Dict[str, Any] = dict.fromkeys(["k", *VALUES])
    answer = reader.get({**nothing, name: value}, now=T0)
    return answer[name + "_"] if isinstance(answer, dict) else answer.to_dict()[name + "_"]


@pytest.mark.parametrize("name", VALUES)
def test_request_values(echo: Any, name: str) -> None:
    sql, values = VALUES[name]
    for value in values:
        assert same(ask(echo, name, value), value)
    want = list(values)
    given = [values, arrow_array(sql, values)]
    if "[" not in sql and sql != "INTERVAL":
        given.append(pytest.importorskip("pandas").Series(values, dtype=object))
    for many in given:
        got = ask(echo, name, many)
        assert len(got) == 3 and all(map(same, got, want)), (name, got)


def test_request_all_at_once(echo: Any) -> None:
    rows = {name: values for name, (_, values) in VALUES.items()}
    got = echo.get({"k": [1, 2, 3], **rows}, now=T0)
    for name, values in rows.items():
        assert all(map(same, got.to_dict()[name + "_"], values)), name
    arrays = got.to_numpy()
    assert arrays["tinyint_"].dtype == np.int8 and arrays["ubigint_"].dtype == np.uint64 and arrays["real_"].dtype == np.float32
    assert arrays["embedding_"][0].dtype == np.float32 and arrays["money_"].dtype == object
    assert len(got.to_pandas()) == 3
    table = got.to_arrow()
    for name, (sql, values) in VALUES.items():
        assert table.schema.field(name + "_").type == arrow_type(sql), name
        assert table.column(name + "_").to_pylist() == arrow_array(sql, values).to_pylist(), name


@pytest.mark.parametrize(
    "name, value, want",
    [
        ("tinyint", np.int64(5), 5),
        ("ubigint", Decimal("18446744073709551615"), 2**64 - 1),
        ("bigint", Decimal("7.00"), 7),
        ("money", 3, Decimal(3)),
        ("money", Decimal("1.5"), Decimal("1.50")),
        ("money", Decimal("15E-1"), Decimal("1.50")),
        ("real", 0.1, float(np.float32(0.1))),
        ("real", 3, 3.0),
        ("real", math.inf, math.inf),
        ("blob", bytearray(b"ab"), b"ab"),
        ("blob", memoryview(b"ab"), b"ab"),
        ("interval", dt.timedelta(days=-1, seconds=1), Interval(0, -1, 1_000_000)),
        ("interval", np.timedelta64(14, "M"), Interval(14, 0, 0)),
        ("interval", np.timedelta64(90, "m"), Interval(0, 0, 5_400_000_000)),
        ("embedding", (1, 2, 3), [1.0, 2.0, 3.0]),
        ("embedding", np.array([1.0, 2.0, 3.0]), [1.0, 2.0, 3.0]),
        ("embedding", np.array([1, 2, 3]), [1.0, 2.0, 3.0]),
        ("vector", [None, 0.5], [None, 0.5]),
        ("numbers", [], []),
        ("numbers", np.array([], np.int64), []),
        ("numbers", [None, None], [None, None]),
        ("words", ("x", "y"), ["x", "y"]),
        ("counts", {"b": 1, "a": 2}, {"a": 2, "b": 1}),
    ],
)
def test_request_conversions(echo: Any, name: str, value: Any, want: Any) -> None:
    assert same(ask(echo, name, value), want)


@pytest.mark.parametrize(
    "name, value, part",
    [
        ("tinyint", 128, "128 does not fit TINYINT"),
        ("utinyint", -1, "-1 does not fit UTINYINT"),
        ("uinteger", 2**32, "UINTEGER"),
        ("ubigint", 2**64, "UBIGINT"),
        ("bigint", 2**63, "BIGINT"),
        ("integer", 1.0, "INTEGER is wanted, not float"),
        ("integer", True, "INTEGER is wanted, not bool"),
        ("integer", np.timedelta64(1, "h"), "INTEGER is wanted, not timedelta"),
        ("integer", Decimal("1.5"), "without loss"),
        ("money", Decimal("1.005"), "without loss"),
        ("money", Decimal("123456789.00"), r"does not fit DECIMAL\(10,2\)"),
        ("money", Decimal("1E999999"), "does not fit"),
        ("money", Decimal("1E-999999"), "without loss"),
        ("money", Decimal("NaN"), "does not fit"),
        ("money", 1.5, "decimal.Decimal"),
        ("real", 1e39, "does not fit REAL"),
        ("real", 2**24 + 1, "without loss"),
        ("real", "1", "REAL is wanted"),
        ("blob", "text", "BLOB is wanted, not str"),
        ("text", b"bytes", "TEXT"),
        ("interval", 5, "INTERVAL is wanted"),
        ("interval", Interval(2**31, 0, 0), "does not fit INTERVAL"),
        ("embedding", [1.0, 2.0], r"2 elements where REAL\[3\] has 3"),
        ("embedding", [1.0, "x", 2.0], "element 1"),
        ("embedding", 1.0, r"REAL\[3\] is wanted"),
        ("words", [1], "element 0: TEXT is wanted"),
        ("counts", {1: 1}, "key 1: TEXT is wanted"),
        ("counts", {None: 1}, "NULL"),
        ("weights", {2**31: 1.0}, "does not fit INTEGER"),
        ("counts", {"a": 1.5}, "BIGINT is wanted"),
    ],
)
def test_request_values_that_are_refused(echo: Any, name: str, value: Any, part: str) -> None:
    with pytest.raises(libfeat.SchemaError, match=part) as failure:
        ask(echo, name, value)
    assert f"input '{name}'" in str(failure.value)
    good = VALUES[name][1][0]
    with pytest.raises(libfeat.SchemaError, match=part) as failure:
        ask(echo, name, [good, value])
    assert f"input '{name}'" in str(failure.value)


def test_maps_with_a_key_twice_are_refused(echo: Any) -> None:
    with pytest.raises(libfeat.SchemaError, match="twice"):
        ask(echo, "counts", [[("a", 1), ("a", 2)]])


# ---- without the library's own tables ----


def test_encoding_of_vectors_lists_and_maps() -> None:
    """The bytes that the C library documents."""
    vector = _types.vector_of(c.TYPE_SMALLINT, 2)
    assert _types.encode([1, None], vector) == b"\1\1" + b"\1\0\0\0"
    assert _types.encode([1, -1], vector) == _types.encode(np.array([1, -1], np.int8), vector) == b"\0\1\0\xff\xff"
    assert _types.encode([True, False], _types.list_of(c.TYPE_BOOLEAN)) == b"\2\0\0\0\0\1\0"
    assert _types.encode(["ab", None, ""], _types.list_of(c.TYPE_TEXT)) == b"\3\0\0\0\1\5\2\0\0\0\0\0\0\0\0\0\0\0ab"
    money = _types.list_of(_types.decimal_of(4, 1))
    assert _types.encode([Decimal("-0.1")], money) == b"\1\0\0\0\0" + b"\xff" * 16
    counts = _types.map_of(c.TYPE_INTEGER, c.TYPE_UTINYINT)
    assert _types.encode({2: 7, -1: None}, counts) == b"\2\0\0\0\xff\xff\xff\xff\2\0\0\0\1\2\0\7"
    negative_nan = np.frombuffer(b"\1\0\0\0\0\0\xf8\xff", np.float64)
    nan = b"\0\0\0\0\0\0\xf8\x7f"
    for given in (negative_nan, [negative_nan[0]]):
        assert _types.encode(given, _types.vector_of(c.TYPE_DOUBLE, 1)) == b"\0" + nan


@pytest.mark.parametrize("name", VALUES)
def test_reading_arrow_without_an_arrow_package(name: str) -> None:
    pa = pytest.importorskip("pyarrow")
    sql, values = VALUES[name]
    given = values + values[:2] + [None] + values
    table = pa.table({"x": arrow_array(sql, given)})
    for start, stop in ((0, 9), (1, 6), (4, 9), (3, 3)):
        stream = _arrow.Stream()
        address = ctypes.cast(stream.pointer, ctypes.c_void_p).value
        table.slice(start, stop - start).to_reader(max_chunksize=2)._export_to_c(address)
        got = libfeat.result.to_list(_arrow.read(stream).arrays[0])
        assert len(got) == stop - start and all(map(same, got, given[start:stop])), (name, got)


@pytest.mark.parametrize(
    "values, sql",
    [
        ([1, 2**63], "UBIGINT"),
        ([Decimal("1.5"), 10, Decimal("100")], "DECIMAL(21,1)"),
        ([Decimal("0.001"), Decimal("12")], "DECIMAL(5,3)"),
        ([dt.timedelta(1), Interval(1)], "INTERVAL"),
        ([b"a", None], "BLOB"),
        ([[1], [0.5], []], "DOUBLE[]"),
        ([{"a": 1}, {}], "MAP(TEXT, BIGINT)"),
        ([{1: 0.5}, {2: None}], "MAP(BIGINT, DOUBLE)"),
        (np.zeros((2, 4), np.float32), "REAL[4]"),
        (np.zeros((2, 4), np.int8), "BIGINT[4]"),
        ([np.zeros(2, np.float32)], "REAL[]"),
    ],
)
def test_types_of_columns(values: Any, sql: str) -> None:
    assert _types.name(_arrow.column(values).kind) == sql


@pytest.mark.parametrize(
    "values, part",
    [
        ([1.5, Decimal(1)], "row 1 is DECIMAL"),
        ([[1], ["x"]], "row 1"),
        ([[[1]]], "lists in lists"),
        ([{0.5: 1}], "keys"),
        ([Decimal("NaN")], "row 0"),
        ([2**63, -1], "row 1"),
        ([2**64], "does not fit"),
    ],
)
def test_columns_that_are_refused(values: Any, part: str) -> None:
    with pytest.raises(libfeat.SchemaError, match=part):
        _arrow.column(values)
