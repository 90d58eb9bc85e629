"""Checks of arguments that several modules make, and the callback of long calls."""

from __future__ import annotations

import ctypes
from typing import Any, Callable, Optional

from . import _capi as c
from ._errors import ArgumentError
from .result import Result

ON_ERROR = {"fail": c.ON_ERROR_FAIL, "null": c.ON_ERROR_NULL}


def service_version(number: Optional[int]) -> int:
    if number is None:
        return 0
    if isinstance(number, bool) or not hasattr(number, "__index__") or not 1 <= int(number) < 2**32:
        raise ArgumentError(f"service_version={number!r}: a version of a definition is a whole number from 1")
    return int(number)


def count(number: Any, what: str) -> int:
    if isinstance(number, bool) or not hasattr(number, "__index__") or not 0 <= int(number) < 2**64:
        raise ArgumentError(f"{what}={number!r}: a whole number from 0")
    return int(number)


def threads(number: int) -> int:
    if isinstance(number, bool) or not hasattr(number, "__index__") or not 0 <= int(number) <= 4096:
        raise ArgumentError(f"threads={number!r}: a whole number from 0 (one for each processor) to 4,096")
    return int(number)


def memory(size: Optional[int]) -> int:
    if size is None:
        return 0
    if isinstance(size, bool) or not hasattr(size, "__index__") or not 1 <= int(size) < 2**63:
        raise ArgumentError(f"memory={size!r}: a number of bytes, or None")
    return int(size)


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


def stream(call: Callable[[Any, Any], int]) -> Result:
    """The result of a function of the library that fills a stream: ``call(stream, err)``. It is called once here, so that
    what is wrong with its arguments is raised now, and again for each read."""

    def fill(out: Any) -> None:
        err = c.Error()
        c.check(call(out, ctypes.byref(err)), err)

    result = Result(fill)
    result._head()
    return result
