"""An installed library is found by pkg-config, and a program can be built with it, shared and static."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = os.environ.get("FEAT_BUILD_DIR") or str(ROOT / "build")


def run(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}"
    return done.stdout.strip()


class Installed:
    """The tree that `meson install` made under a destination, as if that were the root of the file system."""

    def __init__(self, destination):
        run("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", str(destination))
        (self.pc,) = destination.glob("**/pkgconfig/feat.pc")
        self.lib = self.pc.parent.parent
        (self.header,) = destination.glob("**/include/feat.h")
        self.include = self.header.parent
        # Installed with a destination, the file names the final place: pkg-config is told that it moved.
        self.environment = dict(os.environ, PKG_CONFIG_PATH=str(self.pc.parent))

    def pkg_config(self, *options):
        moved = [f"--define-variable=prefix={self.include.parent}"]
        return run("pkg-config", *moved, *options, "feat", env=self.environment).split()


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    return Installed(tmp_path_factory.mktemp("destination"))


def test_files(installed):
    names = {path.relative_to(installed.include).as_posix() for path in installed.include.rglob("*") if path.is_file()}
    source = ROOT / "include"
    public = [path for path in source.rglob("*") if path.suffix in (".h", ".def")]
    assert names == {path.relative_to(source).as_posix() for path in public}
    libraries = {path.name for path in installed.lib.glob("libfeat*")}
    version = "".join(installed.pkg_config("--modversion"))
    assert libraries == {"libfeat.a", "libfeat.so", "libfeat.so.0", f"libfeat.so.{version}"}


def test_shared_needs_only_the_library(installed):
    assert [flag for flag in installed.pkg_config("--libs") if flag.startswith("-l")] == ["-lfeat"]


@pytest.mark.parametrize("language", ["gcc -std=c11", "g++ -std=c++17 -x c++"])
@pytest.mark.parametrize("kind", ["shared", "static"])
def test_program(installed, tmp_path, language, kind):
    static = ["--static"] if kind == "static" else []
    libs = installed.pkg_config("--libs", *static)
    if kind == "static":
        libs = [str(installed.lib / "libfeat.a") if flag == "-lfeat" else flag for flag in libs]
    program = str(tmp_path / "program")
    flags = ["-Wall", "-Wextra", "-Werror", "-pedantic", *installed.pkg_config("--cflags")]
    source = str(ROOT / "tests" / "install" / "program.c")
    run(*language.split(), *flags, source, "-x", "none", "-o", program, *libs)
    version = "".join(installed.pkg_config("--modversion"))
    environment = {"LD_LIBRARY_PATH": str(installed.lib)} if kind == "shared" else {}
    assert run(program, version, env=environment) == f"libfeat {version}"
    needs = run("readelf", "-d", program)
    assert ("libfeat.so.0" in needs) == (kind == "shared")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The Python package installed from this checkout, as a user's pip does it."""
    place = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(place / "site"), str(ROOT / "bindings" / "python"))
    return place / "site"


def test_wheel_holds_the_library(wheel):
    (info,) = wheel.glob("libfeat-*.dist-info/WHEEL")
    assert "Tag: py3-none-linux" in info.read_text()
    assert list(wheel.glob(".libfeat.mesonpy.libs/libfeat.so"))


def test_wheel_works(wheel, tmp_path):
    """With nothing of the checkout in sight."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FEAT_") and k != "PYTHONPATH"}
    code = "import libfeat, sys; store = libfeat.open('s'); store.define('CREATE TABLE t (k BIGINT, x DOUBLE, at TIMESTAMP, ENTITY KEY (k), EVENT TIME (at))'); print(store.version)"
    numpy = run(sys.executable, "-c", "import numpy, pathlib; print(pathlib.Path(numpy.__file__).parents[1])")
    environment["PYTHONPATH"] = os.pathsep.join([str(wheel), numpy])
    assert run(sys.executable, "-c", code, cwd=tmp_path, env=environment) == "0"
