"""Results: streams of rows that can be read any number of times, as whatever the caller works with."""

from __future__ import annotations

import ctypes
from ctypes import byref, c_void_p, string_at
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np

from . import _arrow
from . import _capi as c


class Result:
    """Rows to be pulled. Every conversion, and every call of ``__arrow_c_stream__``, reads from the first row on.

    Anything that takes Arrow streams takes a result as it is: ``pyarrow.table(result)``, ``polars.DataFrame(result)``,
    ``duckdb.sql("FROM result")``, or ``store.append("table", result)``.
    """

    def __init__(self, fill: Optional[Callable[[Any], None]] = None) -> None:
        self._given = fill
        self._header: Optional[Tuple[List[str], Dict[str, str]]] = None

    def _stream(self) -> _arrow.Stream:
        stream = _arrow.Stream()
        self._fill(stream.pointer)
        return stream

    def _fill(self, stream: Any) -> None:
        """Fills an empty ArrowArrayStream, or raises."""
        assert self._given is not None
        self._given(stream)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """A capsule of a fresh stream. A requested schema is not followed, which the protocol allows."""
        return self._stream().capsule()

    def _head(self) -> Tuple[List[str], Dict[str, str]]:
        if self._header is None:
            self._header = _arrow.stream_schema(self._stream())
        return self._header

    @property
    def columns(self) -> List[str]:
        """Names of the columns, in order."""
        return list(self._head()[0])

    @property
    def metadata(self) -> Dict[str, str]:
        """Metadata of the schema."""
        return dict(self._head()[1])

    def to_arrow(self) -> Any:
        """A pyarrow.Table."""
        pyarrow = _arrow._pyarrow()
        if hasattr(pyarrow.RecordBatchReader, "from_stream"):
            return pyarrow.RecordBatchReader.from_stream(self).read_all()
        stream = self._stream()  # pyarrow before 15
        return pyarrow.RecordBatchReader._import_from_c(ctypes.cast(stream.pointer, c_void_p).value).read_all()

    def to_pandas(self, **options: Any) -> Any:
        """A pandas.DataFrame; ``options`` go to pyarrow.Table.to_pandas. Without pyarrow NULL becomes None in object columns."""
        try:
            import pyarrow  # noqa: F401
        except ImportError:
            import pandas

            columns = _arrow.read(self._stream())
            frame = pandas.DataFrame({i: _for_pandas(a) for i, a in enumerate(columns.arrays)}, index=range(columns.rows))
            frame.columns = columns.names
            return frame
        return self.to_arrow().to_pandas(**options)

    def to_polars(self) -> Any:
        """A polars.DataFrame."""
        import polars

        try:
            return polars.DataFrame(self)
        except TypeError:  # polars before it knew the protocol
            return polars.from_arrow(self.to_arrow())

    def to_numpy(self) -> Dict[str, np.ndarray]:
        """A dict of arrays, without any Arrow package: numpy.ma masked arrays where a column has NULLs, so that NULL and NaN
        stay two things; object arrays with None for text."""
        columns = _arrow.read(self._stream())
        return dict(zip(columns.names, columns.arrays))

    def to_dict(self) -> Dict[str, List[Any]]:
        """A dict of lists of Python values, NULL as None, times as naive UTC datetimes."""
        return {name: to_list(array) for name, array in self.to_numpy().items()}

    def __repr__(self) -> str:
        return f"<libfeat.{type(self).__name__} of {', '.join(self.columns)}>"


class TrainingSet(Result):
    """A built training set. It is held in memory and shared, not copied, by every stream that is made from it.

    Columns are the spine's own, then the features in the service's order; rows are in the spine's order.
    """

    def __init__(self, batches: int, stats: Any) -> None:
        super().__init__()  # holding a method of itself would keep it until a garbage collection
        self._batches: Optional[int] = batches
        self._stats = stats

    def _fill(self, stream: Any) -> None:
        err = c.Error()
        c.check(c.lib.feat_batches_stream(self._batches, stream, byref(err)), err)

    def __len__(self) -> int:
        return int(c.lib.feat_batches_rows(self._batches))

    def __del__(self) -> None:
        batches, self._batches = getattr(self, "_batches", None), None
        c.lib.feat_batches_free(batches)

    @property
    def stats(self) -> Dict[str, int]:
        """What it has cost: rows and segments read, passes, threads, and nanoseconds by stage (summed over threads)."""
        return {name: getattr(self._stats, name) for name, _ in c.TrainingStats._fields_[1:]}

    def explain(self) -> str:
        """The statistics as text, a line for each stage."""
        out, err = c_void_p(), c.Error()
        c.check(c.lib.feat_training_explain(byref(self._stats), byref(out), byref(err)), err)
        try:
            return string_at(out.value or 0).decode()
        finally:
            c.lib.feat_text_free(out)

    @property
    def service(self) -> str:
        """Name of the service."""
        return self.metadata["libfeat.service"]

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the definition: hand it to ``Store.reader`` so that a model is served what it was trained with."""
        return self.metadata["libfeat.fingerprint"]

    @property
    def version(self) -> int:
        """Store version that the features were read from."""
        return int(self.metadata["libfeat.version"])


def to_list(array: np.ndarray) -> List[Any]:
    """Python values of a column as ``_arrow.read`` and ``Vectors`` make them."""
    if array.dtype.kind == "M" and np.datetime_data(array.dtype)[0] == "ns":
        micro = array.astype("datetime64[us]")  # .tolist() of nanoseconds gives ints
        if (micro.astype(array.dtype) == array).all():
            array = micro
    if array.dtype == object:
        return [value.tolist() if isinstance(value, np.ndarray) else value for value in array]
    return array.tolist()


def _for_pandas(array: np.ndarray) -> np.ndarray:
    if not isinstance(array, np.ma.MaskedArray):
        return array
    out = array.data.astype(object)
    out[np.ma.getmaskarray(array)] = None
    return out
