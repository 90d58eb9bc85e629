"""Materialising: what is computed and what is not, runs among other runs, what services read, and what is refused."""

from __future__ import annotations

import datetime as dt
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, List, Optional

import pytest

import libfeat

START = dt.datetime(2024, 3, 1)
MICROSECOND = dt.timedelta(microseconds=1)
DAY = dt.timedelta(days=1)
PRESENT, NULL, NOT_FOUND, EXPIRED, ERROR = 0, 1, 2, 3, 4

TABLES = """
CREATE TABLE paid (id BIGINT NOT NULL, who BIGINT, shop TEXT, amount DOUBLE, note TEXT, at TIMESTAMP NOT NULL,
                   ENTITY KEY (who), EVENT TIME (at), UNIQUE (id));
CREATE DIMENSION people (who BIGINT, country TEXT, since TIMESTAMP NOT NULL, ENTITY KEY (who), EVENT TIME (since));
CREATE DIMENSION countries (country TEXT, region TEXT, since TIMESTAMP NOT NULL, ENTITY KEY (country), EVENT TIME (since));
CREATE DIMENSION regions (region TEXT, rate DOUBLE, since TIMESTAMP NOT NULL, ENTITY KEY (region), EVENT TIME (since));
CREATE TABLE unrelated (x BIGINT, at TIMESTAMP NOT NULL, ENTITY KEY (x), EVENT TIME (at));
"""
VIEW = """CREATE FEATURE VIEW spent{options} AS SELECT who, count(*) OVER w AS n, sum(amount) OVER w AS total FROM paid
          GROUP BY who WINDOW w AS (RANGE INTERVAL '3 days' PRECEDING);"""
SERVICE = """CREATE FEATURE SERVICE kept AS SELECT s.* FROM REQUEST (who BIGINT) AS r
             LEFT JOIN MATERIALIZED {view} AS s USING (who);"""


def day(n: float) -> dt.datetime:
    return START + n * DAY


@pytest.fixture
def store(tmp_path: Any) -> Any:
    with libfeat.open(tmp_path / "store") as s:
        s.define(TABLES)
        yield s


def pay(store: libfeat.Store, *rows: Any, upsert: bool = False) -> None:
    """Rows of (id, who, day, amount)."""
    data = {
        "id": [r[0] for r in rows],
        "who": [r[1] for r in rows],
        "amount": [float(r[3]) for r in rows],
        "at": [r[2] if isinstance(r[2], dt.datetime) else day(r[2]) for r in rows],
    }
    (store.upsert if upsert else store.append)("paid", data)


def spent(store: libfeat.Store, options: str = "") -> None:
    store.define(VIEW.format(options=options) + SERVICE.format(view="spent"))


def kept(store: libfeat.Store, who: List[Optional[int]], at: List[dt.datetime], version: Optional[int] = None) -> Dict[str, Any]:
    result = store.training_set("kept", {"who": who, "t": at}, "t", status=True, version=version).to_dict()
    return {name: result[name] for name in result if name not in ("who", "t")}


def rows_at(store: libfeat.Store, view: str, at: dt.datetime) -> Dict[Any, Any]:
    """What the layer holds at a time: key -> first feature."""
    table = store.snapshot().table(store.layer(view)).to_dict()
    key, feature = list(table)[0], list(table)[2]
    return {k: f for k, f, t, run in zip(table[key], table[feature], table["$at"], table["$run"]) if t == at and run == 0}


# ---- which entities are computed ---------------------------------------------------------------------------------


def test_only_what_can_have_changed_is_computed(store: libfeat.Store) -> None:
    spent(store)
    pay(store, (1, 1, 0, 1), (2, 2, 1, 2), (3, 3, 2.5, 4), (4, 4, 9, 8))
    first = store.materialize("spent", at=day(3))
    assert (first.runs, first.runs_full, first.entities, first.rows) == (1, 1, 3, 3)  # 4 is not known yet
    # At 3 days the window of 1 is about to lose its event; a µs later it has.
    assert store.materialize("spent", at=day(3) + MICROSECOND).entities == 1
    assert rows_at(store, "spent", day(3) + MICROSECOND) == {1: 0}
    assert store.materialize("spent", at=day(3.5)).entities == 0
    assert store.materialize("spent", at=day(4)).entities == 0  # 2's event is on the edge
    assert store.materialize("spent", at=day(4) + MICROSECOND).entities == 1
    assert store.materialize("spent", at=day(9) - MICROSECOND).entities == 1  # 3 left
    assert store.materialize("spent", at=day(9)).entities == 1  # 4 came
    assert rows_at(store, "spent", day(9)) == {4: 1}


def test_late_events_count_where_a_window_holds_them(store: libfeat.Store) -> None:
    spent(store)
    pay(store, (1, 1, 0, 1), (2, 2, 9, 2))
    store.materialize("spent", at=day(10))
    pay(store, (3, 1, 1, 1))  # outside of every window, of an entity that is known
    assert store.materialize("spent", at=day(10)).entities == 0
    pay(store, (4, 5, 1, 1))  # the same of an entity that was not known
    assert store.materialize("spent", at=day(10)).entities == 1
    pay(store, (5, 2, 8, 1))
    assert store.materialize("spent", at=day(10)).entities == 1
    pay(store, (6, 2, 10.5, 1))  # after the time
    assert store.materialize("spent", at=day(10)).entities == 0
    store.append("unrelated", {"x": [1], "at": [day(1)]})
    assert store.materialize("spent", at=day(10)).runs_present == 1
    assert kept(store, [1, 2, 5, 6], [day(10)] * 4)["n"] == [0, 2, 0, None]


