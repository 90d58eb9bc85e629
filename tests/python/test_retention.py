"""Pins and the vacuum: what is needed stays, byte for byte, and what nothing needs goes."""

from __future__ import annotations

import datetime as dt
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, Dict, Set

import pytest

import libfeat
from histories import SQL, TABLES, Model, rows_of
from shop import ROOT, ROWS, SPINE, T0, WANT, content, expected, row

LONG = bool(os.environ.get("FEAT_TEST_LONG"))
NOW = dt.timedelta(0)


def check_contents(store: Any, model: Model, there: Set[int]) -> None:
    for version in range(len(model.versions)):
        if version not in there:
            with pytest.raises(libfeat.NotFoundError, match="removed by a vacuum"):
                store.snapshot(version=version)
            continue
        with store.snapshot(version=version) as snap:
            for table, (columns, _) in TABLES.items():
                assert Counter(rows_of(snap.table(table), columns)) == model.versions[version][table], (version, table)


@pytest.mark.parametrize("seed", range(30 if LONG else 4))
def test_random_histories(path: Path, seed: int) -> None:
    model = Model(seed)
    rng = random.Random(seed)
    store = libfeat.open(path)
    store.define(SQL)
    there, tags, pins = {0}, {}, {}  # type: Set[int], Dict[str, int], Dict[int, int]
    for round in range(6):
        for _ in range(25):
            known = len(model.versions)
            model.readable = sorted(there)
            model.step(store)
            there |= set(range(known, len(model.versions)))
            if rng.random() < 0.1:
                version = rng.choice(sorted(there))
                name = f"t{round}-{len(model.versions)}-{version}"
                tags[name] = version
                store.tag(name, version=version)
            if rng.random() < 0.1:
                version = rng.choice(sorted(there))
                pins[store.pin(1000, version=version)] = version
            if tags and rng.random() < 0.05:
                name = rng.choice(list(tags))
                store.untag(name)
                del tags[name]
            if pins and rng.random() < 0.05:
                number = rng.choice(list(pins))
                store.unpin(number)
                del pins[number]
        newest = len(model.versions) - 1
        keep = rng.choice([1, 1, 3, 20])
        dry = store.vacuum(NOW, keep_versions=keep, dry_run=True)
        assert store.vacuum(NOW, keep_versions=keep, dry_run=True) == dry
        stay = {0} | {v for v in there if v > newest - keep or v in tags.values() or v in pins.values()}
        done = store.vacuum(NOW, keep_versions=keep)
        assert done == dry
        assert (done.versions, done.versions_removed) == (len(stay) - 1, len(there) - len(stay))
        again = store.vacuum(NOW, keep_versions=keep)
        assert (again.versions_removed, again.objects_removed, again.bytes_removed) == (0, 0, 0)
        assert (again.versions, again.objects, again.bytes) == (done.versions, done.objects, done.bytes)
        there = stay
        if round % 2:
            store.close()
            store = libfeat.open(path, mode="r+")
        check_contents(store, model, there)
    assert min(v for v in there if v) < len(model.versions) - 1
    store.close()


def test_a_vacuum_leaves_what_the_newest_version_alone_would_take(tmp_path: Path) -> None:
    """Nothing is kept that no version needs: the objects are those of a store that was never written otherwise."""
    one, two = libfeat.open(tmp_path / "one"), libfeat.open(tmp_path / "two")
    rows = {"k": list(range(3000)), "x": [i / 8 for i in range(3000)], "at": [T0] * 3000}
    for store in (one, two):
        store.define(SQL)
    one.append("plain", {**rows, "x": [i ** 0.5 for i in range(3000)]})
    one.overwrite("plain", {"k": [1], "x": [0.1], "at": [T0]})
    one.overwrite("plain", rows)
    two.append("plain", {"k": [9], "x": [0.3], "at": [T0]})
    two.overwrite("plain", {"k": [1], "x": [0.2], "at": [T0]})
    two.overwrite("plain", rows)
    got, want = one.vacuum(NOW), two.vacuum(NOW)
    assert got.bytes_removed > want.bytes_removed > 0
    assert (got.objects, got.bytes) == (want.objects, want.bytes)
    one.close()
    two.close()


