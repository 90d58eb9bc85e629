"""Types with parameters, and the values of all types between Python and the library.

A type is the number of ``feat/type.h``. A scalar is *encoded* into what a ``feat_value`` or an array holds (an int, a float,
bytes, an ``Interval``) and decoded back. VECTOR, LIST and MAP values are one byte string each, the same for equal values.
"""

from __future__ import annotations

import datetime as _dt
import decimal as _decimal
import struct
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from . import _capi as c
from . import _time
from ._errors import ArgumentError, SchemaError


class Interval(NamedTuple):
    """A value of type INTERVAL: counts that are added to a time one after the other, months by the calendar."""

    months: int = 0
    days: int = 0
    microseconds: int = 0


#: Ranges of the integer types.
RANGES: Dict[int, Tuple[int, int]] = {
    c.TYPE_TINYINT: (-(2**7), 2**7 - 1),
    c.TYPE_SMALLINT: (-(2**15), 2**15 - 1),
    c.TYPE_INTEGER: (-(2**31), 2**31 - 1),
    c.TYPE_BIGINT: (-(2**63), 2**63 - 1),
    c.TYPE_UTINYINT: (0, 2**8 - 1),
    c.TYPE_USMALLINT: (0, 2**16 - 1),
    c.TYPE_UINTEGER: (0, 2**32 - 1),
    c.TYPE_UBIGINT: (0, 2**64 - 1),
}
#: What one value of a fixed size is in an array.
DTYPES: Dict[int, str] = {
    c.TYPE_BOOLEAN: "u1",
    c.TYPE_TINYINT: "<i1",
    c.TYPE_SMALLINT: "<i2",
    c.TYPE_INTEGER: "<i4",
    c.TYPE_BIGINT: "<i8",
    c.TYPE_UTINYINT: "<u1",
    c.TYPE_USMALLINT: "<u2",
    c.TYPE_UINTEGER: "<u4",
    c.TYPE_UBIGINT: "<u8",
    c.TYPE_REAL: "<f4",
    c.TYPE_DOUBLE: "<f8",
    c.TYPE_DATE: "<i4",
    c.TYPE_TIMESTAMP: "<i8",
}
NESTED = frozenset((c.TYPE_VECTOR, c.TYPE_LIST, c.TYPE_MAP))
#: Types whose values are an address and a length in a feat_value.
BYTES = NESTED | {c.TYPE_TEXT, c.TYPE_BLOB}
#: Types whose values are 128 bits in a feat_value.
WIDE = frozenset((c.TYPE_UBIGINT, c.TYPE_DECIMAL))
FLOATS = frozenset((c.TYPE_REAL, c.TYPE_DOUBLE))
#: Element types of which a numpy array holds a vector.
_NUMPY = frozenset(RANGES) | FLOATS | {c.TYPE_BOOLEAN}

_INTERVAL = struct.Struct("<iiq")
_COUNT = struct.Struct("<I")
_INT32, _INT64 = RANGES[c.TYPE_INTEGER], RANGES[c.TYPE_BIGINT]


# ---- types -------------------------------------------------------------------------------------------------------


def base(kind: int) -> int:
    return kind & 0xFF


def precision(kind: int) -> int:
    return kind >> 24 & 0xFF


def scale(kind: int) -> int:
    return kind >> 32 & 0xFF


def dimensions(kind: int) -> int:
    return kind >> 40


def element(kind: int) -> int:
    """Type of the elements of a vector or list, or of the values of a map."""
    return kind >> 8 & 0xFF | kind & 0xFFFF000000


def map_key(kind: int) -> int:
    return kind >> 16 & 0xFF


def decimal_of(digits: int, places: int) -> int:
    return c.TYPE_DECIMAL | digits << 24 | places << 32


def _with_element(outer: int, kind: int) -> int:
    return outer | (kind & 0xFF) << 8 | kind & 0xFFFF000000


def vector_of(kind: int, n: int) -> int:
    return _with_element(c.TYPE_VECTOR, kind) | n << 40


def list_of(kind: int) -> int:
    return _with_element(c.TYPE_LIST, kind)


