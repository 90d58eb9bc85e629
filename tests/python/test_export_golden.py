"""An export of another day, of a table of every kind of column, and on a machine of any order of bytes.

The file was written on x86-64. tests/python/golden has it compressed; the digest beside is what its store had."""

from __future__ import annotations

import datetime as dt
import decimal
import lzma
from pathlib import Path
from typing import Tuple

import pytest

import libfeat

GOLDEN = Path(__file__).parent / "golden" / "export-1.feat.xz"
DIGEST = "15195fa508ee5601915d5e4a363f707f"


@pytest.fixture
def brought(tmp_path: Path) -> Tuple[Path, Path]:
    file = tmp_path / "x.feat"
    file.write_bytes(lzma.decompress(GOLDEN.read_bytes()))
    libfeat.import_store(file, tmp_path / "s")
    return file, tmp_path / "s"


def test_the_rows_are_those_of_then(brought: Tuple[Path, Path]) -> None:
    """The content digests are taken from the rows by the import, too."""
    with libfeat.open(brought[1], mode="r") as store:
        snap = store.snapshot()
        assert store.version == 3 and str(snap.digest("t")) == DIGEST and snap.count("t") == 590
        assert store.verify().findings == []
        rows = snap.scan("t", where="id = 301").to_dict()
        assert rows["d"][0].as_tuple().exponent == -4 and rows["w"] == [decimal.Decimal("3.01")]
        assert rows["u"] == [2**64 - 1 - 301] and rows["s"] == [1] and rows["day"] == [dt.date(1969, 12, 1) + dt.timedelta(days=301)]
        assert rows["x"] == [decimal.Decimal("12345678901234567890.25")] and rows["y"] == [decimal.Decimal("-7.25")]
        assert rows["l"] == [[150.5]] and rows["v"] == [[301.0, -301.0]] and rows["name"] == ["n12"]


def test_the_same_bytes_again(brought: Tuple[Path, Path], tmp_path: Path) -> None:
    """What is imported and exported is the file that it came from, on every machine."""
    with libfeat.open(brought[1], mode="r") as store:
        store.export(tmp_path / "again.feat")
    assert (tmp_path / "again.feat").read_bytes() == brought[0].read_bytes()
