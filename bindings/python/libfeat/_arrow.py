"""Data in and out: Arrow streams, and plain Python and numpy data without any Arrow package."""

from __future__ import annotations

import ctypes
import math
from ctypes import POINTER, byref, c_char_p, c_void_p
from typing import (
    Any,
    Callable,
    Dict,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

import numpy as np

from . import _capi as c
from . import _time, _types
from ._errors import ArgumentError, SchemaError, make

_api = ctypes.pythonapi
_api.PyCapsule_New.restype = ctypes.py_object
_api.PyCapsule_New.argtypes = [c_void_p, c_char_p, c_void_p]
_api.PyCapsule_GetPointer.restype = c_void_p
_api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, c_char_p]

# PyCapsule_New keeps the pointer to the name: these live as long as the module.
_STREAM, _SCHEMA, _ARRAY = b"arrow_array_stream", b"arrow_schema", b"arrow_array"
_DESTROY = ctypes.cast(c.lib.feat_pycapsule_stream_destroy, c_void_p).value


# ---- streams as Python objects -----------------------------------------------------------------------------------


class Stream:
    """An ArrowArrayStream on the library's heap; freed with this object unless a capsule has taken it."""

    def __init__(self) -> None:
        self.pointer = c.lib.feat_stream_new()
        if not self.pointer:
            raise MemoryError("no memory for an Arrow stream")

    def capsule(self) -> Any:
        """Hands the stream over to a new capsule, whose destructor is C."""
        capsule = _api.PyCapsule_New(ctypes.cast(self.pointer, c_void_p), _STREAM, _DESTROY)
        self.pointer = None
        return capsule

    def __del__(self) -> None:
        pointer, self.pointer = getattr(self, "pointer", None), None
        if pointer:
            c.lib.feat_stream_free(pointer)


class Source:
    """A stream that a C call will consume, and what must live until then."""

    def __init__(self, pointer: Any, keep: Any) -> None:
        self.pointer = pointer
        self._keep = keep


def source(data: Any) -> Source:
    """A stream of the rows of ``data``: see ``Store.append`` for what it may be."""
    if _is_pandas(data):
        return _from_pandas(data)
    if isinstance(data, Mapping):
        return _from_mapping(data)
    if hasattr(data, "__arrow_c_stream__"):
        return _from_capsule(data.__arrow_c_stream__())
    if hasattr(data, "__arrow_c_array__"):
        return _from_array_capsules(*data.__arrow_c_array__())
    if type(data).__module__.split(".")[0] == "polars" and hasattr(data, "collect"):
        return source(data.collect())
    if hasattr(data, "to_batches") or hasattr(data, "fetch_arrow_table"):
        return _from_pyarrow(data)
    if isinstance(data, np.ndarray) and data.dtype.names:
        return _from_mapping({name: data[name] for name in data.dtype.names})
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _from_rows(data)
    raise ArgumentError(
        f"cannot read rows from {type(data).__name__}: pass a DataFrame, an Arrow table, anything with "
        "__arrow_c_stream__, a dict of columns or a list of dicts"
    )


def _from_capsule(capsule: Any) -> Source:
    pointer = _api.PyCapsule_GetPointer(capsule, _STREAM)
    return Source(ctypes.cast(pointer, POINTER(c.ArrowArrayStream)), capsule)


def _from_array_capsules(schema: Any, array: Any) -> Source:
    stream, err = Stream(), c.Error()
    status = c.lib.feat_stream_of_array(
        ctypes.cast(_api.PyCapsule_GetPointer(schema, _SCHEMA), POINTER(c.ArrowSchema)),
        ctypes.cast(_api.PyCapsule_GetPointer(array, _ARRAY), POINTER(c.ArrowArray)),
        stream.pointer,
        byref(err),
    )
    c.check(status, err)
    return Source(stream.pointer, stream)


