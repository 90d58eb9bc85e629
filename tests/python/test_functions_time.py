"""Functions of times against DuckDB, over random timestamps and texts. FEAT_INSTANTS sets how many, FEAT_SEED where they start.

Ours run through tests/plan/expression_driver.c, found beside the library."""

from __future__ import annotations

import datetime as dt
import os
import random
import re
import struct
import subprocess
from calendar import monthrange
from pathlib import Path
from typing import Any, List

import pytest

duckdb = pytest.importorskip("duckdb")

COUNT = int(os.environ.get("FEAT_INSTANTS", "2000"))
SEED = int(os.environ.get("FEAT_SEED", "1"))
DRIVER = Path(os.environ.get("FEAT_LIBRARY", "")).parent.parent / "tests" / "expression-driver"
pytestmark = pytest.mark.skipif(not DRIVER.exists(), reason="the driver is not built")

EPOCH = dt.datetime(1970, 1, 1)
DAY = 86_400_000_000
UNITS = ["microsecond", "millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year", "decade", "century", "millennium"]
PARTS = UNITS + ["dow", "isodow", "doy", "isoyear", "yearweek", "epoch", "era", "julian"]
SPECIFIERS = "a A w u d -d b h B m -m y -y Y H -H I -I p M -M S -S f n g z Z j -j U W c x X G V %".split()


def ours(kind: str, rows: List[Any], expressions: List[str]) -> List[List[str]]:
    """The columns are x and, of the other rows backwards, y."""
    rows = [struct.pack(">d", row).hex() if kind == "DOUBLE" else str(row) for row in rows]
    text = f"columns 2\nx {kind}\ny {kind}\nrows {len(rows)}\n" + "".join(f"{a}\t{b}\n" for a, b in zip(rows, reversed(rows)))
    text += "".join(f"{e}\n" for e in expressions)
    done = subprocess.run([str(DRIVER)], input=text.encode(), capture_output=True, check=True)
    return [line.split("\t") for line in done.stdout.decode().splitlines()]


def shown(value: Any) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, float):
        return struct.pack(">d", value).hex()
    return str(int(value)) if isinstance(value, bool) else str(value)


def connect() -> Any:
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'; SET threads = 1")
    return con


def load(con: Any, kind: str, rows: List[Any]) -> None:
    con.execute(f"CREATE OR REPLACE TABLE r (i BIGINT, x {kind}, y {kind})")
    make = {"TIMESTAMP": "make_timestamp(?)", "DATE": "(DATE '1970-01-01' + ?::INTEGER)", "TEXT": "?", "DOUBLE": "?", "BIGINT": "?"}[kind]
    con.executemany(f"INSERT INTO r VALUES (?, {make}, {make})", [(i, a, b) for i, (a, b) in enumerate(zip(rows, reversed(rows)))])


def theirs(con: Any, expression: str) -> List[str]:
    kind = con.execute(f"SELECT typeof({expression}) FROM r LIMIT 1").fetchone()[0]
    if kind.startswith("TIMESTAMP"):
        expression = f"epoch_us({expression})"
    elif kind == "INTERVAL":
        x = f"({expression})"
        us = f"((hour({x}) * 60 + minute({x})) * 60000000 + microsecond({x}))"
        expression = f"(year({x}) * 12 + month({x})) || ' ' || day({x}) || ' ' || {us}"
    elif kind == "DATE":
        expression = f"({expression}) - DATE '1970-01-01'"
    return [shown(row[0]) for row in con.execute(f"SELECT {expression} FROM r ORDER BY i").fetchall()]


def compare(kind: str, rows: List[Any], expressions: List[str]) -> None:
    con = connect()
    load(con, kind, rows)
    wrong = []
    for expression, (our_type, *values) in zip(expressions, ours(kind, rows, expressions)):
        expected = theirs(con, expression)
        if our_type.startswith("?"):
            wrong.append(f"{expression}: {our_type}")
        for i, (a, b) in enumerate(zip(values, expected)):
            if a != b:
                wrong.append(f"{expression} of {rows[i]!r} ({rows[-1 - i]!r}): {a}, not {b}")
                break
    assert not wrong, "\n".join(wrong)


