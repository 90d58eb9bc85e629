"""Every operator gives the same bits from another compiler's options; see tests/digest/run.py."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

RUN = Path(__file__).resolve().parents[1] / "digest" / "run.py"


def run() -> Any:
    spec = importlib.util.spec_from_file_location("digest_run", RUN)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(not shutil.which("gcc"), reason="needs gcc")
def test_digests() -> None:
    problems = run().compare()
    assert not problems, "\n".join(problems)


@pytest.mark.skipif(not os.environ.get("FEAT_TEST_LONG"), reason="takes minutes and other compilers: tests/run --long")
def test_digests_of_other_processors() -> None:
    problems = run().compare(long=True)
    assert not problems, "\n".join(problems)


def test_differences_are_found() -> None:
    module = run()
    assert module.differences("A\t1\t8\tx\nB\t1\t8\ty\n", "A\t1\t8\tx\nB\t1\t8\tz\n") == ["B"]
    assert module.differences("A\t1\t8\tx\n", "") == ["A"]
