"""Versions: by number, time, tag and branch; what changed between them; which stay."""

from __future__ import annotations

import ctypes
import datetime
import os
import time
from ctypes import byref, c_void_p
from typing import TYPE_CHECKING, Any, Callable, List, NamedTuple, Optional, Union

from . import _capi as c
from . import _checks as check
from . import _time
from ._errors import ArgumentError
from ._handle import text
from .result import Result
from .snapshot import Snapshot
from .writing import Commit, commit_of


class Vacuumed(NamedTuple):
    """What ``Store.vacuum`` did, or would do."""

    oldest: int  #: this version and all behind it can be read
    versions: int  #: versions that can be read
    versions_removed: int  #: versions that could be read before
    objects: int  #: pieces of data that are in use
    objects_removed: int  #: removed, those that aborted writes left among them
    bytes: int  #: of the pieces in use
    bytes_removed: int


class Finding(NamedTuple):
    """Something that is wrong with a store."""

    version: Optional[int]  #: None: with none in particular
    table: Optional[str]
    what: str  #: "catalog", "commit", "table" or "tail"
    message: str


class Verified(NamedTuple):
    """What ``Store.verify`` looked at."""

    versions: int  #: versions that can be read
    tables: int  #: states of tables, one for each commit of each
    segments: int  #: pieces of tables that were read, each once
    rows: int  #: in them, deleted ones too
    findings: List[Finding]  #: what is wrong; none in a whole store


