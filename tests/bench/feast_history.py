"""Feast's historical retrieval beside the same point-in-time join here: the newest row's four columns for each row of a spine.

    python tests/bench/feast_history.py [--build BUILD] [--events 1] [--rows 100000] [--spine uniform] [--python FEAST_PYTHON]

Needs pyarrow, pandas and a built BUILD/lib/libfeat.so. Feast has an environment of its own, made with pip on the first run in the user's
cache; ``--python`` names another interpreter that has it. Feast reads a Parquet file (its file source, local provider) and gives a pandas
frame; ours goes from the stored version to Arrow in hand. Features here are as old as a year at most (Feast's ttl). Before anything is
timed both are compared with pandas' merge_asof, row by row; where two events of a user have one time, Feast's choice is its own, and such
rows are counted apart. ``--to-pandas`` makes ours a pandas frame too, within the time.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from typing import Any, Dict, List

import measure
from measure import MIB, Engine

FEAST = "feast==0.67.0"
FEATURES = ["amount", "qty", "status", "category"]
TARGET = 50

DEFINITIONS = """CREATE TABLE events (user_id BIGINT NOT NULL, t TIMESTAMP NOT NULL, amount DOUBLE, qty INTEGER, status TEXT, category TEXT,
  ENTITY KEY (user_id), EVENT TIME (t));
CREATE FEATURE VIEW newest AS
  SELECT user_id, last(amount) OVER w AS amount, last(qty) OVER w AS qty, last(status) OVER w AS status, last(category) OVER w AS category
  FROM events GROUP BY user_id WINDOW w AS (RANGE INTERVAL '365 days' PRECEDING);