def test_upserts_and_deletes(store: libfeat.Store) -> None:
    spent(store)
    pay(store, (1, 1, 9, 1), (2, 2, 9, 2), (3, 3, 9, 4), (4, 4, 1, 4), (5, 4, 1, 4))
    store.materialize("spent", at=day(10))
    store.upsert("paid", {"id": [1], "who": [1], "amount": [1.0], "at": [day(9)], "note": ["is not read"]})
    assert store.materialize("spent", at=day(10)).entities == 0
    pay(store, (2, 3, 9, 2), upsert=True)  # moves from one entity to another
    done = store.materialize("spent", at=day(10))
    assert (done.entities, done.rows) == (1, 2)  # 3 is computed, 2 is known no more
    assert kept(store, [1, 2, 3], [day(10)] * 3)["n"] == [1, None, 2]
    assert kept(store, [1, 2, 3], [day(10)] * 3)["n__status"] == [PRESENT, NOT_FOUND, PRESENT]
    store.delete("paid", {"id": [3]})  # one of two in the window
    assert store.materialize("spent", at=day(10)).entities == 1
    assert kept(store, [3], [day(10)])["n"] == [1]
    store.delete("paid", {"id": [4]})  # outside of the window, and not the last that made it known
    assert store.materialize("spent", at=day(10)).rows == 0
    store.delete("paid", {"id": [5]})
    assert store.materialize("spent", at=day(10)).rows == 1
    assert kept(store, [4], [day(10)])["n"] == [None]


CHAIN = """CREATE FEATURE VIEW chain AS SELECT p.who, p.country, c.region, r.rate, s.n FROM people p
           LEFT JOIN countries c ON c.country = p.country LEFT JOIN regions r ON r.region = c.region
           LEFT JOIN spent s ON s.who = p.who;"""


def test_dimensions_above_aggregates_reach_their_entities(store: libfeat.Store) -> None:
    spent(store)
    store.define(CHAIN)
    store.append("people", {"who": [1, 2, 3], "country": ["de", "fr", "us"], "since": [day(0)] * 3})
    store.append("countries", {"country": ["de", "fr", "us"], "region": ["eu", "eu", "na"], "since": [day(0)] * 3})
    store.append("regions", {"region": ["eu", "na"], "rate": [1.0, 2.0], "since": [day(0)] * 2})
    pay(store, (1, 1, 9, 1))
    assert store.materialize("chain", at=day(10)).entities == 3
    store.append("regions", {"region": ["eu"], "rate": [1.5], "since": [day(5)]})
    assert store.materialize("chain", at=day(10)).entities == 2
    store.append("countries", {"country": ["us"], "region": ["eu"], "since": [day(10)]})
    assert store.materialize("chain", at=day(10)).entities == 1
    store.append("regions", {"region": ["na"], "rate": [9.0], "since": [day(6)]})  # nobody is there any more
    assert store.materialize("chain", at=day(10)).entities == 0
    store.append("people", {"who": [2], "country": ["us"], "since": [day(10)]})
    pay(store, (2, 3, 9.5, 1), (3, 7, 9.5, 1))  # 7 is no person: its row would say nothing
    done = store.materialize("chain", at=day(10))
    assert done.entities == 3
    table = store.snapshot().table(store.layer("chain")).to_dict()
    rows = {w: (c, g, r, n) for w, c, g, r, n, f in zip(*(table[k] for k in ("who", "country", "region", "rate", "n", "$found"))) if f}
    assert rows == {1: ("de", "eu", 1.5, 1), 2: ("us", "eu", 1.5, 0), 3: ("us", "eu", 1.5, 1)}


def test_dimensions_below_aggregates_reach_their_entities(store: libfeat.Store) -> None:
    store.define(
        """CREATE FEATURE VIEW abroad AS SELECT e.shop, count(*) FILTER (WHERE p.country = 'fr') OVER w AS n FROM paid e
           LEFT JOIN people p ON p.who = e.who WINDOW w AS (PARTITION BY e.shop ORDER BY e.at RANGE INTERVAL '3 days' PRECEDING);"""
    )
    store.append("people", {"who": [1, 2], "country": ["fr", "de"], "since": [day(0)] * 2})
    at = [day(8), day(9), day(9), day(9)]
    store.append("paid", {"id": [1, 2, 3, 4], "who": [1, 1, 2, 2], "shop": ["a", "b", "b", "c"], "at": at})
    store.materialize("abroad", at=day(10))
    assert rows_at(store, "abroad", day(10)) == {"a": 1, "b": 1, "c": 0}
    store.append("people", {"who": [1], "country": ["de"], "since": [day(8.5)]})  # as of 9 the events say otherwise
    assert store.materialize("abroad", at=day(10)).entities == 1
    assert rows_at(store, "abroad", day(10)) == {"a": 1, "b": 0, "c": 0}
    store.append("people", {"who": [2], "country": ["fr"], "since": [day(9.5)]})  # after its events
    assert store.materialize("abroad", at=day(10)).entities == 0


def test_what_depends_on_now_is_computed_for_all(store: libfeat.Store) -> None:
    store.define(
        """CREATE FEATURE VIEW ages AS SELECT who, country, DATEDIFF(day, since, CURRENT_DATE) AS age FROM people;
           CREATE FEATURE VIEW plain AS SELECT who, country FROM people;"""
    )
    store.append("people", {"who": [1, 2], "country": ["de", "fr"], "since": [day(0)] * 2})
    assert store.materialize("ages", start=day(1), end=day(3), every=DAY)[:4] == (3, 3, 0, 6)
    assert store.materialize("plain", start=day(1), end=day(3), every=DAY)[:4] == (3, 1, 0, 2)
    assert "a materialisation computes every entity: it depends on now()" in store.explain("ages")
    assert '"computes_every_entity":"it depends on now()' in store.explain("ages", format="json").replace(" :", ":").replace(": ", ":")
    assert "computes every entity" not in store.explain("plain")


