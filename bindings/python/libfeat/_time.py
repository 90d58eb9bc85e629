"""Times in and out: everything is µs since 1970 UTC; naive times are UTC."""

from __future__ import annotations

import datetime as _dt
from typing import Any

import numpy as np

from ._errors import ArgumentError, SchemaError

_EPOCH = _dt.datetime(1970, 1, 1)
_EPOCH_DAY = _dt.date(1970, 1, 1).toordinal()
_MICROSECOND = _dt.timedelta(microseconds=1)
_UTC = _dt.timezone.utc
_INT64 = range(-(2**63), 2**63)

#: Nanoseconds in a unit of numpy.datetime64 (calendar units are turned into days first).
_UNIT_NS = {
    "ns": 1,
    "us": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "D": 86400 * 10**9,
    "W": 7 * 86400 * 10**9,
}


def from_datetime(value: _dt.datetime) -> int:
    """Exact µs of a datetime. A pandas.Timestamp with nanoseconds is refused: they would be lost."""
    if getattr(value, "nanosecond", 0):
        raise SchemaError(f"{value} has nanoseconds: libfeat keeps microseconds; round it first", "SCHEMA")
    if value.tzinfo is not None:
        value = value.astimezone(_UTC).replace(tzinfo=None)
    return (value - _EPOCH) // _MICROSECOND


def from_date(value: _dt.date) -> int:
    """Days since 1970-01-01."""
    return value.toordinal() - _EPOCH_DAY


def from_numpy(values: np.ndarray) -> np.ndarray:
    """int64 µs of a datetime64 array (NaT must have been masked by the caller: its slot is 0)."""
    unit, count = np.datetime_data(values.dtype)
    if unit in ("Y", "M"):
        values, unit, count = values.astype("datetime64[D]"), "D", 1
    if unit not in _UNIT_NS:
        raise SchemaError(f"numpy type {values.dtype} is no time that libfeat knows: use datetime64[us]", "SCHEMA")
    scale = _UNIT_NS[unit] * count
    null = np.isnat(values)
    raw = np.where(null, 0, values.view("int64"))
    if scale % 1000 == 0:
        factor = scale // 1000
        out = raw * factor
        lost = (raw > (2**63 - 1) // factor) | (raw < -(2**63) // factor)
    else:
        product = raw if scale == 1 else raw * scale
        out = product // 1000
        lost = product % 1000 != 0
    if lost.any():
        row = int(np.flatnonzero(lost)[0])
        raise SchemaError(f"row {row}: {values[row]} does not fit microseconds without loss; round it first", "SCHEMA", row=row)
    return out


def instant(value: Any, what: str) -> int:
    """µs of anything that names an instant: int µs, datetime, date, numpy.datetime64, ISO 8601 text."""
    if isinstance(value, (bool, float)):
        raise ArgumentError(f"{what}: {value!r} is no time; use a datetime, ISO 8601 text or an int of µs since 1970 UTC")
    if isinstance(value, _dt.datetime):
        return from_datetime(value)
    if isinstance(value, _dt.date):
        return from_date(value) * 86_400_000_000
    if isinstance(value, np.datetime64):
        if np.isnat(value):
            raise ArgumentError(f"{what}: NaT is no time")
        return int(from_numpy(np.asarray([value]))[0])
    if isinstance(value, (int, np.integer)):
        if int(value) not in _INT64:
            raise ArgumentError(f"{what}: {value} is outside 64 bits")
        return int(value)
    if isinstance(value, str):
        text = value.strip()
        if text[-1:] in ("Z", "z"):  # Python below 3.11 does not read it
            text = text[:-1] + "+00:00"
        try:
            return from_datetime(_dt.datetime.fromisoformat(text))
        except ValueError:
            raise ArgumentError(f"{what}: {value!r} is no ISO 8601 time such as 2024-12-10T00:00:00Z") from None
    raise ArgumentError(f"{what}: cannot read a time from {type(value).__name__}")


def to_datetime(us: int) -> Any:
    """Naive UTC datetime; outside the years that datetime knows, numpy.datetime64."""
    try:
        return _EPOCH + _dt.timedelta(microseconds=us)
    except OverflowError:
        return np.datetime64(us, "us")


def to_date(days: int) -> Any:
    """date; outside the years that it knows, numpy.datetime64."""
    try:
        return _dt.date.fromordinal(days + _EPOCH_DAY)
    except (ValueError, OverflowError):
        return np.datetime64(days, "D")
