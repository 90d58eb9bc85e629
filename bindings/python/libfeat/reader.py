"""Point lookups: one vector as a dict, many as columns."""

from __future__ import annotations

import ctypes
import struct
from ctypes import POINTER, byref
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple

import numpy as np

from . import _arrow, _time, _types
from . import _capi as c
from ._errors import ArgumentError, SchemaError, make
from ._handle import Handle
from .result import _for_pandas, to_list

#: Names of the statuses, by number.
STATUS = ("present", "null", "not found", "expired", "error")


class Position(NamedTuple):
    """Where an answer was read: all of its values come from exactly this position."""

    version: int
    sequence: int


class Vector(Dict[str, Any]):
    """The features of one request, by name; None where a value is NULL.

    ``status`` gives for each feature "present", "null", "not found", "expired" or "error".
    """

    __slots__ = ("_status", "position")

    _status: Tuple[int, ...]
    position: Position

    @property
    def status(self) -> Dict[str, str]:
        return {name: STATUS[number] for name, number in zip(self, self._status)}


#: A feat_value: the views of one union, then type, null flag and status.
_VALUE = np.dtype(
    {
        "names": "i64 f64 data length low high months days us type is_null status".split(),
        "formats": ["<i8", "<f8", "<u8", "<u8", "<u8", "<i8", "<i4", "<i4", "<i8", "u1", "u1", "u1"],
        "offsets": [0, 0, 0, 8, 0, 8, 0, 4, 8, 16, 17, 18],
        "itemsize": ctypes.sizeof(c.Value),
    }
).newbyteorder("=")


class Vectors:
    """The features of many requests, column by column, in the order of the requests."""

    def __init__(
        self, names: List[str], kinds: List[int], arrays: List[np.ndarray], status: np.ndarray, position: Position
    ) -> None:
        self.columns = names
        self._kinds = kinds
        self._arrays = arrays
        self._status = status
        self.position = position

    def __len__(self) -> int:
        return int(self._status.shape[0])

    @property
    def status(self) -> Dict[str, np.ndarray]:
        """Status numbers (uint8) of each feature: 0 present, 1 null, 2 not found, 3 expired, 4 error (``libfeat.STATUS``)."""
        return {name: self._status[:, i] for i, name in enumerate(self.columns)}

    def to_numpy(self) -> Dict[str, np.ndarray]:
        """A dict of arrays: masked where there are NULLs; object arrays with None where numpy has no type, as for text,
        decimals, and vectors, which are arrays themselves."""
        return dict(zip(self.columns, self._arrays))

    def to_dict(self) -> Dict[str, List[Any]]:
        """A dict of lists of Python values."""
        return {name: to_list(array) for name, array in zip(self.columns, self._arrays)}

    def to_pandas(self) -> Any:
        """A pandas.DataFrame."""
        import pandas

        frame = pandas.DataFrame({i: _for_pandas(a) for i, a in enumerate(self._arrays)}, index=range(len(self)))
        frame.columns = self.columns
        return frame

    def to_arrow(self) -> Any:
        """A pyarrow.Table."""
        columns = [_arrow.to_pyarrow(to_list(a), kind) for a, kind in zip(self._arrays, self._kinds)]
        return _arrow._pyarrow().Table.from_arrays(columns, names=self.columns)

    def __repr__(self) -> str:
        return f"<libfeat.Vectors of {len(self)} rows: {', '.join(self.columns)}>"