def test_aggregates_of_t_are_known(store: libfeat.Store) -> None:
    """An aggregate whose code looks at t has another value without any event: lib/plan/drift.c has to list it."""
    root = Path(__file__).resolve().parents[2] / "lib"
    rows = "\n".join(p.read_text() for p in sorted((root / "plan").glob("agg*.def")))
    named = {}
    for row in re.findall(r"^FEAT_AGG_FUNCTION\((.*)\)", rows, flags=re.M):
        fields = [f.strip() for f in row.split(",")]
        named.setdefault(fields[8], set()).add(fields[1].strip('"'))
    listed = set(re.findall(r'"([a-z_]+)"', (root / "plan" / "drift.c").read_text().split("names[] = {")[1].split("}")[0]))
    for path in sorted((root / "exec").glob("agg_*.c")):
        for function, body in re.findall(r"^feat_cell feat_agg_(\w+)\(.*?\) \{(.*?)^\}", path.read_text(), flags=re.M | re.S):
            if re.search(r"\bin->t\b", body):
                assert named[function] <= listed, function


def test_rows_at_t_are_apart(store: libfeat.Store) -> None:
    """EXCLUDE leaves out what happened at t itself, which is in the window a µs later."""
    store.define(
        """CREATE FEATURE VIEW before AS SELECT who, count(*) OVER w AS n FROM paid GROUP BY who
           WINDOW w AS (RANGE INTERVAL '3 days' PRECEDING EXCLUDE GROUP);"""
    )
    pay(store, (1, 1, 1, 1), (2, 1, 2, 1), (3, 2, 2, 1), (4, 3, 1, 1))
    store.materialize("before", at=[day(2), day(2) + MICROSECOND])
    assert rows_at(store, "before", day(2)) == {1: 1, 2: 0, 3: 1}
    assert rows_at(store, "before", day(2) + MICROSECOND) == {1: 2, 2: 1}


def test_months_are_not_monotone(store: libfeat.Store) -> None:
    """From 28 March 23:00 a month reaches back to 28 February 23:00, from 29 March 09:00 to 28 February 09:00."""
    store.define(
        """CREATE FEATURE VIEW monthly AS SELECT who, count(*) OVER w AS n FROM paid GROUP BY who
           WINDOW w AS (RANGE INTERVAL '1 month' PRECEDING);"""
    )
    pay(store, (1, 1, dt.datetime(2023, 2, 28, 12), 1), (2, 2, dt.datetime(2023, 2, 28, 8), 1), (3, 3, dt.datetime(2023, 3, 1), 1))
    store.materialize("monthly", at=dt.datetime(2023, 3, 28, 23))
    done = store.materialize("monthly", at=dt.datetime(2023, 3, 29, 9))
    assert (done.runs_full, done.entities) == (0, 1)  # an event came back into its window
    assert rows_at(store, "monthly", dt.datetime(2023, 3, 29, 9)) == {1: 1}


FRAMES = {
    # The first run is at day 5 and full; then times, and how many entities a run there has to compute.
    "ROWS 2 PRECEDING": {6: 0, 20: 1, 21: 0},
    "GROUPS BETWEEN 3 PRECEDING AND 1 PRECEDING": {6: 0, 20: 1, 21: 0},
    "RANGE UNBOUNDED PRECEDING": {6: 0, 20: 1, 99: 0},
    "RANGE BETWEEN INTERVAL '5 days' PRECEDING AND INTERVAL '2 days' PRECEDING": {5.5: 0, 6: 1, 6.5: 0, 7: 1, 9: 1, 9.1: 1, 22: 2},
    "RANGE BETWEEN INTERVAL '3 days' PRECEDING AND CURRENT ROW CLOSED NONE": {5.9: 1, 6: 1, 6.1: 0, 7: 1, 8: 1, 20: 0, 20.1: 1},
    "RANGE INTERVAL '3 days' PRECEDING EXCLUDE CURRENT ROW": {5.5: 1, 6: 0, 6.5: 1, 7: 0, 7.1: 1, 20: 2, 20.5: 1},
    "SINCE day": {5.5: 0, 6: 1, 6.5: 0, 20: 1, 20.9: 0, 21: 1},
    "SINCE month": {6: 0, 20: 1, 30.9: 0, 31: 2, 35: 0},
}


@pytest.mark.parametrize("frame", FRAMES)
def test_every_frame_computes_what_can_have_changed(store: libfeat.Store, frame: str) -> None:
    """Of 1 there are events at days 3, 4 and 20, of 2 at day 5, of 3 at day -40. Day 0 begins a month, and day 31 the next."""
    store.define(
        f"""CREATE FEATURE VIEW framed AS SELECT who, count(*) OVER w AS n, sum(amount) OVER w AS total, last(amount) OVER w AS newest
            FROM paid GROUP BY who WINDOW w AS ({frame});
            CREATE FEATURE SERVICE kept AS SELECT s.* FROM REQUEST (who BIGINT) AS r LEFT JOIN MATERIALIZED framed AS s USING (who);
            CREATE FEATURE SERVICE live AS framed;"""
    )
    pay(store, (1, 1, 3, 1), (2, 1, 4, 2), (3, 2, 5, 4), (4, 3, -40, 8), (5, 1, 20, 16))
    assert store.materialize("framed", at=day(5)).entities == 3
    got = {}
    for at, want in FRAMES[frame].items():
        done = store.materialize("framed", at=day(at))
        got[at] = done.entities
        assert done.runs_full == 0
        spine = {"who": [1, 2, 3], "t": [day(at)] * 3}
        assert store.training_set("kept", spine, "t", status=True).to_dict() == store.training_set("live", spine, "t", status=True).to_dict()
    assert got == FRAMES[frame]


def test_filters_by_the_clock_are_edges(store: libfeat.Store) -> None:
    store.define(
        """CREATE FEATURE VIEW recent AS SELECT who, count(*) AS n, count(*) FILTER (WHERE at >= now() - INTERVAL '2 days') AS few,
           sum(CASE WHEN at >= DATEADD(day, -1, CURRENT_DATE) THEN amount END) AS total FROM paid GROUP BY who;
           CREATE FEATURE SERVICE kept AS SELECT s.* FROM REQUEST (who BIGINT) AS r LEFT JOIN MATERIALIZED recent AS s USING (who);
           CREATE FEATURE SERVICE live AS recent;"""
    )
    pay(store, (1, 1, 3, 1), (2, 2, 4.5, 2), (3, 3, 0, 4))
    assert store.materialize("recent", at=day(4.5)).entities == 3
    for at, want in {4.9: 0, 5: 1, 5.1: 1, 5.9: 0, 6: 1, 6.5: 0, 6.6: 1, 50: 0}.items():
        done = store.materialize("recent", at=day(at))
        assert (done.runs_full, done.entities) == (0, want), at
        spine = {"who": [1, 2, 3], "t": [day(at)] * 3}
        assert store.training_set("kept", spine, "t", status=True).to_dict() == store.training_set("live", spine, "t", status=True).to_dict()


