"""Tables whose rows are stored by month, week or day of their event times: the same answers, fewer bytes read."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from typing import Any, Dict, List

import numpy as np
import pytest

import libfeat
from histories import exact
from shop import T0

PARTITIONS = ["none", "month", "week", "day"]


def define(store: Any, partition: str, type: str = "TIMESTAMP") -> None:
    delay = " DELAY INTERVAL '1 day'" if type == "DATE" else ""
    store.define(
        f"CREATE TABLE e (k BIGINT NOT NULL, x DOUBLE, at {type} NOT NULL, ENTITY KEY (k), EVENT TIME (at{delay}), UNIQUE (k, at)) WITH (partition = '{partition}');"
        "CREATE FEATURE VIEW v AS SELECT k, sum(x) OVER w AS s, count(*) OVER w AS n, last(x) OVER w AS l FROM e GROUP BY k"
        "  WINDOW w AS (RANGE INTERVAL '40 days' PRECEDING);"
        "CREATE FEATURE SERVICE f AS v;"
    )


def events(rng: random.Random, n: int, days: int) -> Dict[str, List[Any]]:
    # Before 1970 too, and at the edges of days.
    times = [dt.datetime(1969, 11, 20) + dt.timedelta(days=rng.randrange(days), microseconds=rng.choice([0, 1, 86_399_999_999])) for _ in range(n)]
    rows = {(rng.randrange(20), time): rng.choice([None, 0.1, 2.5, 1e17]) for time in times}
    return {"k": [k for k, _ in rows], "x": list(rows.values()), "at": [t for _, t in rows]}


@pytest.mark.parametrize("partition", PARTITIONS)
def test_the_same_answers(partition: str, tmp_path: Any) -> None:
    rng = random.Random(3)
    stores = [libfeat.open(tmp_path / "plain"), libfeat.open(tmp_path / "parts")]
    define(stores[0], "none")
    define(stores[1], partition)
    for step in range(30):
        rows = events(rng, rng.choice([1, 2, 40]), 100)
        done = [s.upsert("e", rows) for s in stores]
        assert done[0][2:] == done[1][2:]
        if step % 7 == 6:
            where = f"k = {rng.randrange(20)}"
            assert stores[0].delete("e", where=where).rows_removed == stores[1].delete("e", where=where).rows_removed
    stores[1].compact("e")
    contents = []
    for s in stores:
        with s.snapshot() as snap:
            got = snap.table("e").to_dict()
            assert snap.digest("e")
            contents.append((Counter(zip(got["k"], map(exact, got["x"]), got["at"])), snap.digest("e")))
    assert contents[0] == contents[1]
    times = [dt.datetime(1969, 11, 1) + dt.timedelta(hours=rng.randrange(24 * 160)) for _ in range(300)]
    spine = {"k": [rng.randrange(21) for _ in times], "t": times}
    assert stores[0].training_set("f", spine, "t").to_dict() == stores[1].training_set("f", spine, "t").to_dict()
    for s in stores:
        s.close()


def test_a_day_is_read_alone(store: Any) -> None:
    define(store, "day")
    n, days = 200_000, 50
    rng = np.random.default_rng(1)
    at = np.datetime64("2024-01-01") + rng.integers(0, days * 86_400_000_000, n).astype("timedelta64[us]")
    store.append("e", {"k": np.arange(n), "x": rng.random(n), "at": at})
    with store.snapshot() as snap:
        rows = snap.scan("e", where="at >= TIMESTAMP '2024-01-20' AND at < TIMESTAMP '2024-01-21'").to_dict()
        want = int(((at >= np.datetime64("2024-01-20")) & (at < np.datetime64("2024-01-21"))).sum())
        assert len(rows["k"]) == want and rows["k"] == sorted(rows["k"])
    made = store.training_set("f", {"k": [5], "t": [np.datetime64("2024-01-03")]}, "t")
    assert made.stats["segments_pruned"] >= days - 5 or made.stats["segments_read"] <= 4


@pytest.mark.parametrize("partition", ["week", "month"])
def test_dates(store: Any, partition: str) -> None:
    define(store, partition, "DATE")
    days = [dt.date(1969, 12, 1) + dt.timedelta(days=i) for i in range(90)]
    store.append("e", {"k": [1] * 90, "x": [1.0] * 90, "at": days})
    with store.snapshot() as snap:
        assert sorted(snap.table("e").to_dict()["at"]) == days


def test_many_small_commits_into_many_days(store: Any) -> None:
    define(store, "day")
    for i in range(40):
        store.append("e", {"k": [i] * 10, "x": [1.0] * 10, "at": [T0 + dt.timedelta(days=d) for d in range(10)]})
    with store.snapshot() as snap:
        assert snap.count("e") == 400
        # Rows come partition by partition, in each by entity once compacted.
        store.compact()
    with store.snapshot() as snap:
        got = snap.table("e").to_dict()
        assert got["at"] == sorted(got["at"]) and got["k"] == list(range(40)) * 10


def test_edges_of_time(store: Any) -> None:
    """The first and the last times that there are, in every kind of partition; conditions at their edges."""
    least, greatest = -(2**63) + 1, 2**63 - 1
    for partition in PARTITIONS:
        store.define(f"CREATE TABLE t_{partition} (k BIGINT NOT NULL, at TIMESTAMP NOT NULL, ENTITY KEY (k), EVENT TIME (at)) WITH (partition = '{partition}')")
        times = np.array([least, least + 1, -1, 0, 1, 86_400_000_000 - 1, 86_400_000_000, greatest - 1, greatest]).astype("datetime64[us]")
        try:
            store.append(f"t_{partition}", {"k": np.arange(len(times)), "at": times})
        except libfeat.Error:  # not all of them are times
            times = times[2:7]
            store.append(f"t_{partition}", {"k": np.arange(len(times)), "at": times})
        with store.snapshot() as snap:
            for where, want in (
                ("at >= TIMESTAMP '1970-01-01'", times >= np.datetime64(0, "us")),
                ("at < TIMESTAMP '1970-01-01'", times < np.datetime64(0, "us")),
                ("at = TIMESTAMP '1970-01-01 23:59:59.999999'", times == np.datetime64(86_400_000_000 - 1, "us")),
                ("at > TIMESTAMP '1970-01-01 23:59:59.999999'", times > np.datetime64(86_400_000_000 - 1, "us")),
            ):
                assert sorted(snap.scan(f"t_{partition}", where=where).to_dict()["k"]) == list(np.flatnonzero(want))
        assert f"stored by {partition}" in store.explain(f"t_{partition}") or partition == "none"