def map_of(key: int, kind: int) -> int:
    return _with_element(c.TYPE_MAP, kind) | key << 16


def name(kind: int) -> str:
    """A type as SQL writes it."""
    if kind == 0:
        return "NULL"
    outer = base(kind)
    if outer == c.TYPE_DECIMAL:
        return f"DECIMAL({precision(kind)},{scale(kind)})"
    if outer == c.TYPE_VECTOR:
        return f"{name(element(kind))}[{dimensions(kind)}]"
    if outer == c.TYPE_LIST:
        return f"{name(element(kind))}[]"
    if outer == c.TYPE_MAP:
        return f"MAP({name(map_key(kind))}, {name(element(kind))})"
    return str(c.lib.feat_type_name(kind).decode())


# ---- single values in --------------------------------------------------------------------------------------------


def missing(value: Any) -> bool:
    """None, pandas.NA and NaT: what stands for NULL."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, (np.datetime64, np.timedelta64)) and bool(np.isnat(value))


def _is_int(value: Any) -> bool:
    """Of Python or numpy, whose timedelta64 calls itself an integer; no boolean."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.timedelta64))


def is_array(value: Any) -> bool:
    """Whether a value has elements: text, bytes and intervals have none."""
    if isinstance(value, (str, bytes, bytearray, memoryview, Mapping)) or is_interval(value):
        return False
    return value.ndim > 0 if isinstance(value, np.ndarray) else hasattr(value, "__len__")


def is_interval(value: Any) -> bool:
    """An Interval, or pyarrow's tuple of months, days and nanoseconds."""
    return isinstance(value, Interval) or (
        isinstance(value, tuple) and hasattr(value, "nanoseconds") and hasattr(value, "months")
    )


def _refused(value: Any, kind: int) -> SchemaError:
    return SchemaError(f"{name(kind)} is wanted, not {type(value).__name__}", "SCHEMA")


def _unfit(value: Any, kind: int, why: str = "") -> SchemaError:
    return SchemaError(f"{value} does not fit {name(kind)}{why}", "SCHEMA")


def _whole(value: Any, kind: int) -> int:
    if isinstance(value, _decimal.Decimal):
        value = _unscaled(value, kind, 0)
    elif not _is_int(value):
        raise _refused(value, kind)
    low, high = RANGES[kind]
    if not low <= value <= high:
        raise _unfit(value, kind)
    return int(value)


def _unscaled(value: _decimal.Decimal, kind: int, places: int) -> int:
    """value * 10^places as an int, where that is exact."""
    if not value.is_finite():
        raise _unfit(value, kind)
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    # Exponents are huge at times: no power of ten is made that no type could need.
    number, shift = int("".join(map(str, digits))), exponent + places
    if number == 0:
        return 0
    if shift > 40:
        raise _unfit(value, kind)
    if shift >= 0:
        number *= 10**shift
    else:
        number, rest = divmod(number, 10**-shift) if -shift <= len(digits) else (0, 1)
        if rest:
            raise _unfit(value, kind, " without loss: round it first")
    return -number if sign else number


def _decimal_in(value: Any, kind: int) -> int:
    if isinstance(value, _decimal.Decimal):
        number = _unscaled(value, kind, scale(kind))
    elif _is_int(value):
        number = int(value) * 10 ** scale(kind)
    elif isinstance(value, (float, np.floating)):
        given = type(value).__name__
        raise SchemaError(f"{name(kind)} is wanted, not {given}, which is not exact: pass decimal.Decimal", "SCHEMA")
    else:
        raise _refused(value, kind)
    if abs(number) >= 10 ** precision(kind):
        raise _unfit(value, kind)
    return number


def _float(value: Any, kind: int) -> float:
    if not (_is_int(value) or isinstance(value, (float, np.floating))):
        raise _refused(value, kind)
    try:
        number = float(value)
    except OverflowError:
        raise _unfit(value, kind) from None
    if kind == c.TYPE_REAL:
        with np.errstate(over="ignore"):
            rounded = float(np.float32(number))
        if np.isinf(rounded) and not np.isinf(number):
            raise _unfit(value, kind)
        number = rounded  # Python has no REAL of its own: a float is rounded to the nearest
    if _is_int(value) and int(number) != int(value):
        raise _unfit(value, kind, " without loss")
    return number