def _from_pyarrow(data: Any) -> Source:
    """pyarrow before 14 (and what yields its tables), which has no capsules."""
    if hasattr(data, "fetch_arrow_table"):
        data = data.fetch_arrow_table()
    stream = Stream()
    reader = data.to_reader() if hasattr(data, "to_reader") else _pyarrow().RecordBatchReader.from_batches(data.schema, [data])
    reader._export_to_c(ctypes.cast(stream.pointer, c_void_p).value)
    return Source(stream.pointer, stream)


def _pyarrow() -> Any:
    try:
        import pyarrow
    except ImportError:
        raise ImportError("this needs the pyarrow package: pip install pyarrow (or use .to_numpy() and .to_dict())") from None
    return pyarrow


_PYARROW = {
    c.TYPE_BOOLEAN: "bool_",
    c.TYPE_TINYINT: "int8",
    c.TYPE_SMALLINT: "int16",
    c.TYPE_INTEGER: "int32",
    c.TYPE_BIGINT: "int64",
    c.TYPE_UTINYINT: "uint8",
    c.TYPE_USMALLINT: "uint16",
    c.TYPE_UINTEGER: "uint32",
    c.TYPE_UBIGINT: "uint64",
    c.TYPE_REAL: "float32",
    c.TYPE_DOUBLE: "float64",
    c.TYPE_TEXT: "large_string",
    c.TYPE_BLOB: "large_binary",
    c.TYPE_DATE: "date32",
    c.TYPE_INTERVAL: "month_day_nano_interval",
}


def _pyarrow_type(pa: Any, kind: int) -> Any:
    outer = _types.base(kind)
    if outer == c.TYPE_DECIMAL:
        return pa.decimal128(_types.precision(kind), _types.scale(kind))
    if outer == c.TYPE_TIMESTAMP:
        return pa.timestamp("us")
    if outer == c.TYPE_MAP:
        return pa.map_(_pyarrow_type(pa, _types.map_key(kind)), _pyarrow_type(pa, _types.element(kind)))
    if outer in _types.NESTED:
        inner = _pyarrow_type(pa, _types.element(kind))
        return pa.list_(inner, _types.dimensions(kind)) if outer == c.TYPE_VECTOR else pa.list_(inner)
    return getattr(pa, _PYARROW[outer])()


def to_pyarrow(values: List[Any], kind: int) -> Any:
    """A pyarrow.Array of Python values as ``to_list`` gives them."""

    def given(value: Any) -> Any:
        if isinstance(value, _types.Interval):
            return (value.months, value.days, value.microseconds * 1000)
        if isinstance(value, dict):
            return list(value.items())
        return [given(v) for v in value] if isinstance(value, list) else value

    pa = _pyarrow()
    return pa.array([given(value) for value in values], _pyarrow_type(pa, kind))


def _is_pandas(data: Any) -> bool:
    return type(data).__module__.split(".")[0] == "pandas" and hasattr(data, "columns") and hasattr(data, "index")


def _from_pandas(frame: Any) -> Source:
    """The index belongs to the data when its levels have names; missing values (NaN, NaT, None) are NULL."""
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    try:
        import pyarrow
    except ImportError:
        pyarrow = None
    if pyarrow is None or any(_python_only(frame.iloc[:, i]) for i in range(frame.shape[1])):
        return _from_mapping({name: frame[name] for name in frame.columns}, nan_is_null=True)
    table = pyarrow.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    if hasattr(table, "__arrow_c_stream__"):
        return _from_capsule(table.__arrow_c_stream__())
    return _from_pyarrow(table)


def _python_only(series: Any) -> bool:
    """Whether pyarrow would take a column for something else: a dict for a struct, an Interval for a list."""
    kind = getattr(series.dtype, "kind", "")
    if kind != "O":
        return bool(kind == "m")
    first = next((value for value in series.array if not _types.missing(value)), None)
    return isinstance(first, Mapping) or _types.is_interval(first)


# ---- plain Python and numpy columns ------------------------------------------------------------------------------


