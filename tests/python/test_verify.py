"""Looking through stores for damage: whole ones have none, and whatever is damaged is named."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, List

import lmdb
import pytest

import libfeat
from format_reader import digest
from shop import ROWS, SQL, T0, row


def build(path: Path) -> None:
    with libfeat.open(path) as store:
        store.define(SQL)
        store.append("purchases", ROWS)
        for i in range(30):
            store.upsert("purchases", row(purchase_id=100 + i, amount=float(i)))
        store.delete("purchases", {"purchase_id": [101, 2]})
        store.branch("b")
        store.upsert("purchases", row(purchase_id=103, amount=-1.0), branch="b")
        store.upsert("purchases", row(purchase_id=104, amount=-2.0))
        store.define("CREATE TABLE gone (k BIGINT, at TIMESTAMP NOT NULL, ENTITY KEY (k), EVENT TIME (at));")
        store.append("gone", {"k": [1], "at": [T0]})
        store.define("DROP TABLE gone; DROP FEATURE SERVICE churn; DROP FEATURE VIEW spending; ALTER TABLE purchases ADD COLUMN note TEXT DEFAULT 'n'; ALTER TABLE purchases DROP COLUMN vip;")
        store.overwrite("purchases", {k: v for k, v in ROWS.items() if k != "vip"})


def test_whole_stores(tmp_path: Path) -> None:
    build(tmp_path / "s")
    calls: List[Any] = []
    with libfeat.open(tmp_path / "s", mode="r") as store:
        all = store.verify(progress=lambda done, total: calls.append((done, total)))
        assert all.findings == [] and all.versions == 36 == all.tables and calls[0] == (0, 36)
        assert 30 < all.segments < 80
        some = store.verify(since=30)
        assert some.findings == [] and some.versions == 6 and some.segments < all.segments / 2
        assert store.verify(since=36).versions == 0
        with pytest.raises(libfeat.NotFoundError, match="37"):
            store.verify(since=37)

        def stop(done: int, total: int) -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            store.verify(progress=stop)


def test_after_a_vacuum(filled: Any) -> None:
    import datetime as dt

    for i in range(10):
        filled.upsert("purchases", row(purchase_id=100 + i))
        if i == 4:
            filled.tag("middle")
    filled.define("CREATE TABLE other (k BIGINT, at TIMESTAMP NOT NULL, ENTITY KEY (k), EVENT TIME (at));")
    filled.append("other", {"k": [1], "at": [T0]})
    filled.vacuum(keep_for=dt.timedelta(0))
    done = filled.verify()
    assert done.findings == [] and done.versions == 2 and done.tables >= 3


def damage(path: Path, file: str, key: bytes, value: bytes) -> None:
    env = lmdb.open(str(path / file), subdir=False, lock=False, map_size=1 << 30)
    with env.begin(write=True) as txn:
        txn.put(key, value)
    env.close()


def values(path: Path, file: str) -> List[Any]:
    env = lmdb.open(str(path / file), subdir=False, readonly=True, lock=False)
    with env.begin() as txn:
        out = [(bytes(k), bytes(v)) for k, v in txn.cursor()]
    env.close()
    return out


@pytest.mark.parametrize("file", ["catalog.mdb", "blocks.mdb"])
def test_every_flipped_byte_is_found(tmp_path: Path, file: str) -> None:
    """One byte of each value in turn."""
    path = tmp_path / "s"
    build(path)
    rng = random.Random(5)
    with libfeat.open(path, mode="r") as store:
        assert not store.verify().findings
    stored = values(path, file)
    for key, value in rng.sample(stored, min(len(stored), 60)):
        at = rng.randrange(24 if file == "catalog.mdb" else 0, len(value))
        damage(path, file, key, value[:at] + bytes([value[at] ^ 1 << rng.randrange(8)]) + value[at + 1 :])
        try:
            with libfeat.open(path, mode="r") as store:
                assert store.verify().findings, (key, at)
        except (libfeat.CorruptionError, libfeat.FormatError):
            pass  # so much that it does not open
        damage(path, file, key, value)
    with libfeat.open(path, mode="r") as store:
        assert not store.verify().findings


def sealed(key: bytes, value: bytes, payload: bytes) -> bytes:
    return value[:4] + len(payload).to_bytes(4, "little") + digest(key + payload) + payload


def test_records_that_are_whole_but_wrong(tmp_path: Path) -> None:
    path = tmp_path / "s"
    build(path)
    records = dict(values(path, "catalog.mdb"))
    commit = b"C" + (5).to_bytes(8, "big")
    payload = records[commit][24:]

    def findings() -> List[Any]:
        with libfeat.open(path, mode="r") as store:
            return store.verify().findings

    # A later known time: the next record has the digest of another one.
    damage(path, "catalog.mdb", commit, sealed(commit, records[commit], payload[:16] + bytes([payload[16] ^ 1]) + payload[17:]))
    assert [(f.version, f.what) for f in findings()] == [(6, "commit")]
    # Another content digest: besides, the rows are not those.
    damage(path, "catalog.mdb", commit, sealed(commit, records[commit], payload[:112] + bytes([payload[112] ^ 1]) + payload[113:]))
    assert (5, "purchases", "table") in [f[:3] for f in findings()] and findings()[0].version == 5
    damage(path, "catalog.mdb", commit, records[commit])
    # The manifest of another version in its place.
    keys = sorted(k for k in records if k[:1] == b"M" and len(k) == 17)
    damage(path, "catalog.mdb", keys[4], sealed(keys[4], records[keys[4]], records[keys[3]][24:]))
    assert any(f.table == "purchases" and "manifest" in f.message for f in findings())
    damage(path, "catalog.mdb", keys[4], records[keys[4]])
    assert findings() == []
