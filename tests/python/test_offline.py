"""Training sets at work: threads, bounds of memory, pieces of batches, progress and statistics change no byte."""

from __future__ import annotations

import datetime as dt
import gc
import random
import weakref
from pathlib import Path
from typing import Any, Iterator, List, Tuple

import libfeat
import pyarrow as pa
import pytest

START = 1_704_067_200_000_000
DAY = 86_400_000_000


@pytest.fixture(scope="module")
def filled(tmp_path_factory: Any) -> Iterator[Any]:
    rng = random.Random(4)
    store = libfeat.open(tmp_path_factory.mktemp("offline") / "store")
    store.define(
        """
        CREATE TABLE events (user_id BIGINT NOT NULL, shop TEXT, x DOUBLE, n INTEGER, ts TIMESTAMP NOT NULL, ENTITY KEY (user_id), EVENT TIME (ts));
        CREATE FEATURE VIEW by_user AS SELECT user_id, count(*) OVER w AS c, sum(x) OVER w AS s, avg(x) OVER w AS a, max(x) OVER v AS m, min(n) OVER v AS small,
            last(shop) OVER w AS shop, sum(x) FILTER (WHERE n > 5) OVER SINCE month AS since, median(x) OVER v AS middle
        FROM events GROUP BY user_id WINDOW w AS (RANGE INTERVAL '3 days' PRECEDING), v AS (RANGE INTERVAL '1 month' PRECEDING);
        CREATE FEATURE VIEW by_shop AS SELECT shop, count(*) OVER w AS shop_c, sum(x) OVER w AS shop_s FROM events GROUP BY shop WINDOW w AS (RANGE INTERVAL '9 days' PRECEDING);
        CREATE FEATURE SERVICE service AS SELECT u.*, s.*, u.s / nullif(u.c, 0) AS ratio FROM REQUEST (user_id BIGINT, shop TEXT) AS r
        LEFT JOIN by_user u USING (user_id) LEFT JOIN by_shop s ON s.shop = r.shop;
        """.replace("OVER SINCE month", "OVER z").replace("v AS (RANGE INTERVAL '1 month' PRECEDING);", "v AS (RANGE INTERVAL '1 month' PRECEDING), z AS (SINCE month);")
        .replace("SELECT u.*, s.*,", "SELECT u.c, u.s, u.a, u.m, u.small, u.shop AS last_shop, u.since, u.middle, s.shop_c, s.shop_s,")
    )
    for lot in range(5):
        n = 30_000
        store.append(
            "events",
            pa.table(
                {
                    "user_id": pa.array([rng.randrange(3000) if rng.random() < 0.9 else 7 for _ in range(n)], pa.int64()),
                    "shop": [f"s{rng.randrange(50)}" if rng.random() < 0.95 else None for _ in range(n)],
                    "x": [round(rng.lognormvariate(3, 1), 2) if rng.random() < 0.97 else None for _ in range(n)],
                    "n": pa.array([rng.randrange(20) for _ in range(n)], pa.int32()),
                    "ts": pa.array([START + rng.randrange(90 * DAY) for _ in range(n)], pa.timestamp("us")),
                }
            ),
        )
    yield store


@pytest.fixture(scope="module")
def spine() -> pa.Table:
    rng, n = random.Random(5), 200_000
    return pa.table(
        {
            "row": list(range(n)),
            "user_id": pa.array([rng.randrange(3300) if rng.random() < 0.98 else None for _ in range(n)], pa.int64()),
            "shop": pa.array([f"s{rng.randrange(55)}" for _ in range(n)]).dictionary_encode(),
            "t": pa.array([START + rng.randrange(-DAY, 95 * DAY) for _ in range(n)], pa.timestamp("us")),
        }
    )


@pytest.fixture(scope="module")
def expected(filled: Any, spine: pa.Table) -> pa.Table:
    return filled.training_set("service", spine, "t", threads=1).to_arrow()