class Plain(NamedTuple):
    """One column for feat_stream_of_rows. ``kind`` 0: nothing but NULLs, of no type."""

    kind: int
    present: Optional[np.ndarray]
    values: Optional[np.ndarray]
    offsets: Optional[np.ndarray]


def _from_rows(rows: Sequence[Any]) -> Source:
    columns: Dict[str, List[Any]] = {}
    for i, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise ArgumentError(f"row {i} is {type(row).__name__}: a list of rows must hold dicts")
        for name in row:
            columns.setdefault(name, [])
    for name, column in columns.items():
        column.extend(row.get(name) for row in rows)
    return _from_mapping(columns)


def _from_mapping(columns: Mapping[Any, Any], nan_is_null: bool = False) -> Source:
    plain: List[Tuple[bytes, Plain]] = []
    rows: Optional[int] = None
    for name, values in columns.items():
        if not isinstance(name, str):
            raise SchemaError(f"column name {name!r} is no text", "SCHEMA")
        if isinstance(values, (str, bytes)) or not hasattr(values, "__len__"):
            raise SchemaError(f"column '{name}' is {type(values).__name__}: it must be a list or an array", "SCHEMA")
        if rows is None:
            rows = len(values)
        elif len(values) != rows:
            raise SchemaError(f"column '{name}' has {len(values)} rows where the others have {rows}", "SCHEMA")
        try:
            plain.append((_name(name), column(values, nan_is_null)))
        except SchemaError as failure:
            raise SchemaError(f"column '{name}': {failure}", "SCHEMA", row=failure.row) from None
    array = (c.PlainColumn * max(len(plain), 1))()
    for slot, (name, p) in zip(array, plain):
        slot.name = name
        slot.type = p.kind
        for part in ("present", "values", "offsets"):
            data = getattr(p, part)
            setattr(slot, part, None if data is None else data.ctypes.data)
    stream, err = Stream(), c.Error()
    c.check(c.lib.feat_stream_of_rows(array, len(plain), rows or 0, stream.pointer, byref(err)), err)
    return Source(stream.pointer, stream)


def _name(name: str) -> bytes:
    if "\0" in name:
        raise SchemaError(f"column name {name!r} holds a NUL character", "SCHEMA")
    return name.encode("utf-8")


def column(values: Any, nan_is_null: bool = False) -> Plain:
    """Types and copies one column: an array, a list, or anything that turns into one of them."""
    if isinstance(values, np.ma.MaskedArray):
        plain = column(values.filled(), nan_is_null)
        mask = ~np.ma.getmaskarray(values)
        present = mask if plain.present is None else mask & plain.present.astype(bool)
        return plain._replace(present=np.ascontiguousarray(present, dtype=np.uint8))
    if not isinstance(values, np.ndarray):
        for method in ("to_pylist", "to_list"):
            if hasattr(values, method) and not isinstance(values, (list, tuple)):
                if str(getattr(values, "dtype", "")) in _PLAIN_DTYPES:  # a pandas Series: no need to go through objects
                    return column(np.asarray(values), nan_is_null)
                return _from_objects(list(getattr(values, method)()), nan_is_null)
        if isinstance(values, (list, tuple)):
            return _from_objects(values, nan_is_null)
        values = np.asarray(values)
    if values.ndim == 2 and values.dtype.kind in "biuf":
        return _vectors(values)
    if values.ndim != 1:
        raise SchemaError(f"an array of {values.ndim} dimensions is no column", "SCHEMA")
    kind = values.dtype.kind
    if kind == "b":
        return Plain(c.TYPE_BOOLEAN, None, np.ascontiguousarray(values, dtype=np.uint8), None)
    if kind in "iu":
        if values.dtype == np.uint64 and values.size and values.max() > 2**63 - 1:
            return Plain(c.TYPE_UBIGINT, None, np.ascontiguousarray(values), None)
        return Plain(c.TYPE_BIGINT, None, np.ascontiguousarray(values, dtype=np.int64), None)
    if kind == "f":
        if values.dtype.itemsize > 8:
            raise SchemaError(f"numpy type {values.dtype} does not fit DOUBLE", "SCHEMA")
        present = (~np.isnan(values)).astype(np.uint8) if nan_is_null else None
        return Plain(c.TYPE_DOUBLE, present, np.ascontiguousarray(values, dtype=np.float64), None)
    if kind == "M":
        null = np.isnat(values)
        present = (~null).astype(np.uint8) if null.any() else None
        if np.datetime_data(values.dtype)[0] in ("Y", "M", "W", "D"):
            days = np.where(null, 0, values.astype("datetime64[D]").view("int64"))
            if days.size and (days.max() > 2**31 - 1 or days.min() < -(2**31)):
                raise SchemaError("a date is out of range", "SCHEMA")
            return Plain(c.TYPE_DATE, present, np.ascontiguousarray(days, dtype=np.int32), None)
        return Plain(c.TYPE_TIMESTAMP, present, np.ascontiguousarray(_time.from_numpy(values)), None)
    if kind in "UOT":
        return _from_objects(values.tolist(), nan_is_null)
    if kind == "m":
        return _from_objects(list(values), nan_is_null)
    raise SchemaError(f"numpy type {values.dtype} has no SQL type", "SCHEMA")


