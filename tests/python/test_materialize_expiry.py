"""Materialising views whose rows grow too old: a row that expires between two runs is a change of those who read it, and of
nobody else."""

from __future__ import annotations

import datetime as dt
import os
import random
from typing import Any, Dict, List, Tuple

import numpy as np
import pytest

import libfeat

START = dt.datetime(2024, 2, 25)
MICROSECOND = dt.timedelta(microseconds=1)
DAY = dt.timedelta(days=1)
PRESENT, NULL, NOT_FOUND, EXPIRED = 0, 1, 2, 3

PEOPLE = """CREATE DIMENSION people (who BIGINT, land TEXT, since TIMESTAMP NOT NULL, ENTITY KEY (who),
            EVENT TIME (since)) WITH (ttl = INTERVAL '2 days');
            CREATE DIMENSION lands (land TEXT, rate DOUBLE, since TIMESTAMP NOT NULL, ENTITY KEY (land),
            EVENT TIME (since)) WITH (ttl = INTERVAL '3 days');
            CREATE FEATURE VIEW home AS SELECT who, land FROM people;
            CREATE FEATURE VIEW taxed AS SELECT p.who, p.land, l.rate FROM people p LEFT JOIN lands l ON l.land = p.land;"""


def day(n: float) -> dt.datetime:
    return START + n * DAY


def move(store: libfeat.Store, *rows: Tuple[int, str, float]) -> None:
    store.append("people", {"who": [r[0] for r in rows], "land": [r[1] for r in rows], "since": [day(r[2]) for r in rows]})


@pytest.fixture
def store(tmp_path: Any) -> Any:
    with libfeat.open(tmp_path / "store") as s:
        s.define(PEOPLE)
        for view in ("home", "taxed"):
            s.define(f"CREATE FEATURE SERVICE {view}_kept AS SELECT k.* FROM REQUEST (who BIGINT) AS r LEFT JOIN MATERIALIZED {view} k USING (who)")
            s.define(f"CREATE FEATURE SERVICE {view}_live AS {view}")
        yield s


def same_as_live(store: libfeat.Store, view: str, who: List[int], at: dt.datetime) -> Dict[str, Any]:
    spine = {"who": who, "t": [at] * len(who)}
    kept = store.training_set(f"{view}_kept", spine, "t", status=True).to_dict()
    assert kept == store.training_set(f"{view}_live", spine, "t", status=True).to_dict()
    return kept


def test_rows_that_expire_are_changes(store: libfeat.Store) -> None:
    assert "computes every entity" not in store.explain("home") + store.explain("taxed")
    move(store, (1, "de", 0), (2, "de", 0), (2, "fr", 1), (3, "us", 2))
    assert store.materialize("home", at=day(1)).runs_full == 1
    done = store.materialize("home", at=day(2))  # at equality it is present; 3 came
    assert (done.runs_full, done.entities) == (0, 1)
    assert same_as_live(store, "home", [1, 2, 3], day(2))["land"] == ["de", "fr", "us"]
    done = store.materialize("home", at=day(2) + MICROSECOND)  # 1 expires; 2 has a newer row than the one that does
    assert (done.runs_full, done.entities) == (0, 1)
    assert same_as_live(store, "home", [1, 2, 3], day(2) + MICROSECOND)["land__status"] == [EXPIRED, PRESENT, PRESENT]
    move(store, (1, "fr", 2.5))
    done = store.materialize("home", at=day(3) + MICROSECOND)  # 2 expires, 1 is back
    assert (done.runs_full, done.entities) == (0, 2)
    assert same_as_live(store, "home", [1, 2, 3], day(3) + MICROSECOND)["land__status"] == [PRESENT, EXPIRED, PRESENT]
    assert store.materialize("home", at=day(4)).entities == 0
    assert store.materialize("home", at=day(9)).entities == 2  # 1 and 3
    assert store.materialize("home", at=day(99)).entities == 0
    assert same_as_live(store, "home", [1, 2, 3], day(99))["land__status"] == [EXPIRED] * 3


def test_an_end_is_no_expiry_and_a_late_row_may_end_one(store: libfeat.Store) -> None:
    move(store, (1, "de", 0), (2, "de", 0), (3, "de", 0))
    store.end("people", {"who": [1], "since": [day(1)]})
    store.materialize("home", at=[day(1), day(5)])
    assert same_as_live(store, "home", [1, 2, 3], day(5))["land__status"] == [NOT_FOUND, EXPIRED, EXPIRED]
    move(store, (2, "fr", 4))  # known now, true from day 4 on
    done = store.materialize("home", at=day(5))
    assert (done.runs_full, done.entities) == (0, 1)
    assert same_as_live(store, "home", [1, 2, 3], day(5))["land__status"] == [NOT_FOUND, PRESENT, EXPIRED]
    assert store.materialize("home", at=day(6)).entities == 0