class Reader(Handle):
    """A reader on a deployed service. Made by ``Store.reader``; belongs to one thread at a time."""

    _what = "reader"

    def __init__(self, pointer: int) -> None:
        super().__init__(pointer, c.lib.feat_reader_close)
        fields = POINTER(c.FieldInfo)()
        n = c.lib.feat_reader_inputs(pointer, byref(fields))
        self._inputs = [(fields[i].name.decode("utf-8"), fields[i].type) for i in range(n)]
        n = c.lib.feat_reader_features(pointer, byref(fields))
        self._features = [(fields[i].name.decode("utf-8"), fields[i].type) for i in range(n)]
        #: Fingerprint of the service's definition.
        self.fingerprint: str = c.lib.feat_reader_fingerprint(pointer).decode("ascii")
        self.inputs = [name for name, _ in self._inputs]  #: names of the request inputs, in order
        self.features = [name for name, _ in self._features]  #: names of the features, in order
        self._prepare_one()

    def __enter__(self) -> "Reader":
        self._open_pointer
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    # ---- one request: buffers are made once, and packed and unpacked by one call each ----

    def _prepare_one(self) -> None:
        forms = [_FORM.get(_types.base(kind), "q8x") + "BBB5x" for _, kind in self._inputs]
        self._pack = struct.Struct("=" + "".join(forms))
        forms = [_FORM.get(_types.base(kind), "q8x") + "xBB5x" for _, kind in self._features]
        self._unpack = struct.Struct("=" + "".join(forms))
        # What is packed for NULL, besides names and types.
        self._asked = [
            (name, kind, (0,) * _WIDTH.get(_types.base(kind), 1) + (_types.base(kind), 1, 0)) for name, kind in self._inputs
        ]
        self._one_in = ctypes.create_string_buffer(max(self._pack.size, 1))
        self._one_out = ctypes.create_string_buffer(max(self._unpack.size, 1))
        self._one_now = ctypes.c_int64()
        self._one_position = c.Position()
        self._err = c.Error()
        self._request = c.Request(size=ctypes.sizeof(c.Request), n=1, inputs=ctypes.addressof(self._one_in))
        # The references are made once too.
        self._request_ref = byref(self._request)
        self._position_ref = byref(self._one_position)
        self._err_ref = byref(self._err)
        self._now_address = ctypes.addressof(self._one_now)
        self._out_address = ctypes.addressof(self._one_out)
        self._known = frozenset(self.inputs)
        # Where the parts of each feature lie in the unpacked tuple, and how they become a Python value.
        self._plan: List[Tuple[str, int, int, Optional[Callable[..., Any]], bool]] = []
        at = 0
        for name, kind in self._features:
            width = _WIDTH.get(_types.base(kind), 1)
            self._plan.append((name, at, at + width, _decoder(kind), width > 1))
            at += width + 2
        self._status_at = [null + 1 for _, _, null, _, _ in self._plan]
        self._get = c.lib.feat_reader_get

    def get(self, request: Optional[Mapping[str, Any]] = None, /, *, now: Any = None, **inputs: Any) -> Any:
        """Looks vectors up at ``now`` (default: the clock).

        Inputs are given by name, or as one mapping where a name is no Python word. Scalars make one request and give a
        ``Vector`` (a dict); if any input or ``now`` is a sequence or an array, they make many and give ``Vectors``; scalars
        among them are repeated. For a vector or list a sequence of plain values is one value, and a sequence of sequences is
        many; for a map a dict is one.
        """
        if request is not None:
            inputs = {**request, **inputs}
        pointer = self._pointer
        if pointer is None:
            raise ArgumentError("this reader is closed")
        parts: List[Any] = []
        keep: List[bytes] = []
        try:
            for name, kind, null in self._asked:
                value = inputs[name]
                if value is None:
                    parts += null
                    continue
                given = value.__class__
                if kind == 2 and given is int:
                    parts += (value, 2, 0, 0)
                elif kind == 3 and given is float:
                    parts += (value, 3, 0, 0)
                elif kind == 4 and given is str:
                    data = _encode_text(value, name)
                    keep.append(data)
                    parts += (_address(data), len(data), 4, 0, 0)
                elif _is_many_of(value, kind):
                    return self._get_many(inputs, now)
                else:
                    encoded = _scalar(value, kind, name)
                    parts += _raw_parts(encoded, kind, keep)
                    parts += (kind & 0xFF, 0, 0)
        except KeyError:
            self._check_names(inputs)
            raise
        if len(inputs) != len(self._inputs):
            self._check_names(inputs)
        if now is None:
            self._request.now = None
        elif _is_many(now):
            return self._get_many(inputs, now)
        else:
            self._one_now.value = _time.instant(now, "now")
            self._request.now = self._now_address
        try:
            self._pack.pack_into(self._one_in, 0, *parts)
        except struct.error:
            raise self._out_of_range(inputs) from None
        status = self._get(pointer, self._request_ref, self._out_address, self._position_ref, self._err_ref)
        if status:
            raise self._failure(status)
        raw = self._unpack.unpack_from(self._one_out)
        vector = Vector()
        for name, at, null, decode, several in self._plan:
            if raw[null]:
                vector[name] = None
            elif decode is None:
                vector[name] = raw[at]
            elif decode is _read_text:
                vector[name] = ctypes.string_at(raw[at], raw[at + 1]).decode("utf-8", "replace") if raw[at + 1] else ""
            elif several:
                vector[name] = decode(*raw[at:null])
            else:
                vector[name] = decode(raw[at])
        vector._status = tuple([raw[i] for i in self._status_at])
        vector.position = Position(self._one_position.version, self._one_position.sequence)
        return vector

    def _failure(self, status: int) -> Exception:
        err = self._err
        if err.code != status:
            return make(status, c.lib.feat_status_text(status).decode())
        failure = c.failure(err)
        err.code = 0
        return failure

    def _check_names(self, inputs: Mapping[str, Any]) -> None:
        missing = [name for name in self.inputs if name not in inputs]
        unknown = [name for name in inputs if name not in self._known]
        if missing or unknown:
            said = [f"missing {', '.join(map(repr, missing))}"] if missing else []
            said += [f"unknown {', '.join(map(repr, unknown))}"] if unknown else []
            raise SchemaError(f"{'; '.join(said)}: the service's inputs are {', '.join(self.inputs)}", "SCHEMA")

    def _out_of_range(self, inputs: Mapping[str, Any]) -> Exception:
        for name, kind in self._inputs:
            value = inputs[name]
            if kind == c.TYPE_BIGINT and isinstance(value, int) and not -(2**63) <= value < 2**63:
                return SchemaError(f"input '{name}': {value} does not fit BIGINT", "SCHEMA")
        return ArgumentError("an input does not fit its type")

    # ---- many requests: one structured array in, one out ----

    def _get_many(self, inputs: Mapping[str, Any], now: Any) -> Vectors:
        self._check_names(inputs)
        many: Dict[str, Any] = {name: inputs[name] for name, kind in self._inputs if _is_many_of(inputs[name], kind)}
        if many or _is_many(now):  # a list without elements, or of NULLs only, is as many values as there are requests
            many.update({name: inputs[name] for name, kind in self._inputs if _may_be_many(inputs[name], kind)})
        lengths = {name: len(value) for name, value in many.items()}
        if _is_many(now):
            lengths["now"] = len(now)
        n = next(iter(lengths.values()))
        for name, length in lengths.items():
            if length != n:
                first = next(iter(lengths))
                raise SchemaError(f"input '{name}' has {length} rows where '{first}' has {n}", "SCHEMA")

        values = np.zeros((n, len(self._inputs)), dtype=_VALUE)
        keep: List[Any] = []
        for i, (name, kind) in enumerate(self._inputs):
            if name in many:
                _fill_many(values[:, i], many[name], kind, name, keep)
            else:
                _fill_one(values[:, i], inputs[name], kind, name, keep)
        times = _times(now, n) if now is not None else None

        out = np.empty((n, len(self._features)), dtype=_VALUE)
        position, err = c.Position(), self._err
        request = c.Request(size=ctypes.sizeof(c.Request), n=n, inputs=values.ctypes.data)
        request.now = None if times is None else times.ctypes.data
        status = self._get(self._open_pointer, byref(request), out.ctypes.data, byref(position), byref(err))
        if status:
            raise self._failure(status)
        arrays = [_column(out[:, i], kind) for i, (_, kind) in enumerate(self._features)]
        kinds = [kind for _, kind in self._features]
        return Vectors(self.features, kinds, arrays, np.ascontiguousarray(out["status"]), Position(position.version, position.sequence))


