"""The store: definitions, data in, versions, training sets. Readers are in ``reader.py``."""

from __future__ import annotations

import ctypes
import datetime
import os
import re
import time
from ctypes import byref, c_char_p, c_int64, c_void_p
from typing import Any, Callable, List, NamedTuple, Optional, Sequence, Tuple, Union

from . import _arrow, _time
from . import _capi as c
from ._errors import CODES, ArgumentError
from ._handle import Handle, choice, text
from .parquet import read_parquet, write_parquet
from .reader import Reader
from .result import Result, TrainingSet

_CONFLICT = {
    "skip_identical": c.CONFLICT_SKIP_IDENTICAL,
    "error": c.CONFLICT_ERROR,
    "ignore": c.CONFLICT_IGNORE,
    "replace": c.CONFLICT_REPLACE,
}
_MATCHED = {
    "update": c.MATCHED_UPDATE,
    "ignore": c.MATCHED_IGNORE,
    "delete": c.MATCHED_DELETE,
    "error": c.MATCHED_ERROR,
}
_NOT_MATCHED = {"insert": c.NOT_MATCHED_INSERT, "ignore": c.NOT_MATCHED_IGNORE, "error": c.NOT_MATCHED_ERROR}
_MODE = {"w": c.MODE_CREATE, "r+": c.MODE_WRITE, "r": c.MODE_READ}
_ON_ERROR = {"fail": c.ON_ERROR_FAIL, "null": c.ON_ERROR_NULL}


#: What is no name: the start of a statement that EXPLAIN takes.
_STATEMENT = re.compile(r"\s*(create|select|with)\s", re.IGNORECASE)


def _quoted(name: str) -> str:
    if not isinstance(name, str):
        raise ArgumentError("name must be a str")
    return '"' + name.replace('"', '""') + '"'


def _service_version(number: Optional[int]) -> int:
    if number is None:
        return 0
    if isinstance(number, bool) or not hasattr(number, "__index__") or not 1 <= int(number) < 2**32:
        raise ArgumentError(f"service_version={number!r}: a version of a definition is a whole number from 1")
    return int(number)


def _count(number: Any, what: str) -> int:
    if isinstance(number, bool) or not hasattr(number, "__index__") or not 0 <= int(number) < 2**64:
        raise ArgumentError(f"{what}={number!r}: a whole number from 0")
    return int(number)


def _keys(entities: Any) -> Any:
    """Keys as data; of a dict of single values, one row."""
    if isinstance(entities, dict) and entities and all(isinstance(v, (str, bytes)) or not hasattr(v, "__len__") for v in entities.values()):
        return [entities]
    return entities


def _threads(number: int) -> int:
    if isinstance(number, bool) or not hasattr(number, "__index__") or not 0 <= int(number) <= 4096:
        raise ArgumentError(f"threads={number!r}: a whole number from 0 (one for each processor) to 4,096")
    return int(number)


def _memory(size: Optional[int]) -> int:
    if size is None:
        return 0
    if isinstance(size, bool) or not hasattr(size, "__index__") or not 1 <= int(size) < 2**63:
        raise ArgumentError(f"memory={size!r}: a number of bytes, or None")
    return int(size)


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


class Watch:
    """A progress callback for the C interface. What it raises stops the work and is raised again by ``check``."""

    def __init__(self, progress: Optional[Callable[[int, int], Any]]) -> None:
        self._progress = progress
        self._raised: Optional[BaseException] = None
        self.callback = c.PROGRESS(self._call) if progress is not None else c.PROGRESS()

    def _call(self, _context: Any, done: int, total: int) -> int:
        try:
            assert self._progress is not None
            self._progress(done, total)
            return 0
        except BaseException as reason:  # it cannot pass through C
            self._raised = reason
            return 1

    def check(self, status: int, err: Any) -> None:
        if self._raised is not None:
            raise self._raised
        c.check(status, err)


class Commit(NamedTuple):
    """What a write did."""

    version: int  #: store version that holds the rows; the current one when nothing changed
    known_time: Any  #: naive UTC datetime, strictly increasing from commit to commit
    rows_read: int  #: rows of the input
    rows_added: int  #: rows that are new
    rows_replaced: int  #: stored rows that a new one replaced
    rows_removed: int  #: stored rows that a delete or an overwrite took away
    rows_skipped: int  #: rows equal to a stored one or to another of the call, or ignored; of a delete, rows that named none
    online: str  #: "OK", or the code that says why deployed services lag behind
    repeated: bool  #: the application made this call, or a later one, before: nothing was done