def test_expiry_reaches_through_a_chain(store: libfeat.Store) -> None:
    move(store, (1, "de", 0), (2, "de", 1.5), (3, "fr", 1.5))
    store.append("lands", {"land": ["de", "fr"], "rate": [1.0, 2.0], "since": [day(-1.5), day(0)]})
    store.materialize("taxed", at=day(1.5))
    assert same_as_live(store, "taxed", [1, 2, 3], day(1.5))["rate"] == [1.0, 1.0, 2.0]
    done = store.materialize("taxed", at=day(1.6))  # de's rate expires for those who are there
    assert (done.runs_full, done.entities) == (0, 2)
    done = store.materialize("taxed", at=day(2.5))  # 1 expires
    assert (done.runs_full, done.entities) == (0, 1)
    assert store.materialize("taxed", at=day(3)).entities == 0  # fr's is on the edge
    assert store.materialize("taxed", at=day(3) + MICROSECOND).entities == 1
    same_as_live(store, "taxed", [1, 2, 3], day(3) + MICROSECOND)
    assert store.materialize("taxed", at=day(3.6)).entities == 2  # 2 and 3 expire


EDGES = {
    # Whether it holds while the newest event is younger than two days, exactly that old, and older.
    "last(at) >= now() - INTERVAL '2 days'": [True, True, False],
    "last(at) > now() - INTERVAL '2 days'": [True, False, False],
    "last(at) <= now() - INTERVAL '2 days'": [False, True, True],
    "last(at) < now() - INTERVAL '2 days'": [False, False, True],
    "now() - INTERVAL '2 days' <= last(at)": [True, True, False],
    "now() - INTERVAL '2 days' < last(at)": [True, False, False],
    "now() - INTERVAL '2 days' >= last(at)": [False, True, True],
    "now() - INTERVAL '2 days' > last(at)": [False, False, True],
}


@pytest.mark.parametrize("condition", EDGES)
def test_ages_in_features_are_edges(tmp_path: Any, condition: str) -> None:
    with libfeat.open(tmp_path / "store") as store:
        store.define(
            f"""CREATE TABLE buys (who BIGINT, at TIMESTAMP NOT NULL, ENTITY KEY (who), EVENT TIME (at));
            CREATE FEATURE VIEW v AS SELECT who, {condition} AS c FROM buys GROUP BY who;
            CREATE FEATURE SERVICE kept AS SELECT k.* FROM REQUEST (who BIGINT) AS r LEFT JOIN MATERIALIZED v k USING (who);"""
        )
        assert "computes every entity" not in store.explain("v")
        store.append("buys", {"who": [1, 2, 3], "at": [day(0), day(0.5), day(1)]})
        want = EDGES[condition]
        entities = []
        for t in (day(1), day(2) - MICROSECOND, day(2), day(2) + MICROSECOND, day(2.5), day(4)):
            done = store.materialize("v", at=t)
            entities.append(done.entities)
            got = store.training_set("kept", {"who": [1, 2, 3], "t": [t] * 3}, "t").to_dict()["c"]
            assert got == [want[(t - DAY * 2 >= at) + (t - DAY * 2 > at)] for at in (day(0), day(0.5), day(1))]
        at_edge = want[0] != want[1]
        assert entities == ([3, 0, 1, 0, 1, 1] if at_edge else [3, 0, 0, 1, 0, 2])


def test_other_uses_of_the_clock_compute_all(tmp_path: Any) -> None:
    with libfeat.open(tmp_path / "store") as store:
        store.define("CREATE TABLE buys (who BIGINT, due TIMESTAMP, at TIMESTAMP NOT NULL, ENTITY KEY (who), EVENT TIME (at));")
        others = [
            "last(due) >= now() - INTERVAL '2 days'",
            "first(at) >= now() - INTERVAL '2 days'",
            "last(at) FILTER (WHERE due IS NULL) >= now() - INTERVAL '2 days'",
            "last(at) = now() - INTERVAL '2 days'",
            "last(at) >= now()",
            "now() - INTERVAL '2 days'",
            "last(at) + INTERVAL '2 days' >= now()",
        ]
        for i, other in enumerate(others):
            store.define(f"CREATE FEATURE VIEW v{i} AS SELECT who, count(*) AS n, {other} AS c FROM buys GROUP BY who;")
            assert "computes every entity: it depends on now()" in store.explain(f"v{i}"), other


