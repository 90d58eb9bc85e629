"""The build backend (PEP 517, PEP 660): one wheel for every Python 3, with the C library inside.

The C sources lie above this directory in a checkout, and under ``source/`` in a source distribution. No file of a wheel
depends on the version of Python, so a general backend, which would tag it with one, is of no help.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

HERE = Path(__file__).resolve().parent
PACKAGE = HERE / "libfeat"
#: What of the checkout the C build needs.
SOURCES = ("meson.build", "include", "lib", "tests", "COPYING")


def _source_root() -> Path:
    for root in (HERE.parent.parent, HERE / "source"):
        if (root / "meson.build").is_file() and (root / "include" / "feat").is_dir():
            return root
    raise SystemExit(f"the C sources of libfeat are neither above {HERE} nor in {HERE / 'source'}")


def _project() -> Dict[str, Any]:
    """The [project] table of pyproject.toml: text and lists of text, read without tomllib, which Python 3.9 lacks."""
    table: Dict[str, Any] = {}
    extras: Dict[str, List[str]] = {}
    section = ""
    for line in (HERE / "pyproject.toml").read_text(encoding="utf-8").splitlines():
        header = re.fullmatch(r"\[(.+)\]", line.strip())
        if header:
            section = header.group(1)
            continue
        entry = re.fullmatch(r"([\w-]+)\s*=\s*(.+)", line.strip())
        if not entry:
            continue
        value: Any = re.findall(r'"([^"]*)"', entry.group(2))
        if section == "project":
            table[entry.group(1)] = value if entry.group(2).startswith("[") else value[0]
        elif section == "project.optional-dependencies":
            extras[entry.group(1)] = value
    table["extras"] = extras
    return table


def _metadata(project: Dict[str, Any]) -> str:
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {project['name']}",
        f"Version: {project['version']}",
        f"Summary: {project['description']}",
        f"License: {project['license']}",
        f"Requires-Python: {project['requires-python']}",
    ]
    lines += [f"Requires-Dist: {d}" for d in project["dependencies"]]
    for extra, needs in project["extras"].items():
        lines.append(f"Provides-Extra: {extra}")
        lines += [f'Requires-Dist: {d} ; extra == "{extra}"' for d in needs]
    lines += ["Description-Content-Type: text/markdown", "", (HERE / project["readme"]).read_text(encoding="utf-8")]
    return "\n".join(lines)


def _run(*command: str) -> None:
    print("+", " ".join(command), flush=True)
    subprocess.run(command, check=True)


def _meson() -> List[str]:
    beside = Path(sys.executable).parent / "meson"
    if beside.exists():
        return [str(beside)]
    found = shutil.which("meson")
    return [found] if found else [sys.executable, "-m", "mesonbuild.mesonmain"]


def _build(directory: Path, options: List[str]) -> Path:
    _run(*_meson(), "setup", str(directory), str(_source_root()), "-Dstrip=true", "-Ddebug=false", *options)
    _run(*_meson(), "compile", "-C", str(directory), "feat:shared_library")
    for path in sorted((directory / "lib").glob("libfeat.so*")) + sorted((directory / "lib").glob("libfeat*.dylib")):
        if path.is_file() and not path.is_symlink():
            return path
    raise SystemExit(f"the build left no shared library in {directory / 'lib'}")


def _library(directory: Path) -> Path:
    """The shared library, with its C dependencies inside where their archives can be linked into it."""
    try:
        return _build(directory / "static", ["-Dprefer_static=true"])
    except subprocess.CalledProcessError:
        print("no archives that can be linked in: the wheel will need the shared libraries of this system", flush=True)
        return _build(directory / "shared", [])


def _tag(platform: bool) -> str:
    return "py3-none-" + (re.sub(r"[-.]", "_", sysconfig.get_platform()) if platform else "any")


def _write_wheel(directory: str, files: Dict[str, bytes], platform: bool) -> str:
    project = _project()
    stem = f"{project['name']}-{project['version']}"
    info = f"{stem}.dist-info"
    files = dict(files)
    files[f"{info}/METADATA"] = _metadata(project).encode("utf-8")
    root_is_pure = "false" if platform else "true"
    files[f"{info}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: wheel_backend\nRoot-Is-Purelib: {root_is_pure}\nTag: {_tag(platform)}\n"
    ).encode()
    files[f"{info}/licenses/COPYING"] = (_source_root() / "COPYING").read_bytes()
    record = io.StringIO()
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        record.write(f"{name},sha256={digest},{len(data)}\n")
    record.write(f"{info}/RECORD,,\n")
    files[f"{info}/RECORD"] = record.getvalue().encode()
    wheel = f"{stem}-{_tag(platform)}.whl"
    with zipfile.ZipFile(os.path.join(directory, wheel), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))  # the same files, the same wheel
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if ".so" in name or ".dylib" in name else 0o644) << 16
            archive.writestr(entry, data)
    return wheel


def _package_files() -> Dict[str, bytes]:
    return {f"libfeat/{p.name}": p.read_bytes() for p in sorted(PACKAGE.iterdir()) if p.suffix == ".py" or p.name == "py.typed"}


# ---- the hooks ---------------------------------------------------------------------------------------------------


def get_requires_for_build_wheel(config_settings: Optional[Dict[str, Any]] = None) -> List[str]:
    return []


get_requires_for_build_editable = get_requires_for_build_wheel
get_requires_for_build_sdist = get_requires_for_build_wheel


def build_wheel(wheel_directory: str, config_settings: Any = None, metadata_directory: Any = None) -> str:
    with tempfile.TemporaryDirectory(prefix="libfeat-build-") as temporary:
        library = _library(Path(temporary))
        name = "libfeat.dylib" if library.suffix == ".dylib" else "libfeat.so.0"
        files = _package_files()
        files[f"libfeat/{name}"] = library.read_bytes()
        return _write_wheel(wheel_directory, files, platform=True)


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: Any = None) -> str:
    """Spares the front end a build that only asks for the metadata."""
    project = _project()
    info = f"{project['name']}-{project['version']}.dist-info"
    directory = Path(metadata_directory) / info
    directory.mkdir(parents=True)
    (directory / "METADATA").write_text(_metadata(project), encoding="utf-8")
    return info


prepare_metadata_for_build_editable = prepare_metadata_for_build_wheel


def build_editable(wheel_directory: str, config_settings: Any = None, metadata_directory: Any = None) -> str:
    """Points at the sources; the library is taken from the checkout's build directory, as when running from it."""
    return _write_wheel(wheel_directory, {"libfeat.pth": f"{HERE}\n".encode()}, platform=False)


def _sdist_entry(entry: tarfile.TarInfo) -> Optional[tarfile.TarInfo]:
    if Path(entry.name).name in ("__pycache__", ".pytest_cache"):
        return None
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def build_sdist(sdist_directory: str, config_settings: Any = None) -> str:
    project = _project()
    stem = f"{project['name']}-{project['version']}"
    root = _source_root()
    here: List[Tuple[Path, str]] = [(HERE / n, n) for n in ("pyproject.toml", "README.md", "wheel_backend.py", "libfeat")]
    above = [(root / n, f"source/{n}") for n in SOURCES]
    with tarfile.open(os.path.join(sdist_directory, f"{stem}.tar.gz"), "w:gz", format=tarfile.PAX_FORMAT) as archive:
        for path, name in here + above:
            archive.add(path, f"{stem}/{name}", filter=_sdist_entry)
        data = _metadata(project).encode("utf-8")
        entry = tarfile.TarInfo(f"{stem}/PKG-INFO")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return f"{stem}.tar.gz"