def _interval(value: Any, kind: int) -> Interval:
    if isinstance(value, Interval):
        parts = value
    elif is_interval(value):
        micro, rest = divmod(value.nanoseconds, 1000)
        if rest:
            raise _unfit(value, kind, " without loss: it has nanoseconds")
        parts = Interval(value.months, value.days, micro)
    elif isinstance(value, _dt.timedelta):
        if getattr(value, "nanoseconds", 0):
            raise _unfit(value, kind, " without loss: it has nanoseconds")
        parts = Interval(0, value.days, value.seconds * 1_000_000 + value.microseconds)
    elif isinstance(value, np.timedelta64):
        parts = _numpy_interval(value, kind)
    else:
        raise _refused(value, kind)
    for part, (low, high) in zip(parts, (_INT32, _INT32, _INT64)):
        if not _is_int(part) or not low <= part <= high:
            raise _unfit(value, kind)
    return Interval(*map(int, parts))


def _numpy_interval(value: np.timedelta64, kind: int) -> Interval:
    unit, count = np.datetime_data(value.dtype)
    number = int(value.astype("int64")) * count
    if unit in ("Y", "M"):
        return Interval(number * (12 if unit == "Y" else 1), 0, 0)
    if unit in ("D", "W"):
        return Interval(0, number * (7 if unit == "W" else 1), 0)
    if unit not in _time._UNIT_NS:
        raise _refused(value, kind)
    micro, rest = divmod(number * _time._UNIT_NS[unit], 1000)
    if rest:
        raise _unfit(value, kind, " without loss: it has nanoseconds")
    days, micro = divmod(micro, 86_400_000_000)  # as a timedelta
    return Interval(0, days, micro)


def _date(value: Any, kind: int) -> int:
    if isinstance(value, np.datetime64) and np.datetime_data(value.dtype)[0] in ("Y", "M", "W", "D"):
        days = int(value.astype("datetime64[D]").astype("int64"))
        if not _INT32[0] <= days <= _INT32[1]:
            raise _unfit(value, kind)
        return days
    if isinstance(value, _dt.datetime) or not isinstance(value, _dt.date):
        raise _refused(value, kind)
    return _time.from_date(value)


def _timestamp(value: Any, kind: int) -> int:
    if isinstance(value, (bool, np.bool_, float, np.floating)):
        raise _refused(value, kind)
    try:
        return _time.instant(value, "value")
    except ArgumentError as failure:
        raise SchemaError(str(failure), "SCHEMA") from None


def _boolean(value: Any, kind: int) -> int:
    if not isinstance(value, (bool, np.bool_)):
        raise _refused(value, kind)
    return int(value)


def _text(value: Any, kind: int) -> bytes:
    if not isinstance(value, str):
        raise _refused(value, kind)
    try:
        return value.encode("utf-8")
    except UnicodeEncodeError:
        raise SchemaError(f"{value!r} holds a lone surrogate and is no Unicode text", "SCHEMA") from None


def _blob(value: Any, kind: int) -> bytes:
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise _refused(value, kind)
    return bytes(value)


_ENCODE: Dict[int, Callable[[Any, int], Any]] = {
    c.TYPE_BOOLEAN: _boolean,
    c.TYPE_TEXT: _text,
    c.TYPE_BLOB: _blob,
    c.TYPE_DATE: _date,
    c.TYPE_TIMESTAMP: _timestamp,
    c.TYPE_DECIMAL: _decimal_in,
    c.TYPE_INTERVAL: _interval,
    c.TYPE_REAL: _float,
    c.TYPE_DOUBLE: _float,
    **dict.fromkeys(RANGES, _whole),
}


