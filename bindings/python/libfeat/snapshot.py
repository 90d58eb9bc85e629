"""One version of a store, for reading."""

from __future__ import annotations

import ctypes
import os
from ctypes import byref, c_char_p, c_int64, c_void_p
from typing import Any, Callable, Optional, Sequence, Tuple, Union

from . import _arrow
from . import _capi as c
from . import _checks as check
from ._errors import ArgumentError
from ._handle import Handle, choice, text
from .parquet import write_parquet
from .reader import Position
from .result import Result, TrainingSet


def _keys(entities: Any) -> Any:
    """Keys as data; of a dict of single values, one row."""
    if isinstance(entities, dict) and entities and all(isinstance(v, (str, bytes)) or not hasattr(v, "__len__") for v in entities.values()):
        return [entities]
    return entities


def _position(names: Union[str, Sequence[str], None], as_served: bool) -> Tuple[Optional[bytes], Optional[bytes]]:
    if names is None:
        return None, None
    if not as_served:
        raise ArgumentError("position= belongs to as_served=True")
    parts = [names] if isinstance(names, str) else list(names)
    if not 1 <= len(parts) <= 2:
        raise ArgumentError("position= names the version's column, or the version's and the sequence's")
    columns = [text(part, "position") for part in parts]
    return columns[0], columns[1] if len(columns) == 2 else None