@pytest.mark.parametrize("retained", [False, True])
def test_whole_runs_find_who_is_gone(store: libfeat.Store, retained: bool) -> None:
    store.define(
        """CREATE TABLE seen (id BIGINT NOT NULL, who BIGINT, at TIMESTAMP NOT NULL, ENTITY KEY (who), EVENT TIME (at), UNIQUE (id))
           WITH (retention = INTERVAL '3 days');
           CREATE TABLE heard (id BIGINT NOT NULL, who BIGINT, at TIMESTAMP NOT NULL, ENTITY KEY (who), EVENT TIME (at), UNIQUE (id));
           CREATE FEATURE VIEW gone WITH (lifetime = 'retained') AS SELECT who, time_since_last() AS s FROM seen GROUP BY who;
           CREATE FEATURE VIEW here AS SELECT who, time_since_last() AS s FROM heard GROUP BY who;"""
    )
    table, view = ("seen", "gone") if retained else ("heard", "here")
    store.define(SERVICE.format(view=view))
    store.append(table, {"id": [1, 2, 3], "who": [1, 2, 2], "at": [day(0), day(1), day(2)]})
    assert store.materialize(view, at=day(2)).entities == 2
    if not retained:
        store.delete(table, {"id": [1]})
    done = store.materialize(view, at=day(3) + MICROSECOND)
    assert (done.runs_full, done.entities, done.rows) == (1, 1, 2)
    assert kept(store, [1, 2, 3], [day(4)] * 3)["s__status"] == [NOT_FOUND, PRESENT, NOT_FOUND]
    assert kept(store, [1, 2, 3], [day(2)] * 3)["s__status"] == [PRESENT, PRESENT, NOT_FOUND]


def test_who_there_is_lies_in_columns_or_not(store: libfeat.Store) -> None:
    """The same entities where the key is columns, expressions, under a WHERE or enriched; deleted and later rows apart."""
    store.append("people", {"who": [w for w in range(9)], "country": ["de"] * 9, "since": [day(-9)] * 9})
    pay(store, *[(i, i % 7 if i % 11 else None, i / 10, 1) for i in range(100)])
    store.delete("paid", {"id": [i for i in range(100) if i % 7 == 3]})
    views = {
        "plain": "SELECT who, count(*) AS n FROM paid GROUP BY who",
        "filtered": "SELECT who, count(*) AS n FROM paid WHERE amount > 0 GROUP BY who",
        "made": "SELECT who + 0 AS who, count(*) AS n FROM paid GROUP BY who + 0",
        "more": "SELECT e.who, count(*) OVER w AS n FROM paid e LEFT JOIN people p ON p.who = e.who WHERE p.country = 'de' "
        "WINDOW w AS (PARTITION BY e.who ORDER BY e.at RANGE UNBOUNDED PRECEDING)",
    }
    found = {}
    for name, sql in views.items():
        store.define(f"CREATE FEATURE VIEW {name} AS {sql};")
        store.materialize(name, at=day(0.15))  # 0 and 1
        assert sorted(rows_at(store, name, day(0.15))) == [1]
        store.materialize(name, at=day(5), full=True)
        found[name] = rows_at(store, name, day(5))
    assert all(f == found["plain"] for f in found.values()) and sorted(found["plain"]) == [0, 1, 2, 4, 5, 6]


def test_decay_computes_all_that_is_known(store: libfeat.Store) -> None:
    store.define("CREATE FEATURE VIEW fading AS SELECT who, decayed_sum(amount, INTERVAL '1 day') AS s FROM paid GROUP BY who;")
    pay(store, (1, 1, 0, 1), (2, 2, 1, 2), (3, 3, 9, 4))
    assert store.materialize("fading", at=[day(2), day(3), day(9)])[:4] == (3, 3, 0, 2 + 2 + 3)
    assert "a materialisation computes every entity: an aggregate in it depends on now()" in store.explain("fading")


# ---- runs among runs ---------------------------------------------------------------------------------------------


def test_a_late_run_leaves_later_runs_as_they_are(store: libfeat.Store) -> None:
    spent(store)
    pay(store, (1, 1, 0, 1), (2, 2, 5, 2))
    store.materialize("spent", at=[day(1), day(6), day(8)])
    people, times = [1, 2, 3] * 4, [day(d) for d in (1, 6, 7.5, 8) for _ in range(3)]
    before = kept(store, people, times)
    pay(store, (3, 1, 2, 1), (4, 3, 3, 1), (5, 2, 5.5, 7))
    done = store.materialize("spent", at=day(4))
    assert (done.runs, done.entities) == (1, 2)
    assert done.rows_restated == 1  # 3 was known to no run; 1 has a row of its own at day 6
    assert kept(store, people, times) == before
    assert kept(store, [1, 2, 3], [day(4)] * 3)["n"] == [1, None, 1]
    store.materialize("spent", at=day(0.5))  # before all others
    assert kept(store, people, times) == before
    assert kept(store, [1, 2, 3], [day(0.5)] * 3)["n"] == [1, None, None]
    store.materialize("spent", at=day(6))  # again, from other data
    assert kept(store, [1, 2, 3], [day(8)] * 3) == {k: v[-3:] for k, v in before.items()}
    assert kept(store, [1, 2, 3], [day(6)] * 3)["n"] == [0, 2, 1]