_PLAIN_DTYPES = {"bool", "float32", "float64", "datetime64[ns]", "datetime64[us]", "datetime64[ms]", "datetime64[s]"} | {
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}


def _vectors(values: np.ndarray) -> Plain:
    kind, data, offsets = _types.vector_column(values)
    return Plain(kind, None, data, offsets)


def _missing(value: Any, nan_is_null: bool) -> bool:
    return _types.missing(value) or (nan_is_null and isinstance(value, float) and math.isnan(value))


def _encode(value: Any, kind: int) -> Any:
    """A value in the representation of a column's type. Integers become DOUBLE where that is exact."""
    if kind == c.TYPE_TIMESTAMP:
        return _time.instant(value, "value")
    return _types.encode(value, kind)


#: Python types whose values are as numpy wants them; a list of one of these and None needs no look at each value.
_UNIFORM = {int: (c.TYPE_BIGINT, np.int64), float: (c.TYPE_DOUBLE, np.float64), bool: (c.TYPE_BOOLEAN, np.uint8)}


def _from_uniform(values: Sequence[Any], nan_is_null: bool) -> Optional[Plain]:
    """A list of values of one type and None; None when it is not that simple."""
    types = set(map(type, values))
    has_null = type(None) in types
    types.discard(type(None))
    only = types.pop() if len(types) == 1 else None
    if only is str or only is bytes:
        kind, dtype = c.TYPE_TEXT if only is str else c.TYPE_BLOB, np.uint8
    elif only in _UNIFORM and not (nan_is_null and only is float):
        kind, dtype = _UNIFORM[only]
    else:
        return None
    present = None
    if has_null:
        present = np.fromiter((v is not None for v in values), np.uint8, len(values))
        values = [only() if v is None else v for v in values]
    try:
        if kind == c.TYPE_TEXT:
            return _text(kind, present, [v.encode("utf-8") for v in values])
        if kind == c.TYPE_BLOB:
            return _text(kind, present, list(values))
        return Plain(kind, present, np.array(values, dtype=dtype), None)
    except (OverflowError, UnicodeEncodeError):
        return None  # the careful way finds the row


def _text(kind: int, present: Optional[np.ndarray], parts: List[bytes]) -> Plain:
    offsets = np.zeros(len(parts) + 1, dtype=np.int64)
    np.cumsum(np.fromiter(map(len, parts), np.int64, len(parts)), out=offsets[1:])
    return Plain(kind, present, np.frombuffer(b"".join(parts) + b"\0", dtype=np.uint8), offsets)