# ---- values in ---------------------------------------------------------------------------------------------------


def _is_many(value: Any) -> bool:
    if isinstance(value, (str, bytes, bytearray, memoryview)) or value is None or isinstance(value, np.void):
        return False
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    if isinstance(value, tuple) and _types.is_interval(value):
        return False
    return hasattr(value, "__len__") or hasattr(value, "__arrow_c_stream__")


def _is_many_of(value: Any, kind: int) -> bool:
    """Whether an input is a sequence of values of its type."""
    outer = kind & 0xFF
    if outer not in _types.NESTED:
        return _is_many(value)
    if not _is_many(value) or (outer == c.TYPE_MAP and isinstance(value, Mapping)):
        return False
    if isinstance(value, np.ndarray) and value.dtype != object:
        return value.ndim > 1
    first = _first(value)
    return outer == c.TYPE_MAP or (first is not None and (_types.is_array(first) or isinstance(first, Mapping)))


def _may_be_many(value: Any, kind: int) -> bool:
    """Whether a sequence for a vector or list has no element that tells what it is."""
    outer = kind & 0xFF
    return outer in (c.TYPE_VECTOR, c.TYPE_LIST) and _is_many(value) and _first(value) is None


def _first(values: Any) -> Any:
    """The first value that is not NULL."""
    if isinstance(values, np.ndarray) and values.dtype != object:
        return values[0] if len(values) else None
    return next((value for value in _listed(values) if not _types.missing(value)), None)


