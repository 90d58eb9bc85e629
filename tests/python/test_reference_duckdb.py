"""The reference against DuckDB, where a definition means the same in both.

Data are such that DuckDB's own sums are exact, so values are compared as they are. Rows whose key is NULL are of no entity
here; ties are drawn only where DuckDB's answer does not depend on their order. FEAT_TEST_LONG=1 runs many more seeds.
"""

from __future__ import annotations

import math
import os
import random
from typing import Any, Dict, List

import duckdb
import pytest

import duck
import reference as ref
import relations as rel
from reference import ERROR
from worlds import World

#: Compared at every event, at the event's own time.
AT_EVENTS = ["windows", "calendar_frames", "lagged_frames", "row_frames", "exclude", "lags", "key_types", "key_expressions"]
AT_EVENTS += ["more_types", "derived", "union", "joins_below", "chained", "asof"]
#: Compared at times drawn as for the parity test.
AT_TIMES = ["groups", "having", "clock", "rows", "newest_rows", "derived", "union", "joins_below", "chained", "asof"]
ABOVE = ["rows", "joins_above", "views_of_views"]
AT_TIMES += ABOVE[1:]

LONG = bool(os.environ.get("FEAT_TEST_LONG"))
SEEDS = range(400 if LONG else 12)
if os.environ.get("FEAT_TEST_SEED"):
    SEEDS = range(int(os.environ["FEAT_TEST_SEED"]), int(os.environ["FEAT_TEST_SEED"]) + 1)


@pytest.fixture(scope="module")
def con() -> Any:
    with duck.connect() as connection:
        yield connection


def world(kind: str, seed: int, ties: bool) -> World:
    out = World(kind, random.Random(seed), tame=True, ties=ties)
    for _ in range(2):
        out.commits()
    return out


def order_matters(view: rel.WindowView) -> bool:
    if any(a.func in ("first", "last", "lag") for a in view.aggregates()):
        return True
    return any(w.unit == "ROWS" or w.exclude in ("CURRENT ROW", "TIES") for w in view.windows.values())


def speaks(view: rel.WindowView) -> bool:
    """DuckDB has no CLOSED."""
    return not any(w.closed or w.unit == "SINCE" for w in view.windows.values())


def averages(e: ref.Expr) -> bool:
    return any(isinstance(a, ref.Aggregate) and a.func == "avg" for a in e.walk())


def close(a: Any, b: Any) -> bool:
    return duck.same(a, b) or (isinstance(a, float) and isinstance(b, float) and math.isclose(a, b, rel_tol=1e-14))


def compare(seed: int, sql: str, view: rel.View, got: duck.Rows, state: rel.State) -> int:
    n = errors = 0
    # DuckDB does not round the exact quotient of an average; and what is computed of one may differ altogether.
    inexact = {name: e for name, e in view.features if averages(e)}
    for entity, t, features in got:
        if any(k is None for k in entity):
            continue
        answer = view.evaluate(state, entity, t)
        n += 1
        for name, given in features.items():
            want = answer.values[name]
            if name in inexact and not isinstance(inexact[name], ref.Aggregate):
                continue
            if want is ERROR:
                # An operand that is an error makes the result one, beside a NULL too; DuckDB folds NULL // x to NULL and
                # does not look at x. Where it does look, the query has failed.
                errors += 1
                continue
            agrees = close if name in inexact else duck.same
            if not answer.row or not agrees(given, want):
                why = f"{name} of {entity} at {t}: DuckDB {given!r}, reference {want!r}"
                pytest.fail(f"seed {seed}: {why}\n{sql}", pytrace=False)
    assert errors == 0 or "NULL" in sql, f"seed {seed}: {errors} errors that DuckDB does not have\n{sql}"
    return n


@pytest.mark.parametrize("kind", AT_EVENTS)
def test_at_events(kind: str, con: Any) -> None:
    compared = refused = 0
    for seed in SEEDS:
        ties = seed % 2 == 0
        w = world(kind, seed, ties)
        state = w.state()
        duck.load(con, [h.table for h in w.histories.values()], state)
        for view in w.views:
            if not isinstance(view, rel.WindowView) or not speaks(view) or (ties and order_matters(view)):
                continue
            if ties and kind in ("asof",):
                continue
            try:
                sql, got = duck.at_events(con, view)
            except (duckdb.OutOfRangeException, duckdb.ConversionException):
                refused += 1  # an error value fails the whole query there
                continue
            compared += compare(seed, sql, view, got, state)
    assert compared > 0 and refused <= len(SEEDS)


@pytest.mark.parametrize("kind", AT_TIMES)
def test_at_times(kind: str, con: Any) -> None:
    compared = absent = 0
    for seed in SEEDS:
        w = world(kind, seed, ties=False)
        state, tables = w.state(), [h.table for h in w.histories.values()]
        for request in w.spine(state)[:4]:
            t = request["t"]
            duck.load_at(con, tables, state, t, kind in ABOVE)
            for view in w.views:
                if duck.windowed(view):
                    continue
                try:
                    sql, got = duck.at_time(con, view, t)
                except (duckdb.OutOfRangeException, duckdb.ConversionException):
                    continue
                compared += compare(seed, sql, view, got, state)
                absent += absent_too(seed, sql, view, got, state, t, w.known_keys(state))
    assert compared > 0 and absent > 0


def absent_too(
    seed: int, sql: str, view: rel.View, got: duck.Rows, state: rel.State, t: int, keys: List[Dict[str, Any]]
) -> int:
    """Entities without a row there have none here."""
    there = {entity for entity, _, _ in got}
    n = 0
    for known in keys:
        if not all(k in known for k in view.key_names):
            continue
        entity = tuple(known[k] for k in view.key_names)
        if entity in there or None in entity:
            continue
        n += 1
        answer = view.evaluate(state, entity, t)
        if answer.row and any(v is not None for v in answer.values.values()):
            pytest.fail(f"seed {seed}: {entity} at {t}: DuckDB has no row, the reference says {answer.values}\n{sql}", pytrace=False)
    return n
