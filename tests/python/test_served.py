"""Training sets as served: each row at the version that its reader answered from, bit for bit what it answered."""

from __future__ import annotations

import datetime as dt
import math
import random
from pathlib import Path
from typing import Any, Dict, List, Tuple

import libfeat
import pyarrow as pa
import pytest

from reference import bits

START = dt.datetime(2024, 1, 1)
HOUR = dt.timedelta(hours=1)

DEFINITIONS = """
CREATE TABLE events (id BIGINT NOT NULL, user_id BIGINT NOT NULL, x DOUBLE, ts TIMESTAMP NOT NULL, ENTITY KEY (user_id), EVENT TIME (ts), UNIQUE (id));
CREATE DIMENSION users (user_id BIGINT NOT NULL, country TEXT, ts TIMESTAMP NOT NULL, ENTITY KEY (user_id), EVENT TIME (ts));
CREATE FEATURE VIEW spending AS SELECT user_id, sum(x) OVER w AS total, count(*) OVER w AS n, last(x) OVER w AS newest, list(x) OVER w AS all_of_them
FROM events GROUP BY user_id WINDOW w AS (RANGE INTERVAL '30 days' PRECEDING);
CREATE FEATURE VIEW abroad AS SELECT e.user_id, count(*) FILTER (WHERE u.country = 'c1') OVER w AS enriched
FROM events e LEFT JOIN users u USING (user_id) GROUP BY e.user_id WINDOW w AS (RANGE INTERVAL '10 days' PRECEDING);
CREATE FEATURE VIEW profile AS SELECT user_id, country FROM users;
CREATE FEATURE SERVICE service AS spending, abroad, profile;
"""
FEATURES = ("total", "n", "newest", "all_of_them", "enriched", "country")


def history(store: Any, seed: int, each: Any) -> None:
    """Appends, late rows, corrections, retractions, changes and ends of profiles; `each` is called after every step."""
    rng, ids = random.Random(seed), []
    for step in range(20):
        now = START + 24 * HOUR * step
        rows = [(step * 10 + i, rng.randrange(4), rng.random(), now - rng.randrange(200) * HOUR) for i in range(5)]
        store.append("events", {"id": [r[0] for r in rows], "user_id": [r[1] for r in rows], "x": [r[2] for r in rows], "ts": [r[3] for r in rows]})
        ids += [r[0] for r in rows]
        if rng.random() < 0.6:
            store.append("users", {"user_id": [rng.randrange(4)], "country": [f"c{rng.randrange(3)}"], "ts": [now - rng.randrange(99) * HOUR + dt.timedelta(seconds=step)]})
        if rng.random() < 0.3:
            store.end("users", {"user_id": [rng.randrange(4)], "ts": [now - rng.randrange(9) * HOUR - dt.timedelta(minutes=1)]})
        if rng.random() < 0.5:
            store.delete("events", {"id": [ids.pop(rng.randrange(len(ids)))]})
        if rng.random() < 0.5:
            store.upsert("events", {"id": [rng.choice(ids)], "user_id": [rng.randrange(4)], "x": [9.5], "ts": [now - 5 * HOUR]})
        each(rng, now)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("options", [{}, {"threads": 3}, {"memory": 1 << 20}])
def test_as_served(tmp_path: Path, seed: int, options: Dict[str, Any]) -> None:
    store = libfeat.open(tmp_path / "store")
    store.define(DEFINITIONS)
    store.deploy("service")
    reader = store.reader("service")
    served: List[Tuple[int, dt.datetime, int, int, Dict[str, Any]]] = []

    def ask(rng: random.Random, now: dt.datetime) -> None:
        for _ in range(4):
            user, t = rng.randrange(5), now - rng.randrange(30) * HOUR
            answer = reader.get(user_id=[user], now=[t])
            version, sequence = answer.position
            served.append((user, t, version, sequence, {k: answer.to_dict()[k][0] for k in FEATURES}))

    history(store, seed, ask)
    spine = pa.table({"user_id": [s[0] for s in served], "t": [s[1] for s in served], "version": [s[2] for s in served], "sequence": [s[3] for s in served]})
    order = list(range(len(served)))
    random.Random(seed).shuffle(order)
    made = store.training_set("service", spine.take(order), "t", as_served=True, position=("version", "sequence"), **options)
    assert made.metadata["libfeat.as_served"] == "true"
    rows = made.to_arrow().to_pylist()
    for row, i in zip(rows, order):
        assert {k: bits(row[k]) for k in FEATURES} == {k: bits(served[i][4][k]) for k in FEATURES}, served[i]
    newest = store.training_set("service", spine, "t").to_arrow().to_pylist()
    assert any(bits(newest[i]["total"]) != bits(s[4]["total"]) for i, s in enumerate(served))  # else it says little


