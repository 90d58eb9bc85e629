"""The Python declarations against the C headers: every function, enum, status code, size and offset."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest

import libfeat
from libfeat import _capi, _errors

INCLUDE = Path(__file__).resolve().parents[2] / "include"


def header_text() -> str:
    text = "\n".join(p.read_text() for p in sorted((INCLUDE / "feat").glob("*.h")))
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    return re.sub(r"^\s*#.*(?:\\\n.*)*$", " ", text, flags=re.M)


def declarations() -> Dict[str, Tuple[str, List[str]]]:
    """Name -> result and parameter types, as written, of every FEAT_API function."""
    out = {}
    for result, name, parameters in re.findall(r"FEAT_API\s+([\w\s\*]+?)\s*\b(feat_\w+)\s*\(([^;]*)\)\s*;", header_text()):
        listed = [p.strip() for p in parameters.split(",")]
        out[name] = (result.strip(), [] if listed == ["void"] else listed)
    return out


DECLARED = declarations()


def c_kind(declared: str) -> str:
    """int, uint64, pointer, ... of a C type as declared."""
    if "*" in declared or "[" in declared:
        return "pointer"
    words = [w for w in re.sub(r"\bconst\b", "", declared).split()]
    name = "uint64_t" if words[0] == "feat_type" else words[0]
    if name in ("size_t", "uint64_t", "int64_t", "void", "int"):
        return name
    if name.startswith("feat_"):
        return "int"  # an enum
    raise AssertionError(declared)


def python_kind(declared: Any) -> str:
    if declared is None:
        return "void"
    names = {ctypes.c_int: "int", ctypes.c_int64: "int64_t", ctypes.c_uint64: "uint64_t"}
    if declared in (ctypes.c_char_p, ctypes.c_void_p) or hasattr(declared, "contents") or issubclass(declared, ctypes.Array):
        return "pointer"
    return names.get(declared, declared.__name__)


def same_kind(c: str, python: str) -> bool:
    same_width = {"size_t", "uint64_t", "c_ulong"}  # ctypes makes one type of the two
    return c == python or (c in same_width and python in same_width)


def test_headers_are_read() -> None:
    assert len(DECLARED) >= 30
    assert DECLARED["feat_version"] == ("const char *", [])


def test_same_functions() -> None:
    assert sorted(_capi.FUNCTIONS) == sorted(DECLARED)


@pytest.mark.parametrize("name", sorted(DECLARED))
def test_function(name: str) -> None:
    result, parameters = DECLARED[name]
    restype, argtypes = _capi.FUNCTIONS[name]
    assert len(argtypes) == len(parameters), parameters
    assert same_kind(c_kind(result), python_kind(restype)), (result, restype)
    for declared, bound in zip(parameters, argtypes):
        assert same_kind(c_kind(declared), python_kind(bound)), (declared, bound)
    function = getattr(_capi.lib, name)
    assert function.restype is restype and list(function.argtypes) == argtypes


def enums() -> Dict[str, int]:
    out = {}
    for body in re.findall(r"typedef enum \w+\s*\{(.*?)\}", header_text(), flags=re.S):
        out.update({name: int(value) for name, value in re.findall(r"FEAT_(\w+)\s*=\s*(\d+)", body)})
    types = (INCLUDE / "feat" / "type.def").read_text()
    out.update({"TYPE_" + name: int(value) for name, value in re.findall(r"^FEAT_TYPE\((\w+),\s*(\d+)", types, flags=re.M)})
    return out


def test_enums() -> None:
    found = enums()
    assert len(found) > 15
    for name, number in found.items():
        assert getattr(_capi, name) == number, name


def test_every_constant_is_in_a_header() -> None:
    prefixes = ("MODE_", "WRITE_", "CONFLICT_", "AT_", "ON_ERROR_", "DERIVE_", "TYPE_", "VALUE_", "MATCHED_", "NOT_MATCHED_")
    mine = {n: v for n, v in vars(_capi).items() if n.startswith(prefixes)}
    assert mine == enums()


def test_status_codes() -> None:
    table = (INCLUDE / "feat" / "error.def").read_text()
    codes = {int(n): name for name, n in re.findall(r"^FEAT_ERROR\((\w+),\s*(\d+)", table, flags=re.M)}
    assert codes == _errors.CODES
    assert set(_errors.CLASSES) == set(codes.values()) - {"OK"}
    for number, name in codes.items():
        assert _capi.lib.feat_status_name(number) == name.encode()


def test_every_class_is_exported() -> None:
    for cls in set(_errors.CLASSES.values()):
        assert getattr(libfeat, cls.__name__) is cls and issubclass(cls, libfeat.Error)


def test_defaults_of_the_option_structs() -> None:
    """FEAT_X_OPTIONS_INIT begins with the size, which every use here sets."""
    source = "\n".join(p.read_text() for p in (Path(libfeat.__file__).parent).glob("*.py"))
    for struct in ("OpenOptions", "WriteOptions", "At", "ScanOptions", "TrainingOptions", "ReaderOptions", "Request"):
        uses = [u for u in re.findall(rf"c\.{struct}\((.*)", source) if not u.startswith(")")]
        assert uses and all(f"ctypes.sizeof(c.{struct})" in u for u in uses), struct


def test_struct_layout(tmp_path: Path) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        pytest.skip("no C compiler")
    lines = ["#include <stddef.h>", "#include <stdio.h>"]
    lines += [f'#include "feat/{p.name}"' for p in sorted((INCLUDE / "feat").glob("*.h"))]
    lines += ["int main(void) {"]
    want = []
    for name, cls in _capi.STRUCTS.items():
        lines.append(f'printf("%zu\\n", sizeof({name}));')
        want.append((name, ctypes.sizeof(cls)))
        for field, *_ in cls._fields_:  # type: ignore[attr-defined]
            lines.append(f'printf("%zu\\n", offsetof({name}, {field}));')
            want.append((f"{name}.{field}", getattr(cls, field).offset))
    lines += [f'printf("%d\\n", {c});' for c in ("FEAT_DIGEST_SIZE", "FEAT_ERROR_MESSAGE_SIZE")]
    want += [("DIGEST_SIZE", _capi.DIGEST_SIZE), ("ERROR_MESSAGE_SIZE", _capi.ERROR_MESSAGE_SIZE)]
    lines += ["return 0;", "}"]
    source, program = tmp_path / "layout.c", tmp_path / "layout"
    source.write_text("\n".join(lines))
    subprocess.run([compiler, "-std=c11", f"-I{INCLUDE}", str(source), "-o", str(program)], check=True)
    got = [int(n) for n in subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout.split()]
    assert [(name, value) for (name, _), value in zip(want, got)] == want


def test_struct_fields_are_complete() -> None:
    """Every struct that the headers define with a body is bound, with all of its members in order."""
    defined = dict(re.findall(r"typedef struct (feat_\w+)\s*\{(.*?)\}\s*feat_\w+;", header_text(), flags=re.S))
    assert set(defined) == {n for n in _capi.STRUCTS if n.startswith("feat_")}
    for name, body in defined.items():
        flat = re.sub(r"\{[^{}]*\}", "", re.sub(r"\{[^{}]*\}", "", body))  # the members of an inner union are not ours
        members = [m for m in re.findall(r"(\w+)\s*(?:\[\w+\])?\s*;", flat)]
        assert members == [f[0] for f in _capi.STRUCTS[name]._fields_], name  # type: ignore[attr-defined]


def test_versions_agree() -> None:
    base = (INCLUDE / "feat" / "base.h").read_text()
    version = ".".join(re.findall(r"#define FEAT_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", base))
    pyproject = (INCLUDE.parent / "bindings" / "python" / "pyproject.toml").read_text()
    assert libfeat.library_version() == version == libfeat.__version__
    assert f'version = "{version}"' in pyproject