def _listed(values: Any) -> Any:
    """Something to iterate over: Python values, or the rows of an array."""
    if isinstance(values, np.ma.MaskedArray) and values.ndim == 1:
        return values.tolist()
    if isinstance(values, (list, tuple, np.ndarray)):
        return values
    for method in ("to_pylist", "to_list"):
        if hasattr(values, method):
            return getattr(values, method)()
    return list(values)


def _encode_text(value: str, name: str) -> bytes:
    try:
        return value.encode("utf-8")
    except UnicodeEncodeError:
        raise SchemaError(f"input '{name}': {value!r} holds a lone surrogate and is no Unicode text", "SCHEMA") from None


def _address(data: bytes) -> int:
    """Address of the bytes of an object that the caller keeps."""
    return ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value or 0


#: Layouts of a feat_value's union, of one part each but these; and how many parts they have.
_FORM = {
    c.TYPE_DOUBLE: "d8x",
    c.TYPE_REAL: "d8x",
    c.TYPE_UBIGINT: "Qq",
    c.TYPE_DECIMAL: "Qq",
    c.TYPE_INTERVAL: "iiq",
    **dict.fromkeys(_types.BYTES, "QQ"),
}
_WIDTH = {kind: len(form) for kind, form in _FORM.items() if "x" not in form}
_LOW = 2**64 - 1


def _raw_parts(encoded: Any, kind: int, keep: List[bytes]) -> Tuple[Any, ...]:
    """An encoded value as the parts of a feat_value's union; its bytes are put where they are kept."""
    outer = kind & 0xFF
    if outer in _types.BYTES:
        keep.append(encoded)
        return _address(encoded), len(encoded)
    if outer in _types.WIDE:
        return encoded & _LOW, encoded >> 64
    return tuple(encoded) if outer == c.TYPE_INTERVAL else (encoded,)


def _scalar(value: Any, kind: int, name: str) -> Any:
    """The representation of a scalar input, converted where nothing is lost. numpy.nan for BIGINT and the like is refused."""
    if isinstance(value, np.generic) and not isinstance(value, (np.datetime64, np.timedelta64)):
        value = value.item()
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    try:
        if kind > c.TYPE_TIMESTAMP or kind == c.TYPE_BIGINT:
            return _types.encode(value, kind)
        found = _types.kind_of(value)
        if kind == c.TYPE_TEXT and found == kind:
            return _encode_text(value, name)
        exact = found == kind or (kind, found) in _ACCEPTS
        if exact:
            return _arrow._encode(value, kind)
        if kind == c.TYPE_TIMESTAMP and isinstance(value, str):
            return _time.instant(value, f"input '{name}'")
    except SchemaError as failure:
        raise SchemaError(f"input '{name}': {failure}", "SCHEMA") from None
    raise SchemaError(f"input '{name}' is {_types.name(kind)}, not {type(value).__name__}", "SCHEMA")


#: (wanted, given) where a conversion loses nothing, or says so.
_ACCEPTS = {
    (c.TYPE_DOUBLE, c.TYPE_BIGINT),
    (c.TYPE_DOUBLE, c.TYPE_UBIGINT),
    (c.TYPE_TIMESTAMP, c.TYPE_DATE),
    (c.TYPE_TIMESTAMP, c.TYPE_BIGINT),
}


def _set(target: np.ndarray, kind: int, values: Any, present: Optional[np.ndarray]) -> None:
    target["f64" if kind in _types.FLOATS else "i64"] = values
    target["type"] = kind
    if present is not None:
        target["is_null"] = present == 0