def test_by_time(tmp_path: Path) -> None:
    store = libfeat.open(tmp_path / "store")
    store.define(DEFINITIONS)
    spine = {"user_id": [1, 1, 1], "t": [START + h * HOUR for h in (1, 3, 5)]}
    with pytest.raises(libfeat.NotFoundError, match="spine row 0: nothing was served at 2024-01-01 01:00:00, before the first commit"):
        store.training_set("service", spine, as_served=True)
    for hour, x in ((0, 1.0), (2, 2.0), (4, 4.0)):  # each known an hour or more before it is asked for, though all happened long ago
        rows = {"id": [hour], "user_id": [1], "x": [x], "ts": [START - 24 * HOUR]}
        store.append("events", rows, known_at=START + hour * HOUR)
    made = store.training_set("service", spine, as_served=True).to_arrow()
    assert made["total"].to_pylist() == [1.0, 3.0, 7.0]
    assert store.training_set("service", spine).to_arrow()["total"].to_pylist() == [7.0] * 3
    before = {"user_id": [1, 1], "t": [START + HOUR, START - HOUR]}
    with pytest.raises(libfeat.NotFoundError, match="spine row 1: nothing was served at 2023-12-31 23:00:00, before the first commit at 2024-01-01 00:00:00"):
        store.training_set("service", before, as_served=True)
    with store.snapshot(version=2) as snap:
        assert snap.training_set("service", spine, as_served=True).to_arrow()["total"].to_pylist() == [1.0, 3.0, 3.0]


def test_refusals(tmp_path: Path) -> None:
    store = libfeat.open(tmp_path / "store")
    store.define(DEFINITIONS)
    store.append("events", {"id": [1], "user_id": [1], "x": [1.0], "ts": [START]})

    def refused(kind: Any, message: str, spine: Dict[str, Any], **options: Any) -> None:
        with pytest.raises(kind, match=message):
            store.training_set("service", spine, "t", **options)

    spine = {"user_id": [1], "t": [START], "v": [1], "q": [0]}
    both = {"as_served": True, "position": ("v", "q")}
    assert store.training_set("service", spine, "t", **both).to_arrow()["total"].to_pylist() == [1.0]
    refused(libfeat.NotFoundError, "spine row 0: version 2 is newer than 1", {**spine, "v": [2]}, **both)
    refused(libfeat.NotFoundError, "before the first commit", {**spine, "v": [0]}, **both)
    refused(libfeat.DataError, r"position \(1, 7\) counts pushed events", {**spine, "q": [7]}, **both)
    refused(libfeat.SchemaError, "no column 'w'", spine, as_served=True, position="w")
    refused(libfeat.ConstraintError, "NULL", {**spine, "v": pa.array([None], pa.int64())}, **both)
    refused(libfeat.ArgumentError, "position= belongs to as_served", spine, position="v")


MORE = """
CREATE FEATURE VIEW frames AS SELECT user_id, sum(x) OVER rows3 AS last_rows, count(*) OVER since AS of_month, avg(x) OVER others AS others, lag(x, 1) OVER whole AS before,
    first(id) OVER whole AS oldest, median(x) OVER week AS middle, count(*) FILTER (WHERE x > 0.5) OVER lagged AS lagged
FROM events GROUP BY user_id WINDOW rows3 AS (ROWS 3 PRECEDING), since AS (SINCE month), others AS (RANGE INTERVAL '5 days' PRECEDING EXCLUDE CURRENT ROW),
    whole AS (RANGE UNBOUNDED PRECEDING), week AS (RANGE INTERVAL '7 days' PRECEDING), lagged AS (RANGE BETWEEN INTERVAL '9 days' PRECEDING AND INTERVAL '2 days' PRECEDING);
CREATE FEATURE VIEW everything AS SELECT user_id, count(*) OVER w AS rows_of_both, last(v) OVER w AS newest_of_both
FROM (SELECT user_id, x AS v, ts FROM events UNION ALL SELECT user_id, 1.0, ts FROM users) AS u GROUP BY user_id WINDOW w AS (RANGE INTERVAL '20 days' PRECEDING);
CREATE FEATURE SERVICE plain AS SELECT s.total, s.n, s.newest, s.all_of_them, p.country, f.*, e.* FROM REQUEST (user_id BIGINT) AS r LEFT JOIN spending s USING (user_id)
LEFT JOIN profile p USING (user_id) LEFT JOIN frames f USING (user_id) LEFT JOIN everything e USING (user_id);
"""