def encode(value: Any, kind: int) -> Any:
    """A value that is not missing, as the library holds it: an int, a float, bytes or an Interval."""
    outer = base(kind)
    if outer == c.TYPE_MAP:
        return _map_in(value, kind)
    if outer in NESTED:
        return _elements_in(value, kind)
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    return _ENCODE[outer](value, kind)


# ---- vectors, lists and maps in ----------------------------------------------------------------------------------


def _fixed(encoded: Sequence[Any], kind: int) -> bytes:
    """Values of a fixed size, one after the other."""
    outer = base(kind)
    if outer == c.TYPE_DECIMAL:
        return b"".join([v.to_bytes(16, "little", signed=True) for v in encoded])
    if outer == c.TYPE_INTERVAL:
        return b"".join([_INTERVAL.pack(*v) for v in encoded])
    array = np.array(encoded, dtype=DTYPES[outer])
    if outer in FLOATS:
        array[np.isnan(array)] = np.nan  # there is one NaN
    return array.tobytes()


def _plain(encoded: Sequence[Any], kind: int) -> bytes:
    if base(kind) not in BYTES:
        return _fixed(encoded, kind)
    return np.array([len(v) for v in encoded], dtype="<u4").tobytes() + b"".join(encoded)


def zero(kind: int) -> Any:
    """What fills the slot of a NULL."""
    outer = base(kind)
    return b"" if outer in BYTES else Interval() if outer == c.TYPE_INTERVAL else 0


def _pack(values: Sequence[Any], kind: int) -> bytes:
    """Flag, bitmap and elements."""
    fast = _numbers(values, kind)
    if fast is not None:
        return b"\0" + fast
    present, encoded = [], []
    for i, value in enumerate(values):
        null = missing(value) or value is np.ma.masked
        present.append(not null)
        try:
            encoded.append(zero(kind) if null else encode(value, kind))
        except SchemaError as failure:
            raise SchemaError(f"element {i}: {failure}", "SCHEMA") from None
    head = b"\0" if all(present) else b"\1" + np.packbits(np.array(present, bool), bitorder="little").tobytes()
    return head + _plain(encoded, kind)


def _numbers(values: Any, kind: int) -> Optional[bytes]:
    """The elements of a numpy array that holds just what is wanted, or None: then they are looked at one by one."""
    if not isinstance(values, np.ndarray) or isinstance(values, np.ma.MaskedArray) or base(kind) not in DTYPES:
        return None
    wanted = np.dtype("bool" if kind == c.TYPE_BOOLEAN else DTYPES[kind])
    if values.dtype.kind not in "biuf" or kind in (c.TYPE_DATE, c.TYPE_TIMESTAMP):
        return None
    if kind == c.TYPE_REAL and values.dtype == np.float64:
        with np.errstate(over="ignore"):
            rounded = values.astype(wanted)
        if (np.isinf(rounded) & ~np.isinf(values)).any():
            return None
        values = rounded
    if not np.can_cast(values.dtype, wanted, "safe"):
        return None
    if wanted.kind != "b" and values.dtype.kind == "b":
        return None
    if wanted.kind == "f" and values.dtype.kind in "iu" and values.dtype.itemsize >= wanted.itemsize:
        return None  # numpy calls it safe, though digits are lost
    array = values.astype(wanted)
    if wanted.kind == "f":
        array[np.isnan(array)] = np.nan
    return array.tobytes()


def _sequence(value: Any, kind: int) -> Sequence[Any]:
    if not is_array(value):
        raise _refused(value, kind)
    if isinstance(value, np.ndarray):
        if value.ndim != 1:
            raise SchemaError(f"an array of {value.ndim} dimensions is no {name(kind)}", "SCHEMA")
        return value
    for method in ("to_pylist", "to_list"):
        if hasattr(value, method):
            return list(getattr(value, method)())
    return list(value)


def _elements_in(value: Any, kind: int) -> bytes:
    values = _sequence(value, kind)
    if base(kind) == c.TYPE_LIST:
        return _COUNT.pack(len(values)) + _pack(values, element(kind))
    if len(values) != dimensions(kind):
        raise SchemaError(f"{len(values)} elements where {name(kind)} has {dimensions(kind)}", "SCHEMA")
    return _pack(values, element(kind))


