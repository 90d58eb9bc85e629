"""Between the reference's rows and what the package and DuckDB take and give."""

from __future__ import annotations

import datetime as dt
from typing import Any, Dict, List, Tuple

import numpy as np
import pyarrow as pa

import libfeat
import reference as ref
from reference import BIGINT, BOOLEAN, DATE, DOUBLE, INTEGER, TIMESTAMP

EPOCH = dt.date(1970, 1, 1)


def arrow_type(kind: str) -> pa.DataType:
    if kind.startswith("DECIMAL"):
        return pa.decimal128(*map(int, kind[8:-1].split(",")))
    simple = {BIGINT: pa.int64(), DOUBLE: pa.float64(), BOOLEAN: pa.bool_(), DATE: pa.date32(), INTEGER: pa.int32()}
    return {**simple, TIMESTAMP: pa.timestamp("us")}.get(kind, pa.large_string())


def as_arrow(rows: List[ref.Row], names: List[Tuple[str, str]]) -> pa.Table:
    arrays = [pa.array([r[n] for r in rows], arrow_type(kind)) for n, kind in names]
    return pa.table(arrays, [n for n, _ in names])


def as_columns(rows: List[ref.Row], names: List[Tuple[str, str]]) -> Dict[str, Any]:
    """Columns as the package takes them: lists where Python's types say it all, else typed, even when empty or all NULL."""
    out: Dict[str, Any] = {}
    for name, kind in names:
        values = [r[name] for r in rows]
        if kind == TIMESTAMP and None not in values:
            out[name] = np.array(values, dtype="int64").view("datetime64[us]")
        elif kind in (BIGINT, DOUBLE, BOOLEAN, ref.TEXT) and any(v is not None for v in values):
            out[name] = values
        elif kind in (BIGINT, DOUBLE, BOOLEAN):
            dtype = {BIGINT: "int64", DOUBLE: "float64", BOOLEAN: "bool"}[kind]
            out[name] = np.ma.MaskedArray(np.zeros(len(values), dtype), mask=np.ones(len(values), bool))
        else:
            out[name] = pa.array(values, arrow_type(kind))
    return out


def scalar(value: Any, kind: str) -> Any:
    """An input of one lookup."""
    if value is not None and kind == DATE:
        return EPOCH + dt.timedelta(value)
    if value is not None and kind == TIMESTAMP:
        return np.datetime64(value, "us")
    return value


def from_library(value: Any) -> Any:
    """Times as µs and dates as days, as in the reference."""
    if value is np.ma.masked:
        return None
    if isinstance(value, np.datetime64):
        return int(value.astype("int64"))
    if isinstance(value, dt.datetime):
        return libfeat._time.from_datetime(value)
    if isinstance(value, dt.date):
        return (value - EPOCH).days
    if isinstance(value, (list, np.ndarray)):
        return [from_library(v) for v in value]
    return value


def column_values(array: np.ndarray) -> List[Any]:
    """Python values of a column; times stay numbers, since datetime does not reach the ends of the range."""
    if array.dtype.kind == "M":
        mask = np.ma.getmaskarray(array)
        return [None if m else int(v) for m, v in zip(mask, np.ma.getdata(array).astype("int64"))]
    return array.tolist()