def test_backfill_and_repeating(store: libfeat.Store) -> None:
    spent(store)
    pay(store, *[(i, i % 3, i / 4, i) for i in range(40)])
    done = store.materialize("spent", start=day(0), end=day(10), every=DAY)
    assert (done.runs, done.runs_full, done.runs_present) == (11, 1, 0)
    again = store.materialize("spent", start=day(0), end=day(10), every=12 * 3_600_000_000)
    assert (again.runs, again.runs_present) == (10, 11)
    history = store.history(store.layer("spent")).to_dict()
    assert len(history["version"]) == 21
    nothing = store.materialize("spent", at=[day(3), day(3), day(1)], full=True)
    assert (nothing.runs, nothing.runs_present, nothing.rows, nothing.version) == (0, 2, 0, again.version)
    assert store.materialize("spent", at=[]).runs == 0
    live = "CREATE FEATURE SERVICE now AS spent;"
    store.define(live)
    spine = {"who": [0, 1, 2] * 21, "t": [day(d / 2) for d in range(21) for _ in range(3)]}
    values = store.training_set("now", spine, "t").to_dict()
    assert kept(store, spine["who"], spine["t"])["total"] == values["total"]


def test_versions_know_what_they_knew(store: libfeat.Store) -> None:
    spent(store)
    pay(store, (1, 1, 0, 1))
    one = store.materialize("spent", at=day(1))
    pay(store, (2, 1, 0.5, 1))
    two = store.materialize("spent", at=day(1))
    assert (one.version, two.version, one.input, two.input) == (2, 4, 1, 3)
    assert [kept(store, [1], [day(1)], v)["n"] for v in (1, 2, 3, 4)] == [[None], [1], [1], [2]]


def test_replaced_views_have_layers_of_their_own(store: libfeat.Store) -> None:
    spent(store)
    pay(store, (1, 1, 0, 1))
    store.materialize("spent", at=day(1))
    first = store.layer("spent")
    store.define(VIEW.format(options=" ").replace("CREATE", "CREATE OR REPLACE").replace("3 days", "5 days"))
    assert store.layer("spent") != first == store.layer("spent", view_version=1)
    assert kept(store, [1], [day(1)])["n"] == [1]  # a service keeps the versions that it was made with
    store.define(SERVICE.format(view="spent").replace("CREATE", "CREATE OR REPLACE"))
    assert kept(store, [1], [day(1)])["n"] == [None]
    store.materialize("spent", at=day(1))
    assert kept(store, [1], [day(1)])["n"] == [1]
    assert store.materialize("spent", at=day(2), view_version=1).runs == 1
    store.define(VIEW.format(options="").replace("CREATE", "CREATE OR REPLACE"))
    assert store.layer("spent") == first
    with pytest.raises(libfeat.NotFoundError):
        store.materialize("spent", view_version=9)


# ---- what services read ------------------------------------------------------------------------------------------


def test_age_is_that_of_the_run(store: libfeat.Store) -> None:
    spent(store, " WITH (ttl = INTERVAL '2 days')")
    pay(store, (1, 1, 0, 1))
    store.materialize("spent", at=[day(1), day(2)])  # the second run leaves 1 out: its value cannot have changed
    assert list(rows_at(store, "spent", day(2))) == []
    times = [day(1) - MICROSECOND, day(1), day(3), day(4), day(4) + MICROSECOND, day(4) + MICROSECOND]
    who: List[Optional[int]] = [1, 1, 1, 1, 1, 5]
    assert kept(store, who, times)["n"] == [None, 1, 1, 1, None, None]
    assert kept(store, who, times)["n__status"] == [NOT_FOUND, PRESENT, PRESENT, PRESENT, EXPIRED, NOT_FOUND]
    assert kept(store, [None], [day(1)])["n__status"] == [NOT_FOUND]


def test_live_and_kept_in_one_service_online(store: libfeat.Store) -> None:
    store.define(VIEW.format(options=" WITH (ttl = INTERVAL '2 days')") + CHAIN)
    store.define(
        """CREATE FEATURE SERVICE mixed AS
           SELECT k.n AS kept_n, k.total AS kept_total, l.n AS live_n, c.region, c.rate, k.n - l.n AS behind
           FROM REQUEST (who BIGINT) AS r LEFT JOIN MATERIALIZED spent AS k USING (who) LEFT JOIN spent AS l USING (who)
           LEFT JOIN MATERIALIZED chain AS c USING (who);"""
    )
    store.deploy("mixed")  # before there is anything
    store.append("people", {"who": [1, 2], "country": ["de", "fr"], "since": [day(0)] * 2})
    store.append("countries", {"country": ["de"], "region": ["eu"], "since": [day(0)]})
    pay(store, (1, 1, 0, 1), (2, 2, 1, 2))
    store.materialize("spent", at=[day(1), day(2)])
    store.materialize("chain", at=day(1))
    pay(store, (3, 1, 1.5, 4), (4, 3, 2, 8))
    store.materialize("spent", at=day(1.5))
    spine = {
        "who": [1, 1, 1, 1, 2, 2, 3, 4, None] * 2,
        "t": [day(d) for d in (0, 1, 1.5, 4, 2, 5, 2, 2, 2)] + [day(d) + MICROSECOND for d in (0, 1, 1.5, 4, 2, 5, 2, 2, 2)],
    }
    trained = store.training_set("mixed", spine, "t", status=True)
    want = trained.to_dict()
    assert want["behind"][2] == 0 and want["kept_n__status"][3] == PRESENT and want["kept_n__status"][12] == EXPIRED
    with store.reader("mixed", fingerprint=trained.fingerprint) as reader:
        many = reader.get({"who": spine["who"]}, now=spine["t"])
        assert many.position.version == trained.version
        for name in ("kept_n", "kept_total", "live_n", "region", "rate", "behind"):
            assert many.to_numpy()[name].tolist() == want[name], name
            assert list(many.status[name]) == want[name + "__status"], name