def test_months_of_age_are_not_monotone(tmp_path: Any) -> None:
    """A month before 29 March 23:00 is 29 February 23:00; before 30 March 09:00 it is 29 February 09:00."""
    with libfeat.open(tmp_path / "store") as store:
        store.define(PEOPLE.replace("'2 days'", "'1 month'"))
        store.define("CREATE FEATURE SERVICE home_kept AS SELECT k.* FROM REQUEST (who BIGINT) AS r LEFT JOIN MATERIALIZED home k USING (who)")
        store.define("CREATE FEATURE SERVICE home_live AS home")
        for who, since in ((1, dt.datetime(2024, 2, 29, 12)), (2, dt.datetime(2024, 2, 29, 8)), (3, dt.datetime(2024, 3, 1))):
            store.append("people", {"who": [who], "land": ["de"], "since": [since]})
        before, after = dt.datetime(2024, 3, 29, 23), dt.datetime(2024, 3, 30, 9)
        store.materialize("home", at=before)
        assert same_as_live(store, "home", [1, 2, 3], before)["land__status"] == [EXPIRED, EXPIRED, PRESENT]
        assert store.materialize("home", at=after).entities == 1  # back again
        assert same_as_live(store, "home", [1, 2, 3], after)["land__status"] == [PRESENT, EXPIRED, PRESENT]


# ---- generated ---------------------------------------------------------------------------------------------------

AGES = ["'1 day'", "'36 hours'", "'1 month'", "'1 microsecond'", "'3 days'"]
VIEWS = [
    "SELECT who, land, points FROM people",
    "SELECT p.who, p.land, l.rate, r.tax FROM people p LEFT JOIN lands l ON l.land = p.land LEFT JOIN regions r ON r.region = l.region",
    "SELECT b.who, count(*) OVER w AS n, sum(CASE WHEN p.land = 'a' THEN amount END) OVER w AS spent FROM buys b LEFT JOIN people p ON p.who = b.who WINDOW w AS (PARTITION BY b.who ORDER BY b.at RANGE INTERVAL '30 hours' PRECEDING)",
    "SELECT who, land, points FROM people WHERE points > 2",
    "SELECT who, last(at) >= now() - INTERVAL '2 days' AS active, last(at) < now() - INTERVAL '1 day' AS idle, count(*) AS n FROM buys GROUP BY who",
    "SELECT who, last(at) > now() - INTERVAL '1 month' AS active, now() - INTERVAL '36 hours' >= last(at) AS idle FROM buys GROUP BY who",
]


def definitions(rng: random.Random) -> str:
    def ttl() -> str:
        return f" WITH (ttl = INTERVAL {rng.choice(AGES)})" if rng.random() < 0.8 else ""

    delay = rng.choice(["", " DELAY INTERVAL '5 hours'", " DELAY INTERVAL '2 days'"])
    return f"""
    CREATE TABLE buys (id BIGINT NOT NULL, who BIGINT, amount DOUBLE, at TIMESTAMP NOT NULL, ENTITY KEY (who), EVENT TIME (at), UNIQUE (id));
    CREATE DIMENSION people (who BIGINT, land TEXT, points BIGINT, since TIMESTAMP NOT NULL, ENTITY KEY (who), EVENT TIME (since{delay})){ttl()};
    CREATE DIMENSION lands (land TEXT, region TEXT, rate DOUBLE, since DATE NOT NULL, ENTITY KEY (land), EVENT TIME (since DELAY INTERVAL '1 day')){ttl()};
    CREATE DIMENSION regions (region TEXT, tax DOUBLE, since TIMESTAMP NOT NULL, ENTITY KEY (region), EVENT TIME (since)){ttl()};"""


