"""The store: definitions, data in, versions, training sets. Readers are in ``reader.py``."""

from __future__ import annotations

import ctypes
import datetime
import os
import re
from ctypes import byref, c_int64, c_void_p
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Union

from . import _capi as c
from . import _checks as check
from . import _time
from ._errors import CODES, ArgumentError
from ._handle import Handle, choice, text
from .pushing import Pushing
from .reader import Reader
from .result import Result, TrainingSet
from .versions import Vacuumed, Versions
from .writing import Commit, Transaction, Writing

_MODE = {"w": c.MODE_CREATE, "r+": c.MODE_WRITE, "r": c.MODE_READ}


#: What is no name: the start of a statement that EXPLAIN takes.
_STATEMENT = re.compile(r"\s*(create|select|with)\s", re.IGNORECASE)


def _quoted(name: str) -> str:
    if not isinstance(name, str):
        raise ArgumentError("name must be a str")
    return '"' + name.replace('"', '""') + '"'


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


class Store(Handle, Writing, Pushing, Versions):
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
        return check.stream(lambda out, err: c.lib.feat_show(self._open_pointer, statement, out, err))

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

    def _feat_write(self, table: bytes, rows: Any, opt: Any, done: Any, err: Any) -> int:
        return int(c.lib.feat_write(self._open_pointer, table, rows, opt, done, err))

    def _columns(self, table: str) -> List[str]:
        with self.snapshot() as snap:
            return snap.table(table).columns

    def transaction(self, known_at: Any = None, branch: Optional[str] = None) -> Transaction:
        """Several writes as one commit::

            with store.transaction() as txn:
                txn.append("orders", orders)
                txn.upsert("customers", customers)

        It holds the store's writer lock from here to its end: other writes wait."""
        opt = c.TxnOptions(size=ctypes.sizeof(c.TxnOptions))
        opt.known_at = 0 if known_at is None else _time.instant(known_at, "known_at")
        opt.branch = None if branch is None else text(branch, "branch")
        pointer, err = c_void_p(), c.Error()
        c.check(c.lib.feat_txn_begin(self._open_pointer, byref(opt), byref(pointer), byref(err)), err)
        assert pointer.value is not None
        return Transaction(pointer.value, self._columns)

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
        return check.stream(lambda out, err: c.lib.feat_derivations(self._open_pointer, key, out, err))

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
        branch: Optional[str] = None,
    ) -> TrainingSet:
        """The features of a service for every row of ``spine``, from a version of the data: by number, by known time ``at``,
        by ``tag`` or by ``branch`` (default: the newest). See ``Snapshot.training_set``."""
        with self.snapshot(version=version, at=at, tag=tag, branch=branch) as snap:
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
        opt.on_error = choice(on_error, check.ON_ERROR, "on_error")
        opt.threads = check.threads(threads)
        if isinstance(entities_at_once, bool) or not hasattr(entities_at_once, "__index__") or int(entities_at_once) < 0:
            raise ArgumentError(f"entities_at_once={entities_at_once!r}: a whole number")
        opt.entities_at_once = int(entities_at_once)
        opt.memory = check.memory(memory)
        opt.spill_directory = None if spill_directory is None else os.fsencode(spill_directory)
        stats = c.MaterializeStats(size=ctypes.sizeof(c.MaterializeStats))
        opt.stats = ctypes.pointer(stats)
        watch = check.Watch(progress)
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
        opt.view_version = check.service_version(view_version)
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
        opt.service_version = check.service_version(service_version)
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
