"""Stores read by a second reader that was made from the document of the format."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import random
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List

import pyarrow as pa
import pytest

import libfeat
from format_reader import Store, hash64

GOLDEN = Path(__file__).parent / "golden"
EPOCH = dt.datetime(1970, 1, 1)
COLUMNS = {
    "id": ("BIGINT NOT NULL", pa.int64()), "k": ("TEXT", pa.string()), "at": ("TIMESTAMP NOT NULL", pa.timestamp("us")),
    "flag": ("BOOLEAN", pa.bool_()), "tiny": ("TINYINT", pa.int8()), "big": ("UBIGINT", pa.uint64()), "x": ("DOUBLE", pa.float64()),
    "price": ("DOUBLE", pa.float64()), "r": ("REAL", pa.float32()), "day": ("DATE", pa.date32()), "d": ("DECIMAL(20, 2)", pa.decimal128(20, 2)),
    "b": ("BLOB", pa.binary()), "code": ("TEXT", pa.string()), "name": ("TEXT", pa.string()), "const": ("INTEGER", pa.int32()),
    "v": ("FLOAT[3]", pa.list_(pa.float32(), 3)), "l": ("BIGINT[]", pa.list_(pa.int64())), "iv": ("INTERVAL", pa.month_day_nano_interval()),
}  # fmt: skip


def make_rows(rng: random.Random, first: int, n: int) -> List[Dict[str, Any]]:
    out = []
    for i in range(first, first + n):
        code = rng.randrange(50)
        row = {
            "id": i, "k": rng.choice([None, "a", "b" * 9, "c\N{SNOWMAN}"]), "at": EPOCH + dt.timedelta(microseconds=rng.randrange(-(10**11), 2 * 10**12)),
            "flag": rng.random() < 0.5, "tiny": rng.randrange(-128, 128), "big": rng.choice([0, 1, 2**64 - 1, rng.getrandbits(64)]),
            "x": rng.choice([0.0, -0.0, float("nan"), float("inf"), rng.gauss(0, 1e9)]), "price": rng.randrange(100000) / 100, "r": rng.randrange(1000) / 8,
            "day": dt.date(2020, 1, 1) + dt.timedelta(days=i // 100), "d": decimal.Decimal(rng.choice([0, 5, 100, -(10**17), rng.randrange(10**18)])) / 100,
            "b": rng.randbytes(rng.randrange(20)), "code": f"product {code}", "name": f"the name of {code}" if rng.random() < 0.99 else "another", "const": 7,
            "v": [1.0, 2.5, -3.0], "l": [None] * rng.randrange(3) + [i], "iv": pa.MonthDayNano([1, 2, 3000]),
        }  # fmt: skip
        for name in rng.sample(sorted(set(COLUMNS) - {"id", "at", "const", "code"}), 2):
            row[name] = None
        out.append(row)
    return out


def table(rows: List[Dict[str, Any]]) -> Any:
    return pa.table({name: pa.array([r[name] for r in rows], type) for name, (_, type) in COLUMNS.items()})


def define(store: Any) -> None:
    columns = ", ".join(f"{name} {sql}" for name, (sql, _) in COLUMNS.items())
    store.define(f"CREATE TABLE t ({columns}, ENTITY KEY (k), EVENT TIME (at), UNIQUE (id)) WITH (partition = 'month');")
    store.define("CREATE TABLE other (k BIGINT, at TIMESTAMP NOT NULL, ENTITY KEY (k), EVENT TIME (at));")


def plain(value: Any, type: str, scale: int = 0) -> Any:
    """What the second reader has, as the library gives it."""
    if value is None:
        return None
    if type == "TEXT":
        return value.decode()
    if type == "TIMESTAMP":
        return EPOCH + dt.timedelta(microseconds=value)
    if type == "DATE":
        return EPOCH.date() + dt.timedelta(days=value)
    if type == "BOOLEAN":
        return bool(value)
    if type == "UBIGINT":
        return value % 2**64
    if type.startswith("DECIMAL"):
        return decimal.Decimal(int.from_bytes(value, "little", signed=True)).scaleb(-2)
    return value.hex() if isinstance(value, float) else value


def check_version(store: Any, second: Store, version: int, columns: List[str]) -> None:
    with store.snapshot(version=version) as snap:
        for name in ("t", "other"):
            number = second.table(name)["table"]
            assert f"{second.manifest(number, version).content:032x}" == snap.digest(name)
            assert second.content(number, version) == second.manifest(number, version).content
        got = snap.table("t", columns).to_dict()
        mine = Counter(tuple(v.hex() if isinstance(v, float) else v for v in row) for row in zip(*(got[c] for c in columns)))
        schema = second.schemas[("t", max(r for n, r in second.schemas if n == "t"))]
        theirs = Counter(tuple(plain(row[c], COLUMNS[c][0].split(" NOT")[0]) for c in columns) for row in second.rows("t", version, schema))
        assert mine == theirs


def check_index(second: Store, version: int) -> None:
    """Every live row has its entry."""
    m = second.manifest(second.table("t")["table"], version)
    entries = {e for key, _ in m.runs for e in second.run(key)}
    schema = second.table("t")
    unique = next(f for f in schema["fields"] if f["name"] == "id")
    for s in m.segments:
        ids = second.column(s, unique, schema)
        for row in set(range(s.rows)) - set(s.deleted):
            key = b"\x02" + (ids[row] + 2**63).to_bytes(8, "big")
            assert (hash64(key), s.id, row) in entries


PLAIN = [c for c in COLUMNS if c not in ("v", "l", "iv")]


def test_a_second_reader_agrees(tmp_path: Path) -> None:
    rng = random.Random(1)
    with libfeat.open(tmp_path / "s") as store:
        define(store)
        store.append("t", table(make_rows(rng, 0, 9000)))
        store.append("other", {"k": [1, None], "at": [EPOCH, EPOCH]})
        for i in range(20):
            store.upsert("t", table(make_rows(rng, rng.randrange(9000), 3)))
        store.delete("t", where="id % 5 = 0")
        store.tag("named")
        store.branch("branch")
        with store.transaction(branch="branch") as txn:
            txn.append("other", {"k": [2], "at": [EPOCH]})
            txn.upsert("t", table(make_rows(rng, 100, 50)))
        store.branch("of it", branch="branch")
        store.append("other", {"k": [3], "at": [EPOCH]}, branch="of it")
        store.upsert("t", table(make_rows(rng, 0, 2)), application="a program", sequence=5)
        newest = store.history().to_dict()["version"][-1]
        second = Store(tmp_path / "s")
        assert second.format == 4 and len(second.commits) == newest
        assert second.names(1) == {"named": store.tags().to_dict()["version"][0]} and set(second.names(2)) == {"branch", "of it"}
        for version in (0, 1, 2, 10, newest - 3, newest - 2, newest - 1, newest):
            check_version(store, second, version, PLAIN)
        check_index(second, newest)
        history = store.history().to_dict()
        for version, name, rows in zip(history["version"], history["table"], history["rows"]):
            assert second.commits[version].tables[second.table(name)["table"]]["rows"] == rows
        forms = Counter(second.block(key).form for s in second.manifest(second.table("t")["table"], newest).segments for key in s.blocks.values())
        assert forms[0] and forms[1] and forms[2], forms
        second.close()


def test_altered_tables(tmp_path: Path) -> None:
    rng = random.Random(2)
    with libfeat.open(tmp_path / "s") as store:
        define(store)
        store.append("t", table(make_rows(rng, 0, 500)))
        store.define("ALTER TABLE t ADD COLUMN note TEXT DEFAULT 'old'; ALTER TABLE t DROP COLUMN x; ALTER TABLE t ALTER COLUMN tiny TYPE BIGINT;")
        rows = table(make_rows(rng, 500, 100)).drop_columns(["x"])
        store.append("t", rows.set_column(rows.schema.get_field_index("tiny"), "tiny", pa.array([2**40] * 100)).append_column("note", pa.array(["new"] * 100)))
        second = Store(tmp_path / "s")
        with store.snapshot() as snap:
            got = snap.table("t", ["id", "tiny", "note"]).to_dict()
            assert f"{second.content(second.table('t')['table'], 2):032x}" == snap.digest("t")
        mine = sorted(zip(got["id"], got["tiny"], got["note"]), key=lambda r: r[0])
        theirs = sorted(((r["id"], r["tiny"], r["note"].decode()) for r in second.rows("t", 2)), key=lambda r: r[0])
        assert mine == theirs
        second.close()


def make_golden(path: Path) -> Dict[str, Any]:
    """The store of the golden file, with fixed times; what it holds."""
    rng = random.Random(3)
    with libfeat.open(path) as store:
        define(store)
        for i in range(10):
            store.append("t", table(make_rows(rng, 30 * i, 30)), known_at=EPOCH + dt.timedelta(days=i + 1))
        store.delete("t", where="id % 7 = 0", known_at=EPOCH + dt.timedelta(days=20))
        store.tag("golden")
        store.branch("side")
        store.append("other", {"k": [5], "at": [EPOCH]}, branch="side", known_at=EPOCH + dt.timedelta(days=21))
        out = {}
        for version in range(1, 13):
            with store.snapshot(version=version) as snap:
                out[str(version)] = {name: [snap.digest(name), snap.count(name)] for name in ("t", "other")}
        return out


@pytest.mark.parametrize("name", sorted(p.name for p in GOLDEN.glob("format-*.tar.xz")))
def test_golden_files(tmp_path: Path, name: str) -> None:
    """A store that an earlier build wrote is read, and written on."""
    with tarfile.open(GOLDEN / name) as archive:
        archive.extractall(tmp_path, filter="data")
    want = json.loads((tmp_path / "store.json").read_text())
    with libfeat.open(tmp_path / "store", mode="r") as store:
        second = Store(tmp_path / "store")
        for version, tables in want.items():
            with store.snapshot(version=int(version)) as snap:
                assert {n: [snap.digest(n), snap.count(n)] for n in tables} == tables
            check_version(store, second, int(version), PLAIN)
        assert store.tags().to_dict()["tag"] == ["golden"] and store.branches().to_dict()["branch"] == ["side"]
        second.close()
    with libfeat.open(tmp_path / "store", mode="r+") as store:
        store.publish("side")
        store.append("t", table(make_rows(random.Random(4), 5000, 10)))
        assert store.version == 14 and store.snapshot().count("other") == 1
    assert make_golden(tmp_path / "again") == want


def test_there_is_a_golden_file() -> None:
    assert (GOLDEN / "format-4.tar.xz").exists()


if __name__ == "__main__":  # writes the golden file of this version of the format
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        made = make_golden(Path(directory) / "store")
        (Path(directory) / "store.json").write_text(json.dumps(made))
        GOLDEN.mkdir(exist_ok=True)
        with tarfile.open(GOLDEN / "format-4.tar.xz", "w:xz") as archive:
            for part in ("store.json", "store/catalog.mdb", "store/blocks.mdb", "store/writer.lock"):
                archive.add(Path(directory) / part, part)
