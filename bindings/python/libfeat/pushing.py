"""Data in, a few rows at a time: durable without a commit each."""

from __future__ import annotations

import ctypes
from ctypes import byref
from typing import Any, NamedTuple, Optional

from . import _arrow, _time
from . import _capi as c
from . import _checks as check
from ._errors import ArgumentError
from ._handle import choice, text
from .reader import Position
from .writing import Commit, commit_of

_CONFLICT = {"skip_identical": c.CONFLICT_SKIP_IDENTICAL, "error": c.CONFLICT_ERROR, "ignore": c.CONFLICT_IGNORE}
_FOLD_BYTES = 1 << 20


class Pushed(NamedTuple):
    """What a push did."""

    position: Position  #: of its last row
    rows_added: int
    rows_skipped: int  #: rows equal to another of the same key, or ignored


def _is_row(data: Any) -> bool:
    return isinstance(data, dict) and all(isinstance(v, (str, bytes, dict)) or not hasattr(v, "__len__") for v in data.values())


class Pushing:
    """The part of a store that takes single events."""

    @property
    def _open_pointer(self) -> int:
        raise NotImplementedError

    def push(
        self,
        table: str,
        data: Any,
        on_conflict: str = "skip_identical",
        known_at: Any = None,
        fold_bytes: Optional[int] = None,
    ) -> Pushed:
        """Adds rows to a table without a commit: one as a dict of values, or more as data in the ways of ``append``, which
        they are checked like. They are durable, and seen by new snapshots of the newest version, after ``flush``.

        ``on_conflict`` is ``"skip_identical"``, ``"error"`` or ``"ignore"``, for rows that are stored and for those that
        were pushed. When the log of pushed rows has reached ``fold_bytes`` (1 MiB), this push makes them a version."""
        opt = c.PushOptions(size=ctypes.sizeof(c.PushOptions))
        opt.on_conflict = choice(on_conflict, _CONFLICT, "on_conflict")
        opt.known_at = 0 if known_at is None else _time.instant(known_at, "known_at")
        opt.fold_bytes = _FOLD_BYTES if fold_bytes is None else check.count(fold_bytes, "fold_bytes")
        if isinstance(data, dict) and not data:
            raise ArgumentError("a row needs values")
        name, done, err = text(table, "table"), c.Pushed(), c.Error()
        rows = _arrow.source([data] if _is_row(data) else data)
        c.check(c.lib.feat_push(self._open_pointer, name, rows.pointer, byref(opt), byref(done), byref(err)), err)
        return Pushed(Position(done.position.version, done.position.sequence), done.rows_added, done.rows_skipped)

    def flush(self) -> Position:
        """Makes all that was pushed durable with one sync; the position of the last durable row."""
        position, err = c.Position(), c.Error()
        c.check(c.lib.feat_flush(self._open_pointer, byref(position), byref(err)), err)
        return Position(position.version, position.sequence)

    def fold(self) -> Commit:
        """Makes all that was pushed one version; with nothing pushed none is made."""
        done, err = c.Commit(), c.Error()
        c.check(c.lib.feat_fold(self._open_pointer, byref(done), byref(err)), err)
        return commit_of(done)