def _from_objects(values: Sequence[Any], nan_is_null: bool) -> Plain:
    uniform = _from_uniform(values, nan_is_null)
    if uniform is not None:
        return uniform
    kind, present = 0, np.ones(len(values), dtype=np.uint8)
    for i, value in enumerate(values):
        if _missing(value, nan_is_null):
            present[i] = 0
            continue
        try:
            found = _types.kind_of(value)
        except SchemaError as failure:
            raise SchemaError(f"row {i}: {failure}", "SCHEMA", row=i) from None
        met = _types.meet(kind, found)
        if met is None:
            names = _types.name(_types.settled(found)), _types.name(_types.settled(kind))
            raise SchemaError(f"row {i} is {names[0]} where earlier rows are {names[1]}", "SCHEMA", row=i)
        kind = met
    if kind == 0:
        return Plain(0, None, None, None)
    kind = _types.settled(kind)
    encoded: List[Any] = []
    zero = _types.zero(kind)
    for i, value in enumerate(values):
        try:
            encoded.append(_encode(value, kind) if present[i] else zero)
        except SchemaError as failure:
            raise SchemaError(f"row {i}: {failure}", "SCHEMA", row=i) from None
    mask = None if present.all() else present
    if _types.base(kind) in _types.BYTES:
        return _text(kind, mask, encoded)
    if kind in _types.DTYPES:
        return Plain(kind, mask, np.array(encoded, dtype=_types.DTYPES[kind]), None)
    return Plain(kind, mask, _types.fixed_column(encoded, kind), None)


# ---- reading streams without an Arrow package --------------------------------------------------------------------


class Columns(NamedTuple):
    """The content of a stream: names in order (they may repeat), columns as numpy arrays."""

    names: List[str]
    arrays: List[np.ndarray]
    rows: int


def metadata(schema: c.ArrowSchema) -> Dict[str, str]:
    """Key-value metadata of a schema."""
    if not schema.metadata:
        return {}
    at = schema.metadata

    def number() -> int:
        nonlocal at
        value = ctypes.c_int32.from_address(at).value
        at += 4
        return value

    def text() -> str:
        nonlocal at
        size = number()
        value = ctypes.string_at(at, size)
        at += size
        return value.decode("utf-8", "replace")

    return {key: value for key, value in ((text(), text()) for _ in range(number()))}


def _failed(stream: Any, code: int) -> None:
    message = stream.contents.get_last_error(stream)
    number = {12: 1, 125: 15}.get(code, 14)  # ENOMEM, ECANCELED, anything else
    raise make(number, (message or b"the stream failed").decode("utf-8", "replace"))


def stream_schema(owner: Stream) -> Tuple[List[str], Dict[str, str]]:
    """Column names and metadata of a stream."""
    stream, schema = owner.pointer, c.ArrowSchema()
    code = stream.contents.get_schema(stream, byref(schema))
    if code:
        _failed(stream, code)
    try:
        return [schema.children[i].contents.name.decode("utf-8") for i in range(schema.n_children)], metadata(schema)
    finally:
        schema.release(byref(schema))


def read(owner: Stream) -> Columns:
    """Pulls a stream to its end into numpy arrays (masked where there are NULLs; object arrays for text)."""
    stream, schema = owner.pointer, c.ArrowSchema()
    code = stream.contents.get_schema(stream, byref(schema))
    if code:
        _failed(stream, code)
    try:
        n = schema.n_children
        fields = [schema.children[i].contents for i in range(n)]
        decoders = [_decoder(f) for f in fields]
        parts: List[List[Tuple[np.ndarray, Optional[np.ndarray]]]] = [[] for _ in range(n)]
        rows = 0
        for batch in _batches(stream):
            rows += batch.length
            for i in range(n):
                parts[i].append(decoders[i](batch.children[i].contents, batch.offset, batch.length))
        arrays = []
        for i in range(n):
            empty = decoders[i](None, 0, 0)
            arrays.append(_join(parts[i] or [empty]))
        return Columns([f.name.decode("utf-8") for f in fields], arrays, rows)
    finally:
        schema.release(byref(schema))