class Snapshot(Handle):
    """One version of a store, for reading. Made by ``Store.snapshot``."""

    _what = "snapshot"

    def __init__(self, pointer: int) -> None:
        super().__init__(pointer, c.lib.feat_snapshot_close)

    def __enter__(self) -> "Snapshot":
        self._open_pointer
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    @property
    def version(self) -> int:
        """Store version."""
        return int(c.lib.feat_snapshot_version(self._open_pointer))

    @property
    def position(self) -> Position:
        """Version, and the number of the last row that was pushed and is shown: of a snapshot of the newest version. Of
        others the second is 0."""
        position = c.Position()
        c.lib.feat_snapshot_position(self._open_pointer, byref(position))
        return Position(position.version, position.sequence)

    def table(self, name: str, columns: Optional[Sequence[str]] = None, ended: bool = False) -> Result:
        """The rows of a table, in no promised order, with the columns that it had at this version; ``columns`` chooses and
        orders. ``ended`` adds the rows of a dimension that end a key, and the column ``$ended`` that marks them. Each read of
        the result is a fresh scan, so the snapshot must stay open until it is read."""
        return self.scan(name, columns, ended=ended)

    def scan(
        self,
        table: str,
        columns: Optional[Sequence[str]] = None,
        where: Optional[str] = None,
        entities: Any = None,
        limit: Optional[int] = None,
        ended: bool = False,
    ) -> Result:
        """Some of the rows of a table, as ``table`` gives all of them.

        ``where`` is a condition in SQL over the table's columns: rows that it is true for are given, and one that it is an
        error for fails the read. ``entities`` are keys whose rows are given: one as a dict, as in ``{"customer": 7}``, or
        data as in ``Store.append``, with the entity key's columns or the first of them. They are found by search, so that
        one entity of a large table costs a few pages. ``limit``: the most rows that are given.
        """
        name = text(table, "table")
        names: Any = None
        if columns is not None:
            if isinstance(columns, (str, bytes)):
                raise ArgumentError("columns must be a list of names")
            names = [text(column, "column") for column in columns]
        condition = None if where is None else text(where, "where")
        most = None if limit is None else check.count(limit, "limit")
        keys = None if entities is None else _keys(entities)
        self._open_pointer

        def scan(stream: Any) -> None:
            opt = c.ScanOptions(size=ctypes.sizeof(c.ScanOptions), ended=bool(ended), where=condition)
            if names is not None:
                # An empty list has to differ from none given, so it needs an address too.
                opt.columns = (c_char_p * max(len(names), 1))(*names)
                opt.n_columns = len(names)
            if most is not None:
                opt.limit = ctypes.pointer(ctypes.c_uint64(most))
            rows = None if keys is None else _arrow.source(keys)
            if rows is not None:
                opt.entities = rows.pointer
            err = c.Error()
            c.check(c.lib.feat_snapshot_scan(self._open_pointer, name, byref(opt), stream, byref(err)), err)

        result = Result(scan)
        result._head()  # fails here, not at the first read, when the table or a column does not exist
        return result

    def to_parquet(
        self,
        table: str,
        path: Union[str, "os.PathLike[str]"],
        columns: Optional[Sequence[str]] = None,
        where: Optional[str] = None,
        partition_by: Optional[str] = None,
        partition_name: str = "dt",
        compression: str = "zstd",
    ) -> None:
        """Writes rows of a table to a Parquet file, or to a directory of files by day.

        ``partition_by`` names a column of times: its day names the directory below ``path`` that a row is in, as in
        ``dt=2024-05-17``; ``partition_name`` is what stands before the ``=``. The directory must be empty or not exist. The
        column is in the files too. ``columns`` and ``where`` as in ``scan``. It needs pyarrow, and works in bounded memory.
        """
        write_parquet(self.scan(table, columns, where), path, partition_by, partition_name, compression)

    def digest(self, table: str) -> str:
        """Content digest of a table: 32 hexadecimal digits over the multiset of its rows, whatever the order of writes."""
        out, err = (ctypes.c_char * c.DIGEST_SIZE)(), c.Error()
        c.check(c.lib.feat_snapshot_digest(self._open_pointer, text(table, "table"), out, None, byref(err)), err)
        return out.value.decode("ascii")

    def count(self, table: str) -> int:
        """Number of rows of a table."""
        out, rows, err = (ctypes.c_char * c.DIGEST_SIZE)(), c_int64(), c.Error()
        c.check(c.lib.feat_snapshot_digest(self._open_pointer, text(table, "table"), out, byref(rows), byref(err)), err)
        return rows.value

    def training_set(
        self,
        service: str,
        spine: Any,
        timestamp: Optional[str] = None,
        status: bool = False,
        on_error: str = "fail",
        service_version: Optional[int] = None,
        fingerprint: Optional[str] = None,
        threads: int = 0,
        memory: Optional[int] = None,
        progress: Optional[Callable[[int, int], Any]] = None,
        as_served: bool = False,
        position: Union[str, Sequence[str], None] = None,
        spill_directory: Union[str, "os.PathLike[str]", None] = None,
    ) -> TrainingSet:
        """The features of a service for every row of ``spine``, as of the row's own time, from this version.

        The newest definition of the service is taken, or the one of ``service_version`` or ``fingerprint``.

        ``timestamp`` names the spine's column of times (default: its only one that is no request input). ``status`` adds a
        column ``<feature>__status`` after each feature. A feature value that is an error fails the call, or becomes NULL
        with ``on_error="null"``. ``threads``: how many may work at the same time (0: one for each processor); the result
        is the same for any number. ``memory`` bounds, in bytes, what the call uses besides the spine and about 40 bytes
        for each of its rows; events that do not fit wait in a temporary file in ``spill_directory`` (default: the store's).
        ``progress(done, total)`` is called now and then; what it raises stops the work.

        ``as_served`` gives each row as it was served: at the position in the spine's columns ``position`` (the name of the
        version's, or of version's and sequence's, as a reader's answer has them), or without them at the newest version
        that was known at the row's time.

        What it has cost is in the result's ``stats`` and ``explain()``.
        """
        name = text(service, "service")
        opt = c.TrainingOptions(size=ctypes.sizeof(c.TrainingOptions))
        opt.timestamp = None if timestamp is None else text(timestamp, "timestamp")
        opt.status = 1 if status else 0
        opt.on_error = choice(on_error, check.ON_ERROR, "on_error")
        opt.service_version = check.service_version(service_version)
        opt.fingerprint = None if fingerprint is None else text(fingerprint, "fingerprint")
        opt.threads = check.threads(threads)
        opt.memory = check.memory(memory)
        opt.spill_directory = None if spill_directory is None else os.fsencode(spill_directory)
        opt.as_served = 1 if as_served else 0
        opt.version_column, opt.sequence_column = _position(position, as_served)
        stats = c.TrainingStats(size=ctypes.sizeof(c.TrainingStats))
        opt.stats = ctypes.pointer(stats)
        watch = check.Watch(progress)
        opt.progress = watch.callback
        handle = self._open_pointer
        rows = _arrow.source(spine)
        stream, batches, err = _arrow.Stream(), c_void_p(), c.Error()
        watch.check(c.lib.feat_training_set(handle, name, rows.pointer, byref(opt), stream.pointer, byref(err)), err)
        watch.check(c.lib.feat_batches_collect(stream.pointer, byref(batches), byref(err)), err)
        assert batches.value is not None
        return TrainingSet(batches.value, stats)