@pytest.mark.parametrize(
    "threads, memory, cut",
    [(2, None, None), (5, None, 70_001), (1, 1, None), (3, 1, 70_001), (2, 40_000_000, 333), (0, 40_000_000, None), (1, None, 333)],
)
def test_same_bytes(filled: Any, spine: pa.Table, expected: pa.Table, threads: int, memory: Any, cut: Any) -> None:
    given = spine if cut is None else pa.Table.from_batches(spine.combine_chunks().to_batches(max_chunksize=cut))
    made = filled.training_set("service", given, "t", threads=threads, memory=memory).to_arrow()
    assert made.combine_chunks().equals(expected.combine_chunks())


def test_statistics(filled: Any, spine: pa.Table) -> None:
    made = filled.training_set("service", spine, "t", threads=2)
    stats = made.stats
    assert stats["spine_rows"] == spine.num_rows and stats["threads"] == 2 and stats["passes"] == 2
    assert stats["rows_read"] >= 300_000 and stats["segments_read"] >= 5
    assert 0 < stats["sweep_ns"] and 0 < stats["elapsed_ns"] < 600 * 10**9
    text = made.explain()
    assert "200000 rows" in text and "windows and aggregates" in text
    few = filled.training_set("service", {"user_id": [1], "shop": ["s1"], "t": [dt.datetime(2024, 2, 1)]}, "t")
    assert few.stats["passes"] == 2
    bounded = filled.training_set("service", spine, "t", memory=1)
    assert bounded.stats["passes"] > 2  # several lots, each of several passes