class Town:
    """Two stores with the same rows; one is materialised by what changed, the other whole."""

    def __init__(self, seed: int, path: Any) -> None:
        path.mkdir()
        self.rng = random.Random(seed)
        self.stores = [libfeat.open(path / name) for name in ("changed", "whole")]
        self.view = self.rng.choice(VIEWS)
        self.sql = definitions(self.rng) + f"CREATE FEATURE VIEW v AS {self.view};"
        self.sql += "CREATE FEATURE SERVICE live AS v;"
        self.sql += "CREATE FEATURE SERVICE kept AS SELECT k.* FROM REQUEST (who BIGINT) AS r LEFT JOIN MATERIALIZED v k USING (who);"
        for store in self.stores:
            store.define(self.sql)
        self.times: List[dt.datetime] = [day(0)]
        self.taken: set = set()
        self.next_id, self.saved = 0, 0

    def a_time(self) -> dt.datetime:
        rng = self.rng
        t = day(rng.choice([rng.uniform(0, 6), rng.randint(0, 40)]))
        if rng.random() < 0.6:
            ages = [DAY, 36 * DAY / 24, 29 * DAY, 31 * DAY, MICROSECOND, 3 * DAY, 2 * DAY, 30 * DAY / 24]
            t = rng.choice(self.times) + rng.choice(ages) + rng.choice([0, 0, 1, -1]) * MICROSECOND
        return t

    def write(self) -> None:
        rng = self.rng
        n = rng.choice([1, 2, 6])
        times = [self.a_time() if rng.random() < 0.3 else day(rng.uniform(0, 8)) for _ in range(n)]
        self.times += times
        whos, places = [rng.randint(1, 12) for _ in times], [rng.choice("abc") for _ in times]
        regions = [rng.choice("xyz") for _ in times]
        kind = rng.choice(["buys", "people", "people", "lands", "regions"])
        if kind == "buys":
            data: Dict[str, Any] = {"id": [self.next_id + i for i in range(n)], "who": whos, "amount": [rng.uniform(0, 9) for _ in times], "at": times}
            self.next_id += n
            for store in self.stores:
                store.append("buys", data)
            return
        keys: List[Any] = {"people": whos, "lands": places}.get(kind, regions)
        seen = [(kind, k, t.date() if kind == "lands" else t) for k, t in zip(keys, times)]
        kept = [i for i, s in enumerate(seen) if s not in self.taken and seen.index(s) == i]
        self.taken.update(seen)
        if not kept:
            return
        columns: Dict[str, Dict[str, List[Any]]] = {
            "people": {"who": whos, "land": places, "points": [rng.choice([None, 1, 3, 5]) for _ in times], "since": times},
            "lands": {"land": places, "region": regions, "rate": [rng.uniform(0, 1) for _ in times], "since": [t.date() for t in times]},
            "regions": {"region": regions, "tax": [rng.uniform(0, 1) for _ in times], "since": times},
        }
        data = {n: [v[i] for i in kept] for n, v in columns[kind].items()}
        ends = rng.random() < 0.15
        for store in self.stores:
            if ends:
                store.end(kind, {n: data[n] for n in [next(iter(data)), "since"]})
            else:
                store.append(kind, data)

    def run(self) -> None:
        changed, whole = self.stores
        t = self.a_time()
        one, other = changed.materialize("v", at=t, threads=1), whole.materialize("v", at=t, full=True)
        if one.runs:
            assert one.entities <= other.entities and one.runs_full <= other.runs_full
            self.saved += other.entities - one.entities
        spine = {"who": list(range(1, 14)), "t": [t] * 13}
        answers = [s.training_set("kept", spine, "t", status=True).to_numpy() for s in self.stores]
        live = changed.training_set("live", spine, "t", status=True, version=one.input).to_numpy()
        names = [n for n in live if n not in ("who", "t")]
        for name in names:
            a, b, c = (column_bytes(x[name]) for x in (*answers, live))
            assert a == b, f"{name} at {t}: {a} {b}\n{self.sql}"
            known = answers[0][name.replace("__status", "") + "__status"] != NOT_FOUND
            assert [x for x, k in zip(a, known) if k] == [x for x, k in zip(c, known) if k], f"{name} at {t}: {a} {c}\n{self.sql}"


def column_bytes(column: Any) -> List[Any]:
    mask = np.ma.getmaskarray(column) if isinstance(column, np.ma.MaskedArray) else np.zeros(len(column), bool)
    values = column.data if isinstance(column, np.ma.MaskedArray) else column
    return [None if m or v is None else (v if values.dtype == object else np.asarray(v).tobytes()) for v, m in zip(values, mask)]


def test_runs_of_generated_views(tmp_path: Any) -> None:
    saved = 0
    for seed in range(500 if os.environ.get("FEAT_TEST_LONG") else 30):
        town = Town(seed, tmp_path / str(seed))
        for _ in range(12):
            for _ in range(town.rng.choice([0, 1, 3])):
                town.write()
            town.run()
        saved += town.saved
        for store in town.stores:
            store.close()
    assert saved > 100  # else the test says little
