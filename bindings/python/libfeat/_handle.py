"""What all handles share, and the checks of text arguments."""

from __future__ import annotations

from typing import Any, Callable, Mapping, Optional

from ._errors import ArgumentError


class Handle:
    """An opaque pointer of the library that is closed once and refuses to be used after."""

    _what = "handle"

    def __init__(self, pointer: int, close: Callable[[Any], None]) -> None:
        self._pointer: Optional[int] = pointer
        self._close = close

    @property
    def _open_pointer(self) -> int:
        if self._pointer is None:
            raise ArgumentError(f"this {self._what} is closed")
        return self._pointer

    def close(self) -> None:
        """Closes the handle; doing so again changes nothing."""
        pointer, self._pointer = self._pointer, None
        if pointer is not None:
            self._close(pointer)

    def __del__(self) -> None:
        if getattr(self, "_pointer", None) is not None:
            self.close()

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return self._pointer is None


def text(value: Any, what: str) -> bytes:
    """UTF-8 for a C string: neither a NUL, which would cut it, nor a lone surrogate."""
    if not isinstance(value, str):
        raise ArgumentError(f"{what} must be text, not {type(value).__name__}")
    if "\0" in value:
        raise ArgumentError(f"{what} holds a NUL character")
    try:
        return value.encode("utf-8")
    except UnicodeEncodeError:
        raise ArgumentError(f"{what} holds a lone surrogate and is no Unicode text") from None


def choice(value: Any, table: Mapping[str, int], what: str) -> int:
    """The number of one of a few words."""
    try:
        return table[value]
    except (KeyError, TypeError):
        raise ArgumentError(f"{what}={value!r}: it is one of {', '.join(map(repr, table))}") from None
