"""Time zones: every zone at every transition against Python's zoneinfo, and calendar frames of zones on both paths."""

from __future__ import annotations

import datetime as dt
import functools
import importlib.resources
import importlib.util
import os
import random
import re
import subprocess
import zoneinfo
from pathlib import Path
from typing import Any, List, Tuple

import numpy as np
import pytest

import libfeat

tzdata = pytest.importorskip("tzdata")

ROOT = Path(__file__).resolve().parents[2]
DRIVER = Path(os.environ.get("FEAT_LIBRARY", "")).parent.parent / "tests" / "expression-driver"
TABLE = (ROOT / "lib" / "time" / "zones_table.c").read_text(encoding="utf-8")
VERSION = re.search(r'feat_zones_version\[\] = "(\w+)"', TABLE)[1]  # type: ignore[index]
NAMES = re.findall(r'^    "(.+)\\0"$', TABLE, re.M)
COUNT = int(os.environ.get("FEAT_INSTANTS", "200"))
EPOCH = dt.datetime(1970, 1, 1)
UTC = dt.timezone.utc
SECOND = 1_000_000

same_data = pytest.mark.skipif(tzdata.IANA_VERSION != VERSION, reason=f"tzdata is {tzdata.IANA_VERSION}, the library's {VERSION}")


def us(time: dt.datetime) -> int:
    return (time - EPOCH) // dt.timedelta(microseconds=1)


def at(instant: int) -> dt.datetime:
    return EPOCH + dt.timedelta(microseconds=instant)


@functools.lru_cache(maxsize=None)
def zone_of(name: str) -> zoneinfo.ZoneInfo:
    """From the package, whatever the system has."""
    path = importlib.resources.files("tzdata").joinpath("zoneinfo", *name.split("/"))
    with path.open("rb") as file:
        return zoneinfo.ZoneInfo.from_file(file, key=name)


def local_of(zone: Any, instant: int) -> dt.datetime:
    return at(instant).replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)


def run(instants: List[int], expressions: List[str]) -> List[List[str]]:
    text = f"columns 1\nts TIMESTAMP\nrows {len(instants)}\n" + "".join(f"{i}\n" for i in instants)
    text += "".join(f"{e}\n" for e in expressions)
    done = subprocess.run([str(DRIVER)], input=text, capture_output=True, text=True, check=True)
    return [line.split("\t")[1:] for line in done.stdout.splitlines()]


def transitions_of(name: str) -> List[int]:
    spec = importlib.util.spec_from_file_location("generate_zones", ROOT / "lib" / "time" / "generate_zones.py")
    assert spec and spec.loader
    generator: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    history = generator.read_history(importlib.resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes())
    later = generator.rule_transitions(history.rule, 1900, 2100) if history.rule else []
    return sorted({t for t, _ in [*history.transitions, *later] if t > -62000000000})


def test_revisions() -> None:
    """When the table has changed, raise the revisions of the rows that read it, and write the new pair here."""
    rows = (ROOT / "lib" / "plan" / "op_time.def").read_text(encoding="utf-8")
    revisions = [int(re.search(rf"^FEAT_OP\({name}, .*?, (\d+), \w+, \"NULL", rows, re.M)[1]) for name in ("ZONE", "TO_LOCAL", "TO_UTC", "ZONE_START")]  # type: ignore[index]
    assert (VERSION, revisions) == ("2026f", [1, 1, 1, 1])