def test_long_objects_and_runs_of_the_index(store: Any) -> None:
    """Values that are cut into chunks, and lists of them; an index that is larger than a value."""
    store.define(SQL)
    rng = random.Random(1)
    n = 30_000
    big = {"id": list(range(n)), "k": [1] * n, "x": [rng.random() for _ in range(n)], "s": [rng.randbytes(40).hex() for _ in range(n)], "at": [T0] * n}
    store.append("keyed", big)
    store.upsert("keyed", {c: v[:5] if c != "x" else [0.5] * 5 for c, v in big.items()})
    with store.snapshot() as snap:
        digest, rows = snap.digest("keyed"), snap.table("keyed").to_dict()
    assert store.vacuum(NOW).bytes > 2**20
    with store.snapshot() as snap:
        assert (snap.digest("keyed"), snap.table("keyed").to_dict()) == (digest, rows)
    with pytest.raises(libfeat.ConstraintError):
        store.append("keyed", {c: v[9:10] if c != "x" else [7.0] for c, v in big.items()})
    store.overwrite("keyed", {c: v[:1] for c, v in big.items()})
    done = store.vacuum(NOW)
    assert done.bytes < 2**14 and done.bytes_removed > 2**20


def test_time_and_number_of_versions(filled: Any) -> None:
    for i in range(5):
        filled.upsert("purchases", row(amount=float(i)))
    assert filled.vacuum().versions_removed == 0
    assert filled.vacuum(dt.timedelta(hours=1)).versions == 6
    assert filled.vacuum(NOW, keep_versions=4, dry_run=True).oldest == 3
    with filled.snapshot(version=1) as snap:
        assert snap.count("purchases") == 4
    done = filled.vacuum(NOW, keep_versions=4)
    assert (done.oldest, done.versions, done.versions_removed) == (3, 4, 2)
    assert filled.vacuum(NOW, keep_versions=100).oldest == 3
    with pytest.raises(libfeat.NotFoundError, match="version 2 was removed by a vacuum; from version 3 on"):
        filled.snapshot(version=2)
    known = filled.history().to_dict()["known_time"]
    assert len(known) == 6
    with pytest.raises(libfeat.NotFoundError, match="removed"):
        filled.snapshot(at=known[1])
    for refused in (
        lambda: filled.tag("x", version=1),
        lambda: filled.pin(10, version=1),
        lambda: filled.restore("purchases", version=1),
        lambda: filled.changes("purchases", since=1),
        lambda: filled.diff(1),
    ):
        with pytest.raises(libfeat.NotFoundError, match="removed"):
            got = refused()
            got.to_dict()
    assert filled.changes("purchases", since=3).to_dict()["$version"] == [4, 4, 5, 5, 6, 6]
    assert filled.changes("purchases", since=0, net=True).to_dict()["$change"] == ["insert"] * 4
    for bad in ({"keep_versions": 0}, {"keep_versions": True}, {"keep_for": 7}, {"keep_for": -dt.timedelta(1)}):
        with pytest.raises(libfeat.ArgumentError):
            filled.vacuum(**bad)
    with libfeat.open(filled.path, mode="r") as reader:
        with pytest.raises(libfeat.ReadOnlyError):
            reader.vacuum()
        with pytest.raises(libfeat.ReadOnlyError):
            reader.pin(10)


def test_pins(filled: Any) -> None:
    filled.tag("good")
    filled.upsert("purchases", row(amount=2.0))
    first = filled.pin(100, tag="good", note="trainingé")
    second = filled.pin(0.05)
    assert (first, second) == (1, 2)
    pins = filled.pins().to_dict()
    assert (pins["pin"], pins["version"], pins["note"]) == ([1, 2], [1, 2], ["trainingé", ""])
    left = pins["expires"][0] - dt.datetime.now(dt.timezone.utc).replace(tzinfo=None)
    assert dt.timedelta(seconds=80) < left <= dt.timedelta(seconds=100)
    filled.untag("good")
    filled.upsert("purchases", row(amount=3.0))
    time.sleep(0.06)
    assert filled.vacuum(NOW, dry_run=True).versions == 2
    assert filled.pins().to_dict()["pin"] == [1, 2]
    filled.vacuum(NOW)
    assert filled.pins().to_dict()["pin"] == [1]
    assert content(filled, 1) == expected()
    with pytest.raises(libfeat.NotFoundError, match="removed"):
        filled.snapshot(version=2)
    filled.unpin(1)
    with pytest.raises(libfeat.NotFoundError, match="no pin 1"):
        filled.unpin(1)
    assert filled.vacuum(NOW).versions == 1
    assert filled.pin(100) == 3
    with pytest.raises(libfeat.ArgumentError, match="expired"):
        filled.pin(-1)
    with pytest.raises(libfeat.ArgumentError, match="1024"):
        filled.pin(1, note="x" * 1025)
    with pytest.raises(libfeat.NotFoundError):
        filled.pin(1, version=99)