def test_views_of_other_shapes(store: libfeat.Store) -> None:
    """Keys of several parts and of key expressions, features of every type, empty texts as keys."""
    store.define(
        """CREATE FEATURE VIEW wide AS SELECT shop, who % 2 AS odd, count(*) AS n, last(amount) AS d, last(note) AS note, max(at) AS newest,
           last(amount > 1) AS b, sum(CAST(amount AS DECIMAL(10,2))) AS m, last(CAST(at AS DATE)) AS on_day,
           last(CAST(amount AS REAL)) AS f, last([amount, 1.0]::DOUBLE[2]) AS v, last(at - TIMESTAMP '2024-01-01') AS span
           FROM paid GROUP BY shop, who % 2;
           CREATE FEATURE SERVICE kept AS SELECT k.* FROM REQUEST (shop TEXT, odd BIGINT) AS r
           LEFT JOIN MATERIALIZED wide k USING (shop, odd);
           CREATE FEATURE SERVICE live AS wide;"""
    )
    data = {"id": [1, 2, 3, 4], "who": [1, 2, 3, 4], "shop": ["a\0b", "", "a\0b", None], "amount": [1.5, None, 2.5, 1.0]}
    store.append("paid", {**data, "note": ["x", "", None, "y"], "at": [day(0), day(1), day(2), day(1)]})
    done = store.materialize("wide", at=[day(1), day(2), day(3)])
    assert done.entities == 2 + 1
    spine = {"shop": ["a\0b", "", "a\0b", "a\0b"], "odd": [1, 0, 1, 0], "t": [day(1), day(1), day(2), day(3)]}
    mine = store.training_set("kept", spine, "t", status=True).to_dict()
    assert mine == store.training_set("live", spine, "t", status=True).to_dict()
    assert mine["n__status"] == [PRESENT, PRESENT, PRESENT, NOT_FOUND]


# ---- errors ------------------------------------------------------------------------------------------------------


def test_errors_in_values(store: libfeat.Store) -> None:
    store.define(
        "CREATE FEATURE VIEW risky AS SELECT who, sum(CAST(note AS BIGINT)) AS n FROM paid GROUP BY who;"
        + SERVICE.format(view="risky")
    )
    store.append("paid", {"id": [1, 2], "who": [1, 2], "note": ["7", "seven"], "at": [day(0), day(0)]})
    version = store.version
    with pytest.raises(libfeat.DataError, match=r"feature view 'risky', entity \(2\), feature 'n'"):
        store.materialize("risky", at=day(1))
    assert store.version == version  # nothing is left of the failed run
    assert store.materialize("risky", at=day(1), on_error="null").entities == 2
    with pytest.raises(libfeat.DataError, match="n"):
        kept(store, [1, 2], [day(1)] * 2)
    spine = {"who": [1, 2, 2], "t": [day(1), day(1), day(2)]}
    trained = store.training_set("kept", spine, "t", status=True, on_error="null").to_dict()
    assert trained["n"] == [7, None, None] and trained["n__status"] == [PRESENT, ERROR, ERROR]
    store.deploy("kept")
    with store.reader("kept") as reader:
        got = reader.get({"who": spine["who"]}, now=spine["t"])
        assert list(got.status["n"]) == trained["n__status"]


def both_ways(store: libfeat.Store, spine: Dict[str, Any]) -> Dict[str, Any]:
    """The answers of kept and live, where each has a value the other has, from training sets and readers."""
    answers = []
    for service in ("kept", "live"):
        trained = store.training_set(service, spine, "t", status=True, on_error="null").to_numpy()
        store.deploy(service)
        with store.reader(service) as reader:
            got = reader.get({"who": spine["who"]}, now=spine["t"])
            for name in got.status:
                assert list(got.status[name]) == list(trained[name + "__status"]), name
                assert got.to_numpy()[name].tolist() == trained[name].tolist(), name
        answers.append({n: v.tolist() for n, v in trained.items() if n not in spine})
    assert answers[0] == answers[1]
    return answers[0]


def test_errors_are_kept_of_any_feature_and_type(store: libfeat.Store) -> None:
    """More features than one field has bits for; errors of every class, beside values and NULLs."""
    types = ["BIGINT", "DOUBLE", "BOOLEAN", "DATE", "TIMESTAMP", "DECIMAL(10, 2)", "UBIGINT", "INTERVAL", "TINYINT", "REAL"]
    fine = ", ".join(f"last(amount) + {i} AS a{i}" for i in range(60))
    risky = ", ".join(f"CAST(last(note) AS {kind}) AS b{i}" for i, kind in enumerate(types))
    more = ", ".join(f"last(amount) + {i} AS c{i}" for i in range(60))
    store.define(
        f"""CREATE FEATURE VIEW risky AS SELECT who, {fine}, {risky}, {more}, CAST(last(note) AS BIGINT) + 1 AS z FROM paid GROUP BY who;
            CREATE FEATURE SERVICE kept AS SELECT k.*, k.z - 1 AS less, coalesce(k.b0, 7) AS other, k.a1 + 1 AS well
            FROM REQUEST (who BIGINT) AS r LEFT JOIN MATERIALIZED risky k USING (who);
            CREATE FEATURE SERVICE live AS SELECT k.*, k.z - 1 AS less, coalesce(k.b0, 7) AS other, k.a1 + 1 AS well
            FROM REQUEST (who BIGINT) AS r LEFT JOIN risky k USING (who);"""
    )
    notes = {1: "12", 2: "none", 3: None, 4: "2024-02-29", 5: "true", 6: "9223372036854775807", 7: "1 day", 8: "-3"}
    store.append("paid", {"id": list(notes), "who": list(notes), "note": list(notes.values()), "at": [day(0)] * 8, "amount": [1.5] * 8})
    assert store.materialize("risky", at=day(1), on_error="null").entities == 8
    got = both_ways(store, {"who": list(notes), "t": [day(1)] * 8})
    assert got["z"] == [13, None, None, None, None, None, None, -2]
    assert got["z__status"] == [PRESENT, ERROR, NULL, ERROR, ERROR, ERROR, ERROR, PRESENT]
    assert got["less__status"] == got["z__status"] and got["other__status"][1] == ERROR and got["other"][2] == 7
    assert got["well__status"] == got["a0__status"] == got["c59__status"] == [PRESENT] * 8
    for i in range(len(types)):
        assert got[f"b{i}__status"].count(ERROR) >= 2
    with pytest.raises(libfeat.DataError, match="row 1"):
        store.training_set("kept", {"who": list(notes), "t": [day(1)] * 8}, "t")


