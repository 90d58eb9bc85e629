"""The tables of tests/functions: a line is an expression and its result, on both paths, separated by a tab.

A result is written as Python prints it; texts as they are, with \\t, \\n, \\r, \\0 and \\\\ for what a line cannot hold; bytes as x'00ff';
times as 2024-02-29 13:45:30.5; ERROR is an error value, and REFUSED: with a part of the message an expression that does not compile.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any, List, Tuple

import numpy as np
import pytest

import libfeat

FOLDER = Path(__file__).resolve().parents[1] / "functions"
FILES = sorted(path.stem for path in FOLDER.glob("*.tsv"))
AT_ONCE = 100


def show(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value)).lower()
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, datetime.datetime):
        text = value.strftime("%H:%M:%S") + (f".{value.microsecond:06d}".rstrip("0") if value.microsecond else "")
        return f"{value.year:04d}-{value.month:02d}-{value.day:02d} {text}"
    if isinstance(value, datetime.date):
        return f"{value.year:04d}-{value.month:02d}-{value.day:02d}"
    if isinstance(value, str):
        for character, name in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"), ("\0", "\\0")):
            value = value.replace(character, name)
        return value
    return str(value)


def rows(name: str) -> List[Tuple[int, str, str]]:
    out = []
    for number, line in enumerate((FOLDER / f"{name}.tsv").read_text(encoding="utf-8").split("\n"), 1):
        if line and not line.startswith("#"):
            expression, result = line.split("\t")
            out.append((number, expression, result))
    return out


def define(store: libfeat.Store, expressions: List[str]) -> None:
    items = ", ".join(f"{expression} AS e{i}" for i, expression in enumerate(expressions))
    store.define(f"CREATE OR REPLACE FEATURE SERVICE s AS SELECT {items}, v.n FROM REQUEST (k BIGINT) AS r LEFT JOIN v USING (k)")


@pytest.mark.parametrize("name", FILES)
def test_rows(tmp_path: Path, name: str) -> None:
    table = rows(name)
    wrong = []
    spine = {"k": [1], "at": np.array([0], dtype="datetime64[us]")}
    with libfeat.open(tmp_path / "s") as store:
        store.define(
            """CREATE TABLE t (k BIGINT, at TIMESTAMP, ENTITY KEY (k), EVENT TIME (at));
            CREATE FEATURE VIEW v AS SELECT count(*) OVER () AS n FROM t GROUP BY k"""
        )
        for number, expression, result in table:
            if result.startswith("REFUSED:"):
                try:
                    define(store, [expression])
                    wrong.append(f"{number}: {expression}: it compiles")
                except libfeat.Error as error:
                    if result[8:].strip() not in str(error):
                        wrong.append(f"{number}: {expression}: {error}")
        table = [row for row in table if not row[2].startswith("REFUSED:")]
        for start in range(0, len(table), AT_ONCE):
            part = table[start : start + AT_ONCE]
            try:
                define(store, [expression for _, expression, _ in part])
            except libfeat.Error as error:
                wrong.append(f"{part[0][0]} to {part[-1][0]}: {error}")
                continue
            trained = store.training_set("s", spine, "at", status=True, on_error="null").to_dict()
            store.deploy("s")
            vectors = store.reader("s").get({"k": [1]}, now=np.array([0]))
            served = vectors.to_dict()
            for i, (number, expression, result) in enumerate(part):
                status = libfeat.STATUS[trained[f"e{i}__status"][0]]
                offline = "ERROR" if status == "error" else show(trained[f"e{i}"][0])
                online = "ERROR" if libfeat.STATUS[vectors.status[f"e{i}"][0]] == "error" else show(served[f"e{i}"][0])
                if offline != result:
                    wrong.append(f"{number}: {expression}: {offline!r}, not {result!r}")
                if online != offline:
                    wrong.append(f"{number}: {expression}: offline {offline!r}, online {online!r}")
    assert not wrong, "\n".join(wrong)
