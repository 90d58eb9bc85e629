#!/usr/bin/env python3
"""Whether every operator gives the same bits whatever compiles it and runs it.

    tests/digest/run.py [--long] [--write] [--keep DIRECTORY]

tests/digest/digest.c is built with parts of lib/ in several ways and must print what digests.txt holds; --write writes that file
anew (from gcc -O2), which a change of an operator's results needs: raise the operator's revision with it.

The short form takes gcc at -O0 and at -O3 for a processor with AVX2 and FMA. --long takes gcc and clang at every level, and gcc for
aarch64 and the big-endian s390x under qemu-user, over ten times as many tuples; as root on Debian it installs what is missing.
"""

import argparse
import concurrent.futures
import glob
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DIGESTS = os.path.join(ROOT, "tests", "digest", "digests.txt")
TUPLES = 4096
LONG_TUPLES = 40960
EXACT = ["-ffp-contract=off", "-fno-fast-math", "-fwrapv", "-fno-math-errno", "-fno-trapping-math"]  # those of meson.build
LEFT_OUT = {"lib/base/codec.c", "lib/base/pack.c"}  # need libraries; what calls them is not linked
EXEC = ["row", "vector", "lanes", "kernel_baseline", "kernel_avx2", "kernel_avx512"]

SHORT = [("gcc", ["-O0"]), ("gcc", ["-O3", "-march=x86-64-v3"])]
LONG = [(compiler, [level, *flags]) for compiler in ("gcc", "clang") for level in ("-O0", "-O1", "-O2", "-O3")
        for flags in ([], ["-march=x86-64-v3"])]
LONG += [("gcc", ["-O2", "-march=x86-64-v4"])]
CROSS = [("aarch64-linux-gnu-gcc", ["-O2", "-static"]), ("s390x-linux-gnu-gcc", ["-O2", "-static", "-fexcess-precision=fast"])]
EMULATORS = {"aarch64-linux-gnu-gcc": "qemu-aarch64-static", "s390x-linux-gnu-gcc": "qemu-s390x-static"}
PACKAGES = ["clang", "gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross", "gcc-s390x-linux-gnu", "libc6-dev-s390x-cross", "qemu-user-static"]


def sources():
    files = ["tests/digest/digest.c", "lib/plan/tables.c"] + [f"lib/exec/{name}.c" for name in EXEC]
    for layer in ("base", "math", "time", "text", "column"):
        files += sorted(os.path.relpath(path, ROOT) for path in glob.glob(f"{ROOT}/lib/{layer}/*.c"))
    return [file for file in files if file not in LEFT_OUT]


def compile_one(job):
    command, source = job
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return source, done.returncode, done.stdout


def headers(directory):
    """xxHash is one header; a cross compiler does not see the system's."""
    shutil.copy("/usr/include/xxhash.h", directory)


def digests(compiler, flags, tuples, directory):
    """What the program prints, or raises with the compiler's words."""
    os.makedirs(directory, exist_ok=True)
    headers(directory)
    common = [compiler, "-std=c11", "-g0", "-w", "-ffunction-sections", *EXACT, *flags, "-D_DEFAULT_SOURCE=1", "-DXXH_INLINE_ALL", "-Ilib", "-Iinclude", "-I" + directory]
    jobs, objects = [], []
    for source in sources():
        made = os.path.join(directory, source.replace("/", "_")[:-2] + ".o")
        objects.append(made)
        jobs.append(([*common, "-c", source, "-o", made], source))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for source, code, text in pool.map(compile_one, jobs):
            if code:
                raise RuntimeError(f"{compiler} {' '.join(flags)} {source}:\n{text}")
    program = os.path.join(directory, "digest")
    subprocess.run([compiler, *flags, "-Wl,--gc-sections", "-o", program, *objects, "-lm"], cwd=ROOT, check=True)
    emulator = [EMULATORS[compiler]] if compiler in EMULATORS else []
    done = subprocess.run([*emulator, program, str(tuples)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{compiler} {' '.join(flags)}: {done.stderr or done.returncode}")
    return done.stdout


def differences(expected, found):
    """The operators whose lines differ."""
    left, right = ({line.split("\t")[0]: line for line in text.splitlines()} for text in (expected, found))
    return sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))


def install():
    missing = [name for name in PACKAGES if subprocess.run(["dpkg", "-s", name], capture_output=True, check=False).returncode]
    if missing:
        environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        subprocess.run(["apt-get", "install", "-q", "-y", "--no-install-recommends", *missing], env=environment, check=True)


def ways(long):
    """The ways to build it on this machine."""
    if not long:
        return SHORT
    wide = open("/proc/cpuinfo", encoding="utf-8").read() if os.path.exists("/proc/cpuinfo") else ""
    return [way for way in LONG if "-march=x86-64-v4" not in way[1] or "avx512f" in wide] + CROSS


def compare(long=False, directory=None):
    """Problems, one a line."""
    problems = []
    with tempfile.TemporaryDirectory() as own:
        directory = directory or own
        if long:
            install()
            expected = digests("gcc", ["-O2"], LONG_TUPLES, os.path.join(directory, "expected"))
        else:
            with open(DIGESTS, encoding="utf-8") as file:
                expected = file.read()
        for compiler, flags in ways(long):
            folder = os.path.join(directory, "-".join([compiler, *flags]).replace("=", ""))
            try:
                found = digests(compiler, flags, LONG_TUPLES if long else TUPLES, folder)
            except (RuntimeError, subprocess.CalledProcessError) as error:
                problems.append(str(error))
                continue
            different = differences(expected, found)
            if different:
                problems.append(f"{compiler} {' '.join(flags)}: other bits of {', '.join(different)}")
            elif long:
                print(f"{compiler} {' '.join(flags)}: equal, {len(expected.splitlines())} operators", flush=True)
    return problems


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--long", action="store_true")
    arguments.add_argument("--write", action="store_true")
    arguments.add_argument("--keep")
    options = arguments.parse_args()
    if options.write:
        with tempfile.TemporaryDirectory() as own:
            text = digests("gcc", ["-O2"], TUPLES, options.keep or own)
        with open(DIGESTS, "w", encoding="utf-8") as file:
            file.write(text)
        return 0
    problems = compare(options.long, options.keep)
    print("\n".join(problems) if problems else "all equal")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
