"""Views of enriched events as served: what an event is enriched with changes from version to version, while the event stays."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path
from typing import Any, Dict, List

import libfeat
import pyarrow as pa
import pytest

START = dt.datetime(2024, 1, 1)
HOUR = dt.timedelta(hours=1)

DEFINITIONS = """
CREATE TABLE events (id BIGINT NOT NULL, user_id BIGINT NOT NULL, x DOUBLE, ts TIMESTAMP NOT NULL, ENTITY KEY (user_id), EVENT TIME (ts), UNIQUE (id));
CREATE TABLE offers (id BIGINT NOT NULL, user_id BIGINT NOT NULL, price DOUBLE, ts TIMESTAMP NOT NULL, ENTITY KEY (user_id), EVENT TIME (ts), UNIQUE (id));
CREATE DIMENSION users (user_id BIGINT NOT NULL, country TEXT, ts TIMESTAMP NOT NULL, ENTITY KEY (user_id), EVENT TIME (ts)) WITH (ttl = INTERVAL '4 days');
CREATE DIMENSION regions (country TEXT NOT NULL, region BIGINT, ts TIMESTAMP NOT NULL, ENTITY KEY (country), EVENT TIME (ts));
CREATE FEATURE VIEW chained AS SELECT e.user_id, list(u.country) OVER w AS countries, list(r.region) OVER w AS regions, count(*) FILTER (WHERE r.region > 1) OVER d AS far,
    sum(e.x * r.region) OVER w AS weighted, last(u.country) OVER t AS newest
FROM events e LEFT JOIN users u ON u.user_id = e.user_id LEFT JOIN regions r ON r.country = u.country
GROUP BY e.user_id WINDOW w AS (RANGE INTERVAL '3 days' PRECEDING), d AS (RANGE INTERVAL '1 day' PRECEDING), t AS (ROWS 2 PRECEDING);
CREATE FEATURE VIEW by_country AS SELECT u.country, count(*) OVER w AS n, sum(e.x) OVER w AS total, min(e.x) OVER w AS least
FROM events e JOIN users u USING (user_id) WHERE e.x > 0.1 GROUP BY u.country WINDOW w AS (RANGE INTERVAL '5 days' PRECEDING);
CREATE FEATURE VIEW offered AS SELECT user_id, sum(x) OVER w AS of_users FROM events GROUP BY user_id WINDOW w AS (RANGE INTERVAL '1 day' PRECEDING);
CREATE FEATURE VIEW bought AS SELECT e.user_id, list(o.price) OVER w AS prices, avg(f.of_users) OVER w AS before
FROM events e ASOF LEFT JOIN offers o ON o.user_id = e.user_id LEFT JOIN offered f ON f.user_id = e.user_id
GROUP BY e.user_id WINDOW w AS (RANGE INTERVAL '2 days' PRECEDING);
CREATE FEATURE VIEW above AS SELECT o.user_id, count(c.far) OVER w AS n_far, max(c.weighted) OVER w AS heaviest FROM offers o LEFT JOIN chained c ON c.user_id = o.user_id
GROUP BY o.user_id WINDOW w AS (RANGE INTERVAL '6 days' PRECEDING);
CREATE FEATURE VIEW either AS SELECT a.user_id, count(a.region) OVER w AS known, last(a.v) OVER w AS newest_of_both, max(a.region) OVER w AS farthest
FROM (SELECT e.user_id, e.x AS v, r.region, e.ts FROM events e LEFT JOIN users u USING (user_id) LEFT JOIN regions r ON r.country = u.country
      UNION ALL SELECT o.user_id, o.price, CAST(NULL AS BIGINT), o.ts FROM offers o) AS a GROUP BY a.user_id WINDOW w AS (RANGE UNBOUNDED PRECEDING);