def fill(store: Any, seed: int, steps: int) -> List[int]:
    """Commits of a few rows each, and the versions that they made."""
    rng, ids, versions = random.Random(seed), [0], []
    store.append("events", {"id": [0], "user_id": [1], "x": [0.25], "ts": [START]})
    for step in range(1, steps):
        now = START + HOUR * step
        pick = rng.random()
        if pick < 0.55:
            rows = [(step * 10 + i, rng.choice([1, 1, 1, 2, 3]), rng.random(), now - rng.choice([0, 0, 1, 30, 300]) * HOUR) for i in range(rng.randrange(1, 4))]
            store.append("events", {"id": [r[0] for r in rows], "user_id": [r[1] for r in rows], "x": [r[2] for r in rows], "ts": [r[3] for r in rows]})
            ids += [r[0] for r in rows]
        elif pick < 0.7 and len(ids) > 1:
            store.delete("events", {"id": [ids.pop(rng.randrange(len(ids)))]})
        elif pick < 0.85:
            store.upsert("events", {"id": [rng.choice(ids)], "user_id": [rng.randrange(1, 4)], "x": [9.5], "ts": [now - 5 * HOUR]})
        elif pick < 0.95:
            store.append("users", {"user_id": [rng.randrange(4)], "country": [f"c{rng.randrange(3)}"], "ts": [now - rng.randrange(99) * HOUR + dt.timedelta(seconds=step)]})
        else:
            store.end("users", {"user_id": [rng.randrange(4)], "ts": [now - rng.randrange(9) * HOUR - dt.timedelta(minutes=step)]})
        versions.append(store.snapshot().version)
    return sorted(set(versions))


@pytest.mark.parametrize("service", ["plain", "service"])
@pytest.mark.parametrize("seed", [1, 2])
def test_frames_over_versions(tmp_path: Path, seed: int, service: str) -> None:
    """Beside the training set of each version alone."""
    rng = random.Random(seed)
    with libfeat.open(tmp_path / "store") as store:
        store.define(DEFINITIONS + MORE)
        versions = fill(store, seed, 150)
        rows = [(rng.choice([1, 1, 2, 3, 7, None]), START + HOUR * rng.randrange(-5, 170), rng.choice(versions[rng.choice([0, 100]) :])) for _ in range(600)]
        rows.sort(key=lambda r: r[2])
        spine = pa.table({"user_id": pa.array([r[0] for r in rows], pa.int64()), "t": [r[1] for r in rows], "version": [r[2] for r in rows]})
        parts = []
        for version in sorted({r[2] for r in rows}):
            first = next(i for i, r in enumerate(rows) if r[2] == version)
            n = sum(r[2] == version for r in rows)
            parts.append(store.training_set(service, spine.slice(first, n), "t", version=version, status=True).to_arrow())
        want = pa.concat_tables([p.replace_schema_metadata(None) for p in parts]).combine_chunks()
        back = list(range(len(rows)))
        random.Random(seed + 5).shuffle(back)
        for options in ({}, {"threads": 3}, {"memory": 1}):
            got = store.training_set(service, spine.take(pa.array(back)), "t", status=True, as_served=True, position="version", **options)
            assert got.to_arrow().replace_schema_metadata(None).combine_chunks().equals(want.take(pa.array(back)).combine_chunks()), options
            if service == "plain" and not options:
                assert got.stats["rows_read"] < 4000, got.stats  # of about 300 rows in five blocks, at 100 versions