def _map_in(value: Any, kind: int) -> bytes:
    """Of a dict, or of pairs, as pyarrow gives maps."""
    if isinstance(value, Mapping):
        pairs = list(value.items())
    elif is_array(value) and all(isinstance(pair, tuple) and len(pair) == 2 for pair in value):
        pairs = list(value)
    else:
        raise _refused(value, kind)
    by_key: Dict[Any, Any] = {}
    for key, number in pairs:
        if missing(key):
            raise SchemaError("a key of a map is NULL", "SCHEMA")
        try:
            encoded = encode(key, map_key(kind))
        except SchemaError as failure:
            raise SchemaError(f"key {key!r}: {failure}", "SCHEMA") from None
        if encoded in by_key:
            raise SchemaError(f"the key {key!r} is there twice", "SCHEMA")
        by_key[encoded] = number
    keys = sorted(by_key)
    return _COUNT.pack(len(keys)) + _plain(keys, map_key(kind)) + _pack([by_key[key] for key in keys], element(kind))


# ---- values out --------------------------------------------------------------------------------------------------


def to_decimal(unscaled: int, places: int) -> _decimal.Decimal:
    return _decimal.Decimal(f"{unscaled}E-{places}")  # exact, whatever the context


def decode(raw: Any, kind: int) -> Any:
    """The Python value of what ``encode`` makes."""
    outer = base(kind)
    if outer == c.TYPE_TEXT:
        return raw.decode("utf-8", "replace")
    if outer == c.TYPE_DECIMAL:
        return to_decimal(raw, scale(kind))
    if outer == c.TYPE_BOOLEAN:
        return bool(raw)
    if outer == c.TYPE_DATE:
        return _time.to_date(raw)
    if outer == c.TYPE_TIMESTAMP:
        return _time.to_datetime(raw)
    if outer in NESTED:
        return nested(raw, kind)
    return raw


def _unpack_plain(data: bytes, at: int, n: int, kind: int) -> Tuple[Any, int]:
    """n elements from a place on (a numpy array where one holds them), and where they end."""
    outer = base(kind)
    if outer in DTYPES:
        array = np.frombuffer(data, DTYPES[outer], n, at)
        return array, at + array.nbytes
    if outer == c.TYPE_DECIMAL:
        raw = [int.from_bytes(data[i : i + 16], "little", signed=True) for i in range(at, at + 16 * n, 16)]
        return [to_decimal(v, scale(kind)) for v in raw], at + 16 * n
    if outer == c.TYPE_INTERVAL:
        return [Interval(*_INTERVAL.unpack_from(data, i)) for i in range(at, at + 16 * n, 16)], at + 16 * n
    out, sizes = [], np.frombuffer(data, "<u4", n, at).tolist()
    at += 4 * n
    for size in sizes:
        out.append(decode(data[at : at + size], kind))
        at += size
    return out, at


def _unpack(data: bytes, at: int, n: int, kind: int) -> Tuple[Any, Optional[np.ndarray]]:
    """The elements after a flag, and which are not NULL (None: all)."""
    flagged, present = data[at], None
    at += 1
    if flagged:
        size = (n + 7) // 8
        present = np.unpackbits(np.frombuffer(data, np.uint8, size, at), count=n, bitorder="little").astype(bool)
        at += size
    return _unpack_plain(data, at, n, kind)[0], present


def _listed(values: Any, present: Optional[np.ndarray], kind: int) -> List[Any]:
    outer = base(kind)
    if isinstance(values, np.ndarray):
        values = values.tolist()
        if outer in (c.TYPE_BOOLEAN, c.TYPE_DATE, c.TYPE_TIMESTAMP):
            values = [decode(v, kind) for v in values]
    if present is None:
        return list(values)
    return [v if there else None for v, there in zip(values, present.tolist())]