def _batches(stream: Any) -> Iterator[c.ArrowArray]:
    while True:
        array = c.ArrowArray()
        code = stream.contents.get_next(stream, byref(array))
        if code:
            _failed(stream, code)
        if not array.release:
            return
        try:
            yield array
        finally:
            array.release(byref(array))


def _join(parts: List[Tuple[np.ndarray, Optional[np.ndarray]]]) -> np.ndarray:
    values = np.concatenate([v for v, _ in parts])
    if all(p is None for _, p in parts):
        return values
    present = np.concatenate([np.ones(len(v), bool) if p is None else p for v, p in parts])
    if values.dtype == object:
        values[~present] = None
        return values
    return np.ma.MaskedArray(values, mask=~present)


_Decoder = Callable[[Optional[c.ArrowArray], int, int], Tuple[np.ndarray, Optional[np.ndarray]]]

_FIXED = {"c": "i1", "C": "u1", "s": "i2", "S": "u2", "i": "i4", "I": "u4", "l": "i8", "L": "u8", "e": "f2", "f": "f4", "g": "f8"}
_TIME_UNIT = {"s": "s", "m": "ms", "u": "us", "n": "ns"}


def _bits(address: int, offset: int, length: int) -> np.ndarray:
    first = offset // 8
    count = (offset + length + 7) // 8 - first
    raw = np.frombuffer(ctypes.string_at(address + first, count), dtype=np.uint8)
    return np.unpackbits(raw, bitorder="little")[offset - first * 8 :][:length].astype(bool)


def _copy(address: Optional[int], dtype: str, offset: int, length: int) -> np.ndarray:
    size = np.dtype(dtype).itemsize
    if not length:
        return np.empty(0, dtype)
    return np.frombuffer(ctypes.string_at(address + offset * size, length * size), dtype=dtype).copy()


def _decoder(schema: c.ArrowSchema) -> _Decoder:
    """How to turn arrays of this field into numpy values and a mask of what is present."""
    form = schema.format.decode("ascii")
    name = schema.name.decode("utf-8") if schema.name else ""

    if schema.dictionary:
        indices, words = _plain_decoder(form, name), _decoder(schema.dictionary.contents)

        def by_dictionary(array: Optional[c.ArrowArray], offset: int, length: int) -> Tuple[np.ndarray, Optional[np.ndarray]]:
            if array is None:
                return words(None, 0, 0)
            index, present = indices(array, offset, length)
            dictionary = array.dictionary.contents
            values, known = words(dictionary, 0, dictionary.length)
            if present is not None:
                index = np.where(present, index, 0)
            if not len(values):
                return np.empty(length, values.dtype), np.zeros(length, bool)
            if known is not None:
                present = known[index] if present is None else present & known[index]
            return values[index], present

        return by_dictionary
    if form[:1] == "+":
        children = [_decoder(schema.children[i].contents) for i in range(schema.n_children)]
        kinds = [schema.children[i].contents.format.decode("ascii") for i in range(schema.n_children)]
        if form == "+m":
            pair = schema.children[0].contents
            children = [_decoder(pair.children[i].contents) for i in range(2)]
        return _nested_decoder(form, name, children, kinds)
    return _plain_decoder(form, name)


def _mask(array: c.ArrowArray, offset: int, length: int) -> Optional[np.ndarray]:
    """Which values are present; None: all of them."""
    if array.null_count == 0 or not array.buffers[0] or not length:
        return None
    present = _bits(array.buffers[0], array.offset + offset, length)
    return None if present.all() else present


def _piece(values: np.ndarray, present: Optional[np.ndarray]) -> List[Any]:
    listed: List[Any] = values.tolist()
    return listed if present is None else [v if there else None for v, there in zip(listed, present.tolist())]