FRAMES = """
CREATE FEATURE VIEW frames AS SELECT user_id, sum(x) OVER d AS day_sum, count(*) OVER a AS n_ever, max(x) OVER a AS greatest, list(x) OVER r AS three, median(x) OVER d AS middle,
stddev_samp(x) OVER a AS spread FROM events WHERE x > 0.1 GROUP BY user_id WINDOW d AS (RANGE INTERVAL '1 day' PRECEDING), a AS (RANGE UNBOUNDED PRECEDING), r AS (ROWS 2 PRECEDING);
CREATE FEATURE SERVICE wide AS frames, spending, profile;
"""


def compare(store: Any, spine: Dict[str, List[Any]], versions: List[int], asked: Dict[str, Any], options: Dict[str, Any]) -> Any:
    """As served is, row by row, what training sets at each version are; returns it."""
    made = store.training_set("wide", asked["spine"], "t", as_served=True, **asked["how"], **options)
    got = made.to_arrow().to_pylist()
    for version in sorted(set(versions)):
        rows = [i for i, v in enumerate(versions) if v == version]
        alone = store.training_set("wide", {k: [c[i] for i in rows] for k, c in spine.items()}, "t", version=version).to_arrow().to_pylist()
        for i, want in zip(rows, alone):
            assert {k: bits(got[i][k]) for k in want} == {k: bits(v) for k, v in want.items()}, (version, options, got[i], want)
    return made


@pytest.mark.parametrize("seed, lag, corrections", [(1, 0, 0.0), (2, 30, 0.0), (3, 5, 0.3), (4, 90, 0.1)])
def test_many_versions(tmp_path: Path, seed: int, lag: int, corrections: float) -> None:
    """Rows that become known `lag` minutes and more after they happen, out of order; some are corrected or taken back."""
    rng, store = random.Random(seed), libfeat.open(tmp_path / "store")
    store.define(DEFINITIONS + FRAMES)
    minute, known, ids = dt.timedelta(minutes=1), [], []
    for step in range(300):
        now = START + 20 * step * minute
        rows = [(step * 4 + i, rng.randrange(3), rng.random(), now - (lag + rng.randrange(1 + lag)) * minute) for i in range(rng.randint(1, 4))]
        done = store.append("events", {"id": [r[0] for r in rows], "user_id": [r[1] for r in rows], "x": [r[2] for r in rows], "ts": [r[3] for r in rows]}, known_at=now)
        known.append((now, done.version))
        ids += [r[0] for r in rows]
        if rng.random() < corrections:
            old = rng.sample(ids, min(3, len(ids)))
            rows = [(i, rng.randrange(3), rng.random(), now - rng.randrange(2000) * minute) for i in old]
            data = {"id": old, "user_id": [r[1] for r in rows], "x": [r[2] for r in rows], "ts": [r[3] for r in rows]}
            done = store.upsert("events", data, known_at=now + minute)
            known.append((now + minute, done.version))
        if rng.random() < corrections:
            done = store.delete("events", {"id": [ids.pop(rng.randrange(len(ids)))]}, known_at=now + 2 * minute)
            known.append((now + 2 * minute, done.version))
        if rng.random() < 0.05:
            user = {"user_id": [rng.randrange(3)], "country": [f"c{rng.randrange(3)}"], "ts": [now - rng.randrange(99) * minute]}
            known.append((now + 3 * minute, store.append("users", user, known_at=now + 3 * minute).version))
    newest = known[-1][1]
    times = [START + rng.randrange(20 * 300) * minute for _ in range(400)]
    spine: Dict[str, List[Any]] = {"user_id": [rng.randrange(4) for _ in times], "t": times}
    at = [max(v for k, v in known if k <= t) for t in times]
    compare(store, spine, at, {"spine": spine, "how": {}}, {})
    made = compare(store, spine, at, {"spine": spine, "how": {}}, {"threads": 2, "memory": 1 << 16})
    versions = [rng.randint(1, newest) for _ in times]
    asked = {"spine": {**spine, "v": versions}, "how": {"position": "v"}}
    compare(store, spine, versions, asked, {"threads": 2})
    # Rows are read once for each join that asks for them, and again for each time that a segment grew eightfold, however many
    # versions there are.
    rows = sum(commit["rows_added"] for commit in store.history().to_arrow().to_pylist())
    assert made.stats["rows_read"] <= 2 * rows * (1 + math.log(rows, 8))