def elements(values: Any, present: Optional[np.ndarray], kind: int) -> Any:
    """A vector or list in Python: an array for a vector of numbers (masked where elements are NULL), else a list."""
    inner = element(kind)
    if base(kind) != c.TYPE_VECTOR or base(inner) not in _NUMPY:
        return _listed(values, present, inner)
    array = values.astype(bool) if inner == c.TYPE_BOOLEAN else values.astype(values.dtype.newbyteorder("="))
    return array if present is None else np.ma.MaskedArray(array, mask=~present)


def nested(data: bytes, kind: int) -> Any:
    """The Python value of an encoded VECTOR, LIST or MAP."""
    outer = base(kind)
    if outer == c.TYPE_VECTOR:
        return elements(*_unpack(data, 0, dimensions(kind), element(kind)), kind)
    n = _COUNT.unpack_from(data)[0]
    if outer == c.TYPE_LIST:
        return elements(*_unpack(data, 4, n, element(kind)), kind)
    keys, at = _unpack_plain(data, 4, n, map_key(kind))
    values, present = _unpack(data, at, n, element(kind))
    return dict(zip(_listed(keys, None, map_key(kind)), _listed(values, present, element(kind))))


# ---- columns in --------------------------------------------------------------------------------------------------


def fixed_column(encoded: Sequence[Any], kind: int) -> np.ndarray:
    """Encoded values of a fixed size, as bytes in one array."""
    return np.frombuffer(_fixed(encoded, kind) or bytes(16), dtype=np.uint8)


def vector_column(rows: np.ndarray) -> Tuple[int, np.ndarray, np.ndarray]:
    """Type, bytes and offsets of the vectors that are the rows of a numpy array of numbers."""
    n, size = rows.shape
    if not 0 < size < 2**24:
        raise SchemaError(f"rows of {size} elements are no vectors", "SCHEMA")
    kind = vector_of(element_of(rows.dtype), size)
    array = np.ascontiguousarray(rows, dtype=DTYPES[base(element(kind))])
    if array.dtype.kind == "f" and np.isnan(array).any():
        array = np.where(np.isnan(array), array.dtype.type(np.nan), array)
    width = size * array.itemsize
    encoded = np.zeros((n, 1 + width), dtype=np.uint8)
    if n:
        encoded[:, 1:] = array.view(np.uint8).reshape(n, width)
    return kind, np.append(encoded.reshape(-1), np.uint8(0)), np.arange(n + 1, dtype=np.int64) * (1 + width)


def element_of(dtype: np.dtype) -> int:
    """Type of the elements of a numpy array of numbers."""
    if dtype.kind == "b":
        return c.TYPE_BOOLEAN
    if dtype.kind in "iu":
        return c.TYPE_UBIGINT if dtype == np.uint64 else c.TYPE_BIGINT
    if dtype.kind == "f" and dtype.itemsize <= 8:
        return c.TYPE_DOUBLE if dtype.itemsize == 8 else c.TYPE_REAL
    raise SchemaError(f"numpy type {dtype} has no SQL type", "SCHEMA")


_DOUBLE_OR = {c.TYPE_BIGINT, c.TYPE_UBIGINT, c.TYPE_REAL, c.TYPE_DOUBLE}


def kind_of(value: Any) -> int:
    """The type that a Python value has by itself; 0 in the place of elements that it does not have."""
    if isinstance(value, (bool, np.bool_)):
        return c.TYPE_BOOLEAN
    if _is_int(value):
        return c.TYPE_UBIGINT if 2**63 <= value < 2**64 else c.TYPE_BIGINT
    if isinstance(value, (float, np.floating)):
        return c.TYPE_DOUBLE
    if isinstance(value, str):
        return c.TYPE_TEXT
    if isinstance(value, _dt.datetime):
        return c.TYPE_TIMESTAMP
    if isinstance(value, _dt.date):
        return c.TYPE_DATE
    if isinstance(value, np.datetime64):
        return c.TYPE_DATE if np.datetime_data(value.dtype)[0] in ("Y", "M", "W", "D") else c.TYPE_TIMESTAMP
    if isinstance(value, (bytes, bytearray, memoryview)):
        return c.TYPE_BLOB
    if isinstance(value, _decimal.Decimal):
        return _decimal_kind(value)
    if is_interval(value) or isinstance(value, (_dt.timedelta, np.timedelta64)):
        return c.TYPE_INTERVAL
    if isinstance(value, Mapping):
        return _map_kind(list(value.items()))
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf" and value.ndim == 1:
        return list_of(element_of(value.dtype))
    if is_array(value) and not (isinstance(value, np.ndarray) and value.ndim != 1):
        items = [item for item in value if not missing(item)]
        if items and all(isinstance(item, tuple) and len(item) == 2 and not is_interval(item) for item in items):
            return _map_kind(items)  # pairs, as pyarrow gives maps
        return list_of(_common(items))
    raise SchemaError(f"{type(value).__name__} has no SQL type", "SCHEMA")