def _fill_one(target: np.ndarray, value: Any, kind: int, name: str, keep: List[Any]) -> None:
    target["type"] = kind & 0xFF
    if value is None:
        target["is_null"] = 1
        return
    encoded = _scalar(value, kind, name)
    try:
        for part, number in zip(_part_names(kind), _raw_parts(encoded, kind, keep)):
            target[part] = number
    except OverflowError:
        raise SchemaError(f"input '{name}': {value} does not fit {_types.name(kind)}", "SCHEMA") from None


_INTS = (frozenset(_types.RANGES) - {c.TYPE_UBIGINT}) | {c.TYPE_BOOLEAN, c.TYPE_DATE, c.TYPE_TIMESTAMP}
_PARTS = {
    **dict.fromkeys(_types.BYTES, ("data", "length")),
    **dict.fromkeys(_types.WIDE, ("low", "high")),
    c.TYPE_INTERVAL: ("months", "days", "us"),
}


def _part_names(kind: int) -> Tuple[str, ...]:
    return ("i64",) if kind in _INTS else _PARTS.get(kind & 0xFF, ("f64",))


def _fill_many(target: np.ndarray, values: Any, kind: int, name: str, keep: List[Any]) -> None:
    if kind > c.TYPE_TIMESTAMP:
        _fill_typed(target, values, kind, name, keep)
        return
    try:
        plain = _arrow.column(values)
        if kind == c.TYPE_BIGINT and _types.base(plain.kind) in _types.WIDE:  # a value of them may be a BIGINT
            _fill_typed(target, values, kind, name, keep)
            return
        if plain.kind not in (kind, 0) and (kind, plain.kind) not in _ACCEPTS:
            given = _types.name(plain.kind)
            raise SchemaError(f"{given} values where the service wants {_types.name(kind)}", "SCHEMA")
    except SchemaError as failure:
        if str(failure).startswith(f"input '{name}'"):
            raise
        raise SchemaError(f"input '{name}': {failure}", "SCHEMA", row=failure.row) from None
    target["type"] = kind
    if plain.kind == 0:  # nothing but None
        target["is_null"] = 1
        return
    if kind == c.TYPE_TEXT:
        assert plain.values is not None and plain.offsets is not None
        keep.append(plain)
        target["data"] = (plain.values.ctypes.data + plain.offsets[:-1]).astype(np.uint64)
        target["length"] = np.diff(plain.offsets)
        if plain.present is not None:
            target["is_null"] = plain.present == 0
        return
    data = plain.values
    assert data is not None
    if kind == c.TYPE_DOUBLE and plain.kind in (c.TYPE_BIGINT, c.TYPE_UBIGINT):
        exact = data.astype(np.float64)
        big = np.abs(exact) >= 2.0**53
        for row in np.flatnonzero(big):
            if int(exact[row]) != int(data[row]):
                raise SchemaError(
                    f"input '{name}': row {row}: {data[row]} does not fit DOUBLE without loss", "SCHEMA", row=int(row)
                )
        data = exact
    elif kind == c.TYPE_TIMESTAMP and plain.kind == c.TYPE_DATE:
        data = data.astype(np.int64) * 86_400_000_000
    _set(target, kind, data, plain.present)


def _fill_typed(target: np.ndarray, values: Any, kind: int, name: str, keep: List[Any]) -> None:
    """Values of a type that Python data do not have by themselves: each is encoded as the service wants it."""
    outer = kind & 0xFF
    target["type"] = outer
    if isinstance(values, np.ndarray) and not isinstance(values, np.ma.MaskedArray) and values.ndim == 1:
        if outer in _INTS and outer in _types.RANGES and values.dtype.kind in "iu":
            low, high = _types.RANGES[outer]
            if not len(values) or (int(values.min()) >= low and int(values.max()) <= high):
                target["i64"] = values
                return  # else the loop below names the row
        if outer == c.TYPE_REAL and values.dtype == np.float32:
            target["f64"] = values
            return
    encoded: List[Any] = []
    for row, value in enumerate(_listed(values)):
        null = _types.missing(value)
        if null:
            target["is_null"][row] = 1
        try:
            encoded.append(_types.zero(kind) if null else _types.encode(value, kind))
        except SchemaError as failure:
            raise SchemaError(f"input '{name}': row {row}: {failure}", "SCHEMA", row=row) from None
    if outer in _types.BYTES:
        keep.append(encoded)
        target["data"], target["length"] = [_address(v) for v in encoded], [len(v) for v in encoded]
    elif outer in _types.WIDE:
        target["low"] = np.array([v & _LOW for v in encoded], dtype=np.uint64)
        target["high"] = np.array([v >> 64 for v in encoded], dtype=np.int64)
    elif outer == c.TYPE_INTERVAL:
        for i, part in enumerate(_PARTS[outer]):
            target[part] = [v[i] for v in encoded]
    else:
        target["f64" if outer in _types.FLOATS else "i64"] = encoded


