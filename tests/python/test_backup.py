"""Copies of stores that are in use."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import libfeat
from shop import ROOT, ROWS, SQL, content, expected, row


def test_a_copy_is_a_store(filled: Any, tmp_path: Path) -> None:
    filled.tag("first")
    filled.upsert("purchases", row(amount=5.5))
    filled.branch("b")
    filled.upsert("purchases", row(amount=6.5), branch="b")
    filled.deploy("churn")
    calls: Any = []
    target = tmp_path / "a copy"
    filled.backup(target, progress=lambda done, total: calls.append((done, total)))
    assert calls and calls[-1][0] == calls[-1][1] > 5
    assert sorted(os.listdir(target)) == ["blocks.mdb", "catalog.mdb"]
    with libfeat.open(target) as copy:
        assert copy.history().to_dict() == filled.history().to_dict()
        assert content(copy, 1) == expected() and content(copy) == content(filled)
        assert copy.tags().to_dict() == filled.tags().to_dict() and copy.branches().to_dict() == filled.branches().to_dict()
        assert copy.verify().findings == []
        copy.publish("b")
        copy.deploy("churn")
        assert copy.version == 4 and filled.version == 2
    empty = tmp_path / "empty"
    empty.mkdir()
    filled.backup(str(empty) + "/")
    with libfeat.open(empty, mode="r") as copy:
        assert content(copy) == content(filled)
    assert [p for p in os.listdir(tmp_path) if p.endswith(".new")] == []


def test_what_is_no_place_for_a_copy(filled: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    for name in ("file", "full"):
        with pytest.raises(libfeat.ExistsError, match=name):
            filled.backup(tmp_path / name)
    with pytest.raises(libfeat.Error):
        filled.backup(tmp_path / "none" / "below")
    with pytest.raises(libfeat.ArgumentError):
        filled.backup("")

    def stop(done: int, total: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        filled.backup(tmp_path / "stopped", progress=stop)
    assert sorted(p for p in os.listdir(tmp_path) if not p.startswith("shop")) == ["file", "full"]


def test_while_it_is_written_and_vacuumed(path: Path, tmp_path: Path) -> None:
    store = libfeat.open(path, busy_timeout=30)
    store.define(SQL)
    store.append("purchases", ROWS)
    ended = threading.Event()

    def write() -> None:
        with libfeat.open(path, busy_timeout=30) as other:
            i = 0
            while not ended.is_set():
                other.overwrite("purchases", {name: [v for v in values for _ in range(1)] for name, values in row(purchase_id=i, amount=float(i)).items()})
                if i % 5 == 4:
                    other.vacuum(keep_for=dt.timedelta(0))
                i += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for i in range(15):
            before = store.version
            store.backup(tmp_path / f"copy{i}")
            with libfeat.open(tmp_path / f"copy{i}", mode="r") as copy:
                assert copy.version >= before and copy.verify().findings == []
                assert len(content(copy)) in (1, 4)
    finally:
        ended.set()
        writer.join()
    store.close()


def test_killed(filled: Any, tmp_path: Path) -> None:
    """What is interrupted is no store, and the next one works."""
    rows = {name: [values[0]] * 20000 for name, values in ROWS.items()}
    rows["purchase_id"] = list(range(1000, 21000))
    filled.append("purchases", rows)
    code = f"import sys; sys.path[0:0] = [{str(ROOT / 'bindings/python')!r}]\nimport libfeat\ns = libfeat.open(sys.argv[1], mode='r')\nprint('go', flush=True)\nfor i in range(1000): s.backup(sys.argv[2] + str(i))"
    child = subprocess.Popen([sys.executable, "-c", code, filled.path, str(tmp_path / "k")], stdout=subprocess.PIPE)
    assert child.stdout is not None and child.stdout.readline() == b"go\n"
    time.sleep(0.3)
    child.send_signal(signal.SIGKILL)
    child.wait()
    made = [p for p in os.listdir(tmp_path) if p.startswith("k")]
    assert made
    for name in made:
        if name.endswith(".new"):
            continue
        with libfeat.open(tmp_path / name, mode="r") as copy:
            assert copy.verify().findings == [] and copy.version == 2
    filled.backup(tmp_path / "again")
