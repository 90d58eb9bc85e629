"""Checks of the source text. Each function returns a list of problems, one line each; an empty list is a pass."""

import os
import re

# Layers point downwards. Two folders of one rank do not know each other.
RANK = {
    "base": 0,
    "math": 1,
    "time": 1,
    "text": 2,
    "column": 3,
    "sql": 4,
    "plan": 5,
    "exec": 6,
    "store": 6,
    "online": 7,
    "engine": 8,
    "api": 9,
}

# The C library's functions that hand out or take back heap memory. Only lib/base/alloc.c may use them.
HEAP = {
    "aligned_alloc",
    "asprintf",
    "calloc",
    "free",
    "getdelim",
    "getline",
    "malloc",
    "memalign",
    "open_memstream",
    "posix_memalign",
    "realloc",
    "reallocarray",
    "strdup",
    "strndup",
    "valloc",
    "vasprintf",
    "wcsdup",
}

_NOISE = re.compile(
    r"""//[^\n]*            # a line comment
      | /\*.*?\*/           # a block comment
      | "(?:\\.|[^"\\\n])*" # a string
      | '(?:\\.|[^'\\\n])*' # a character
    """,
    re.DOTALL | re.VERBOSE,
)


def strip(text, strings=True):
    """The text without comments (and without the insides of strings), line numbers kept."""

    def blank(match):
        found = match.group(0)
        if found[0] in "\"'":
            return found if not strings else found[0] * 2
        return " " + "\n" * found.count("\n")

    return _NOISE.sub(blank, text)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def lib_files(root):
    """(folder, path) of each C file under lib/."""
    for folder in sorted(os.listdir(os.path.join(root, "lib"))):
        directory = os.path.join(root, "lib", folder)
        if os.path.isdir(directory):
            for name in sorted(os.listdir(directory)):
                if name.endswith((".c", ".h", ".def")):
                    yield folder, os.path.join(directory, name)


def public_headers(root):
    """Paths below include/ of the public headers."""
    return ["feat.h"] + sorted(
        "feat/" + name for name in os.listdir(os.path.join(root, "include", "feat")) if name.endswith(".h")
    )


def layer_problem(folder, target):
    """Why a file of lib/`folder` may not include `target`, or None."""
    if target == "feat.h" or target.startswith("feat/"):
        return None
    if "/" not in target:
        return "is not written relative to lib/ or include/"
    to = target.split("/")[0]
    if to not in RANK:
        return "names no layer"
    if to == folder or RANK[to] < RANK[folder]:
        return None
    return "points upwards" if RANK[to] > RANK[folder] else "points sideways"


def check_layers(root):
    problems = []
    for folder, path in lib_files(root):
        where = os.path.relpath(path, root)
        if folder not in RANK:
            problems.append(f"{where}: lib/{folder} has no place in the layers")
            continue
        text = strip(read(path), strings=False)
        for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*"([^"]*)"', text, re.MULTILINE):
            reason = layer_problem(folder, match.group(1))
            if reason:
                line = text.count("\n", 0, match.start()) + 1
                problems.append(f'{where}:{line}: #include "{match.group(1)}" {reason}')
    for header in public_headers(root):
        text = strip(read(os.path.join(root, "include", header)), strings=False)
        for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*"([^"]*)"', text, re.MULTILINE):
            if not match.group(1).startswith("feat/"):
                problems.append(f'include/{header}: #include "{match.group(1)}" is no public header')
    return problems


def heap_calls(text):
    """(line, name) of each call of a heap function in a C text. Members of that name are somebody else's."""
    text = strip(text)
    names = "|".join(sorted(HEAP, key=len, reverse=True))
    for match in re.finditer(rf"(?<![\w.])(?<!->)\b({names})\b\s*\(", text):
        yield text.count("\n", 0, match.start()) + 1, match.group(1)


