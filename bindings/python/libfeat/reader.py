"""Point lookups: one vector as a dict, many as columns."""

from __future__ import annotations

import ctypes
import struct
from ctypes import POINTER, byref
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple

import numpy as np

from . import _arrow, _time
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


#: A feat_value: three views of one union, then type, null flag and status.
_VALUE = np.dtype(
    {
        "names": ["i64", "f64", "data", "length", "type", "is_null", "status"],
        "formats": ["<i8", "<f8", "<u8", "<u8", "u1", "u1", "u1"],
        "offsets": [0, 0, 0, 8, 16, 17, 18],
        "itemsize": ctypes.sizeof(c.Value),
    }
).newbyteorder("=")


class Vectors:
    """The features of many requests, column by column, in the order of the requests."""

    def __init__(self, names: List[str], arrays: List[np.ndarray], status: np.ndarray, position: Position) -> None:
        self.columns = names
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
        """A dict of arrays: masked where there are NULLs, object arrays with None for text."""
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
        one = {c.TYPE_DOUBLE: "d8xBBB5x", c.TYPE_TEXT: "QQBBB5x"}
        self._pack = struct.Struct("=" + "".join(one.get(kind, "q8xBBB5x") for _, kind in self._inputs))
        self._unpack = struct.Struct(
            "=" + "".join({c.TYPE_DOUBLE: "d8xxBB5x", c.TYPE_TEXT: "QQxBB5x"}.get(kind, "q8xxBB5x") for _, kind in self._features)
        )
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
        self._plan: List[Tuple[str, int, int, Optional[Callable[[int], Any]]]] = []
        at = 0
        for name, kind in self._features:
            width = 2 if kind == c.TYPE_TEXT else 1
            self._plan.append((name, at, at + width, _DECODE[kind]))
            at += width + 2
        self._status_at = [null + 1 for _, _, null, _ in self._plan]
        self._get = c.lib.feat_reader_get

    def get(self, request: Optional[Mapping[str, Any]] = None, /, *, now: Any = None, **inputs: Any) -> Any:
        """Looks vectors up at ``now`` (default: the clock).

        Inputs are given by name, or as one mapping where a name is no Python word. Scalars make one request and give a
        ``Vector`` (a dict); if any input or ``now`` is a sequence or an array, they make many and give ``Vectors``; scalars
        among them are repeated.
        """
        if request is not None:
            inputs = {**request, **inputs}
        pointer = self._pointer
        if pointer is None:
            raise ArgumentError("this reader is closed")
        parts: List[Any] = []
        keep: List[bytes] = []
        try:
            for name, kind in self._inputs:
                value = inputs[name]
                if value is None:
                    parts += (0.0,) if kind == 3 else (0,) if kind != 4 else (0, 0)
                    parts += (kind, 1, 0)
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
                elif _is_many(value):
                    return self._get_many(inputs, now)
                else:
                    encoded = _scalar(value, kind, name)
                    if kind == c.TYPE_TEXT:
                        keep.append(encoded)
                        parts += (_address(encoded), len(encoded), kind, 0, 0)
                    else:
                        parts += (encoded, kind, 0, 0)
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
        for name, at, null, decode in self._plan:
            if raw[null]:
                vector[name] = None
            elif decode is None:
                vector[name] = raw[at]
            elif decode is _read_text:
                vector[name] = ctypes.string_at(raw[at], raw[at + 1]).decode("utf-8", "replace") if raw[at + 1] else ""
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
            if kind != c.TYPE_DOUBLE and isinstance(value, int) and not -(2**63) <= value < 2**63:
                return SchemaError(f"input '{name}': {value} does not fit {_arrow._type_name(kind)}", "SCHEMA")
        return ArgumentError("an input does not fit its type")

    # ---- many requests: one structured array in, one out ----

    def _get_many(self, inputs: Mapping[str, Any], now: Any) -> Vectors:
        self._check_names(inputs)
        many: Dict[str, Any] = {name: value for name, value in inputs.items() if _is_many(value)}
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
        return Vectors(self.features, arrays, np.ascontiguousarray(out["status"]), Position(position.version, position.sequence))


# ---- values in ---------------------------------------------------------------------------------------------------


def _is_many(value: Any) -> bool:
    if isinstance(value, (str, bytes)) or value is None:
        return False
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    return hasattr(value, "__len__") or hasattr(value, "__arrow_c_stream__")