def _commit(done: c.Commit) -> Commit:
    return Commit(
        done.version,
        _time.to_datetime(done.known_time),
        done.rows_read,
        done.rows_added,
        done.rows_replaced,
        done.rows_removed,
        done.rows_skipped,
        CODES.get(done.online, "UNKNOWN"),
        bool(done.repeated),
    )


class Derived(NamedTuple):
    """What a derivation made, and from what."""

    version: int  #: store version that holds the rows; the current one when nothing changed
    known_time: Any  #: naive UTC datetime of that version; None for an empty store
    from_version: int  #: rows of the source behind this version were read; 0: all of them
    source_version: int  #: up to this one: the table is what the definition makes of the source at it
    definition: int  #: version of the derivation that was run
    rebuilt: bool  #: all rows were derived anew and took the place of those that were there
    rows_read: int  #: rows of the source
    rows_written: int  #: rows of the table that are new
    rows_removed: int  #: rows of the table that went, where all were derived anew
    rows_filtered: int  #: rows that WHERE left out
    rows_equal: int  #: rows equal to one with the same UNIQUE key, which count once
    rows_skipped: int  #: rows that cannot be derived
    errors: List[str]  #: what was wrong with the first of them
    online: str  #: "OK", or the code that says why deployed services lag behind


class Vacuumed(NamedTuple):
    """What ``Store.vacuum`` did, or would do."""

    oldest: int  #: this version and all behind it can be read
    versions: int  #: versions that can be read
    versions_removed: int  #: versions that could be read before
    objects: int  #: pieces of data that are in use
    objects_removed: int  #: removed, those that aborted writes left among them
    bytes: int  #: of the pieces in use
    bytes_removed: int


class Materialized(NamedTuple):
    """What a call of ``Store.materialize`` did, over all of its runs."""

    runs: int  #: runs that were committed
    runs_full: int  #: of these, those that computed every entity
    runs_present: int  #: times at which nothing was to do: there was a run from the same data already
    entities: int  #: entities that were computed, summed over runs
    rows: int  #: rows written for them, and for entities that are gone
    rows_restated: int  #: rows written at later runs, so that these say what they said before
    input: int  #: store version that was read: the newest one that changed what the view reads
    version: int  #: newest version of the store
    online: str  #: "OK", or the code that says why deployed services lag behind
    stats: Dict[str, int]  #: what it has cost: rows and segments read, lots, threads, and nanoseconds by stage

    def explain(self) -> str:
        """The statistics as text, a line for each stage."""
        stats = c.MaterializeStats(size=ctypes.sizeof(c.MaterializeStats), **self.stats)
        out, err = c_void_p(), c.Error()
        c.check(c.lib.feat_materialize_explain(byref(stats), byref(out), byref(err)), err)
        try:
            return ctypes.string_at(out.value or 0).decode()
        finally:
            c.lib.feat_text_free(out)


def _step(every: Any) -> int:
    """µs of a timedelta (of datetime, numpy or pandas), or of a whole number of µs."""
    if isinstance(every, datetime.timedelta):
        return every // datetime.timedelta(microseconds=1)
    if hasattr(every, "astype"):
        return int(every.astype("timedelta64[us]").astype("int64"))
    if isinstance(every, bool) or not hasattr(every, "__index__"):
        raise ArgumentError(f"every={every!r}: a timedelta, or a whole number of microseconds")
    return int(every)


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
        most = None if limit is None else _count(limit, "limit")
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
        opt.on_error = choice(on_error, _ON_ERROR, "on_error")
        opt.service_version = _service_version(service_version)
        opt.fingerprint = None if fingerprint is None else text(fingerprint, "fingerprint")
        opt.threads = _threads(threads)
        opt.memory = _memory(memory)
        opt.spill_directory = None if spill_directory is None else os.fsencode(spill_directory)
        opt.as_served = 1 if as_served else 0
        opt.version_column, opt.sequence_column = _position(position, as_served)
        stats = c.TrainingStats(size=ctypes.sizeof(c.TrainingStats))
        opt.stats = ctypes.pointer(stats)
        watch = Watch(progress)
        opt.progress = watch.callback
        handle = self._open_pointer
        rows = _arrow.source(spine)
        stream, batches, err = _arrow.Stream(), c_void_p(), c.Error()
        watch.check(c.lib.feat_training_set(handle, name, rows.pointer, byref(opt), stream.pointer, byref(err)), err)
        watch.check(c.lib.feat_batches_collect(stream.pointer, byref(batches), byref(err)), err)
        assert batches.value is not None
        return TrainingSet(batches.value, stats)