def _times(now: Any, n: int) -> np.ndarray:
    if not _is_many(now):
        return np.full(n, _time.instant(now, "now"), dtype=np.int64)
    if isinstance(now, np.ndarray) and now.dtype.kind == "M":
        if np.isnat(now).any():
            raise ArgumentError("now: NaT is no time")
        return np.ascontiguousarray(_time.from_numpy(now))
    if isinstance(now, np.ndarray) and now.dtype.kind == "i":
        return np.ascontiguousarray(now, dtype=np.int64)
    listed = now.to_pylist() if hasattr(now, "to_pylist") else now.to_list() if hasattr(now, "to_list") else list(now)
    return np.array([_time.instant(value, f"now, row {i}") for i, value in enumerate(listed)], dtype=np.int64)


# ---- values out --------------------------------------------------------------------------------------------------


def _read_text(_: int) -> Any:
    raise AssertionError("text is read where address and length are at hand")


def _decoder(kind: int) -> Optional[Callable[..., Any]]:
    """Makes the Python value of a feature from the parts of its union; None where the part is the value."""
    outer = kind & 0xFF
    if outer == c.TYPE_TEXT:
        return _read_text
    if outer == c.TYPE_UBIGINT:
        return lambda low, high: low
    if outer == c.TYPE_DECIMAL:
        places = _types.scale(kind)
        return lambda low, high: _types.to_decimal(high << 64 | low, places)
    if outer == c.TYPE_INTERVAL:
        return _types.Interval
    if outer in _types.BYTES:
        return lambda address, size: _types.decode(ctypes.string_at(address, size) if size else b"", kind)
    return {c.TYPE_BOOLEAN: bool, c.TYPE_DATE: _time.to_date, c.TYPE_TIMESTAMP: _time.to_datetime}.get(outer)


def _column(values: np.ndarray, kind: int) -> np.ndarray:
    null, outer = values["is_null"] != 0, kind & 0xFF
    if outer == c.TYPE_TEXT:
        out = np.empty(len(values), dtype=object)
        addresses, sizes, nulls = values["data"].tolist(), values["length"].tolist(), null.tolist()
        for i, missing in enumerate(nulls):
            if not missing:
                out[i] = ctypes.string_at(addresses[i], sizes[i]).decode("utf-8", "replace") if sizes[i] else ""
        return out
    if outer in _WIDTH and outer != c.TYPE_UBIGINT:
        out, decode = np.empty(len(values), dtype=object), _decoder(kind)
        assert decode is not None
        parts = [values[part].tolist() for part in _PARTS[outer]]
        for i, (missing, *raw) in enumerate(zip(null.tolist(), *parts)):
            if not missing:
                out[i] = decode(*raw)
        return out
    if outer in _types.FLOATS:
        array = np.where(null, np.nan, values["f64"])
    elif outer == c.TYPE_UBIGINT:
        array = np.where(null, 0, values["low"])
    else:
        array = np.where(null, 0, values["i64"])
        if outer == c.TYPE_BOOLEAN:
            array = array != 0
        elif outer == c.TYPE_DATE:
            array = array.view("datetime64[D]")
        elif outer == c.TYPE_TIMESTAMP:
            array = array.view("datetime64[us]")
    if outer > c.TYPE_TIMESTAMP:
        array = array.astype(np.dtype(_types.DTYPES[outer]).newbyteorder("="))
    return np.ma.MaskedArray(array, mask=null) if null.any() else array
