"""Data in: the ways of writing that a store and a transaction have in common."""

from __future__ import annotations

import ctypes
from ctypes import byref, c_int64
from typing import Any, Callable, List, NamedTuple, Optional, Sequence

from . import _arrow, _time
from . import _capi as c
from . import _checks as check
from ._errors import CODES, ArgumentError
from ._handle import Handle, choice, text
from .parquet import read_parquet

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


def commit_of(done: c.Commit) -> Commit:
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


class Writing:
    """What writes tables. Made by ``libfeat.open`` and ``Store.transaction``."""

    def _feat_write(self, table: bytes, rows: Any, opt: Any, done: Any, err: Any) -> int:
        raise NotImplementedError

    def _columns(self, table: str) -> List[str]:
        """The columns that a table has."""
        raise NotImplementedError

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
        ``branch`` names the branch that the commit is made on, instead of the main line.
        """
        return self._write(table, data, c.WRITE_APPEND, choice(on_conflict, _CONFLICT, "on_conflict"), known_at, **options)

    def append_parquet(self, table: str, source: Any, columns: Optional[Sequence[str]] = None, **options: Any) -> Commit:
        """Appends the rows of a Parquet file, a list of files or a directory of them in one commit, in bounded memory.
        Directories called ``name=value`` are columns where the table has such. ``columns`` chooses; ``options`` as in
        ``append``. For other ways of writing, pass ``libfeat.read_parquet(source)`` as their data. It needs pyarrow."""
        rows = read_parquet(source, columns, partitions=True)
        if columns is None:
            own = set(read_parquet(source).columns)
            has = {name.lower() for name in self._columns(table)}
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
        branch: Optional[str] = None,
    ) -> Commit:
        name = text(table, "table")
        opt = c.WriteOptions(size=ctypes.sizeof(c.WriteOptions), mode=mode, on_conflict=on_conflict)
        opt.known_at = 0 if known_at is None else _time.instant(known_at, "known_at")
        if expected_version is not None:
            opt.expected_version = ctypes.pointer(ctypes.c_uint64(check.count(expected_version, "expected_version")))
        if (application is None) != (sequence is None):
            raise ArgumentError("application and sequence belong together")
        if application is not None:
            opt.application, opt.sequence = text(application, "application"), check.count(sequence, "sequence")
        opt.where = None if where is None else text(where, "where")
        opt.start = None if start is None else ctypes.pointer(c_int64(start))
        opt.end = None if end is None else ctypes.pointer(c_int64(end))
        opt.matched, opt.not_matched = matched, not_matched
        opt.merge_schema = 1 if merge_schema else 0
        opt.branch = None if branch is None else text(branch, "branch")
        rows = None if where is not None else _arrow.source(data)
        done, err = c.Commit(), c.Error()
        c.check(self._feat_write(name, None if rows is None else rows.pointer, byref(opt), byref(done), byref(err)), err)
        return commit_of(done)


class Transaction(Handle, Writing):
    """Writes to any number of tables that become visible as one version. Made by ``Store.transaction``.

    Each write sees those before it. ``known_at`` and ``branch`` are the transaction's. A write that fails leaves the others as
    they are; leaving the ``with`` block by an exception ends the transaction with nothing done.
    """

    _what = "transaction"

    def __init__(self, pointer: int, columns: Callable[[str], List[str]]) -> None:
        super().__init__(pointer, c.lib.feat_txn_abort)
        self._columns = columns  # type: ignore[method-assign]

    def _feat_write(self, table: bytes, rows: Any, opt: Any, done: Any, err: Any) -> int:
        return int(c.lib.feat_txn_write(self._open_pointer, table, rows, opt, done, err))

    def commit(self) -> Commit:
        """Makes all writes visible as one version, durable on return. With nothing changed no version is made."""
        done, err = c.Commit(), c.Error()
        pointer, self._pointer = self._open_pointer, None
        c.check(c.lib.feat_txn_commit(pointer, byref(done), byref(err)), err)
        return commit_of(done)

    def abort(self) -> None:
        """Ends the transaction with nothing done."""
        self.close()

    def __enter__(self) -> "Transaction":
        self._open_pointer
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        if kind is not None:
            self.close()
        elif not self.closed:
            self.commit()
