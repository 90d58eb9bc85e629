"""The examples of the reference pages: each expression of op.def, run on both paths, gives the result that its row states."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import libfeat

ROOT = Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location("generate", ROOT / "doc" / "generate.py")
assert SPEC and SPEC.loader
generate = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(generate)
TABLE = generate.parse(generate.read_table(ROOT, "lib/plan/op.def"), ("FEAT_OP", "FEAT_FUNCTION"), (14,), "op.def")
EXAMPLES = [(row[0], row[12], row[13]) for _, rows in TABLE for row in rows]


def show(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    if hasattr(value, "strftime"):
        return value.strftime("%Y-%m-%d %H:%M:%S") if hasattr(value, "hour") else value.strftime("%Y-%m-%d")
    return str(value)


@pytest.mark.parametrize("name,expression,result", EXAMPLES, ids=[e[0] for e in EXAMPLES])
def test_example(tmp_path: Path, name: str, expression: str, result: str) -> None:
    with libfeat.open(tmp_path / "s") as store:
        store.define(
            f"""CREATE TABLE t (k BIGINT, at TIMESTAMP, ENTITY KEY (k), EVENT TIME (at));
            CREATE FEATURE VIEW v AS SELECT count(*) OVER () AS n FROM t GROUP BY k;
            CREATE FEATURE SERVICE s AS SELECT {expression} AS value, v.n FROM REQUEST (k BIGINT) AS r LEFT JOIN v USING (k)"""
        )
        assert f"[{name}]" in store.explain("s"), "the example does not use the operator"
        store.deploy("s")
        assert show(store.reader("s").get(k=1)["value"]) == result
        spine = {"k": [1], "at": np.array([0], dtype="datetime64[us]")}
        offline = store.training_set("s", spine, timestamp="at")
        assert show(offline.to_dict()["value"][0]) == result