def _part(present: Optional[np.ndarray], first: int, last: int) -> Optional[np.ndarray]:
    part = None if present is None else present[first:last]
    return None if part is None or part.all() else part


def _nested_decoder(form: str, name: str, children: List[_Decoder], kinds: List[str]) -> _Decoder:
    """Lists, vectors and maps as object arrays: lists, numpy arrays for vectors of numbers, dicts."""

    def vector(array: Optional[c.ArrowArray], offset: int, length: int) -> Tuple[np.ndarray, Optional[np.ndarray]]:
        out = np.empty(length if array is not None else 0, object)
        if array is None or not length:
            return out, None
        size = int(form[3:])
        values, there = children[0](array.children[0].contents, (array.offset + offset) * size, length * size)
        for i in range(length):
            row, part = values[i * size : (i + 1) * size], _part(there, i * size, (i + 1) * size)
            if kinds[0] not in _FIXED and kinds[0] != "b":
                out[i] = _piece(row, part)
            else:
                out[i] = row.copy() if part is None else np.ma.MaskedArray(row.copy(), mask=~part)
        return out, _mask(array, offset, length)

    def edges(array: c.ArrowArray, offset: int, length: int) -> List[int]:
        return [int(v) for v in _copy(array.buffers[1], "i8" if form == "+L" else "i4", array.offset + offset, length + 1)]

    def listed(array: Optional[c.ArrowArray], offset: int, length: int) -> Tuple[np.ndarray, Optional[np.ndarray]]:
        out = np.empty(length if array is not None else 0, object)
        if array is None or not length:
            return out, None
        edge = edges(array, offset, length)
        first = edge[0]
        values, there = children[0](array.children[0].contents, first, edge[-1] - first)
        for i in range(length):
            out[i] = _piece(values[edge[i] - first : edge[i + 1] - first], _part(there, edge[i] - first, edge[i + 1] - first))
        return out, _mask(array, offset, length)

    def mapped(array: Optional[c.ArrowArray], offset: int, length: int) -> Tuple[np.ndarray, Optional[np.ndarray]]:
        out = np.empty(length if array is not None else 0, object)
        if array is None or not length:
            return out, None
        edge = edges(array, offset, length)
        pairs = array.children[0].contents
        first, n = edge[0], edge[-1] - edge[0]
        keys, values = (_piece(*children[i](pairs.children[i].contents, pairs.offset + first, n)) for i in range(2))
        for i in range(length):
            part = slice(edge[i] - first, edge[i + 1] - first)
            out[i] = dict(zip(keys[part], values[part]))
        return out, _mask(array, offset, length)

    if form.startswith("+w:"):
        return vector
    if form in ("+l", "+L"):
        return listed
    if form == "+m":
        return mapped
    return _unknown_decoder(form, name)


def _unknown_decoder(form: str, name: str) -> _Decoder:
    def unknown(array: Optional[c.ArrowArray], offset: int, length: int) -> Tuple[np.ndarray, Optional[np.ndarray]]:
        raise SchemaError(f"column '{name}' has the Arrow type '{form}', which needs an Arrow package: use .to_arrow()", "SCHEMA")

    return unknown