CREATE FEATURE SERVICE newest_service AS newest;"""


def feast_python() -> str:
    """The interpreter of an environment with Feast, made when it is not there."""
    cache = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "libfeat")
    folder = os.path.join(cache, "feast-venv")
    python = os.path.join(folder, "bin", "python")
    if subprocess.run([python, "-c", "import feast"], stderr=subprocess.DEVNULL, check=False).returncode if os.path.exists(python) else True:
        print(f"making {folder}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        packages = [FEAST, "numpy>=2", "pandas<3", "pyarrow"]
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages], check=True)
    return python


# ---- engines -----------------------------------------------------------------------------------------------------


def feast_engine(what: Dict[str, Any]) -> None:
    import logging

    warnings.filterwarnings("ignore")
    os.environ["FEAST_USAGE"] = "False"
    logging.disable(logging.WARNING)
    import pandas as pd
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
    from feast.types import Float64, Int64, String

    folder = what["folder"]
    store = FeatureStore(
        config=RepoConfig(
            project="bench",
            provider="local",
            registry=os.path.join(folder, "registry.db"),
            online_store={"type": "sqlite", "path": os.path.join(folder, "online.db")},
            offline_store={"type": "file"},
            entity_key_serialization_version=3,
        )
    )
    user = Entity(name="user", join_keys=["user_id"], value_type=ValueType.INT64)
    types = {"amount": Float64, "qty": Int64, "status": String, "category": String, "user_id": Int64}
    schema = [Field(name=name, dtype=kind) for name, kind in types.items()]
    source = FileSource(path=what["events_file"], timestamp_field="event_timestamp")
    view = FeatureView(name="newest", entities=[user], ttl=dt.timedelta(days=365), schema=schema, source=source)
    store.apply([user, view])
    spine = pd.read_parquet(what["spine"])
    wanted = [f"newest:{f}" for f in FEATURES]

    def save(result: Any, path: str) -> None:
        result[["rid", *FEATURES]].sort_values("rid").to_parquet(path)

    measure.serve(lambda: store.get_historical_features(entity_df=spine, features=wanted).to_df(), save)


def prepare(what: Dict[str, Any]) -> None:
    import pyarrow.parquet as pq

    libfeat = measure.use_library(what["build"])
    with libfeat.open(what["store"]) as store:
        store.define(DEFINITIONS)
        rows = pq.read_table(what["events_file"]).rename_columns({"event_timestamp": "t"})
        _, answer = measure.once(lambda: store.append("events", rows))
    measure.say(answer)


def ours(what: Dict[str, Any]) -> None:
    import pyarrow.parquet as pq

    libfeat = measure.use_library(what["build"])
    spine = pq.read_table(what["spine"])
    options = measure.run_options(libfeat, what["threads"])

    def work() -> Any:
        with libfeat.open(what["store"], "r") as store:
            result = store.training_set("newest_service", spine, timestamp="event_timestamp", **options)
            return result.to_pandas() if what["to_pandas"] else result.to_arrow()

    def save(result: Any, path: str) -> None:
        frame = result if what["to_pandas"] else result.to_pandas()
        frame[["rid", *FEATURES]].sort_values("rid").to_parquet(path)

    measure.serve(work, save)


# ---- the comparison ----------------------------------------------------------------------------------------------


def verify(engines: List[Engine], results: Dict[str, str], events: Any, spine: Any) -> None:
    import pandas as pd

    want = pd.merge_asof(spine.sort_values("event_timestamp"), events.sort_values("event_timestamp"), on="event_timestamp", by="user_id")
    want = want.sort_values("rid").reset_index(drop=True)
    repeated = events[events.duplicated(["user_id", "event_timestamp"], keep=False)]
    unsure = want["user_id"].isin(set(repeated["user_id"])).to_numpy()
    for e in engines:
        if e.error:
            continue
        got = pd.read_parquet(results[e.name]).reset_index(drop=True)
        differ = unsure & False
        for name in FEATURES:
            a, b = got[name], want[name]
            differ |= ~((a == b) | (a.isna() & b.isna())).to_numpy(dtype=bool)
        print(f"{e.name}: {int(want['qty'].notna().sum()):,} of {len(want):,} rows found, {int((differ & unsure).sum())} differ among ties")
        if (differ & ~unsure).any():
            raise SystemExit(f"{e.name}: {int((differ & ~unsure).sum())} rows differ from merge_asof")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(measure.ROOT, "build"))
    parser.add_argument("--events", type=float, default=1.0, help="millions")
    parser.add_argument("--rows", type=int, default=100_000, help="of the spine")
    parser.add_argument("--spine", choices=["uniform", "hot"], default="uniform", help="users drawn alike, or as often as they are active")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=3, help="of Feast; ours runs three times as often")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--to-pandas", action="store_true")
    parser.add_argument("--python", help="an interpreter that has Feast")
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.engine:
        what = json.loads(options.engine)
        {"feast": feast_engine, "prepare": prepare, "libfeat": ours}[what["engine"]](what)
        return
    import pyarrow.parquet as pq
    from synthetic import Shop

    work = tempfile.mkdtemp(prefix="libfeat-feast-")
    shop = Shop(int(options.events * 1_000_000), options.seed)
    what = dict(build=options.build, folder=work, store=os.path.join(work, "store"), to_pandas=options.to_pandas)
    what.update(events_file=os.path.join(work, "events.parquet"), spine=os.path.join(work, "spine.parquet"))
    engines: List[Engine] = []
    try:
        import pandas as pd

        frames = []
        for lot, path in ((next(shop.lots(shop.events + 1_000_000)), what["events_file"]), (shop.spine(options.rows, options.spine == "hot"), what["spine"])):
            frame = lot.to_pandas().rename(columns={"t": "event_timestamp"})
            frame["event_timestamp"] = frame["event_timestamp"].dt.tz_localize("UTC")
            frame.to_parquet(path)
            frames.append(pd.read_parquet(path))
        assert pq.read_metadata(what["events_file"]).num_rows == shop.events
        measure.in_own_process({**what, "engine": "prepare"})
        engines.append(Engine("libfeat", {**what, "engine": "libfeat"}, options.threads))
        engines.append(Engine("feast", {**what, "engine": "feast"}, options.threads, options.python or feast_python()))
        results = {e.name: os.path.join(work, f"{e.name}.parquet") for e in engines}
        for e in engines:
            e.warm(results[e.name])
        verify(engines, results, *frames)
        for _ in range(options.runs):
            measure.take_turns(engines[:1], 3, float("inf"))
            measure.take_turns(engines[1:], 1, float("inf"))
        print(f"\n{shop.events:,} events, {options.rows:,} spine rows ({options.spine}); load average {measure.load_average()}\n")
        measure.table(measure.ENGINE_HEAD, measure.engine_rows(engines))
        mine, feast = engines
        if not mine.error and not feast.error:
            print(f"ratio {feast.best / mine.best:.1f}, target {TARGET}; peak {mine.peak / MIB:,.0f} MiB, Feast's {feast.peak / MIB:,.0f} MiB")
    finally:
        for e in engines:
            e.end()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
