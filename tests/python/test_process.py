"""Handles, modes of opening, other processes, threads, fork, and finding the library."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, List

import pytest

import libfeat
from shop import ROOT, ROWS, SPINE, SQL, content, expected, row, run_python

# ---- handles, modes, processes ---------------------------------------------------------------------------------------


def test_closed_handles_refuse(filled: Any) -> None:
    filled.deploy("churn")
    snap, reader = filled.snapshot(), filled.reader("churn")
    table = snap.table("purchases")
    for handle in (snap, reader, filled):
        handle.close()
        handle.close()
        assert handle.closed
    for call in (
        lambda: filled.define("x"),
        lambda: filled.append("purchases", ROWS),
        lambda: filled.snapshot(),
        lambda: filled.history(),
        lambda: filled.deploy("churn"),
        lambda: filled.explain("churn"),
        lambda: filled.__enter__(),
        lambda: snap.version,
        lambda: snap.digest("purchases"),
        lambda: table.to_dict(),
        lambda: reader.get(user_id=1, amount=1.0),
        lambda: reader.get(user_id=[1], amount=1.0),
    ):
        with pytest.raises(libfeat.ArgumentError, match="closed"):
            call()


def test_read_only(filled: Any, path: Path) -> None:
    with libfeat.open(path, mode="r") as reading:
        assert content(reading) == expected()
        for call in (
            lambda: reading.append("purchases", ROWS),
            lambda: reading.define(SQL + "CREATE FEATURE SERVICE two AS spending;"),
        ):
            with pytest.raises(libfeat.ReadOnlyError):
                call()


def test_opening_what_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(libfeat.Error) as failure:
        libfeat.open(tmp_path / "missing", mode="r")
    assert failure.value.code in ("NOT_FOUND", "FORMAT")
    with pytest.raises(libfeat.Error):
        libfeat.open(tmp_path / "missing", mode="r+")
    full = tmp_path / "full"
    full.mkdir()
    (full / "notes.txt").write_text("mine")
    with pytest.raises(libfeat.FormatError):
        libfeat.open(full)
    assert [p.name for p in full.iterdir()] == ["notes.txt"]
    file = tmp_path / "file"
    file.write_text("text")
    with pytest.raises(libfeat.Error):
        libfeat.open(file)
    for bad in (dict(mode="x"), dict(busy_timeout=-1)):
        with pytest.raises(libfeat.ArgumentError):
            libfeat.open(tmp_path / "new", **bad)
    with pytest.raises(libfeat.ArgumentError):
        libfeat.open(str(tmp_path) + "\0x")


def test_odd_paths(tmp_path: Path) -> None:
    for name in ("with space", "größe", "服务"):
        with libfeat.open(tmp_path / name) as store:
            store.define(SQL)
        with libfeat.open(str(tmp_path / name), mode="r+") as store:
            assert store.explain("churn")


def test_two_handles_in_one_process(filled: Any, path: Path) -> None:
    with libfeat.open(path) as second:
        second.append("purchases", row(purchase_id=5))
        assert len(content(filled)) == 5


WRITER = """
import sys, datetime, libfeat
with libfeat.open(sys.argv[1], busy_timeout=30) as store:
    for i in range(int(sys.argv[2]), int(sys.argv[3])):
        store.append("purchases", {"purchase_id": [i], "user_id": [i % 3], "purchased_at": [datetime.datetime(2024, 12, 1)]})
"""

READER = """
import sys, datetime, libfeat
store = libfeat.open(sys.argv[1], "r")
reader = store.reader("churn")
print("ready", flush=True)
seen = 0
while seen < int(sys.argv[2]):
    got = reader.get(user_id=1, amount=1.0, now=datetime.datetime(2024, 12, 2))
    assert got["n_30d"] >= seen, (got, seen)
    seen = got["n_30d"]
print("done", flush=True)
"""


def test_writers_in_two_processes(store: Any, path: Path) -> None:
    with_env = {**os.environ, "PYTHONPATH": str(ROOT / "bindings" / "python"), "FEAT_LIBRARY": libfeat.library_path}
    children = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(a), str(a + 15)], env=with_env, stderr=subprocess.PIPE, text=True
        )
        for a in (0, 100)
    ]
    for child in children:
        _, errors = child.communicate(timeout=120)
        assert child.returncode == 0, errors
    assert sorted(r[0] for r in content(store)) == [*range(15), *range(100, 115)]


def test_reader_in_another_process_follows(filled: Any, path: Path) -> None:
    filled.deploy("churn")
    with_env = {**os.environ, "PYTHONPATH": str(ROOT / "bindings" / "python"), "FEAT_LIBRARY": libfeat.library_path}
    child = subprocess.Popen(
        [sys.executable, "-c", READER, str(path), "5"], env=with_env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout is not None and child.stdout.readline() == "ready\n"
    for i in range(5):
        filled.append("purchases", row(purchase_id=100 + i, user_id=1))
    out, errors = child.communicate(timeout=60)
    assert (child.returncode, out) == (0, "done\n"), errors


def test_busy(path: Path) -> None:
    """A second writer waits for the first and gives up after its timeout, without harm."""
    with libfeat.open(path) as store, libfeat.open(path, busy_timeout=0.1) as impatient:
        store.define(SQL)
        entered, leave = threading.Event(), threading.Event()

        def slow() -> Any:
            pa = pytest.importorskip("pyarrow")
            batch = pa.RecordBatch.from_pydict({n: ROWS[n] for n in ("purchase_id", "user_id", "purchased_at")})

            def batches() -> Any:
                entered.set()
                leave.wait(30)
                yield batch

            return pa.RecordBatchReader.from_batches(batch.schema, batches())

        writer = threading.Thread(target=lambda: store.append("purchases", slow()))
        writer.start()
        try:
            assert entered.wait(30)
            with pytest.raises(libfeat.BusyError):
                impatient.append("purchases", row(purchase_id=77))
        finally:
            leave.set()
            writer.join()
        impatient.append("purchases", row(purchase_id=77))
        assert len(content(store)) == 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_fork(filled: Any, path: Path) -> None:
    code = (
        "import libfeat, os, sys, warnings\n"
        "warnings.simplefilter('ignore')\n"
        "store = libfeat.open(sys.argv[1])\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    try:\n"
        "        store.snapshot()\n"
        "    except libfeat.ForkedError:\n"
        "        os._exit(42)\n"
        "    os._exit(1)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 42\n"
        "store.snapshot().version\n"
    )
    done = run_python(code, path)
    assert (done.returncode, done.stderr) == (0, "")


def test_threads_share_a_store(filled: Any) -> None:
    failures: List[BaseException] = []

    def work(number: int) -> None:
        try:
            for i in range(5):
                filled.append("purchases", row(purchase_id=1000 * number + i))
                filled.training_set("churn", SPINE)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [] and len(content(filled)) == 4 + 20


# ---- the loader ------------------------------------------------------------------------------------------------------


def test_loader_lists_what_it_tried(tmp_path: Path) -> None:
    done = run_python("import libfeat", FEAT_LIBRARY=str(tmp_path / "nowhere.so"))
    assert done.returncode != 0 and "nowhere.so" in done.stderr and "ImportError" in done.stderr
    fake = tmp_path / "fake.so"
    fake.write_text("not a library")
    done = run_python("import libfeat", FEAT_LIBRARY=str(fake))
    assert done.returncode != 0 and "fake.so" in done.stderr


def test_repr_and_version(filled: Any) -> None:
    assert "shop.feat" in repr(filled)
    assert libfeat.library_version().startswith("0.1.")
    assert "n_30d" in repr(filled.training_set("churn", SPINE))