def _plain_decoder(form: str, name: str) -> _Decoder:
    def fixed(dtype: str, view: Optional[str] = None) -> _Decoder:
        def decode(array: Optional[c.ArrowArray], offset: int, length: int) -> Tuple[np.ndarray, Optional[np.ndarray]]:
            if array is None:
                return np.empty(0, view or dtype), None
            values = _copy(array.buffers[1], dtype, array.offset + offset, length)
            if view:
                values = values.astype("i8").view(view) if dtype != view else values
            return values, _mask(array, offset, length)

        return decode

    def boolean(array: Optional[c.ArrowArray], offset: int, length: int) -> Tuple[np.ndarray, Optional[np.ndarray]]:
        if array is None or not length:
            return np.empty(0, bool), None
        return _bits(array.buffers[1], array.offset + offset, length), _mask(array, offset, length)

    def text(dtype: str, binary: bool) -> _Decoder:
        def decode(array: Optional[c.ArrowArray], offset: int, length: int) -> Tuple[np.ndarray, Optional[np.ndarray]]:
            out = np.empty(length if array is not None else 0, object)
            if array is None or not length:
                return out, None
            offsets = _copy(array.buffers[1], dtype, array.offset + offset, length + 1)
            first = int(offsets[0])
            size = int(offsets[-1]) - first
            data = ctypes.string_at(array.buffers[2] + first, size) if size else b""
            edges = (offsets - first).tolist()
            present = _mask(array, offset, length)
            for i in range(length):
                piece = data[edges[i] : edges[i + 1]]
                out[i] = piece if binary else piece.decode("utf-8", "replace")
            return out, present

        return decode

    def text_view(array: Optional[c.ArrowArray], offset: int, length: int) -> Tuple[np.ndarray, Optional[np.ndarray]]:
        out = np.empty(length if array is not None else 0, object)
        if array is None or not length:
            return out, None
        present = _mask(array, offset, length)
        for i in range(length):
            if present is not None and not present[i]:
                continue
            at = array.buffers[1] + (array.offset + offset + i) * 16
            size = ctypes.c_int32.from_address(at).value
            if size <= 12:
                piece = ctypes.string_at(at + 4, size)
            else:
                buffer = ctypes.c_int32.from_address(at + 8).value
                start = ctypes.c_int32.from_address(at + 12).value
                piece = ctypes.string_at(array.buffers[2 + buffer] + start, size)
            out[i] = piece if form == "vz" else piece.decode("utf-8", "replace")
        return out, present

    def nothing(array: Optional[c.ArrowArray], offset: int, length: int) -> Tuple[np.ndarray, Optional[np.ndarray]]:
        return np.full(length, None, object), np.zeros(length, bool)

    places = 0

    def decimals(array: Optional[c.ArrowArray], offset: int, length: int) -> Tuple[np.ndarray, Optional[np.ndarray]]:
        out = np.empty(length if array is not None else 0, object)
        if array is None or not length:
            return out, None
        raw = _copy(array.buffers[1], "u8,i8", array.offset + offset, length).tolist()
        out[:] = [_types.to_decimal(high << 64 | low, places) for low, high in raw]
        return out, _mask(array, offset, length)

    def intervals(array: Optional[c.ArrowArray], offset: int, length: int) -> Tuple[np.ndarray, Optional[np.ndarray]]:
        out = np.empty(length if array is not None else 0, object)
        if array is None or not length:
            return out, None
        for i, (months, days, ns) in enumerate(_copy(array.buffers[1], "i4,i4,i8", array.offset + offset, length).tolist()):
            out[i] = _types.Interval(months, days, ns // 1000)
        return out, _mask(array, offset, length)

    if form == "n":
        return nothing
    if form == "b":
        return boolean
    if form in _FIXED:
        return fixed(_FIXED[form])
    if form in ("u", "z"):
        return text("i4", form == "z")
    if form in ("U", "Z"):
        return text("i8", form == "Z")
    if form in ("vu", "vz"):
        return text_view
    if form == "tdD":
        return fixed("i4", "datetime64[D]")
    if form == "tdm":
        return fixed("i8", "datetime64[ms]")
    if form.startswith("ts") and form[2:3] in _TIME_UNIT:
        return fixed("i8", f"datetime64[{_TIME_UNIT[form[2]]}]")
    if form.startswith("tD") and form[2:3] in _TIME_UNIT:
        return fixed("i8", f"timedelta64[{_TIME_UNIT[form[2]]}]")

    if form == "tin":
        return intervals
    if form.startswith("d:") and form.count(",") == 1:
        places = int(form[2:].split(",")[1])
        return decimals
    return _unknown_decoder(form, name)
