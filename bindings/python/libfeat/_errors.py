"""Errors: one class for each kind of status code, the C message as the message."""

from __future__ import annotations

from typing import Dict, Optional, Type


class Error(Exception):
    """What every failure of libfeat is.

    ``code`` is the name of the status code (``"NOT_FOUND"``); ``line`` and ``column`` (both from 1) are the place in a
    SQL text, ``row`` (from 0) is the row of the input; each is None when the failure has no such place.
    """

    def __init__(
        self,
        message: str,
        code: str = "ARGUMENT",
        line: Optional[int] = None,
        column: Optional[int] = None,
        row: Optional[int] = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.line = line
        self.column = column
        self.row = row


class ArgumentError(Error, ValueError):
    """An argument of the call is wrong, or a closed handle was used."""


class DefinitionError(Error):
    """The SQL text is not well formed, or means nothing valid."""


class SchemaError(Error):
    """The columns or types of the data do not fit the table or the request."""


class ConstraintError(Error):
    """Rows break a constraint of the table: NOT NULL, UNIQUE, or a value out of range."""


class DataError(Error):
    """A value of a feature is an error and the call was asked to fail on it, or a condition on rows is an error for one."""


class NotFoundError(Error, LookupError):
    """The named table, view, service, version, tag or deployment does not exist."""


class ExistsError(Error):
    """The name is taken."""


class BusyError(Error):
    """Another writer holds the store."""


class ReadOnlyError(Error):
    """The store was opened for reading, or its directory cannot be written."""


class FormatError(Error):
    """The path is no store, or a store of another format version."""


class CorruptionError(Error):
    """Stored bytes fail their checksum or their structure."""


class StorageError(Error, OSError):
    """The operating system refused a read, a write or a sync."""


class CancelledError(Error):
    """A callback or an input stream stopped the work."""


class LimitError(Error):
    """A documented limit was reached."""


class ForkedError(Error):
    """A handle was used in a child process after fork."""


class EnvironmentFault(Error):
    """The floating-point environment is not the IEEE default."""


class InternalError(Error):
    """A defect of libfeat."""


class UnsupportedError(Error):
    """This version of the library does not do what was asked for."""


class ConflictError(Error):
    """The table was changed behind the version that the call expects."""


class OutOfMemory(Error, MemoryError):
    """An allocation failed."""


CODES: Dict[int, str] = {
    0: "OK",
    1: "MEMORY",
    2: "ARGUMENT",
    3: "SYNTAX",
    4: "DEFINITION",
    5: "SCHEMA",
    6: "CONSTRAINT",
    7: "DATA",
    8: "NOT_FOUND",
    9: "EXISTS",
    10: "BUSY",
    11: "READ_ONLY",
    12: "FORMAT",
    13: "CORRUPT",
    14: "IO",
    15: "CANCELLED",
    16: "LIMIT",
    17: "FORKED",
    18: "ENVIRONMENT",
    19: "INTERNAL",
    20: "UNSUPPORTED",
    21: "CONFLICT",
}

CLASSES: Dict[str, Type[Error]] = {
    "MEMORY": OutOfMemory,
    "ARGUMENT": ArgumentError,
    "SYNTAX": DefinitionError,
    "DEFINITION": DefinitionError,
    "SCHEMA": SchemaError,
    "CONSTRAINT": ConstraintError,
    "DATA": DataError,
    "NOT_FOUND": NotFoundError,
    "EXISTS": ExistsError,
    "BUSY": BusyError,
    "READ_ONLY": ReadOnlyError,
    "FORMAT": FormatError,
    "CORRUPT": CorruptionError,
    "IO": StorageError,
    "CANCELLED": CancelledError,
    "LIMIT": LimitError,
    "FORKED": ForkedError,
    "ENVIRONMENT": EnvironmentFault,
    "INTERNAL": InternalError,
    "UNSUPPORTED": UnsupportedError,
    "CONFLICT": ConflictError,
}


def make(
    number: int,
    message: str,
    line: Optional[int] = None,
    column: Optional[int] = None,
    row: Optional[int] = None,
) -> Error:
    """The exception for a status number."""
    code = CODES.get(number, "UNKNOWN")
    return CLASSES.get(code, Error)(message or code, code, line, column, row)
