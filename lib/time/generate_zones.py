#!/usr/bin/env python3
"""Writes zones_table.c: the offsets from UTC of every zone of the IANA time zone database, past and future.

    python lib/time/generate_zones.py        # needs the package tzdata (PyPI), whose version ends up in the table

After a change of the data, raise the revision of the rows in lib/plan/op_time.def that read the table: the fingerprints of the
views that use it change with it.
"""

from __future__ import annotations

import bisect
import importlib.resources
import re
import struct
import textwrap
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

import tzdata  # type: ignore[import-untyped]

HERE = Path(__file__).resolve().parent
DAY = 86400


class Change(NamedTuple):
    """A day of the year by month, week (5: the last) and weekday (Sunday is 0), and the local time of the change in seconds."""

    month: int
    week: int
    weekday: int
    time: int


class Rule(NamedTuple):
    """What holds behind the last transition. Without daylight saving time there is none."""

    standard: int
    summer: int
    start: Change
    end: Change


class History(NamedTuple):
    first: int  # offset before the first transition
    transitions: Tuple[Tuple[int, int], ...]  # second of UTC, offset from then on
    rule: Optional[Rule]


def days_from_civil(year: int, month: int, day: int) -> int:
    year -= month <= 2
    era, of_era = divmod(year, 400)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


