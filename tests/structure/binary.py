"""Checks of what the compiler made. Each function returns a list of problems; the parsing is apart from running nm."""

import os
import re
import subprocess

from source import HEAP, RANK, compare

# IEEE fixes the result of these to the bit; of every other function of libm it leaves the last bits open.
MATH_ALLOWED = {
    name + suffix
    for name in ("sqrt", "floor", "ceil", "trunc", "rint", "fabs", "copysign", "fma")
    for suffix in ("", "f")
}

# A library neither prints nor ends its host's process. (__assert_fail is the one exception: a defect of ours.)
NEVER = re.compile(
    r"^(_?_?exit|_Exit|quick_exit|abort|raise|kill"
    r"|_?_?v?f?printf(_chk)?|_?_?v?dprintf(_chk)?|puts|fputs|putc|fputc|_IO_putc|putchar|fwrite|write|perror|psignal"
    r"|v?errx?|v?warnx?|error|error_at_line|v?syslog|_?_?v?syslog_chk"
    r"|stdout|stderr|stdin|system|popen|fork|vfork|execv\w*|execl\w*"
    r"|thrd_create|setlocale|uselocale|setenv|unsetenv|putenv|signal|sigaction|srand|rand|random)$"
)

# Writable data is hidden state. (object, symbol): why it may be there.
WRITABLE_ALLOWED = {
    ("base/alloc.c", "countdown"): "per thread; counts allocations down in tests, 0 otherwise",
}
# All writable data of these objects is allowed, and why.
WRITABLE_ALLOWED_OBJECTS = {
    "store/env.c": "LMDB forbids opening an environment twice in a process, so a registry of open ones must be the process's",
}

# Constants that hold addresses are written once by the loader and are read-only from then on.
READ_ONLY_SECTIONS = (".data.rel.ro", ".rodata", ".text", ".init_array", ".fini_array", ".tm_clone_table")


def nm(*arguments):
    return subprocess.run(["nm", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


def object_name(member):
    """The source of an archive's member: 'lib/libfeat.a:base_alloc.c.o' is 'base/alloc.c'."""
    name = re.split(r"[/:\[]", member.rstrip("]"))[-1]
    name = re.sub(r"\.o$", "", name)
    folder, _, rest = name.partition("_")
    return f"{folder}/{rest}" if folder in RANK and rest else name


def parse_undefined(text):
    """(object, symbol) of each undefined symbol in the output of `nm -A --undefined-only`."""
    for line in text.splitlines():
        match = re.match(r"^(.*):\s+[Uwv] (\S+)$", line)
        if match:
            yield match.group(1), match.group(2).split("@")[0]


def parse_sections(text):
    """(object, symbol, class, section) in the output of `nm -f sysv`."""
    member = ""
    for line in text.splitlines():
        head = re.match(r"^Symbols from (.*):$", line)
        if head:
            member = head.group(1)
        fields = [field.strip() for field in line.split("|")]
        if len(fields) == 7 and fields[0] != "Name":
            yield member, fields[0], fields[2], fields[6]


def heap_problems(undefined):
    return [
        f"{member}: refers to {symbol}"
        for member, symbol in undefined
        if (symbol in HEAP and object_name(member) != "base/alloc.c")
        or (symbol == "pthread_create" and object_name(member) != "base/parallel.c")
    ]


def writable_problems(symbols):
    problems = []
    for member, symbol, kind, section in symbols:
        if kind not in "bBdDsSgGC" or section.startswith(READ_ONLY_SECTIONS):
            continue
        source = object_name(member)
        name = symbol.split(".")[0]  # gcc writes the static `x` of a function as `x.0`
        if (source, name) not in WRITABLE_ALLOWED and source not in WRITABLE_ALLOWED_OBJECTS:
            problems.append(f"{member}: {symbol} is writable ({section})")
    return problems


def import_problems(imports, libm):
    """`imports` of the shared object, and all that `libm` exports."""
    problems = [f"imports {name} of libm" for name in sorted(imports) if name in libm and name not in MATH_ALLOWED]
    return problems + [f"imports {name}" for name in sorted(imports) if NEVER.match(name)]


def check_objects(archive):
    return heap_problems(parse_undefined(nm("-A", "--undefined-only", archive))) + writable_problems(
        parse_sections(nm("-f", "sysv", "--defined-only", archive))
    )


def dynamic(path, which):
    """Names in the dynamic symbol table, without versions. The node of the map is itself an absolute symbol: left out."""
    names = set()
    for line in nm("-D", which, path).splitlines():
        fields = line.split()
        if len(fields) >= 2 and fields[-2] != "A":
            names.add(fields[-1].split("@")[0])
    return names


def libm_exports():
    path = subprocess.run(
        ["gcc", "-print-file-name=libm.so.6"], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()
    if not os.path.isabs(path):
        raise RuntimeError("gcc does not know where libm.so.6 is")
    return dynamic(path, "--defined-only")


def check_imports(library):
    return import_problems(dynamic(library, "--undefined-only"), libm_exports())


def check_exports(library, expected):
    return compare(dynamic(library, "--defined-only"), os.path.basename(library), expected, "lib/feat.map")
