"""Rows that are pushed: checked as those of a write, seen when they are durable, one version when they are folded."""

import datetime as dt
import os
import random
import signal
import subprocess
import sys
import time

import pytest

import libfeat

TABLE = """CREATE TABLE events (user_id BIGINT NOT NULL, at TIMESTAMP NOT NULL, id BIGINT, amount DOUBLE CHECK (amount > 0),
           note TEXT DEFAULT 'none', ENTITY KEY (user_id), EVENT TIME (at), UNIQUE (id))"""
START = dt.datetime(2024, 1, 1)


def event(i, **others):
    return dict({"user_id": i % 5, "at": START + dt.timedelta(seconds=i), "id": i, "amount": 1.0 + i, "note": f"n{i}"}, **others)


def ids(snapshot, table="events"):
    return sorted(snapshot.table(table).to_dict()["id"])


@pytest.fixture
def store(tmp_path):
    with libfeat.open(tmp_path / "s") as store:
        store.define(TABLE)
        yield store


def test_seen_when_durable(store):
    store.append("events", [event(0)])
    assert store.push("events", event(1)).position == (1, 1)
    assert store.push("events", [event(2), event(3)]).position == (1, 3)
    with store.snapshot() as before, libfeat.open(store.path, mode="r") as other:
        assert ids(before) == [0] and before.position == (1, 0)
        assert store.flush() == (1, 3)
        assert ids(before) == [0]
        with other.snapshot() as after:
            assert ids(after) == [0, 1, 2, 3] and after.position == (1, 3) and after.version == 1
            assert after.scan("events", where="amount > 2.5").to_dict()["id"] != []
            assert sorted(after.scan("events", entities={"user_id": 2}).to_dict()["id"]) == [2]
            assert after.digest("events") != before.digest("events")
        with other.snapshot(version=1) as version:
            assert ids(version) == [0] and version.position == (1, 0)


def test_fold_changes_nothing_but_the_version(store):
    rows = [event(i) for i in range(300)]
    random.Random(1).shuffle(rows)
    for at in range(0, 300, 7):
        store.push("events", rows[at : at + 7])
    store.flush()
    with store.snapshot() as before:
        done = store.fold()
        assert (done.version, done.rows_added) == (1, 300)
        with store.snapshot() as after, store.snapshot(version=1) as version:
            assert before.digest("events") == after.digest("events") == version.digest("events")
            assert before.position == (0, 300) and after.position == (1, 300)
            assert before.table("events").to_dict() == after.table("events").to_dict()
            assert ids(before) == list(range(300))
    assert store.history("events").to_dict()["operation"] == ["push"]
    assert store.fold().version == 1
    assert store.push("events", event(300)).position == (1, 301)


def test_unique_keys_in_store_and_tail(store):
    store.append("events", [event(0)])
    store.push("events", event(1))
    for row in (event(0), event(1)):
        assert store.push("events", row)[1:] == (0, 1)
        with pytest.raises(libfeat.ConstraintError, match="a different row with UNIQUE key"):
            store.push("events", dict(row, amount=99.0))
        with pytest.raises(libfeat.ConstraintError, match="is stored already"):
            store.push("events", row, on_conflict="error")
        assert store.push("events", dict(row, amount=99.0), on_conflict="ignore")[1:] == (0, 1)
    with pytest.raises(libfeat.ConstraintError, match="rows 0 and 1: two different rows"):
        store.push("events", [event(5), event(5, amount=7.0)])
    assert store.push("events", [event(5), event(5)])[1:] == (1, 1)
    assert store.push("events", [event(6, id=None), event(6, id=None)])[1:] == (2, 0)
    # A write meets pushed rows as it meets stored ones.
    with pytest.raises(libfeat.ConstraintError, match="a different row"):
        store.append("events", [event(1, amount=50.0)])
    assert store.upsert("events", [event(1, amount=50.0)]).rows_replaced == 1
    with store.snapshot() as now:
        rows = now.table("events").to_dict()
        assert sorted(rows["amount"]) == [1.0, 6.0, 7.0, 7.0, 50.0]


def test_what_is_refused_leaves_nothing(store):
    for row, kind, words in (
        (event(1, amount=-1.0), libfeat.ConstraintError, "CHECK"),
        (event(1, at=None), libfeat.ConstraintError, "at"),
        (event(1, colour=3), libfeat.SchemaError, "colour"),
        (event(1, amount="much"), libfeat.SchemaError, "amount"),
    ):
        with pytest.raises(kind, match=words):
            store.push("events", [event(0), row])
    with pytest.raises(libfeat.NotFoundError):
        store.push("event", event(0))
    with pytest.raises(libfeat.ArgumentError):
        store.push("events", event(0), on_conflict="replace")
    with pytest.raises(libfeat.LimitError, match="65536 rows"):
        store.push("events", {"user_id": [1] * 65537, "at": [START] * 65537})
    with libfeat.open(store.path, mode="r") as reader, pytest.raises(libfeat.ReadOnlyError):
        reader.push("events", event(0))
    assert store.flush() == (0, 0)
    assert store.fold().version == 0