@pytest.mark.skipif(not DRIVER.exists(), reason="the driver is not built")
@same_data
def test_all_zones() -> None:
    names = (importlib.resources.files("tzdata") / "zones").read_text(encoding="utf-8").split()
    assert sorted(names) == sorted(NAMES)
    rng = random.Random(4)
    low, high = us(dt.datetime(1850, 1, 1)), us(dt.datetime(2600, 1, 1))
    wrong = []
    for name in names:
        zone = zone_of(name)
        instants = [rng.randint(low, high) for _ in range(COUNT)]
        edges = transitions_of(name)
        instants += [t * SECOND + d for t in edges for d in (-SECOND, -1, 0, SECOND)]
        # Local times around the edges too, for the way back.
        offset = local_of(zone, 0) - EPOCH
        instants += [t * SECOND + us(EPOCH + offset) + d for t in edges for d in (-1800 * SECOND, -1, 0, 1800 * SECOND)]
        forth, back = run(instants, [f"ts AT TIME ZONE '{name}'", f"to_utc_timestamp(ts, '{name}')"])
        for instant, local, utc in zip(instants, forth, back):
            if int(local) != us(local_of(zone, instant)):
                wrong.append(f"{at(instant)} in {name}: {at(int(local))}")
            naive = at(instant)
            offsets = [zone.utcoffset(naive.replace(fold=fold)) for fold in (0, 1)]
            if int(utc) != us(naive - min(offsets)):  # type: ignore[type-var]
                wrong.append(f"{naive} of {name}: {at(int(utc))}")
    assert not wrong, "\n".join([f"{len(wrong)} are wrong", *wrong[:20]])


FRAMES = [
    ("Europe/Berlin", "2024-03-30", "2024-04-02"),
    ("Europe/Berlin", "2024-10-26", "2024-10-29"),
    ("Europe/Berlin", "2023-12-30", "2024-01-03"),
    ("America/New_York", "2024-11-02", "2024-11-05"),
    ("America/Havana", "2024-11-02", "2024-11-05"),
    ("America/Sao_Paulo", "2018-11-03", "2018-11-06"),
    ("Australia/Lord_Howe", "2024-04-05", "2024-04-08"),
    ("Pacific/Apia", "2011-12-28", "2012-01-02"),
    ("Asia/Kathmandu", "2024-01-30", "2024-02-02"),
]
PARTS = ["day", "week", "month", "quarter", "year"]


def unit_start(local: dt.datetime, part: str) -> dt.datetime:
    day = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if part == "week":
        return day - dt.timedelta(days=day.weekday())
    if part == "month":
        return day.replace(day=1)
    if part == "quarter":
        return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    return day.replace(month=1, day=1) if part == "year" else day


@functools.lru_cache(maxsize=None)
def first_showing(name: str, wall: dt.datetime) -> int:
    """By search: in these years clocks are moved at whole minutes."""
    zone = zone_of(name)
    instant = us(wall) - 26 * 3600 * SECOND
    while local_of(zone, instant) < wall:
        instant += 60 * SECOND
    return instant


def counts(name: str, events: List[int], t: int, part: str, closed_left: bool) -> int:
    start = first_showing(name, unit_start(local_of(zone_of(name), t), part))
    return sum((start <= e if closed_left else start < e) and e <= t for e in events)


@same_data
@pytest.mark.parametrize("name,first,last", FRAMES, ids=[f"{n}-{a}" for n, a, _ in FRAMES])
def test_frames(tmp_path: Path, name: str, first: str, last: str) -> None:
    start, end = us(dt.datetime.fromisoformat(first)), us(dt.datetime.fromisoformat(last))
    rng = random.Random(7)
    half_hours = list(range(start, end, 1800 * SECOND))
    events = sorted(half_hours + [start - rng.randint(1, 400 * 86400) * SECOND for _ in range(50)])
    times = [t + d for t in half_hours[:: 2 if len(half_hours) > 200 else 1] for d in (-1, 0)]
    columns: List[Tuple[str, str, bool]] = [(f"n_{p}", p, True) for p in PARTS] + [("open_day", "day", False)]
    items = ", ".join(f"count(*) OVER (SINCE {p} AT TIME ZONE '{name}'{'' if left else ' CLOSED right'}) AS {n}" for n, p, left in columns)
    with libfeat.open(tmp_path / "s") as store:
        store.define(
            f"""CREATE TABLE e (k BIGINT, at TIMESTAMP, ENTITY KEY (k), EVENT TIME (at));
            CREATE FEATURE VIEW v AS SELECT {items} FROM e GROUP BY k;
            CREATE FEATURE SERVICE s AS SELECT v.* FROM REQUEST (k BIGINT) AS r LEFT JOIN v USING (k)"""
        )
        store.append("e", {"k": [1] * len(events), "at": np.array(events, dtype="datetime64[us]")})
        spine = {"k": [1] * len(times), "at": np.array(times, dtype="datetime64[us]")}
        trained = store.training_set("s", spine, "at").to_dict()
        store.deploy("s")
        reader = store.reader("s")
        for i, t in enumerate(times):
            served = reader.get({"k": [1]}, now=np.array([t])).to_dict()
            for column, part, left in columns:
                expected = counts(name, events, t, part, left)
                assert trained[column][i] == expected, (column, at(t))
                assert served[column][0] == expected, (column, at(t))


