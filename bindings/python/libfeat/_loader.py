"""Finds and loads the shared library."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
from pathlib import Path
from typing import Iterator, List, Tuple

#: The version of this package, and of the library that it was written for.
VERSION = "0.1.0"

_NAMES = ("libfeat.so.0", "libfeat.so", "libfeat.0.dylib", "libfeat.dylib")


def _candidates() -> Iterator[str]:
    """Where the library may be, best first. An explicit FEAT_LIBRARY excludes every other place."""
    explicit = os.environ.get("FEAT_LIBRARY")
    if explicit:
        yield explicit
        return
    here = Path(__file__).resolve().parent
    for name in _NAMES:
        yield str(here.parent / ".libfeat.mesonpy.libs" / name)  # where the wheel's builder puts shared libraries
        yield str(here / name)
    # A checkout: bindings/python/libfeat/ lies three levels below the root, where the build directories are.
    if len(here.parents) >= 3:
        root = here.parents[2]
        if (root / "include" / "feat").is_dir():
            builds = sorted(root.glob("build*"), key=lambda p: p.stat().st_mtime, reverse=True)
            for build in builds:
                for name in _NAMES:
                    yield str(build / "lib" / name)
                    yield str(build / name)
    found = ctypes.util.find_library("feat")
    if found:
        yield found
    yield from _NAMES


def load() -> Tuple[ctypes.CDLL, str]:
    """The loaded library and the path it came from. ImportError lists everything that was tried."""
    tried: List[str] = []
    for path in _candidates():
        if os.sep in path and not os.path.exists(path):
            tried.append(f"{path}: no such file")
            continue
        try:
            lib = ctypes.CDLL(path)
        except OSError as failure:
            tried.append(f"{path}: {failure}")
            continue
        try:
            function = lib.feat_version
        except AttributeError:
            tried.append(f"{path}: not libfeat (it has no feat_version)")
            continue
        function.restype = ctypes.c_char_p
        function.argtypes = []
        version = function().decode("ascii", "replace")
        # Before 1.0 a minor version may change the ABI.
        if version.split(".")[:2] != VERSION.split(".")[:2]:
            tried.append(f"{path}: version {version}, this package needs {'.'.join(VERSION.split('.')[:2])}.x")
            continue
        return lib, path
    raise ImportError(
        "libfeat's shared library was not found. Build it (meson setup build && meson compile -C build), or set "
        "FEAT_LIBRARY to its path. Tried:\n  " + "\n  ".join(tried)
    )