def test_whoever_commits_folds_first(store):
    store.define("CREATE DIMENSION users (user_id BIGINT NOT NULL, at TIMESTAMP NOT NULL, plan TEXT, ENTITY KEY (user_id), EVENT TIME (at))")
    numbers = iter(range(1000))

    def push():
        store.push("events", event(next(numbers)))
        store.push("users", {"user_id": next(numbers), "at": START, "plan": "a"})

    version = 0
    for commits in (
        lambda: store.append("events", [event(next(numbers))]),
        lambda: store.delete("events", where="id = 0"),
        lambda: store.define("ALTER TABLE events ADD COLUMN colour TEXT DEFAULT 'red'"),
        lambda: store.tag("here"),
        lambda: store.branch("side"),
        lambda: store.restore("events", version=1),
        lambda: store.clone("events", "others"),
        lambda: store.vacuum(keep_versions=100),
    ):
        push()
        commits()
        with store.snapshot() as now:
            assert now.position.sequence % 2 == 0 and now.version > version
            version = now.version
    with store.snapshot(tag="here") as tagged, store.snapshot(branch="side") as side:
        assert len(ids(side)) == len(ids(tagged)) + 1
    push()
    with store.transaction() as txn:
        txn.append("events", [event(next(numbers))])
    operations = store.history("users").to_dict()["operation"]
    assert operations == ["push"] * 9


def test_columns_that_were_added_and_widened(store):
    store.push("events", event(0))
    store.flush()
    with store.snapshot() as old:
        store.define("ALTER TABLE events ADD COLUMN points INTEGER DEFAULT 7")
        store.push("events", event(1, points=3))
        store.flush()
        with store.snapshot() as middle:
            assert sorted(middle.table("events", columns=["points"]).to_dict()["points"]) == [3, 7]
            store.define("ALTER TABLE events ALTER COLUMN points TYPE BIGINT")
            store.push("events", event(2, points=1 << 40))
            store.flush()
            with store.snapshot() as now:
                assert sorted(now.table("events", columns=["points"]).to_dict()["points"]) == [3, 7, 1 << 40]
            assert len(ids(middle)) == 2 and middle.digest("events") != now_digest(store)
        assert ids(old) == [0]


def now_digest(store):
    with store.snapshot() as snapshot:
        return snapshot.digest("events")


def test_full_tails_fold(store):
    for i in range(40):
        store.push("events", [event(i * 100 + k) for k in range(100)], fold_bytes=20000)
    store.flush()
    with store.snapshot() as now:
        assert now.version > 5 and ids(now) == list(range(4000))
    # More rows of one table than can be kept in the tail.
    wide = {"user_id": range(40000), "at": [START] * 40000}
    for k in range(2):
        store.push("events", dict(wide, id=range(10000 + 40000 * k, 50000 + 40000 * k)), fold_bytes=1 << 30)
    store.flush()
    with store.snapshot() as now:
        assert len(ids(now)) == 84000 and now.position.sequence == 84000


def test_known_times(store):
    store.append("events", [event(0)], known_at=dt.datetime(2024, 2, 1))
    with pytest.raises(libfeat.ArgumentError, match="known times only rise"):
        store.push("events", event(1), known_at=dt.datetime(2024, 2, 1))
    store.push("events", event(1), known_at=dt.datetime(2024, 2, 2))
    store.push("events", event(2), known_at=dt.datetime(2024, 2, 2))
    with pytest.raises(libfeat.ArgumentError, match="known times only rise"):
        store.push("events", event(3), known_at=dt.datetime(2024, 2, 1, 12))
    assert store.fold().known_time == dt.datetime(2024, 2, 2)


def test_training_and_serving_know_pushed_rows(store):
    store.define(
        "CREATE FEATURE VIEW spend AS SELECT user_id, count(*) OVER w AS n, sum(amount) OVER w AS total FROM events GROUP BY user_id "
        "WINDOW w AS (RANGE INTERVAL '30 days' PRECEDING);"
        "CREATE FEATURE SERVICE s AS SELECT spend.* FROM REQUEST (user_id BIGINT) AS r LEFT JOIN spend USING (user_id)"
    )
    store.append("events", [event(0)], known_at=dt.datetime(2023, 12, 31))
    store.deploy("s")
    for i in range(1, 50):
        store.push("events", event(i))
    store.flush()
    spine = {"user_id": [0, 1, 2, 3, 4], "at": [START + dt.timedelta(days=1)] * 5}
    before = store.training_set("s", spine, timestamp="at").to_dict()
    assert before["n"] == [10] * 5
    served = store.training_set("s", spine, timestamp="at", as_served=True).to_dict()
    assert served["n"][0] == 1  # of versions alone
    store.fold()
    after = store.training_set("s", spine, timestamp="at").to_dict()
    assert before == after
    reader = store.reader("s")
    for i in range(5):
        got = reader.get(user_id=i, now=START + dt.timedelta(days=1))
        assert (got["n"], got["total"]) == (after["n"][i], after["total"][i])