def _encode_text(value: str, name: str) -> bytes:
    try:
        return value.encode("utf-8")
    except UnicodeEncodeError:
        raise SchemaError(f"input '{name}': {value!r} holds a lone surrogate and is no Unicode text", "SCHEMA") from None


def _address(data: bytes) -> int:
    """Address of the bytes of an object that the caller keeps."""
    return ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value or 0


def _scalar(value: Any, kind: int, name: str) -> Any:
    """The representation of a scalar input, converted where nothing is lost. numpy.nan for BIGINT and the like is refused."""
    if isinstance(value, np.generic) and not isinstance(value, np.datetime64):
        value = value.item()
    if isinstance(value, np.ndarray):  # of no dimensions
        value = value.item()
    try:
        found = _arrow._kind_of(value)
        if kind == c.TYPE_TEXT and found == kind:
            return _encode_text(value, name)
        exact = found == kind or (kind, found) in _ACCEPTS
        if exact:
            return _arrow._encode(value, kind)
        if kind == c.TYPE_TIMESTAMP and isinstance(value, str):
            return _time.instant(value, f"input '{name}'")
    except SchemaError as failure:
        raise SchemaError(f"input '{name}': {failure}", "SCHEMA") from None
    raise SchemaError(f"input '{name}' is {_arrow._type_name(kind)}, not {type(value).__name__}", "SCHEMA")


#: (wanted, given) where a conversion loses nothing, or says so.
_ACCEPTS = {(c.TYPE_DOUBLE, c.TYPE_BIGINT), (c.TYPE_TIMESTAMP, c.TYPE_DATE), (c.TYPE_TIMESTAMP, c.TYPE_BIGINT)}


def _set(target: np.ndarray, kind: int, values: Any, present: Optional[np.ndarray]) -> None:
    target["f64" if kind == c.TYPE_DOUBLE else "i64"] = values
    target["type"] = kind
    if present is not None:
        target["is_null"] = present == 0


def _fill_one(target: np.ndarray, value: Any, kind: int, name: str, keep: List[Any]) -> None:
    target["type"] = kind
    if value is None:
        target["is_null"] = 1
        return
    encoded = _scalar(value, kind, name)
    if kind == c.TYPE_TEXT:
        keep.append(encoded)
        target["data"], target["length"] = _address(encoded), len(encoded)
    else:
        try:
            _set(target, kind, encoded, None)
        except OverflowError:
            raise SchemaError(f"input '{name}': {value} does not fit {_arrow._type_name(kind)}", "SCHEMA") from None


def _fill_many(target: np.ndarray, values: Any, kind: int, name: str, keep: List[Any]) -> None:
    try:
        plain = _arrow.column(values)
        if plain.kind not in (kind, 0) and (kind, plain.kind) not in _ACCEPTS:
            given = _arrow._type_name(plain.kind)
            raise SchemaError(f"{given} values where the service wants {_arrow._type_name(kind)}", "SCHEMA")
    except SchemaError as failure:
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
    if kind == c.TYPE_DOUBLE and plain.kind == c.TYPE_BIGINT:
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


_DECODE: Dict[int, Optional[Callable[[int], Any]]] = {
    c.TYPE_BOOLEAN: bool,
    c.TYPE_BIGINT: None,
    c.TYPE_DOUBLE: None,
    c.TYPE_TEXT: _read_text,
    c.TYPE_DATE: _time.to_date,
    c.TYPE_TIMESTAMP: _time.to_datetime,
}


def _column(values: np.ndarray, kind: int) -> np.ndarray:
    null = values["is_null"] != 0
    if kind == c.TYPE_TEXT:
        out = np.empty(len(values), dtype=object)
        addresses, sizes, nulls = values["data"].tolist(), values["length"].tolist(), null.tolist()
        for i, missing in enumerate(nulls):
            if not missing:
                out[i] = ctypes.string_at(addresses[i], sizes[i]).decode("utf-8", "replace") if sizes[i] else ""
        return out
    if kind == c.TYPE_DOUBLE:
        array = np.where(null, np.nan, values["f64"])
    else:
        array = np.where(null, 0, values["i64"])
        if kind == c.TYPE_BOOLEAN:
            array = array != 0
        elif kind == c.TYPE_DATE:
            array = array.view("datetime64[D]")
        elif kind == c.TYPE_TIMESTAMP:
            array = array.view("datetime64[us]")
    return np.ma.MaskedArray(array, mask=null) if null.any() else array