def test_errors_end_and_grow_old(store: libfeat.Store) -> None:
    store.define(
        """CREATE FEATURE VIEW risky WITH (ttl = INTERVAL '3 days') AS SELECT who, sum(CAST(note AS BIGINT)) OVER w AS n FROM paid
           GROUP BY who WINDOW w AS (RANGE INTERVAL '2 days' PRECEDING);"""
        + SERVICE.format(view="risky")
    )
    store.append("paid", {"id": [1, 2], "who": [1, 2], "note": ["7", "seven"], "at": [day(0), day(0)]})
    store.materialize("risky", at=day(1), on_error="null")

    def status(*at: float) -> List[int]:
        spine = {"who": [2] * len(at), "t": [day(t) for t in at]}
        return list(store.training_set("kept", spine, "t", status=True, on_error="null").to_dict()["n__status"])

    assert status(0.5, 1, 4, 4.1) == [NOT_FOUND, ERROR, ERROR, EXPIRED]
    done = store.materialize("risky", at=day(1.5))  # as it was, so nothing is computed that could fail
    assert (done.runs, done.entities) == (1, 0) and status(4.1) == [ERROR]
    assert store.materialize("risky", at=day(2.5)).entities == 2  # the window has passed it
    assert status(1, 2.4, 2.5) == [ERROR, ERROR, NOT_FOUND]
    store.upsert("paid", {"id": [2], "who": [2], "note": ["8"], "at": [day(0)]})
    assert store.materialize("risky", at=day(1)).entities == 1
    assert kept(store, [1, 2], [day(1)] * 2) == {"n": [7, 8], "n__status": [PRESENT, PRESENT]}
    before = store.version
    store.upsert("paid", {"id": [2], "who": [2], "note": ["eight"], "at": [day(0)]})
    with pytest.raises(libfeat.DataError, match=r"entity \(2\)"):
        store.materialize("risky", at=day(1))
    assert store.version == before + 1


def test_what_was_served_is_found_again(store: libfeat.Store) -> None:
    """As served, a row reads the layer as the version of its position had it."""
    spent(store)
    pay(store, (1, 1, 0, 1), (2, 2, 0, 2))
    store.materialize("spent", at=day(1))
    store.deploy("kept")
    served: Dict[str, List[Any]] = {"who": [], "t": [], "version": [], "total": []}
    with store.reader("kept") as reader:
        for step in range(4):
            got = reader.get({"who": [1, 2, 3]}, now=[day(2)] * 3)
            served["who"] += [1, 2, 3]
            served["t"] += [day(2)] * 3
            served["version"] += [got.position.version] * 3
            served["total"] += got.to_numpy()["total"].tolist()
            pay(store, (10 + step, 1 + step, 0.5, 8))
            if step != 1:
                store.materialize("spent", at=day(1) + step * MICROSECOND)
    assert len(set(map(str, zip(served["who"], served["total"])))) > 3
    spine = {n: served[n] for n in ("who", "t", "version")}
    again = store.training_set("kept", spine, "t", as_served=True, position="version").to_dict()
    assert again["total"] == served["total"]


def test_refusals(store: libfeat.Store) -> None:
    spent(store)
    layer = store.layer("spent")
    pay(store, (1, 1, 0, 1))
    store.materialize("spent", at=day(1))
    with pytest.raises(libfeat.ArgumentError, match="is the layer of a feature view"):
        store.append(layer, {"who": [1], "$at": [day(1)]})
    for sql in (f'DROP TABLE "{layer}"', f'ALTER TABLE "{layer}" ADD COLUMN x BIGINT', f'CREATE TABLE "{layer}" (x BIGINT)'):
        with pytest.raises(libfeat.Error):
            store.define(sql)
    with pytest.raises(libfeat.DefinitionError, match="that of the layer"):
        store.define(f'DROP TABLE "{layer}"')
    with pytest.raises(libfeat.NotFoundError, match="did you mean 'spent'"):
        store.materialize("spend")
    with pytest.raises(libfeat.ArgumentError):
        store.materialize("spent", at=day(1), every=DAY)
    with pytest.raises(libfeat.ArgumentError):
        store.materialize("spent", start=day(2), end=day(1), every=DAY)
    with pytest.raises(libfeat.ArgumentError):
        store.materialize("spent", start=day(1), end=day(2), every=dt.timedelta(0))
    with pytest.raises(libfeat.DefinitionError, match="two columns of its layer"):
        store.define('CREATE FEATURE VIEW odd AS SELECT who, count(*) AS "$found" FROM paid GROUP BY who;')
        store.materialize("odd", at=day(1))
    with pytest.raises(libfeat.DefinitionError, match="MATERIALIZED belongs to a feature view"):
        store.define("CREATE FEATURE SERVICE x AS SELECT p.* FROM REQUEST (who BIGINT) AS r LEFT JOIN MATERIALIZED people p USING (who)")


def test_progress_and_cancelling(store: libfeat.Store) -> None:
    spent(store)
    pay(store, *[(i, i, 0.5, i) for i in range(50)])
    seen: List[Any] = []
    store.materialize("spent", at=day(1), entities_at_once=10, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (1000, 1000) and (200, 1000) in seen
    version = store.version
    seen.clear()
    store.materialize("spent", start=day(1), end=day(3), every=DAY, entities_at_once=10, progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen) and {total for _, total in seen} == {3000} and seen[-1][0] >= 2000
    version = store.version

    def cancel(done: int, total: int) -> None:
        if done >= 400:
            raise InterruptedError("enough")

    pay(store, *[(100 + i, i, 1.5, i) for i in range(50)])
    with pytest.raises(InterruptedError):
        store.materialize("spent", at=[day(2)], entities_at_once=10, progress=cancel)
    assert store.version == version + 1  # the append
    assert store.materialize("spent", at=[day(2)]).entities == 50
    version = store.version
    pay(store, *[(200 + i, i, 1.7, i) for i in range(50)])

    def fail(done: int, total: int) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError):
        store.materialize("spent", at=[day(2)], progress=fail)
    assert store.materialize("spent", at=[day(2)]).entities == 50