def test_open_snapshots_are_told(filled: Any) -> None:
    """A snapshot of a version that goes says so; it never shows other rows, and nothing is called damage."""
    old = filled.snapshot()
    table = old.table("purchases")
    pulled = table.__arrow_c_stream__()
    filled.overwrite("purchases", row(purchase_id=77))
    filled.vacuum(NOW)
    with pytest.raises(libfeat.NotFoundError, match="removed"):
        old.table("purchases")
    with pytest.raises(libfeat.Error, match="removed"):
        table.to_dict()
    with pytest.raises(Exception, match="removed"):
        import pyarrow as pa

        class Given:
            def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
                return pulled

        pa.table(Given())
    with pytest.raises(libfeat.NotFoundError, match="removed"):
        old.training_set("churn", SPINE, timestamp="at")
    old.close()


def test_serving_and_materialising_go_on(filled: Any) -> None:
    filled.deploy("churn")
    filled.materialize("spending", at=T0 + dt.timedelta(days=1))
    filled.upsert("purchases", row(amount=2.5))
    filled.append("purchases", row(purchase_id=5, user_id=8))
    filled.materialize("spending", at=T0 + dt.timedelta(days=3))
    filled.upsert("purchases", row(amount=1.5))
    filled.delete("purchases", {"purchase_id": [5]})
    done = filled.vacuum(NOW)
    # What the two runs have read stays: versions 1 and 4; 7 is the newest.
    assert done.versions == 3 and filled.version == 7
    assert content(filled, 1) == expected()
    made = filled.materialize("spending", at=[T0 + dt.timedelta(days=2), T0 + dt.timedelta(days=4)])
    assert made.runs == 2 and made.runs_full == 0
    with filled.reader("churn") as reader:
        got = reader.get(user_id=SPINE["user_id"], amount=SPINE["amount"], now=SPINE["at"])
        assert got.to_dict() == WANT and got.position.version == filled.version
    trained = filled.training_set("churn", SPINE, timestamp="at").to_dict()
    assert {n: v for n, v in trained.items() if n in WANT} == WANT


def test_space_is_used_again(store: Any, path: Path) -> None:
    """A table that is rewritten over and over does not grow the store when it is vacuumed."""
    store.define(SQL)
    rng = random.Random(2)
    n = 20_000
    sizes = []
    for _ in range(20):
        store.overwrite("plain", {"k": list(range(n)), "x": [rng.random() for _ in range(n)], "at": [T0] * n})
        store.vacuum(NOW)
        sizes.append((path / "blocks.mdb").stat().st_size)
    assert sizes[-1] <= sizes[5], sizes


def test_killed_vacuums_lose_nothing(store: Any, path: Path) -> None:
    """A vacuum that dies anywhere leaves a store that opens and holds what is needed; the next one finishes."""
    store.define(SQL)
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'bindings' / 'python')!r})\n" + (
        "import libfeat, datetime\ns = libfeat.open(sys.argv[1])\nprint('go', flush=True)\ns.vacuum(datetime.timedelta(0))"
    )
    rng = random.Random(3)
    n = 4000
    for i in range(60 if LONG else 8):
        data = {"k": list(range(n)), "x": [rng.random() for _ in range(n)], "at": [T0] * n}
        for _ in range(3):
            store.overwrite("plain", {**data, "x": [rng.random() for _ in range(n)]})
        store.overwrite("plain", data)
        child = subprocess.Popen(
            [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, env={**os.environ, "FEAT_LIBRARY": libfeat.library_path}
        )
        assert child.stdout is not None and child.stdout.readline() == b"go\n"
        time.sleep(rng.random() * 0.01)
        child.send_signal(signal.SIGKILL)
        child.wait()
        with store.snapshot() as snap:
            got = snap.table("plain").to_dict()
            assert (got["k"], got["x"]) == (data["k"], data["x"])
    done = store.vacuum(NOW)
    assert done.versions == 1 and store.vacuum(NOW).objects_removed == 0
    assert done.objects <= 8


def test_empty_stores(path: Path) -> None:
    with libfeat.open(path) as store:
        assert store.vacuum(NOW) == (1, 0, 0, 0, 0, 0, 0)
        store.define(SQL)
        assert store.vacuum(NOW) == (1, 0, 0, 0, 0, 0, 0)
        assert store.pins().to_dict() == {"pin": [], "version": [], "expires": [], "note": []}
        store.append("plain", {"k": [1], "x": [1.0], "at": [T0]})
        assert store.vacuum(NOW).versions == 1


def test_aborted_writes_are_swept(filled: Any) -> None:
    before = filled.vacuum(NOW)
    n = 200_000
    bad: Dict[str, Any] = {"purchase_id": list(range(100, 100 + n)), "user_id": [1] * (n - 1) + [None], "purchased_at": [T0] * n}
    with pytest.raises(libfeat.Error):
        filled.append("purchases", bad)
    after = filled.vacuum(NOW)
    assert (after.objects, after.bytes) == (before.objects, before.bytes)
    assert content(filled) == expected(ROWS)