def test_names(tmp_path: Path) -> None:
    with libfeat.open(tmp_path / "s") as store:
        store.define("CREATE TABLE e (k BIGINT, at TIMESTAMP, ENTITY KEY (k), EVENT TIME (at))")
        view = "CREATE OR REPLACE FEATURE VIEW v AS SELECT {} AS h FROM e GROUP BY k"
        for bad, hint in [("max(at) AT TIME ZONE 'Europe/Berln'", "did you mean 'Europe/Berlin'"),
                          ("max(at) AT TIME ZONE 'nonsense of a long and winding kind, longer than any name of a zone is'", "is no time zone"),
                          ("max(at) AT TIME ZONE 5", "a time zone is a TEXT"),
                          ("count(*) OVER (SINCE day AT TIME ZONE 'CEST')", "is no time zone")]:
            with pytest.raises(libfeat.Error, match=hint):
                store.define(view.format(bad))
        # The spelling of a name does not make another definition.
        store.define(view.format("max(at) AT TIME ZONE 'europe/BERLIN'"))
        before = store.show("SHOW FEATURE VIEWS").to_dict()
        store.define(view.format("max(at) AT TIME ZONE 'Europe/Berlin'"))
        assert store.show("SHOW FEATURE VIEWS").to_dict() == before
        store.define(view.format("max(at) AT TIME ZONE 'Europe/Rome'"))
        assert store.show("SHOW FEATURE VIEWS").to_dict() != before


def test_zone_of_a_row(tmp_path: Path) -> None:
    """The zone may be a column, and one that there is not makes an error of its row alone."""
    zones = ["Europe/Berlin", "asia/tokyo", None, "Atlantis", "GMT-3", ""]
    with libfeat.open(tmp_path / "s") as store:
        store.define(
            """CREATE TABLE e (k BIGINT, zone TEXT, at TIMESTAMP, ENTITY KEY (k), EVENT TIME (at));
            CREATE FEATURE VIEW v AS SELECT last(zone) OVER () AS zone, max(hour(at AT TIME ZONE zone)) OVER () AS h FROM e GROUP BY k;
            CREATE FEATURE SERVICE s AS SELECT v.h, hour(now() AT TIME ZONE v.zone) AS now_there FROM REQUEST (k BIGINT) AS r LEFT JOIN v USING (k)"""
        )
        n = len(zones)
        store.append("e", {"k": list(range(n)), "zone": zones, "at": np.array([us(dt.datetime(2024, 7, 1, 10))] * n, dtype="datetime64[us]")})
        now = us(dt.datetime(2024, 12, 1, 10))
        expected_h, expected_now = [12, 19, None, "error", 7, "error"], [11, 19, None, "error", 7, "error"]
        spine = {"k": list(range(n)), "at": np.array([now] * n, dtype="datetime64[us]")}
        trained = store.training_set("s", spine, "at", status=True, on_error="null").to_dict()
        store.deploy("s")
        vectors = store.reader("s").get({"k": list(range(n))}, now=np.array([now] * n))
        served = vectors.to_dict()
        for name, expected in (("h", expected_h), ("now_there", expected_now)):
            for i, value in enumerate(expected):
                for found, status in ((trained[name][i], trained[f"{name}__status"][i]), (served[name][i], vectors.status[name][i])):
                    assert ("error" if libfeat.STATUS[status] == "error" else found) == value, (name, zones[i])