def test_backups_hold_pushed_rows(store, tmp_path):
    store.push("events", [event(i) for i in range(10)])
    store.flush()
    store.push("events", event(10))  # not durable
    store.backup(tmp_path / "copy")
    store.fold()
    store.push("events", event(11))
    store.flush()
    store.backup(tmp_path / "later")
    for name, version, n in (("copy", 0, 10), ("later", 1, 12)):
        with libfeat.open(tmp_path / name) as copy:
            with copy.snapshot() as now:
                assert ids(now) == list(range(n)) and now.position == (version, n)
            assert copy.push("events", event(99)).position.sequence == n + 1
            with pytest.raises(libfeat.ConstraintError):
                copy.push("events", event(3, amount=77.0))
            assert copy.fold().rows_added == (11 if name == "copy" else 2)


def test_damage_is_said(store):
    for i in range(5):
        store.push("events", event(i))
    store.flush()
    assert store.verify().findings == []
    with open(os.path.join(store.path, "tail.log"), "r+b") as file:
        data = file.read(8192)
        at = data.index(b"n3")
        file.seek(at)
        file.write(b"m")
    with pytest.raises(libfeat.CorruptionError, match="tail.log"):
        store.snapshot()
    assert [f.what for f in store.verify().findings] == ["tail"]
    with store.snapshot(version=0) as empty:
        assert ids(empty) == []


PUSHER = """
import sys, datetime as dt
sys.path[:0] = {path!r}
import libfeat
from test_push import event
store = libfeat.open({store!r}, mode="w")
i = {first}
while True:
    store.push("events", event(i), fold_bytes={fold})
    i += 1
    if i % 7 == 0:
        position = store.flush()
        print(i, flush=True)
"""


def test_killed_writers_keep_what_was_flushed(store, tmp_path):
    """The rows are a prefix of those pushed, with all that were acknowledged; the next process goes on behind them."""
    rounds = 100 if os.environ.get("FEAT_TEST_LONG") else 10
    chance, first, path = random.Random(7), 0, store.path
    store.close()
    for turn in range(rounds):
        code = PUSHER.format(path=[os.path.dirname(__file__), *filter(None, sys.path)], store=str(path), first=first, fold=chance.choice([3000, 1 << 22]))
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        child.stdout.readline()
        time.sleep(chance.random() * 0.1)
        child.send_signal(signal.SIGKILL)
        acknowledged = [int(line) for line in child.communicate()[0].split()] or [first]
        with libfeat.open(path, mode="r") as reader, reader.snapshot() as seen:
            shown = ids(seen)
            assert shown == list(range(len(shown))) and len(shown) >= acknowledged[-1]
        with libfeat.open(path) as again:
            again.flush()
            with again.snapshot() as now:
                kept = ids(now)
                assert kept == list(range(len(kept))) and len(kept) >= len(shown)
                assert now.position.sequence == len(kept)
            if turn % 3 == 2:
                again.fold()
                assert ids(again.snapshot()) == kept
        first = len(kept)


def test_readers_beside_a_pushing_process(store):
    """Another process pushes and folds; every snapshot here is a prefix, and positions never go back."""
    store.push("events", event(0))
    store.flush()
    code = PUSHER.format(path=[os.path.dirname(__file__), *filter(None, sys.path)], store=str(store.path), first=1, fold=4000)
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
    try:
        with libfeat.open(store.path, mode="r") as reader:
            last, end, looks = 0, time.monotonic() + 2, 0
            while time.monotonic() < end or (last < 50 and time.monotonic() < end + 20):
                with reader.snapshot() as seen:
                    shown = ids(seen)
                    assert shown == list(range(len(shown)))
                    assert seen.position.sequence == len(shown) >= last
                    last, looks = len(shown), looks + 1
            assert last >= 50 and looks > 10
    finally:
        child.kill()
        child.wait()


def test_two_processes_push_in_turn(store):
    """What one has pushed conflicts with what the other pushes, before and after a fold."""
    with libfeat.open(store.path, mode="w") as other:
        stores, chance, pushed = (store, other), random.Random(3), {}
        for step in range(400):
            which = chance.choice(stores)
            i = chance.randrange(200)
            row = event(i, amount=float(chance.randrange(1, 3)))
            if i in pushed and pushed[i] != row:
                with pytest.raises(libfeat.ConstraintError):
                    which.push("events", row)
            else:
                assert which.push("events", row).rows_added == (i not in pushed)
                pushed[i] = row
            if step % 40 == 17:
                chance.choice(stores).flush()
            if step % 90 == 50:
                which.fold()
        store.flush()
        with other.snapshot() as now:
            rows = now.table("events").to_dict()
            assert {i: a for i, a in zip(rows["id"], rows["amount"])} == {i: row["amount"] for i, row in pushed.items()}