def test_progress_and_cancelling(filled: Any, spine: pa.Table) -> None:
    calls: List[Tuple[int, int]] = []
    filled.training_set("service", spine, "t", threads=2, progress=lambda done, total: calls.append((done, total)))
    assert len(calls) > 3 and calls == sorted(calls) and len({total for _, total in calls}) == 1
    assert calls[-1][0] == calls[-1][1]

    class Stop(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done > total // 3:
            raise Stop

    for options in ({}, {"threads": 3}, {"memory": 1}):
        with pytest.raises(Stop):
            filled.training_set("service", spine, "t", progress=stop, **options)


def test_empty_and_odd_spines(filled: Any, spine: pa.Table, expected: pa.Table, tmp_path: Path) -> None:
    for memory in (None, 1):
        assert filled.training_set("service", spine.slice(0, 0), "t", memory=memory).to_arrow().num_rows == 0
        odd = pa.Table.from_batches([b for n in (0, 5, 0, 7, 0) for b in spine.slice(0, n).to_batches() or [pa.RecordBatch.from_pylist([], spine.schema)]], spine.schema)
        assert filled.training_set("service", odd, "t", memory=memory).to_arrow().num_rows == 12
    for wrong in (-1, 5000, True, "2"):
        with pytest.raises(libfeat.ArgumentError):
            filled.training_set("service", spine, "t", threads=wrong)
    for wrong in (0, -1, "1"):
        with pytest.raises(libfeat.ArgumentError):
            filled.training_set("service", spine, "t", memory=wrong)


def test_spilling(filled: Any, spine: pa.Table, expected: pa.Table, tmp_path: Path) -> None:
    """Events that do not fit wait in a file without a name, written once and by every thread."""
    some = spine.slice(0, 60_000)
    for threads, memory in ((1, 1), (3, 1), (2, 4_000_000)):
        made = filled.training_set("service", some, "t", threads=threads, memory=memory, spill_directory=tmp_path)
        assert made.stats["bytes_spilled"] > 1_000_000 and made.stats["passes"] == 2, made.stats
        assert made.to_arrow().combine_chunks().equals(expected.slice(0, 60_000).combine_chunks())
        assert list(tmp_path.iterdir()) == [] and "MB spilled" in made.explain()
    assert filled.training_set("service", some, "t", memory=1 << 30).stats["bytes_spilled"] == 0
    assert filled.training_set("service", some, "t").stats["bytes_spilled"] == 0
    with pytest.raises(libfeat.StorageError, match="spill directory"):
        filled.training_set("service", some, "t", memory=1, spill_directory=tmp_path / "none")


def test_spilling_long_texts_and_enriched_events(tmp_path: Path) -> None:
    """Few keys with long texts, ties that are texts, a union and events that are enriched: in slices of partitions."""
    rng = random.Random(6)
    store = libfeat.open(tmp_path / "store")
    store.define(
        """
        CREATE TABLE visits (id BIGINT NOT NULL, place TEXT, note TEXT, w DECIMAL(20, 2), ok BOOLEAN, ts TIMESTAMP NOT NULL, ENTITY KEY (id), EVENT TIME (ts));
        CREATE TABLE places (place TEXT NOT NULL, kind TEXT, since TIMESTAMP NOT NULL, ENTITY KEY (place), EVENT TIME (since));
        CREATE FEATURE VIEW notes AS SELECT place, count(*) OVER w AS n, last(note) OVER w AS note, max(note) OVER w AS most, sum(w) OVER w AS s, bool_or(ok) OVER w AS ok
        FROM visits GROUP BY place WINDOW w AS (RANGE INTERVAL '5 days' PRECEDING);
        CREATE FEATURE VIEW kinds AS SELECT p.kind, count(*) OVER w AS n, last(v.note) OVER w AS note
        FROM visits v ASOF LEFT JOIN places p ON v.place = p.place AND v.ts >= p.since GROUP BY p.kind WINDOW w AS (RANGE INTERVAL '9 days' PRECEDING);
        CREATE FEATURE SERVICE service AS SELECT n.n, n.note, n.most, n.s, n.ok, k.n AS of_kind, k.note AS note_of_kind
        FROM REQUEST (place TEXT, kind TEXT) AS r LEFT JOIN notes n USING (place) LEFT JOIN kinds k ON k.kind = r.kind;
        """
    )
    n = 6000
    store.append(
        "places",
        pa.table(
            {
                "place": [place for place in ("", "p", "r") for _ in range(5)],
                "kind": [rng.choice(["x", "y" * 30, None]) for _ in range(15)],
                "since": pa.array([START + rng.randrange(30 * DAY) for _ in range(15)], pa.timestamp("us")),
            }
        ),
    )
    for _ in range(3):
        store.append(
            "visits",
            pa.table(
                {
                    "id": pa.array([rng.randrange(500) for _ in range(n)], pa.int64()),
                    "place": [rng.choice(["", "p", "q" * 40, "r", None]) for _ in range(n)],
                    "note": [rng.choice("abc") * rng.randrange(600) if rng.random() < 0.9 else None for _ in range(n)],
                    "w": pa.array([rng.randrange(10**6) for _ in range(n)], pa.int64()).cast(pa.decimal128(20, 0)).cast(pa.decimal128(22, 2)).cast(pa.decimal128(20, 2)),
                    "ok": [rng.choice([True, False, None]) for _ in range(n)],
                    "ts": pa.array([START + rng.randrange(30) * DAY for _ in range(n)], pa.timestamp("us")),
                }
            ),
        )
    spine = pa.table({"place": [rng.choice(["", "p", "q" * 40, "r", "none"]) for _ in range(3000)], "kind": [rng.choice(["x", "y" * 30]) for _ in range(3000)], "t": pa.array([START + rng.randrange(35 * DAY) for _ in range(3000)], pa.timestamp("us"))})
    whole = store.training_set("service", spine, "t", threads=1).to_arrow().combine_chunks()
    for threads in (1, 2, 4):
        for memory in (1, 1_000_000, 6_000_000, None):
            made = store.training_set("service", spine, "t", threads=threads, memory=memory)
            assert made.to_arrow().combine_chunks().equals(whole)
            assert (made.stats["bytes_spilled"] > 0) == (memory is not None), (memory, made.stats)


def test_is_gone_at_once(filled: Any, spine: pa.Table) -> None:
    """A training set is large: its memory does not wait for a garbage collection."""
    gc.disable()
    try:
        made = filled.training_set("service", spine.slice(0, 100), "t")
        made.to_arrow(), made.columns, made.explain()
        seen = weakref.ref(made)
        del made
        assert seen() is None
    finally:
        gc.enable()
