"""Makes the package of this checkout importable, so that `pytest tests/python` works without installing it; a shop to test on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bindings" / "python"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import libfeat  # noqa: E402
from shop import ROWS, SQL  # noqa: E402


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.feat"


@pytest.fixture
def store(path: Path) -> Any:
    with libfeat.open(path) as opened:
        opened.define(SQL)
        yield opened


@pytest.fixture
def filled(store: Any) -> Any:
    store.append("purchases", ROWS)
    return store