def files(store: libfeat.Store) -> Dict[str, int]:
    return {str(p): p.stat().st_size for p in Path(store.path).rglob("*") if p.is_file() and "online" not in p.name and "lock" not in p.name}


def test_a_cancelled_run_leaves_nothing(store: libfeat.Store) -> None:
    """Whatever call of progress stops it."""
    spent(store)
    pay(store, *[(i, i % 60, i / 200, i) for i in range(500)])
    store.materialize("spent", at=day(0.5))
    before, stops = files(store), 0
    for stop in range(1000):
        calls = iter(range(stop + 1))

        def cancel(done: int, total: int) -> None:
            if next(calls) == stop:
                raise InterruptedError

        try:
            store.materialize("spent", at=day(2), entities_at_once=7, progress=cancel, threads=1)
            break
        except (InterruptedError, StopIteration):
            stops += 1
            assert files(store) == before
    assert stops > 10
    assert store.materialize("spent", at=day(2)).runs_present == 1


def test_values_are_the_same_for_all_options(tmp_path: Any) -> None:
    rng = random.Random(5)
    people = [rng.randint(0, 3000) for _ in range(20000)]
    rows = [(i, who, rng.uniform(0, 9), rng.uniform(-9, 9)) for i, who in enumerate(people)]
    options: List[Dict[str, Any]] = [
        {},
        {"threads": 1},
        {"threads": 3, "entities_at_once": 100},
        {"memory": 1 << 20},
        {"memory": 1 << 16, "threads": 2, "entities_at_once": 999},
        {"memory": 1 << 16, "spill_directory": tmp_path},
    ]
    digests = []
    for n, chosen in enumerate(options):
        with libfeat.open(tmp_path / str(n)) as store:
            store.define(TABLES + VIEW.format(options=""))
            store.define("CREATE FEATURE VIEW shops AS SELECT shop, sum(amount) AS total, count(*) AS n FROM paid GROUP BY shop;")
            pay(store, *rows)
            store.upsert("paid", {"id": [i for i in range(300)], "shop": [f"shop {i % 40}" for i in range(300)], "at": [day(1)] * 300})
            for view in ("spent", "shops"):
                done = store.materialize(view, start=day(2), end=day(6), every=2 * DAY, **chosen)
                assert done.stats["entities"] == done.entities and done.stats["rows_written"] == done.rows and done.stats["runs"] == 3
                assert done.stats["rows_read"] > 0 and done.stats["elapsed_ns"] > done.stats["write_ns"] > 0
                assert f"{done.entities} entities" in done.explain() and "windows and aggregates" in done.explain()
                if "entities_at_once" in chosen and view == "spent":
                    assert done.stats["lots"] > 3
            digests.append([store.snapshot().digest(store.layer(view)) for view in ("spent", "shops")])
    assert all(d == digests[0] for d in digests)
    for wrong in ({"threads": -1}, {"memory": -1}, {"memory": "much"}):
        with libfeat.open(tmp_path / "0") as store, pytest.raises(libfeat.ArgumentError):
            store.materialize("spent", **wrong)


def test_a_cancelled_backfill_goes_on_where_it_stopped(tmp_path: Any) -> None:
    grid: Dict[str, Any] = {"start": day(0), "end": day(8), "every": DAY}
    digests = []
    for name in ("whole", "parts"):
        with libfeat.open(tmp_path / name) as store:
            store.define(TABLES)
            spent(store)
            pay(store, *[(i, i % 50, i / 70, i) for i in range(600)])
            stop, runs = 2500, 0

            def cancel(done: int, total: int) -> None:
                assert total == 9000
                if done >= stop:
                    raise InterruptedError

            while name == "parts" and stop < 9000:
                before = store.version
                with pytest.raises(InterruptedError):
                    store.materialize("spent", entities_at_once=10, progress=cancel, **grid)
                assert store.version - before == stop // 1000 - runs
                runs, stop = stop // 1000, stop + 1700
            done = store.materialize("spent", **grid)
            assert (done.runs, done.runs_present) == (9 - runs, runs)
            assert (done.runs_full > 0) == (runs == 0)
            digests.append(store.snapshot().digest(store.layer("spent")))
    assert digests[0] == digests[1]


CRASH = """
import datetime, sys, libfeat
store = libfeat.open(sys.argv[1])
start = datetime.datetime(2024, 3, 1)
print("ready", flush=True)
for d in range(400):
    store.materialize("spent", at=start + d * datetime.timedelta(hours=6))
"""


def test_a_crash_leaves_whole_runs(store: libfeat.Store) -> None:
    spent(store)
    pay(store, *[(i, i % 7, i / 3, i) for i in range(300)])
    for attempt in range(3):
        child = subprocess.Popen([sys.executable, "-c", CRASH, store.path], stdout=subprocess.PIPE, env=dict(os.environ))
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(0.2 + 0.15 * attempt)
        child.send_signal(signal.SIGKILL)
        child.wait()
    table = store.snapshot().table(store.layer("spent")).to_dict()
    runs = {t: rows for t, rows, run in zip(table["$at"], table["$rows"], table["$run"]) if run == 1}
    for t, rows in runs.items():
        assert sum(at == t and run == 0 for at, run in zip(table["$at"], table["$run"])) == rows
    times = [day(d / 4) for d in range(400)]
    store.materialize("spent", at=times)
    store.define("CREATE FEATURE SERVICE now AS spent;")
    spine = {"who": [w for _ in times for w in range(8)], "t": [t for t in times for _ in range(8)]}
    mine, live = kept(store, spine["who"], spine["t"]), store.training_set("now", spine, "t").to_dict()
    for i, who in enumerate(spine["who"]):
        assert mine["total"][i] == live["total"][i] and (mine["n"][i] or 0) == live["n"][i]