CREATE FEATURE VIEW profile AS SELECT user_id, country FROM users;
CREATE FEATURE SERVICE service AS SELECT c.*, b.*, e.*, a.*, n.n, n.total, n.least FROM REQUEST (user_id BIGINT) AS q LEFT JOIN chained c USING (user_id)
LEFT JOIN bought b USING (user_id) LEFT JOIN either e USING (user_id) LEFT JOIN above a USING (user_id) LEFT JOIN profile p USING (user_id) LEFT JOIN by_country n ON n.country = p.country;
"""


class History:
    """Commits to all tables, in which rows are late, written again, taken back and ended."""

    def __init__(self, store: Any, seed: int) -> None:
        self.store, self.rng = store, random.Random(seed)
        self.ids: Dict[str, List[int]] = {"events": [], "offers": []}
        self.n = 0
        self.now = START

    def column(self) -> str:
        return f"c{self.rng.randrange(3)}"

    def past(self) -> dt.datetime:
        self.n += 1
        return self.now - self.rng.choice([0, 0, 1, 5, 30, 100]) * HOUR + dt.timedelta(microseconds=self.n)

    def keyed(self, table: str, value: str) -> None:
        rng, ids = self.rng, self.ids[table]
        pick = rng.random()
        if pick < 0.15 and ids:
            self.store.delete(table, {"id": [ids.pop(rng.randrange(len(ids)))]})
            return
        rows = [rng.choice(ids)] if pick < 0.3 and ids else [self.n + i for i in range(rng.randrange(1, 4))]
        self.n += len(rows)
        ids += [i for i in rows if i not in ids]
        data = {"id": rows, "user_id": [rng.randrange(4) for _ in rows], value: [rng.choice([None, rng.random(), 0.5]) for _ in rows], "ts": [self.past() for _ in rows]}
        data[value] = pa.array(data[value], pa.float64())
        self.store.upsert(table, data)

    def dimension(self, table: str, key: str, value: Any, field: str, row: Any) -> None:
        if self.rng.random() < 0.2:
            self.store.end(table, {key: [value], "ts": [self.past()]})
        else:
            self.store.append(table, {key: [value], field: [row], "ts": [self.past()]})

    def step(self, restore: bool, quiet: bool) -> None:
        pick = 0.6 + 0.4 * self.rng.random() if quiet else self.rng.random()
        self.now += HOUR
        if pick < 0.5:
            self.keyed("events", "x")
        elif pick < 0.6:
            self.keyed("offers", "price")
        elif pick < 0.8:
            self.dimension("users", "user_id", self.rng.randrange(4), "country", self.column())
        elif pick < 0.97 or not restore:
            self.dimension("regions", "country", self.column(), "region", self.rng.randrange(4))
        else:
            table, version = self.rng.choice(["users", "regions"] if quiet else ["events", "users", "regions"]), self.store.version
            self.store.restore(table, version=max(1, version - self.rng.randrange(20)))


def raw(made: Any) -> pa.Table:
    return made.to_arrow().replace_schema_metadata(None).combine_chunks()


def compare(store: Any, seed: int, since: int, until: int) -> Any:
    """Rows at versions from `since` on beside the training set of each version alone; returns the statistics."""
    rng = random.Random(seed)
    rows = sorted((rng.randint(since, store.version), rng.randrange(5), START + HOUR * rng.randrange(until)) for _ in range(300))
    spine = pa.table({"user_id": [r[1] for r in rows], "t": [r[2] for r in rows], "version": [r[0] for r in rows]})
    parts = []
    for version in sorted({r[0] for r in rows}):
        own = [i for i, r in enumerate(rows) if r[0] == version]
        parts.append(raw(store.training_set("service", spine.slice(own[0], len(own)), "t", version=version, status=True)))
    want = pa.concat_tables(parts).combine_chunks()
    assert len(set(map(str, want["regions"].to_pylist()))) > 30  # else it says little
    order = list(range(len(rows)))
    rng.shuffle(order)
    want = want.take(pa.array(order)).combine_chunks()
    for options in ({"threads": 2}, {"threads": 2, "memory": 1}, {}):
        made = store.training_set("service", spine.take(pa.array(order)), "t", status=True, as_served=True, position="version", **options)
        assert raw(made).equals(want), options
    return made.stats


@pytest.mark.parametrize("restore", [False, True])
@pytest.mark.parametrize("seed", [1, 2])
def test_enriched(tmp_path: Path, seed: int, restore: bool) -> None:
    with libfeat.open(tmp_path / "store") as store:
        store.define(DEFINITIONS)
        history = History(store, seed)
        for _ in range(110):
            history.step(restore, False)
        stats = compare(store, seed, 1, 120)
        if not restore:  # each row once for each block that reads it, however many versions there are
            written = sum(commit["rows_added"] for commit in store.history().to_arrow().to_pylist())
            assert stats["rows_read"] <= 5 * written, (stats, written)
        since = store.version
        for _ in range(30):  # only what events are enriched with changes
            history.step(restore, True)
        compare(store, seed, since, 150)
