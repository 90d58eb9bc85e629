"""Each public header compiles alone, as C11 and as C++17, without a warning."""

import os
import re
import subprocess
import tempfile

LANGUAGES = {
    "C11": ("gcc", "c", ["-std=c11", "-Wstrict-prototypes"]),
    "C++17": ("g++", "c++", ["-std=c++17"]),
}


def check_header(include, header, language):
    """Includes the header twice, so that its guard is tested too."""
    compiler, name, flags = LANGUAGES[language]
    with tempfile.TemporaryDirectory() as scratch:
        source = os.path.join(scratch, "only.c" if name == "c" else "only.cc")
        with open(source, "w", encoding="utf-8") as file:
            file.write(f'#include "{header}"\n#include "{header}"\n')
        command = [compiler, "-x", name, *flags, "-pedantic", "-Wall", "-Wextra", "-Werror", "-I", include]
        run = subprocess.run([*command, "-fsyntax-only", source], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return [] if run.returncode == 0 else [f"{header} as {language}:\n{run.stdout}"]


def check_example(include, markdown):
    """The C examples of a document compile: text between ```c and ```."""
    problems = []
    for number, example in enumerate(re.findall(r"^```c\n(.*?)^```$", markdown, re.DOTALL | re.MULTILINE), 1):
        command = ["gcc", "-x", "c", "-std=c11", "-pedantic", "-Wall", "-Wextra", "-Werror", "-I", include]
        run = subprocess.run(
            [*command, "-fsyntax-only", "-"], input=example, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if run.returncode:
            problems.append(f"example {number}:\n{run.stdout}")
    return problems