def _decimal_kind(value: _decimal.Decimal) -> int:
    if not value.is_finite():
        raise SchemaError(f"{value} does not fit DECIMAL", "SCHEMA")
    digits, exponent = value.as_tuple().digits, value.as_tuple().exponent
    assert isinstance(exponent, int)
    places = max(-exponent, 0)
    total = max(len(digits) + max(exponent, 0), places, 1)
    if total > 38:
        raise SchemaError(f"{value} does not fit DECIMAL: it has more than 38 digits", "SCHEMA")
    return decimal_of(total, places)


def _map_kind(pairs: List[Any]) -> int:
    keys = _common([key for key, _ in pairs])
    if keys not in (0, c.TYPE_TEXT, c.TYPE_BIGINT, c.TYPE_UBIGINT):
        raise SchemaError(f"a map with keys of type {name(keys)} has no SQL type: TEXT or integers are wanted", "SCHEMA")
    return map_of(keys, _common([number for _, number in pairs if not missing(number)]))


def _common(values: Sequence[Any]) -> int:
    kind = 0
    for value in values:
        found = kind_of(value)
        if base(found) in NESTED:
            raise SchemaError("lists in lists have no SQL type", "SCHEMA")
        met = meet(kind, found)
        if met is None:
            raise SchemaError(f"an element is {name(found)} where others are {name(kind)}", "SCHEMA")
        kind = met
    return kind


def meet(a: int, b: int) -> Optional[int]:
    """The type of a column that holds values of both types; None when there is none."""
    if a == b or b == 0:
        return a
    if a == 0:
        return b
    bases = {base(a), base(b)}
    if bases == {c.TYPE_DATE, c.TYPE_TIMESTAMP}:
        return c.TYPE_TIMESTAMP
    if bases == {c.TYPE_BIGINT, c.TYPE_UBIGINT}:
        return c.TYPE_UBIGINT
    if bases <= _DOUBLE_OR:
        return c.TYPE_DOUBLE
    if c.TYPE_DECIMAL in bases and bases <= {c.TYPE_DECIMAL, c.TYPE_BIGINT, c.TYPE_UBIGINT}:
        a, b = (kind if base(kind) == c.TYPE_DECIMAL else decimal_of(20, 0) for kind in (a, b))
        places = max(scale(a), scale(b))
        whole = max(precision(a) - scale(a), precision(b) - scale(b))
        return decimal_of(min(whole + places, 38), places)  # a value that does not fit is found when it is encoded
    if not bases <= NESTED:
        return None
    if c.TYPE_MAP in bases and a != c.TYPE_LIST and b != c.TYPE_LIST and len(bases) > 1:
        return None  # pyarrow gives an empty map as an empty list: only that meets a map
    inner, key = meet(element(a), element(b)), meet(map_key(a), map_key(b))
    if inner is None or key is None:
        return None
    return map_of(key, inner) if c.TYPE_MAP in bases else list_of(inner)


def settled(kind: int) -> int:
    """A type that values can be encoded as: elements that nothing tells the type of become BIGINT, keys TEXT."""
    if base(kind) == c.TYPE_MAP:
        return map_of(map_key(kind) or c.TYPE_TEXT, element(kind) or c.TYPE_BIGINT)
    if base(kind) == c.TYPE_LIST:
        return list_of(element(kind) or c.TYPE_BIGINT)
    return kind
