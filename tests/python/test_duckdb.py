"""The library against DuckDB: a window view of the standard form, run unchanged over the event rows.

Each query is one view with several windows, filters and expressions; the training set has the entity and the time of each
event, and so must give what DuckDB gives at that row. Data are such that DuckDB's own sums are exact, so only averages have
a tolerance. FEAT_TEST_LONG=1 runs thousands; FEAT_TEST_SEED=n runs that seed; FEAT_TEST_KINDS=a,b these kinds.
"""

from __future__ import annotations

import os
import random
from typing import Any, Dict, List

import duckdb
import pytest

import duck
import libfeat
import reference as ref
import relations as rel
from tables import as_columns, column_values, from_library
from test_reference_duckdb import AT_EVENTS, averages, close, con, order_matters, speaks
from worlds import World

__all__ = ["con"]

CHOSEN = os.environ.get("FEAT_TEST_KINDS", "")
KINDS = [k for k in CHOSEN.split(",") if k in AT_EVENTS] if CHOSEN else AT_EVENTS
if os.environ.get("FEAT_TEST_SEED"):
    SEEDS = [int(os.environ["FEAT_TEST_SEED"])]
else:
    SEEDS = list(range(1500 if os.environ.get("FEAT_TEST_LONG") else 25))


def service_of(view: rel.View) -> rel.Service:
    types = view.types()
    outputs = [(name, rel.Feature("v", name, e.type)) for name, e in view.features]
    return rel.Service("service", [(k, types[k]) for k in view.key_names], [("v", view, [])], outputs)


def training(world: World, service: rel.Service, got: duck.Rows, path: Any) -> Dict[str, List[Any]]:
    tables = [h.table for h in world.histories.values()]
    sql = "\n".join([t.sql() for t in tables] + [v.create() for v in service.views()] + [service.sql()])
    spine = [{**dict(zip(service.joins[0][1].key_names, entity)), "t": t} for entity, t, _ in got]
    with libfeat.open(path) as store:
        store.define(sql)
        for table in tables:
            rows = world.histories[table.name].rows
            store.append(table.name, as_columns(rows, list(table.types().items())))
        columns = as_columns(spine, [*service.inputs, ("t", rel.SPINE_TIME)])
        result = store.training_set("service", columns, "t", status=True, on_error="null").to_numpy()
        names = [name for name, _ in service.outputs]
        values = {name: column_values(result[name]) for name in names}
        for name in names:
            for i, status in enumerate(result[name + "__status"]):
                values[name][i] = ref.ERROR if libfeat.STATUS[status] == "error" else from_library(values[name][i])
        return values


@pytest.mark.parametrize("kind, seed", [(kind, seed) for kind in KINDS for seed in SEEDS])
def test_same_as_duckdb(kind: str, seed: int, con: Any, tmp_path: Any) -> None:
    ties = seed % 2 == 0
    world = World(kind, random.Random(seed), tame=True, ties=ties)
    world.commits()
    view = world.views[0]
    if not isinstance(view, rel.WindowView):
        pytest.skip("no window view")
    if not speaks(view):
        for w in view.windows.values():
            w.closed = ""
    if ties and order_matters(view):
        # What DuckDB answers depends on the order of ties; these features go.
        view.features = [(n, e) for n, e in view.features if not needs_order(view, e)]
        used = {a.window for a in view.aggregates()}
        view.windows = {n: w for n, w in view.windows.items() if n in used}
    if not view.features:
        pytest.skip("all features depend on the order of ties")
    duck.load(con, [h.table for h in world.histories.values()], world.state())
    try:
        sql, got = duck.at_events(con, view)
    except (duckdb.OutOfRangeException, duckdb.ConversionException):
        pytest.skip("an error value, which fails a whole query in DuckDB")
    got = [(entity, t, features) for entity, t, features in got if None not in entity]
    given = training(world, service_of(view), got, tmp_path / "store")
    for name, e in view.features:
        if averages(e) and not hasattr(e, "func"):
            continue
        agrees = close if averages(e) else duck.same
        for i, (entity, t, features) in enumerate(got):
            ours = given[name][i]
            if ours is ref.ERROR and "NULL" in sql:
                continue  # DuckDB folds NULL // x to NULL and does not look at x
            if not agrees(ours, features[name]):
                pytest.fail(
                    f"kind {kind}, seed {seed}: {name} of {entity} at {t}: DuckDB {features[name]!r}, libfeat {ours!r}\n{sql}",
                    pytrace=False,
                )


def needs_order(view: rel.WindowView, e: Any) -> bool:
    alone = rel.WindowView(view.name, view.source, view.keys, [("f", e)])
    used = {a.window for a in alone.aggregates()}
    alone.windows = {n: w for n, w in view.windows.items() if n in used}
    return order_matters(alone)
