"""Versions of stores as files, and stores made of them."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest

import libfeat
from shop import SPINE, content, expected, row
from test_format import define, make_rows, table


def test_there_and_back(filled: Any, tmp_path: Path) -> None:
    filled.upsert("purchases", row(amount=5.5), application="loader", sequence=3)
    filled.tag("second")
    filled.upsert("purchases", row(amount=6.5))
    want = filled.training_set("churn", SPINE, "at", version=2).to_dict()
    file = tmp_path / "second.feat"
    filled.export(file, tag="second")
    libfeat.import_store(file, tmp_path / "other")
    assert sorted(os.listdir(tmp_path / "other")) in (["blocks.mdb", "catalog.mdb", "writer.lock"], ["blocks.mdb", "blocks.mdb-lock", "catalog.mdb", "catalog.mdb-lock", "writer.lock"])
    with libfeat.open(tmp_path / "other") as other, filled.snapshot(version=2) as snap:
        assert other.version == 2 and content(other) == content(filled, 2)
        assert other.snapshot().digest("purchases") == snap.digest("purchases")
        assert other.training_set("churn", SPINE, "at").to_dict() == want
        history = other.history().to_dict()
        assert history["version"] == [2] and history["operation"] == ["import"]
        assert history["known_time"] == filled.history().to_dict()["known_time"][1:2]
        with pytest.raises(libfeat.NotFoundError):
            other.snapshot(version=1)
        assert other.upsert("purchases", row(amount=9.5), application="loader", sequence=3).repeated
        assert other.upsert("purchases", row(amount=9.5), application="loader", sequence=4).version == 3
        other.deploy("churn")
        other.define("CREATE TABLE more (k BIGINT, at TIMESTAMP NOT NULL, ENTITY KEY (k), EVENT TIME (at));")
        assert other.verify().findings == []
        # And on from there.
        other.export(tmp_path / "third.feat")
    libfeat.import_store(tmp_path / "third.feat", tmp_path / "third")
    with libfeat.open(tmp_path / "third", mode="r") as third:
        assert [r[2] for r in content(third) if r[0] == 1] == [9.5]


def test_many_tables_branches_and_types(tmp_path: Path) -> None:
    rng = random.Random(9)
    with libfeat.open(tmp_path / "s") as store:
        define(store)
        store.append("t", table(make_rows(rng, 0, 3000)))
        for i in range(10):
            store.upsert("t", table(make_rows(rng, 3 * i, 5)))
        store.branch("b", version=5)
        store.upsert("t", table(make_rows(rng, 500, 40)), branch="b")
        for version in (1, 7, 11, 12):
            store.export(tmp_path / f"v{version}", version=version)
            libfeat.import_store(tmp_path / f"v{version}", tmp_path / f"s{version}")
            with libfeat.open(tmp_path / f"s{version}", mode="r") as other, store.snapshot(version=version) as snap:
                assert other.version == version and other.snapshot().digest("t") == snap.digest("t")
                assert other.snapshot().count("other") == 0


def test_the_empty_store(tmp_path: Path) -> None:
    with libfeat.open(tmp_path / "s") as store:
        define(store)
        store.export(tmp_path / "e")
    libfeat.import_store(tmp_path / "e", tmp_path / "t")
    with libfeat.open(tmp_path / "t") as other:
        assert other.version == 0 and other.append("other", {"k": [1], "at": [None]} if False else {"k": [], "at": []}).version == 0


def test_damaged_files(filled: Any, tmp_path: Path) -> None:
    """Every cut and every flipped bit is found, and leaves nothing."""
    filled.upsert("purchases", row(amount=5.5), application="loader", sequence=3)
    file = tmp_path / "x"
    filled.export(file)
    data = file.read_bytes()
    rng = random.Random(2)
    bad = [data[:n] for n in rng.sample(range(len(data)), 40)] + [data + b"\0", b""]
    for _ in range(150):
        at = rng.randrange(len(data))
        bad.append(data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :])
    for i, one in enumerate(bad):
        file.write_bytes(one)
        with pytest.raises((libfeat.CorruptionError, libfeat.FormatError)):
            libfeat.import_store(file, tmp_path / f"made{i}")
    assert not [p for p in os.listdir(tmp_path) if p.startswith("made")]
    file.write_bytes(data)
    libfeat.import_store(file, tmp_path / "made")


def test_places(filled: Any, tmp_path: Path) -> None:
    filled.export(tmp_path / "x")
    with pytest.raises(libfeat.ExistsError):
        filled.export(tmp_path / "x")
    with pytest.raises(libfeat.NotFoundError):
        filled.export(tmp_path / "y", version=99)
    with pytest.raises(libfeat.NotFoundError, match="none"):
        libfeat.import_store(tmp_path / "none", tmp_path / "s")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("")
    with pytest.raises(libfeat.ExistsError, match="full"):
        libfeat.import_store(tmp_path / "x", tmp_path / "full")

    def stop(done: int, total: int) -> None:
        raise ZeroDivisionError

    rows = {name: [v] * 3000 for name, v in zip(("k", "at"), (1, expected()[0][6]))}
    filled.define("CREATE TABLE e (k BIGINT, at TIMESTAMP NOT NULL, ENTITY KEY (k), EVENT TIME (at));")
    filled.append("e", rows)
    assert sorted(p for p in os.listdir(tmp_path) if p.endswith(".new")) == []