class Store(Handle):
    """An open store. Made by ``libfeat.open``; may be shared between threads; closes as a context manager."""

    _what = "store"

    def __init__(self, pointer: int, path: str) -> None:
        super().__init__(pointer, c.lib.feat_close)
        self.path = path

    def __enter__(self) -> "Store":
        self._open_pointer
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<libfeat.Store {self.path!r}{' (closed)' if self.closed else ''}>"

    # ---- definitions ----

    def define(self, sql: str) -> None:
        """Runs a script of CREATE, ALTER, COMMENT and DROP statements: all of it or none."""
        err = c.Error()
        c.check(c.lib.feat_define(self._open_pointer, text(sql, "sql"), byref(err)), err)

    def show(self, sql: str) -> Result:
        """Answers ``SHOW TABLES | DIMENSIONS | FEATURE VIEWS | FEATURE SERVICES``, ``DESCRIBE name`` or ``EXPLAIN ...`` as a
        table."""
        statement = text(sql, "sql")

        def fill(stream: Any) -> None:
            err = c.Error()
            c.check(c.lib.feat_show(self._open_pointer, statement, stream, byref(err)), err)

        result = Result(fill)
        result._head()
        return result

    def describe(self, name: str) -> Result:
        """The columns of a table, the key and features of a view, or the inputs and features of a service."""
        return self.show(f"DESCRIBE {_quoted(name)}")

    def explain(self, name_or_sql: str, format: str = "text") -> str:
        """The newest definition of a table, view or service as the library runs it, or what a CREATE or SELECT statement
        would mean. ``format`` is ``"text"`` or ``"json"`` (an object for each definition, one a line)."""
        if format not in ("text", "json"):
            raise ArgumentError(f"format={format!r}: one of 'text', 'json'")
        if not isinstance(name_or_sql, str):
            raise ArgumentError("name_or_sql must be a str")
        subject = name_or_sql if _STATEMENT.match(name_or_sql) else _quoted(name_or_sql)
        lines = self.show(f"EXPLAIN (FORMAT {format.upper()}) {subject}").to_dict()["explanation"]
        return "\n".join(lines)

    # ---- data in ----

    def append(self, table: str, data: Any, on_conflict: str = "skip_identical", known_at: Any = None, **options: Any) -> Commit:
        """Appends rows in one commit, durable on return.

        ``data`` is a pandas, polars or pyarrow table, a duckdb relation, anything with ``__arrow_c_stream__``, a dict of
        columns (lists, numpy arrays) or a list of dicts. Columns are matched by name; a column left out is its DEFAULT, or
        NULL; naive times are UTC. A row for which a CHECK is false refuses the whole write.
        ``on_conflict`` says what happens to a row whose UNIQUE key is stored already: ``"skip_identical"`` (an equal row is
        skipped, a different one is an error), ``"error"``, ``"ignore"``, ``"replace"``. ``known_at`` sets the known time of
        the commit, for imports and replays.

        This and every other way of writing takes ``expected_version`` (the write is a ``ConflictError`` when the table has a
        commit behind that version) and, together, ``application`` (a name) and ``sequence`` (a whole number that rises from
        call to call of that application on that table): a call with the last sequence or one below it was made before and
        changes nothing, so that a write whose outcome is not known can be made again. ``merge_schema=True`` makes columns of
        the data that the table does not have nullable columns of the table, in the same commit; nothing else of it changes.
        """
        return self._write(table, data, c.WRITE_APPEND, choice(on_conflict, _CONFLICT, "on_conflict"), known_at, **options)

    def append_parquet(self, table: str, source: Any, columns: Optional[Sequence[str]] = None, **options: Any) -> Commit:
        """Appends the rows of a Parquet file, a list of files or a directory of them in one commit, in bounded memory.
        Directories called ``name=value`` are columns where the table has such. ``columns`` chooses; ``options`` as in
        ``append``. For other ways of writing, pass ``libfeat.read_parquet(source)`` as their data. It needs pyarrow."""
        rows = read_parquet(source, columns, partitions=True)
        if columns is None:
            own = set(read_parquet(source).columns)
            with self.snapshot() as snap:
                has = {name.lower() for name in snap.table(table).columns}
            rows.columns = [name for name in rows.columns if name in own or name.lower() in has]
        return self.append(table, rows, **options)

    def upsert(self, table: str, data: Any, known_at: Any = None, **options: Any) -> Commit:
        """Writes rows that replace those with their UNIQUE keys, for all times. ``data`` as in ``append``."""
        return self._write(table, data, c.WRITE_UPSERT, c.CONFLICT_SKIP_IDENTICAL, known_at, **options)

    def merge(
        self, table: str, data: Any, matched: str = "update", not_matched: str = "insert", known_at: Any = None, **options: Any
    ) -> Commit:
        """Writes rows by their UNIQUE keys. ``data`` as in ``append``.

        ``matched`` says what a row does whose key is stored: ``"update"`` replaces the stored row, ``"ignore"`` leaves it,
        ``"delete"`` retracts it, ``"error"`` refuses the write. ``not_matched`` says the same of a row whose key is not
        stored: ``"insert"``, ``"ignore"``, ``"error"``. Two rows with one key are an error that names them.
        """
        options.update(matched=choice(matched, _MATCHED, "matched"), not_matched=choice(not_matched, _NOT_MATCHED, "not_matched"))
        return self._write(table, data, c.WRITE_MERGE, c.CONFLICT_SKIP_IDENTICAL, known_at, **options)

    def delete(self, table: str, keys: Any = None, known_at: Any = None, where: Optional[str] = None, **options: Any) -> Commit:
        """Retracts rows, for all times: as if they had never been written. They are those with given UNIQUE keys, or those
        that ``where`` is true for, a condition in SQL over the table's columns as in ``Snapshot.scan``.

        ``keys`` is data as in ``append`` with the columns of the table's UNIQUE key (of a dimension without one: its entity
        key and event time); other columns are passed over. A key that no row has is counted as skipped.
        """
        if (keys is None) == (where is None):
            raise ArgumentError("give keys or where")
        return self._write(table, keys, c.WRITE_DELETE, c.CONFLICT_SKIP_IDENTICAL, known_at, where=where, **options)

    def end(self, table: str, keys: Any, on_conflict: str = "skip_identical", known_at: Any = None, **options: Any) -> Commit:
        """Says that keys of a dimension cease to exist from the given times on.

        ``keys`` is data as in ``append`` with the columns of the entity key and the event time; other columns are passed
        over. An end takes the place of a row of that key and time, so ``on_conflict`` decides when there is one.
        """
        return self._write(table, keys, c.WRITE_END, choice(on_conflict, _CONFLICT, "on_conflict"), known_at, **options)

    def overwrite(self, table: str, data: Any, known_at: Any = None, start: Any = None, end: Any = None, **options: Any) -> Commit:
        """Puts rows in the place of all that the table holds, in one commit. ``data`` as in ``append``.

        With ``start`` or ``end``, only rows with event times from ``start`` on and before ``end`` are replaced, and the
        rows given must have such times.
        """
        bounds = {name: _time.instant(time, name) for name, time in (("start", start), ("end", end)) if time is not None}
        return self._write(table, data, c.WRITE_OVERWRITE, c.CONFLICT_SKIP_IDENTICAL, known_at, **bounds, **options)

    def _write(
        self,
        table: str,
        data: Any,
        mode: int,
        on_conflict: int,
        known_at: Any,
        expected_version: Optional[int] = None,
        application: Optional[str] = None,
        sequence: Optional[int] = None,
        where: Optional[str] = None,
        start: Optional[int] = None,
        end: Optional[int] = None,
        matched: int = c.MATCHED_UPDATE,
        not_matched: int = c.NOT_MATCHED_INSERT,
        merge_schema: bool = False,
    ) -> Commit:
        name = text(table, "table")
        opt = c.WriteOptions(size=ctypes.sizeof(c.WriteOptions), mode=mode, on_conflict=on_conflict)
        opt.known_at = 0 if known_at is None else _time.instant(known_at, "known_at")
        if expected_version is not None:
            opt.expected_version = ctypes.pointer(ctypes.c_uint64(_count(expected_version, "expected_version")))
        if (application is None) != (sequence is None):
            raise ArgumentError("application and sequence belong together")
        if application is not None:
            opt.application, opt.sequence = text(application, "application"), _count(sequence, "sequence")
        opt.where = None if where is None else text(where, "where")
        opt.start = None if start is None else ctypes.pointer(c_int64(start))
        opt.end = None if end is None else ctypes.pointer(c_int64(end))
        opt.matched, opt.not_matched = matched, not_matched
        opt.merge_schema = 1 if merge_schema else 0
        handle = self._open_pointer
        rows = None if where is not None else _arrow.source(data)
        done, err = c.Commit(), c.Error()
        c.check(c.lib.feat_write(handle, name, None if rows is None else rows.pointer, byref(opt), byref(done), byref(err)), err)
        return _commit(done)

    # ---- versions ----

    def _at(self, version: Optional[int], at: Any, tag: Optional[str]) -> c.At:
        given = [name for name, value in (("version", version), ("at", at), ("tag", tag)) if value is not None]
        if len(given) > 1:
            raise ArgumentError(f"give one of version, at and tag, not {' and '.join(given)}")
        where = c.At(size=ctypes.sizeof(c.At), kind=c.AT_NEWEST)
        if version is not None:
            if isinstance(version, bool) or not hasattr(version, "__index__") or not 0 <= int(version) < 2**64:
                raise ArgumentError(f"version={version!r}: a version is a whole number from 0")
            where.kind, where.version = c.AT_VERSION, int(version)
        elif at is not None:
            where.kind, where.time = c.AT_TIME, _time.instant(at, "at")
        elif tag is not None:
            where.kind, where.tag = c.AT_TAG, text(tag, "tag")
        return where

    def snapshot(self, version: Optional[int] = None, at: Any = None, tag: Optional[str] = None) -> Snapshot:
        """A version to read: by number, by known time (the newest not above it), by tag; the newest when nothing is given."""
        where, pointer, err = self._at(version, at, tag), c_void_p(), c.Error()
        c.check(c.lib.feat_snapshot_open(self._open_pointer, byref(where), byref(pointer), byref(err)), err)
        assert pointer.value is not None
        return Snapshot(pointer.value)

    @property
    def version(self) -> int:
        """Number of the newest version."""
        with self.snapshot() as snap:
            return snap.version

    def history(self, table: Optional[str] = None) -> Result:
        """The commits of a table (or of all), oldest first."""
        name = None if table is None else text(table, "table")

        def fill(stream: Any) -> None:
            err = c.Error()
            c.check(c.lib.feat_history(self._open_pointer, name, stream, byref(err)), err)

        result = Result(fill)
        result._head()
        return result

    def changes(self, table: str, since: Any = None, until: Any = None, net: bool = False) -> Result:
        """The rows of a table that changed behind a version, up to another: commit by commit, or with ``net`` each row once.

        ``since`` (default: the empty store) and ``until`` (default: the newest version) are numbers of versions, tags or
        known times. Columns: ``$change`` (``"insert"``, ``"update_before"``, ``"update_after"``, ``"delete"``), ``$version``,
        ``$known_time``, then those of the table. An update is a row that took the place of one with the same UNIQUE key; a row
        that took the place of an equal one did not change. Each read of the result is a fresh one.
        """
        name = text(table, "table")
        first, last = self._point(since, "since"), self._point(until, "until")
        opt = c.ChangesOptions(size=ctypes.sizeof(c.ChangesOptions), net=bool(net))

        def fill(stream: Any) -> None:
            err = c.Error()
            c.check(c.lib.feat_changes(self._open_pointer, name, first, last, byref(opt), stream, byref(err)), err)

        result = Result(fill)
        result._head()
        return result

    def diff(self, since: Any = None, until: Any = None) -> Result:
        """The tables that two versions differ in, with the numbers of their rows, of rows inserted, updated and deleted, and
        their digests. ``since`` and ``until`` as in ``changes``."""
        first, last = self._point(since, "since"), self._point(until, "until")

        def fill(stream: Any) -> None:
            err = c.Error()
            c.check(c.lib.feat_diff(self._open_pointer, first, last, stream, byref(err)), err)

        result = Result(fill)
        result._head()
        return result

    def restore(self, table: str, version: Optional[int] = None, at: Any = None, tag: Optional[str] = None, known_at: Any = None) -> Commit:
        """Gives a table the rows again that it had at a version, in a new commit: by number, by known time ``at`` or by ``tag``.
        No row is written anew, and every version stays. Where nothing differs, no version is made."""
        if version is None and at is None and tag is None:
            raise ArgumentError("give one of version, at and tag")
        where = self._at(version, at, tag)
        known = 0 if known_at is None else _time.instant(known_at, "known_at")
        done, err = c.Commit(), c.Error()
        status = c.lib.feat_restore(self._open_pointer, text(table, "table"), byref(where), known, byref(done), byref(err))
        c.check(status, err)
        return _commit(done)

    def clone(
        self, table: str, name: str, version: Optional[int] = None, at: Any = None, tag: Optional[str] = None, known_at: Any = None
    ) -> Commit:
        """Creates a table ``name`` with the columns, keys and rows that ``table`` had at a version (default: the newest). No row
        is written: both refer to what is stored, and from then on each goes its own way."""
        where = self._at(version, at, tag)
        known = 0 if known_at is None else _time.instant(known_at, "known_at")
        done, err = c.Commit(), c.Error()
        status = c.lib.feat_clone(
            self._open_pointer, text(table, "table"), byref(where), text(name, "name"), known, byref(done), byref(err)
        )
        c.check(status, err)
        return _commit(done)

    def derive(self, name: str, on_error: str = "fail", rebuild: bool = False, known_at: Any = None) -> Derived:
        """Brings the table of a derivation up to date with the table that it reads, in one commit.

        Only rows of the source are read that came since the last call, unless the definition has changed since, rows of
        the source went, something else has written the table, or ``rebuild``: then all are, and what they give takes the
        place of the table's rows. With nothing to do no version is made. ``on_error`` says what becomes of a row that an
        expression fails on or that breaks a NOT NULL or CHECK of the table: ``"fail"`` changes nothing and names it,
        ``"skip"`` leaves it out and counts it.
        """
        if on_error not in ("fail", "skip"):
            raise ArgumentError(f"on_error={on_error!r}: 'fail' or 'skip'")
        known = 0 if known_at is None else _time.instant(known_at, "known_at")
        opt = c.DeriveOptions(size=ctypes.sizeof(c.DeriveOptions), on_error=c.DERIVE_SKIP if on_error == "skip" else c.DERIVE_FAIL, rebuild=bool(rebuild), known_at=known)
        done, err = c.Derived(), c.Error()
        c.check(c.lib.feat_derive(self._open_pointer, text(name, "name"), byref(opt), byref(done), byref(err)), err)
        return Derived(
            done.version,
            _time.to_datetime(done.known_time) if done.version else None,
            done.from_version,
            done.source_version,
            done.definition,
            bool(done.rebuilt),
            done.rows_read,
            done.rows_written,
            done.rows_removed,
            done.rows_filtered,
            done.rows_equal,
            done.rows_skipped,
            done.errors.decode().split("\n") if done.errors else [],
            CODES.get(done.online, "UNKNOWN"),
        )

    def derivations(self, name: str) -> Result:
        """The commits that a derivation's table got its rows with, oldest first: ``version``, ``known_time``,
        ``source_version`` (of what it reads), ``derivation`` and ``definition`` (its version) with its ``fingerprint``,
        ``rows_added``, ``rows_removed``."""
        key = text(name, "name")

        def fill(stream: Any) -> None:
            err = c.Error()
            c.check(c.lib.feat_derivations(self._open_pointer, key, stream, byref(err)), err)

        result = Result(fill)
        result._head()
        return result

    def _point(self, where: Any, what: str) -> Optional[c.At]:
        """A version by number, by tag (a str), or by known time."""
        if where is None:
            return None
        if isinstance(where, str):
            return self._at(None, None, where)
        if hasattr(where, "__index__"):
            return self._at(where, None, None)
        return self._at(None, where, None)

    def tag(self, name: str, version: Optional[int] = None) -> None:
        """Names a version (default: the newest) for good."""
        where, err = self._at(version, None, None), c.Error()
        c.check(c.lib.feat_tag(self._open_pointer, text(name, "name"), byref(where), byref(err)), err)

    def untag(self, name: str) -> None:
        """Takes a tag away; its version stays, and the name can be given again."""
        err = c.Error()
        c.check(c.lib.feat_untag(self._open_pointer, text(name, "name"), byref(err)), err)

    def tags(self) -> Result:
        """The tags by version and name, with the known times of their versions."""

        def fill(stream: Any) -> None:
            err = c.Error()
            c.check(c.lib.feat_tags(self._open_pointer, stream, byref(err)), err)

        result = Result(fill)
        result._head()
        return result

    # ---- which versions stay ----

    def pin(self, seconds: float, version: Optional[int] = None, at: Any = None, tag: Optional[str] = None, note: str = "") -> int:
        """Keeps a version (default: the newest) from being removed for so many seconds, while a training job reads it for
        instance. Returns the number of the pin. A tag keeps a version without end."""
        where, number, err = self._at(version, at, tag), ctypes.c_uint64(), c.Error()
        try:
            expires = int(time.time() * 1e6) + int(seconds * 1e6)
        except (TypeError, ValueError, OverflowError):
            raise ArgumentError(f"seconds={seconds!r}: a number") from None
        if not 0 < expires < 2**63:
            raise ArgumentError(f"seconds={seconds!r}: too many")
        status = c.lib.feat_pin(self._open_pointer, byref(where), expires, text(note, "note"), byref(number), byref(err))
        c.check(status, err)
        return number.value

    def unpin(self, pin: int) -> None:
        """Ends a pin before it expires."""
        if isinstance(pin, bool) or not hasattr(pin, "__index__") or not 0 <= int(pin) < 2**64:
            raise ArgumentError(f"pin={pin!r}: the number that pin() gave")
        err = c.Error()
        c.check(c.lib.feat_unpin(self._open_pointer, int(pin), byref(err)), err)

    def pins(self) -> Result:
        """The pins: number, version, time of expiry, note."""

        def fill(stream: Any) -> None:
            err = c.Error()
            c.check(c.lib.feat_pins(self._open_pointer, stream, byref(err)), err)

        result = Result(fill)
        result._head()
        return result

    def vacuum(
        self, keep_for: datetime.timedelta = datetime.timedelta(days=7), keep_versions: int = 1, dry_run: bool = False
    ) -> Vacuumed:
        """Removes versions that nothing needs, and the data that is in no other version.

        What stays: versions that were the newest at some time within ``keep_for`` before now (by known times), the newest
        ``keep_versions``, tagged and pinned ones, those that materialisations have read and deployed services have applied.
        Opening a removed version is a ``NotFoundError``, also where a snapshot of it was open. Removed space is used again by
        later writes; files do not shrink. ``dry_run`` only says what would be done.
        """
        if isinstance(keep_versions, bool) or not hasattr(keep_versions, "__index__") or not 1 <= int(keep_versions) < 2**64:
            raise ArgumentError(f"keep_versions={keep_versions!r}: a whole number from 1")
        if not isinstance(keep_for, datetime.timedelta) or keep_for < datetime.timedelta(0):
            raise ArgumentError(f"keep_for={keep_for!r}: a timedelta from 0")
        opt = c.VacuumOptions(ctypes.sizeof(c.VacuumOptions), int(keep_versions), keep_for // datetime.timedelta(microseconds=1), bool(dry_run))
        done, err = c.Vacuumed(), c.Error()
        c.check(c.lib.feat_vacuum(self._open_pointer, byref(opt), byref(done), byref(err)), err)
        return Vacuumed(*(getattr(done, name) for name in Vacuumed._fields))

    # ---- features ----

    def training_set(
        self,
        service: str,
        spine: Any,
        timestamp: Optional[str] = None,
        version: Optional[int] = None,
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
        at: Any = None,
        tag: Optional[str] = None,
    ) -> TrainingSet:
        """The features of a service for every row of ``spine``, from a version of the data: by number, by known time ``at``
        or by ``tag`` (default: the newest). See ``Snapshot.training_set``."""
        with self.snapshot(version=version, at=at, tag=tag) as snap:
            return snap.training_set(service, spine, timestamp, status, on_error, service_version, fingerprint, threads, memory, progress, as_served, position, spill_directory)

    def materialize(
        self,
        view: str,
        at: Any = None,
        start: Any = None,
        end: Any = None,
        every: Any = None,
        full: bool = False,
        on_error: str = "fail",
        view_version: Optional[int] = None,
        fingerprint: Optional[str] = None,
        threads: int = 0,
        entities_at_once: int = 0,
        progress: Optional[Callable[[int, int], Any]] = None,
        memory: Optional[int] = None,
        spill_directory: Union[str, "os.PathLike[str]", None] = None,
    ) -> Materialized:
        """Computes a feature view for all entities at a time, or at several, and keeps the values in the view's layer: what
        services read that join it ``MATERIALIZED``.

        ``at`` is a time or a list of times (default: now); ``start``, ``end`` and ``every`` (a timedelta) name a grid, both
        ends included. Each time is one commit. Only entities whose values can have changed since the run before are computed,
        unless ``full``; what is read is the same. Repeating a call over unchanged data does nothing, and a time before
        existing runs leaves what these say.

        A feature value that is an error fails the call, or is kept as one with ``on_error="null"``: services read it as NULL
        with status error. The newest definition of the view is taken, or the one of ``view_version`` or ``fingerprint``.

        ``threads``: how many may work at the same time (0: one for each processor). ``memory`` bounds, in bytes, what the call
        uses besides about 200 bytes for each entity that it computes: these are worked through in lots, of at most
        ``entities_at_once``, and events that do not fit wait in a temporary file in ``spill_directory`` (default: the store's).
        The values are the same for any of these. ``progress(done, total)`` is called now and then; what it raises stops the
        work. Runs that were committed before stay.
        """
        opt = self._materialize_options(view_version, fingerprint)
        times: Optional[List[int]] = None
        if at is not None and (start is not None or end is not None or every is not None):
            raise ArgumentError("give at, or start, end and every")
        if start is not None or end is not None or every is not None:
            if start is None or end is None or every is None:
                raise ArgumentError("start, end and every belong together")
            opt.start, opt.end = _time.instant(start, "start"), _time.instant(end, "end")
            opt.every = _step(every)
            if opt.every <= 0:
                raise ArgumentError(f"every={every!r}: the step must be above 0")
        elif at is None:
            times = [_time.instant(datetime.datetime.now(datetime.timezone.utc), "at")]
        elif isinstance(at, (str, bytes)) or not hasattr(at, "__iter__"):
            times = [_time.instant(at, "at")]
        else:
            times = [_time.instant(t, "at") for t in at]
        if times is not None:
            array = (c_int64 * max(len(times), 1))(*times)
            opt.times, opt.n_times = array, len(times)
        opt.full = 1 if full else 0
        opt.on_error = choice(on_error, _ON_ERROR, "on_error")
        opt.threads = _threads(threads)
        if isinstance(entities_at_once, bool) or not hasattr(entities_at_once, "__index__") or int(entities_at_once) < 0:
            raise ArgumentError(f"entities_at_once={entities_at_once!r}: a whole number")
        opt.entities_at_once = int(entities_at_once)
        opt.memory = _memory(memory)
        opt.spill_directory = None if spill_directory is None else os.fsencode(spill_directory)
        stats = c.MaterializeStats(size=ctypes.sizeof(c.MaterializeStats))
        opt.stats = ctypes.pointer(stats)
        watch = Watch(progress)
        opt.progress = watch.callback
        made, err = c.Materialized(), c.Error()
        status = c.lib.feat_materialize(self._open_pointer, text(view, "view"), byref(opt), byref(made), byref(err))
        watch.check(status, err)
        return Materialized(
            made.runs,
            made.runs_full,
            made.runs_present,
            made.entities,
            made.rows,
            made.rows_restated,
            made.input,
            made.version,
            CODES.get(made.online, "UNKNOWN"),
            {name: getattr(stats, name) for name, _ in c.MaterializeStats._fields_[1:]},
        )

    def layer(self, view: str, view_version: Optional[int] = None, fingerprint: Optional[str] = None) -> str:
        """The name of the table that holds a view's materialisations, for ``Snapshot.table``, ``history`` and ``digest``."""
        opt = self._materialize_options(view_version, fingerprint)
        name, err = c_void_p(), c.Error()
        c.check(c.lib.feat_layer(self._open_pointer, text(view, "view"), byref(opt), byref(name), byref(err)), err)
        try:
            return ctypes.string_at(name.value or 0).decode("utf-8")
        finally:
            c.lib.feat_text_free(name)

    @staticmethod
    def _materialize_options(view_version: Optional[int], fingerprint: Optional[str]) -> c.MaterializeOptions:
        opt = c.MaterializeOptions(size=ctypes.sizeof(c.MaterializeOptions))
        opt.view_version = _service_version(view_version)
        opt.fingerprint = None if fingerprint is None else text(fingerprint, "fingerprint")
        return opt

    def deploy(self, service: str) -> None:
        """Builds the online state of a service; later writes keep it current."""
        err = c.Error()
        c.check(c.lib.feat_deploy(self._open_pointer, text(service, "service"), byref(err)), err)

    def undeploy(self, service: str) -> None:
        """Ends the serving of a service and deletes what no other deployed service needs of the online state."""
        err = c.Error()
        c.check(c.lib.feat_undeploy(self._open_pointer, text(service, "service"), byref(err)), err)

    def reader(
        self, service: str, fingerprint: Optional[str] = None, service_version: Optional[int] = None
    ) -> Reader:
        """A reader on a deployed service; ``fingerprint`` (of a training set) or ``service_version`` demands that very
        definition."""
        opt = c.ReaderOptions(size=ctypes.sizeof(c.ReaderOptions))
        opt.service_version = _service_version(service_version)
        opt.fingerprint = None if fingerprint is None else text(fingerprint, "fingerprint")
        pointer, err = c_void_p(), c.Error()
        status = c.lib.feat_reader_open(self._open_pointer, text(service, "service"), byref(opt), byref(pointer), byref(err))
        c.check(status, err)
        assert pointer.value is not None
        return Reader(pointer.value)


def open(path: Union[str, "os.PathLike[str]"], mode: str = "w", busy_timeout: float = 5.0) -> Store:
    """Opens the store at ``path``.

    ``mode``: ``"w"`` reads and writes and makes the store when there is none; ``"r+"`` demands that it exists; ``"r"`` only
    reads. ``busy_timeout`` is how many seconds a write waits for another writer.
    """
    if not 0 <= busy_timeout <= 4_000_000:
        raise ArgumentError(f"busy_timeout={busy_timeout!r}: seconds from 0 to 4,000,000")
    opt = c.OpenOptions(ctypes.sizeof(c.OpenOptions), choice(mode, _MODE, "mode"), int(round(busy_timeout * 1000)))
    name = os.fsencode(path)
    if b"\0" in name:
        raise ArgumentError("the path holds a NUL character")
    pointer, err = c_void_p(), c.Error()
    c.check(c.lib.feat_open(name, byref(opt), byref(pointer), byref(err)), err)
    assert pointer.value is not None
    return Store(pointer.value, os.fsdecode(name))