class Versions:
    """The part of ``Store`` that deals with versions."""

    if TYPE_CHECKING:

        @property
        def _open_pointer(self) -> int: ...

    def _at(self, version: Optional[int], at: Any, tag: Optional[str], branch: Optional[str] = None) -> c.At:
        places = (("version", version), ("at", at), ("tag", tag), ("branch", branch))
        given = [name for name, value in places if value is not None]
        if len(given) > 1:
            raise ArgumentError(f"give one of version, at, tag and branch, not {' and '.join(given)}")
        where = c.At(size=ctypes.sizeof(c.At), kind=c.AT_NEWEST)
        if version is not None:
            if isinstance(version, bool) or not hasattr(version, "__index__") or not 0 <= int(version) < 2**64:
                raise ArgumentError(f"version={version!r}: a version is a whole number from 0")
            where.kind, where.version = c.AT_VERSION, int(version)
        elif at is not None:
            where.kind, where.time = c.AT_TIME, _time.instant(at, "at")
        elif tag is not None:
            where.kind, where.tag = c.AT_TAG, text(tag, "tag")
        elif branch is not None:
            where.kind, where.branch = c.AT_BRANCH, text(branch, "branch")
        return where

    def snapshot(
        self, version: Optional[int] = None, at: Any = None, tag: Optional[str] = None, branch: Optional[str] = None
    ) -> Snapshot:
        """A version to read: by number, by known time (the newest not above it), by tag, or where a branch stands; the newest
        of the main line when nothing is given."""
        where, pointer, err = self._at(version, at, tag, branch), c_void_p(), c.Error()
        c.check(c.lib.feat_snapshot_open(self._open_pointer, byref(where), byref(pointer), byref(err)), err)
        assert pointer.value is not None
        return Snapshot(pointer.value)

    @property
    def version(self) -> int:
        """Number of the newest version of the main line."""
        with self.snapshot() as snap:
            return snap.version

    def history(self, table: Optional[str] = None) -> Result:
        """The commits of a table (or of all), oldest first."""
        name = None if table is None else text(table, "table")
        return check.stream(lambda out, err: c.lib.feat_history(self._open_pointer, name, out, err))

    def changes(self, table: str, since: Any = None, until: Any = None, net: bool = False) -> Result:
        """The rows of a table that changed behind a version, up to another: commit by commit, or with ``net`` each row once.

        ``since`` (default: the empty store) and ``until`` (default: the newest version) are numbers of versions, tags,
        branches or known times. Columns: ``$change`` (``"insert"``, ``"update_before"``, ``"update_after"``, ``"delete"``), ``$version``,
        ``$known_time``, then those of the table. An update is a row that took the place of one with the same UNIQUE key; a row
        that took the place of an equal one did not change. Each read of the result is a fresh one.
        """
        name = text(table, "table")
        first, last = self._point(since, "since"), self._point(until, "until")
        opt = c.ChangesOptions(size=ctypes.sizeof(c.ChangesOptions), net=bool(net))
        return check.stream(lambda out, err: c.lib.feat_changes(self._open_pointer, name, first, last, byref(opt), out, err))

    def diff(self, since: Any = None, until: Any = None) -> Result:
        """The tables that two versions differ in, with the numbers of their rows, of rows inserted, updated and deleted, and
        their digests. ``since`` and ``until`` as in ``changes``."""
        first, last = self._point(since, "since"), self._point(until, "until")
        return check.stream(lambda out, err: c.lib.feat_diff(self._open_pointer, first, last, out, err))

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
        return commit_of(done)

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
        return commit_of(done)

    def _point(self, where: Any, what: str) -> Optional[c.At]:
        """A version by number, by the name of a tag or a branch, or by known time."""
        if where is None:
            return None
        if isinstance(where, str):
            if where == "main" or where in self.branches().to_dict()["branch"]:
                return self._at(None, None, None, where)
            return self._at(None, None, where)
        if hasattr(where, "__index__"):
            return self._at(where, None, None)
        return self._at(None, where, None)

    def tag(self, name: str, version: Optional[int] = None, branch: Optional[str] = None) -> None:
        """Names a version (default: the newest, or where ``branch`` stands) for good."""
        where, err = self._at(version, None, None, branch), c.Error()
        c.check(c.lib.feat_tag(self._open_pointer, text(name, "name"), byref(where), byref(err)), err)

    def untag(self, name: str) -> None:
        """Takes a tag away; its version stays, and the name can be given again."""
        err = c.Error()
        c.check(c.lib.feat_untag(self._open_pointer, text(name, "name"), byref(err)), err)

    def tags(self) -> Result:
        """The tags by version and name, with the known times of their versions."""
        return check.stream(lambda out, err: c.lib.feat_tags(self._open_pointer, out, err))

    # ---- branches ----

    def branch(self, name: str, version: Optional[int] = None, at: Any = None, tag: Optional[str] = None, branch: Optional[str] = None) -> None:
        """Begins a branch with a version (default: the newest). It holds what that version holds, by reference, and what is
        written with ``branch=name`` from then on; readers of the main line see nothing of that until it is published. So rows
        can be written, looked at and then published, or thrown away. Definitions belong to no branch: they are the store's."""
        where, err = self._at(version, at, tag, branch), c.Error()
        c.check(c.lib.feat_branch(self._open_pointer, text(name, "name"), byref(where), byref(err)), err)

    def unbranch(self, name: str) -> None:
        """Ends a branch. Its versions can be read by number until a vacuum removes them."""
        err = c.Error()
        c.check(c.lib.feat_unbranch(self._open_pointer, text(name, "name"), byref(err)), err)

    def branches(self) -> Result:
        """The branches: name, the version that each began with, the one where it stands, the time when it was made."""
        return check.stream(lambda out, err: c.lib.feat_branches(self._open_pointer, out, err))

    def publish(self, branch: str, known_at: Any = None, other_tables: bool = False) -> Commit:
        """Makes what a branch holds visible on the main line, as one version; no row is written anew. The branch goes on from
        there. It is a ``ConflictError`` when the main line has commits that the branch does not descend from;
        ``other_tables=True`` allows those of tables that the branch has not changed."""
        opt = c.PublishOptions(size=ctypes.sizeof(c.PublishOptions), other_tables=bool(other_tables))
        opt.known_at = 0 if known_at is None else _time.instant(known_at, "known_at")
        done, err = c.Commit(), c.Error()
        c.check(c.lib.feat_publish(self._open_pointer, text(branch, "branch"), byref(opt), byref(done), byref(err)), err)
        return commit_of(done)

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
        return check.stream(lambda out, err: c.lib.feat_pins(self._open_pointer, out, err))

    def verify(self, since: int = 0, progress: Optional[Callable[[int, int], Any]] = None) -> Verified:
        """Looks through the store for damage: every record, the chain of commits, and all that versions behind ``since``
        are made of, up to the content digests of tables, which are taken from the rows. It says what is wrong and raises
        nothing for it. Readers and writers go on meanwhile."""
        opt = c.VerifyOptions(size=ctypes.sizeof(c.VerifyOptions), since=check.count(since, "since"))
        watch = check.Watch(progress)
        opt.progress = watch.callback
        done, err = c.Verified(), c.Error()

        def fill(stream: Any) -> None:
            watch.check(c.lib.feat_verify(self._open_pointer, byref(opt), stream, byref(done), byref(err)), err)

        rows = Result(fill).to_dict()
        findings = [Finding(*row) for row in zip(*(rows[name] for name in Finding._fields))]
        assert len(findings) == done.findings
        return Verified(done.versions, done.tables, done.segments, done.rows, findings)

    def backup(self, path: Union[str, "os.PathLike[str]"], progress: Optional[Callable[[int, int], Any]] = None) -> None:
        """Copies the store while it is in use: to a directory that does not exist yet or is empty, where it appears when it is
        whole. The copy is a store of its own with all versions, but without the serving state of deployed services."""
        watch, err = check.Watch(progress), c.Error()
        opt = c.BackupOptions(size=ctypes.sizeof(c.BackupOptions), progress=watch.callback)
        watch.check(c.lib.feat_backup(self._open_pointer, os.fsencode(path), byref(opt), byref(err)), err)

    def export(
        self,
        path: Union[str, "os.PathLike[str]"],
        version: Optional[int] = None,
        at: Any = None,
        tag: Optional[str] = None,
        branch: Optional[str] = None,
        progress: Optional[Callable[[int, int], Any]] = None,
    ) -> None:
        """Writes a version (default: the newest) as one file, which does not depend on the machine and which
        ``libfeat.import_store`` makes a store of: definitions and the rows of all tables, not other versions."""
        watch, err, where = check.Watch(progress), c.Error(), self._at(version, at, tag, branch)
        opt = c.ExportOptions(size=ctypes.sizeof(c.ExportOptions), progress=watch.callback)
        watch.check(c.lib.feat_export(self._open_pointer, byref(where), os.fsencode(path), byref(opt), byref(err)), err)

    def compact(self, table: Optional[str] = None) -> Commit:
        """Writes small pieces of a table (default: of every table) anew as larger ones, as one commit that changes no row.
        Writes do so a step at a time as part of their commits; this does all that is left."""
        name = None if table is None else text(table, "table")
        done, err = c.Commit(), c.Error()
        c.check(c.lib.feat_compact(self._open_pointer, name, byref(done), byref(err)), err)
        return commit_of(done)

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


def import_store(file: Union[str, "os.PathLike[str]"], path: Union[str, "os.PathLike[str]"]) -> None:
    """Makes a store of a file that ``Store.export`` wrote, at a path that does not exist yet or is an empty directory. The
    version keeps its number and the digests of its tables. The whole of it is verified before it appears at ``path``."""
    err = c.Error()
    c.check(c.lib.feat_import(os.fsencode(file), os.fsencode(path), byref(err)), err)