def day_of(change: Change, year: int) -> int:
    first = days_from_civil(year, change.month, 1)
    weekday = (first + 4) % 7
    day = first + (change.weekday - weekday) % 7 + 7 * (change.week - 1)
    following = days_from_civil(year + change.month // 12, change.month % 12 + 1, 1)
    return day if day < following else day - 7


def rule_transitions(rule: Rule, first_year: int, last_year: int) -> List[Tuple[int, int]]:
    out = []
    for year in range(first_year, last_year + 1):
        out.append((day_of(rule.start, year) * DAY + rule.start.time - rule.standard, rule.summer))
        out.append((day_of(rule.end, year) * DAY + rule.end.time - rule.summer, rule.standard))
    return sorted(out)


# ---- Reading. ----


def read_offset(text: str) -> Tuple[int, str]:
    match = re.match(r"([+-]?)(\d+)(?::(\d+))?(?::(\d+))?", text)
    assert match, text
    seconds = int(match[2]) * 3600 + int(match[3] or 0) * 60 + int(match[4] or 0)
    return (-seconds if match[1] == "-" else seconds), text[match.end() :]


def read_name(text: str) -> str:
    match = re.match(r"<[^>]+>|[A-Za-z]+", text)
    assert match, text
    return text[match.end() :]


def read_change(text: str) -> Change:
    match = re.fullmatch(r"M(\d+)\.(\d+)\.(\d+)(?:/(.+))?", text)
    assert match, f"a kind of rule that zone.c does not know: {text}"
    month, week, weekday = int(match[1]), int(match[2]), int(match[3])
    assert 2 <= month <= 11, "zone.c takes changes at the turn of a year for impossible"
    return Change(month, week, weekday, read_offset(match[4])[0] if match[4] else 7200)


def read_footer(text: str) -> Tuple[int, Optional[Rule]]:
    """A TZ string of POSIX, whose offsets count westwards."""
    west, rest = read_offset(read_name(text))
    standard = -west
    if not rest:
        return standard, None
    rest = read_name(rest)
    summer = standard + 3600
    if not rest.startswith(","):
        west, rest = read_offset(rest)
        summer = -west
    _, start, end = rest.split(",")
    return standard, Rule(standard, summer, read_change(start), read_change(end))


def read_history(data: bytes) -> History:
    """RFC 8536: the second block has 64-bit times, the footer the rule."""

    def header(at: int) -> Tuple[int, ...]:
        assert data[at : at + 4] == b"TZif"
        return struct.unpack(">6l", data[at + 20 : at + 44])

    isut, isstd, leaps, times, types, chars = header(0)
    at = 44 + times * 5 + types * 6 + chars + leaps * 8 + isstd + isut
    isut, isstd, leaps, times, types, chars = header(at)
    assert leaps == 0
    at += 44
    instants = struct.unpack(f">{times}q", data[at : at + times * 8])
    kinds = data[at + times * 8 : at + times * 9]
    at += times * 9
    offsets = [struct.unpack(">lBB", data[at + 6 * i : at + 6 * i + 6])[0] for i in range(types)]
    footer = data[at + types * 6 + chars + leaps * 12 + isstd + isut :].decode().strip("\n")
    standard, rule = read_footer(footer)

    last = first = offsets[0]
    transitions: List[Tuple[int, int]] = []
    for instant, kind in zip(instants, kinds):
        if offsets[kind] != last:
            transitions.append((instant, offsets[kind]))
            last = offsets[kind]
    if rule is None:
        assert last == standard
        return History(first, tuple(transitions), None)
    # What the rule says as well need not be listed: it takes over at the first instant behind which both agree.
    expected = rule_transitions(rule, 1800, instants[-1] // 31556952 + 1972)

    def listed(at: int) -> int:
        place = bisect.bisect_right(transitions, (at, 10**9))
        return transitions[place - 1][1] if place else first

    def ruled(at: int) -> int:
        return expected[bisect.bisect_right(expected, (at, 10**9)) - 1][1]

    assert listed(instants[-1]) == ruled(instants[-1])
    over = instants[-1]
    for at in sorted({*instants, *(t for t, _ in expected if instants[0] <= t <= over)}, reverse=True):
        if listed(at) != ruled(at):
            break
        over = at
    kept = [t for t in transitions if t[0] < over]
    return History(first, tuple(kept + [(over, listed(over))]), rule)


# ---- Writing. ----


def c_lines(items: List[str]) -> str:
    return textwrap.fill(" ".join(item.replace(" ", "") + "," for item in items), 120, initial_indent="    ",
                         subsequent_indent="    ", break_long_words=False, break_on_hyphens=False) + "\n"


def main() -> None:
    root = importlib.resources.files("tzdata")
    names = sorted((root / "zones").read_text(encoding="utf-8").split(), key=str.lower)
    assert len({name.lower() for name in names}) == len(names) and max(map(len, names)) < 60
    histories: Dict[History, int] = {}
    of_name = []
    for name in names:
        history = read_history(root.joinpath("zoneinfo", *name.split("/")).read_bytes())
        of_name.append(histories.setdefault(history, len(histories)))

    offsets = sorted({o for h in histories for o in [h.first, *(t[1] for t in h.transitions)]})
    rules = sorted({h.rule for h in histories if h.rule})
    index = {offset: i for i, offset in enumerate(offsets)}
    transitions: List[int] = []
    rows = []
    for history in histories:
        for (a, x), (b, y) in zip(history.transitions, history.transitions[1:]):
            assert a < b and a + x < b + y, "zone.c looks local times up by the local times of the transitions"
        first = index[history.first]
        rule = rules.index(history.rule) if history.rule else -1
        rows.append(f"{{{len(transitions)}, {len(history.transitions)}, {first}, {rule}}}")
        transitions += [t * 65536 + index[offset] for t, offset in history.transitions]

    def change(c: Change) -> str:
        return f"{{{c.month}, {c.week}, {c.weekday}, {c.time}}}"

    starts, at = [], 0
    for name in names:
        starts.append(at)
        at += len(name) + 1
    pool = "".join(f'    "{name}\\0"\n' for name in names)
    text = f"""/* Generated by generate_zones.py from the IANA time zone database {tzdata.IANA_VERSION}: not to be edited.
 * The data are in the public domain. */
#include "time/zones_table.h"

/* clang-format off */
const char feat_zones_version[] = "{tzdata.IANA_VERSION}";

/* In the order of their lower-case spellings. */
const char feat_zone_names[] =
{pool}    ;
const feat_zone_name feat_zone_name_table[] = {{
{c_lines([f"{{{s}, {h}}}" for s, h in zip(starts, of_name)])}}};
const int32_t feat_zone_count = {len(names)};

const int32_t feat_zone_offsets[] = {{
{c_lines([str(o) for o in offsets])}}};

const feat_zone_rule feat_zone_rules[] = {{
{c_lines([f"{{{r.standard}, {r.summer}, {change(r.start)}, {change(r.end)}}}" for r in rules])}}};

const feat_zone_history feat_zone_histories[] = {{
{c_lines(rows)}}};

/* 65536 * second + number of the offset from then on. */
const int64_t feat_zone_transitions[] = {{
{c_lines([f"{t}" for t in transitions])}}};
/* clang-format on */
"""
    (HERE / "zones_table.c").write_text(text, encoding="utf-8")
    print(f"{len(names)} names, {len(histories)} histories, {len(transitions)} transitions, {len(rules)} rules")


if __name__ == "__main__":
    main()