def check_heap(root):
    problems = []
    for _, path in lib_files(root):
        where = os.path.relpath(path, root)
        if where != os.path.join("lib", "base", "alloc.c"):
            problems += [f"{where}:{line}: calls {name}; use base/alloc.h" for line, name in heap_calls(read(path))]
    return problems


def declared(headers):
    """Names of the functions that header texts declare with FEAT_API."""
    names = set()
    for text in headers:
        for match in re.finditer(r"\bFEAT_API\b([^;{]*);", strip(text)):
            name = re.search(r"\b(feat_\w+)\s*\(", match.group(1))
            if name:
                names.add(name.group(1))
    return names


def mapped(text):
    """Names that a linker's version script makes global."""
    names = set()
    for section in re.findall(r"global:(.*?)(?:local:|\})", strip(text), re.DOTALL):
        names |= {name.strip() for name in section.split(";") if name.strip()}
    return names


def compare(left, left_name, right, right_name):
    return [f"{name}: in {left_name}, not in {right_name}" for name in sorted(left - right)] + [
        f"{name}: in {right_name}, not in {left_name}" for name in sorted(right - left)
    ]


def check_map(root):
    headers = [read(os.path.join(root, "include", header)) for header in public_headers(root)]
    return compare(
        declared(headers), "the headers", mapped(read(os.path.join(root, "lib", "feat.map"))), "lib/feat.map"
    )


def check_installed_headers(root):
    """include/meson.build lists each public header and table."""
    listed = set(re.findall(r"'((?:feat/)?[\w]+\.(?:h|def))'", read(os.path.join(root, "include", "meson.build"))))
    present = {"feat.h"} | {"feat/" + name for name in os.listdir(os.path.join(root, "include", "feat"))}
    return compare(present, "include/", listed, "include/meson.build")


def check_python_package(root):
    """bindings/python/meson.build lists each module: a wheel has no other."""
    folder = os.path.join(root, "bindings", "python")
    listed = set(re.findall(r"'libfeat/(\w+\.py)'", read(os.path.join(folder, "meson.build"))))
    present = {name for name in os.listdir(os.path.join(folder, "libfeat")) if name.endswith(".py")}
    return compare(present, "bindings/python/libfeat/", listed, "bindings/python/meson.build")


def unlisted(root, directory, prefix=""):
    """Differences between the .c files (whose name starts so) of a folder and those that its meson.build names."""
    folder = os.path.join(root, directory)
    if not os.path.isdir(folder):
        return [f"{directory}: missing"]
    build = os.path.join(folder, "meson.build")
    present = {name for name in os.listdir(folder) if name.endswith(".c") and name.startswith(prefix)}
    listed = set(re.findall(r"'([\w-]+\.c)'", read(build))) if os.path.exists(build) else set()
    listed = {name for name in listed if name.startswith(prefix)}
    return compare(present, directory, listed, f"{directory}/meson.build")


def check_built_sources(root):
    """What no meson.build lists would be neither built nor tested."""
    problems = []
    for folder in sorted(RANK):
        problems += unlisted(root, f"lib/{folder}")
    for folder in sorted(os.listdir(os.path.join(root, "tests"))):
        if os.path.isdir(os.path.join(root, "tests", folder)):
            problems += unlisted(root, f"tests/{folder}", "fuzz_" if folder == "fuzz" else "test_")
    return problems


FOLDERS = {"bindings", "doc", "examples", "include", "lib", "tests"}
FILES = {"COPYING", "README.md", "meson.build"}


def check_top(root):
    """The top-level folder holds what the architecture names, dot files, and build directories that git ignores."""
    entries = {name for name in os.listdir(root) if not name.startswith(".") and not name.startswith("build")}
    problems = compare(entries, "the top-level folder", FOLDERS | FILES, "the architecture")
    problems += [f"{name}: not a folder" for name in sorted(FOLDERS & entries) if not os.path.isdir(os.path.join(root, name))]
    if not os.path.exists(os.path.join(root, ".ci", "run")):
        problems.append(".ci/run: missing")
    return problems
