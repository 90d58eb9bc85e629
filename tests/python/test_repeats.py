"""Writes that may come twice, and writes that count on what they have read."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any, Dict, Tuple

import pytest

import libfeat
from shop import ROWS, content, expected, row


def test_a_repeated_write_changes_nothing(store: Any) -> None:
    first = store.append("purchases", ROWS, application="loader", sequence=7)
    assert (first.version, first.repeated) == (1, False)
    # Not even its rows are looked at.
    again = store.append("purchases", row(purchase_id=99), application="loader", sequence=7)
    assert again == (1, first.known_time, 0, 0, 0, 0, 0, "OK", True)
    assert store.upsert("purchases", row(amount=1e9), application="loader", sequence=3).repeated
    assert content(store) == expected() and store.version == 1
    # Sequences may leave numbers out; other applications and tables count for themselves.
    assert store.upsert("purchases", row(amount=2.0), application="loader", sequence=100).version == 2
    assert not store.upsert("purchases", row(amount=3.0), application="other", sequence=1).repeated
    store.clone("purchases", "copy")
    assert not store.upsert("copy", row(amount=4.0), application="loader", sequence=1).repeated
    assert store.delete("purchases", {"purchase_id": [1]}, application="loader", sequence=100).repeated
    assert content(store)[0][:3] == (1, 7, 3.0)


def test_a_write_that_changed_nothing_was_made_too(filled: Any) -> None:
    done = filled.append("purchases", ROWS, application="a", sequence=5)
    assert (done.version, done.rows_skipped, done.repeated) == (1, 4, False)
    assert filled.append("purchases", row(purchase_id=9), application="a", sequence=5).repeated
    assert filled.version == 1


def test_a_failed_write_was_not_made(filled: Any) -> None:
    with pytest.raises(libfeat.ConstraintError):
        filled.append("purchases", row(amount=77.0), application="a", sequence=1)
    done = filled.append("purchases", row(purchase_id=9), application="a", sequence=1)
    assert done.rows_added == 1 and not done.repeated
    with libfeat.open(filled.path, mode="r+") as other:
        assert other.append("purchases", row(purchase_id=10), application="a", sequence=1).repeated
    filled.vacuum(dt.timedelta(0))
    assert filled.append("purchases", row(purchase_id=10), application="a", sequence=0).repeated


def test_expected_versions(filled: Any) -> None:
    with pytest.raises(libfeat.ConflictError, match="version 1, behind the expected 0") as failure:
        filled.append("purchases", row(purchase_id=9), expected_version=0)
    assert failure.value.code == "CONFLICT" and filled.version == 1
    assert filled.append("purchases", row(purchase_id=9), expected_version=1).version == 2
    # Commits of other tables do not matter.
    filled.clone("purchases", "copy")
    assert filled.upsert("purchases", row(amount=2.0), expected_version=2).version == 4
    with pytest.raises(libfeat.ConflictError):
        filled.overwrite("purchases", ROWS, expected_version=3)
    # What was made is not made again, whatever has changed since.
    assert not filled.upsert("purchases", row(amount=5.0), expected_version=4, application="a", sequence=1).repeated
    assert filled.upsert("purchases", row(amount=5.0), expected_version=4, application="a", sequence=1).repeated


def test_bad_arguments(filled: Any) -> None:
    one = row(purchase_id=9)
    for bad in (
        {"application": "a"},
        {"sequence": 1},
        {"application": "", "sequence": 1},
        {"application": "x" * 1025, "sequence": 1},
        {"application": "a", "sequence": -1},
        {"application": "a", "sequence": True},
        {"expected_version": -1},
        {"expected_version": "1"},
    ):
        with pytest.raises(libfeat.ArgumentError):
            filled.append("purchases", one, **bad)
    with pytest.raises(TypeError):
        filled.append("purchases", one, sequense=1)
    assert filled.version == 1


def test_random_retries(store: Any) -> None:
    """Writers who do not know what arrived send again; each row counts once."""
    rng = random.Random(5)
    store.define("CREATE TABLE log (k BIGINT, at TIMESTAMP NOT NULL, ENTITY KEY (k), EVENT TIME (at));")
    sent: Dict[str, int] = {"a": 0, "b": 0, "ü": 0}
    wanted: list[Tuple[int, int]] = []
    for _ in range(150):
        name = rng.choice(list(sent))
        fresh = rng.random() < 0.5 or sent[name] == 0
        sequence = sent[name] + rng.choice([1, 2, 50]) if fresh else rng.randrange(0, sent[name] + 1)
        value = rng.randrange(10**6)
        done = store.append("log", {"k": [value], "at": [dt.datetime(2024, 1, 1)]}, application=name, sequence=sequence)
        assert done.repeated != fresh
        if fresh:
            sent[name] = sequence
            wanted.append((value, done.version))
    with store.snapshot() as snap:
        assert sorted(snap.table("log").to_dict()["k"]) == sorted(v for v, _ in wanted)
    assert [v for _, v in wanted] == list(range(1, len(wanted) + 1))