def instants(rng: random.Random, n: int) -> List[int]:
    """Of the years 1 to 9999 and before, many of them at the edges of days, months and years."""
    out = []
    for _ in range(n):
        t = rng.randint(-62135596800_000_000, 253402300799_999_999) if rng.random() < 0.6 else rng.randint(0, 2_000_000_000_000_000)
        if rng.random() < 0.2:
            t -= 4000 * 365 * DAY
        if rng.random() < 0.3:
            t -= t % DAY + rng.choice([0, 1, -1])
        elif rng.random() < 0.2 and t > -62000000000_000_000:
            day = EPOCH + dt.timedelta(microseconds=t)
            t = (day.replace(day=1, month=rng.choice([1, 3, day.month])) - EPOCH) // dt.timedelta(microseconds=1) - rng.choice([0, 1, DAY])
        out.append(t)
    return out


def test_parts() -> None:
    rng = random.Random(SEED)
    expressions = [f"date_part('{p}', x)" for p in PARTS] + [f"extract({p} FROM x)" for p in ("year", "isodow", "epoch", "julian")]
    expressions += [f"date_trunc('{u}', x)" for u in UNITS]
    expressions += ["dayname(x)", "monthname(x)", "last_day(x)", "julian(x)", "era(x)", "epoch_ms(x)", "epoch_us(x)", "x::DATE"]
    compare("TIMESTAMP", instants(rng, COUNT), expressions)
    days = [t // DAY for t in instants(rng, COUNT)]
    expressions = [f"date_part('{p}', x)" for p in PARTS if p not in UNITS[:5]]
    compare("DATE", days, [*expressions, "dayname(x)", "monthname(x)", "last_day(x)", "epoch_ms(x)", "epoch_us(x)"])


def test_spans() -> None:
    rng = random.Random(SEED)
    rows = instants(rng, COUNT)
    rows += [r + rng.choice([0, 1, -1, DAY, 28 * DAY, 365 * DAY, 366 * DAY]) for r in reversed(rows)]
    compare("TIMESTAMP", [max(r, -62135596800_000_000) for r in rows], [f"date_diff('{u}', x, y)" for u in UNITS])
    expressions = [f"date_sub('{u}', x, y)" for u in UNITS]
    expressions += ["age(x, y)", "age(x, TIMESTAMP '2024-02-29 12:00:00')"]
    widths = ["1 day", "7 days", "15 minutes", "3 hours 7 minutes 0.000003 seconds", "400 days", "1 month", "5 months", "3 years", "1 day -1 hour"]
    for w in widths:
        expressions.append(f"time_bucket(INTERVAL '{w}', x)")
        expressions.append(f"time_bucket(INTERVAL '{w}', x, y)")
        expressions.append(f"time_bucket(INTERVAL '{w}', x, INTERVAL '1 month 3 days 2 hours')")
        expressions.append(f"time_bucket(INTERVAL '{w}', x, TIMESTAMP '2001-02-28 10:00:00')")
    compare("TIMESTAMP", rows, expressions)
    days = [t // DAY for t in rows]
    expressions = [f"date_sub('{u}', x, y)" for u in UNITS[5:]]
    for w in widths:
        expressions += [f"time_bucket(INTERVAL '{w}', x)", f"time_bucket(INTERVAL '{w}', x, y)", f"time_bucket(INTERVAL '{w}', x, INTERVAL '10 days')"]
    compare("DATE", days, expressions)


def test_numbers() -> None:
    rng = random.Random(SEED)
    rows: List[Any] = [rng.uniform(-1e10, 1e11) for _ in range(COUNT)] + [rng.randint(-10**12, 10**12) / 1e6 for _ in range(COUNT)]
    compare("DOUBLE", rows, ["to_timestamp(x)"])
    seconds = [rng.choice([rng.uniform(0, 60), rng.randint(0, 59_999_999) / 1e6, float(rng.randint(0, 60))]) for _ in range(COUNT)]
    compare("DOUBLE", seconds, ["make_timestamp(2024, 2, 29, 23, 59, x)", "make_timestamp(1, 1, 1, 0, 0, x)"])
    counts = [rng.randint(-10**13, 10**14) for _ in range(COUNT)]
    compare("BIGINT", counts, ["epoch_ms(x)", "make_timestamp_ms(x)", "make_timestamp(x)", "epoch_ns(make_timestamp(x))"])


def test_strftime() -> None:
    rng = random.Random(SEED)
    expressions = [f"strftime(x, '%{s}')" for s in SPECIFIERS]
    expressions += ["strftime(x, '%Y-%m-%dT%H:%M:%S.%fZ')", "strftime(x, 'é %-d. %B %Y%%%%')", "strftime('%c', x)"]
    compare("TIMESTAMP", instants(rng, COUNT), expressions)
    compare("DATE", [t // DAY for t in instants(rng, COUNT)], ["strftime(x, '%a %c %j %U %W %G %V')"])


FORMATS = [
    "%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S.%g", "%c", "%x %X", "%x", "%X", "%d/%m/%y",
    "%-d/%-m/%-y", "%d %b %Y", "%d %B %Y", "%A, %d %B %Y", "%a %b %d %H:%M:%S %Y", "%Y%m%d%H%M%S", "%Y%j", "%Y %j", "%Y-%-j",
    "%I:%M %p", "%d.%m.%Y %I.%M.%S %p", "%H:%M", "%H%M%S%f", "%Y", "%G-W%V-%u", "%G %V", "%Y %U %w", "%Y %W %w", "%Y %W", "%Y %U",
    "%H:%M:%S %z", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M %Z", "%d%%%m", "%%%Y", "  %Y  %m  ", "é%Yé%m", "%m", "%y%m%d", "%p %I",
    "%Y-%m-%d %U", "%h %d", "%M:%S",
]  # fmt: skip


def mutated(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text) + 1)
    what = rng.random()
    if what < 0.3:
        return text[:at] + text[at + 1 :]
    if what < 0.6:
        return text[:at] + rng.choice("0123456789 :-+aPMé") + text[at:]
    if what < 0.8:
        return text[:at] + rng.choice("0123456789 ") + text[at + 1 :]
    return rng.choice([" " + text, text + "  ", text.upper(), text.lower(), text[: rng.randrange(len(text) + 1)], text + "0"])


def text_of(con: Any, rng: random.Random, form: str, t: int) -> str:
    zone = rng.choice(["+02", "-0330", "+05:45", "+00", "-11:00", "+01:02:03"])
    name = rng.choice(["UTC", "Asia/Tokyo", "GMT+3", "etc/gmt-2"])
    text: str = con.execute(f"SELECT strftime(make_timestamp(?), '{form}')", [t]).fetchone()[0]
    return text.replace("+00", zone) if "%z" in form else text + name if "%Z" in form else text


def differs_on_purpose(form: str, text: str) -> bool:
    """What doc/language.md lists: we refuse offsets of 60 minutes and more, and beside %Z days that do not exist."""
    offset = re.search(r"[-+]\d\d:?(\d\d)(?::?(\d\d))?$", text)
    if "%z" in form and offset and max(int(part or 0) for part in offset.groups()) >= 60:
        return True
    day = re.match(r"\s*(\d+)-(\d+)-(\d+)", text)
    return "%Z" in form and day is not None and 0 < int(day[1]) < 10000 and 0 < int(day[2]) < 13 and int(day[3]) > monthrange(int(day[1]), int(day[2]))[1]


def test_strptime() -> None:
    rng = random.Random(SEED)
    con = connect()
    wrong = []
    for form in FORMATS:
        rows = []
        for _ in range(max(30, COUNT // 10)):
            text = text_of(con, rng, form, rng.choice([rng.randint(-2 * 10**15, 4 * 10**15), rng.randint(-60 * 10**15, 250 * 10**15)]))
            rows.append(text)
            rows.append(mutated(rng, text).replace("\t", " "))
        load(con, "TEXT", rows)
        expected = theirs(con, f"try_strptime(x, '{form}')")
        tried, strict = ours("TEXT", rows, [f"try_strptime(x, '{form}')", f"strptime(x, '{form}')"])
        for i, (a, b, c) in enumerate(zip(tried[1:], strict[1:], expected)):
            if a != c and not (a == "\\N" and differs_on_purpose(form, rows[i])):
                wrong.append(f"{form!r} of {rows[i]!r}: {a}, not {c}")
            if b != (a if a != "\\N" else "!"):
                wrong.append(f"{form!r} of {rows[i]!r}: strptime gives {b}, try_strptime {a}")
    assert not wrong, "\n".join([f"{len(wrong)} are wrong", *wrong[:30]])


def test_zones() -> None:
    """Years and zones in which no release of the database is likely to differ from another."""
    rng = random.Random(SEED)
    rows = [rng.randint(0, 2 * 10**15) for _ in range(COUNT)]
    expressions = []
    for zone in ("Europe/Berlin", "america/new_york", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC", "GMT+2", "GMT-03:30", "Etc/GMT+5"):
        expressions.append((f"x AT TIME ZONE '{zone}'", f"x::TIMESTAMPTZ AT TIME ZONE '{zone}'"))
        expressions.append((f"to_utc_timestamp(x, '{zone}')", f"x AT TIME ZONE '{zone}'"))
    con = connect()
    load(con, "TIMESTAMP", rows)
    for (expression, other), (_, *values) in zip(expressions, ours("TIMESTAMP", rows, [e for e, _ in expressions])):
        assert values == theirs(con, other), expression
