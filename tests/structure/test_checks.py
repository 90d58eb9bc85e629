"""Each check of this folder finds what it is for: a tree or a snippet that breaks the rule is fed to it."""

import importlib.util
import os
import subprocess

import pytest

import binary
import headers
import source


def put(tree, path, text=""):
    file = tree / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.fixture
def tree(tmp_path):
    """A small source tree that keeps all rules."""
    for folder in source.RANK:
        put(tmp_path, f"lib/{folder}/a.c", f'#include "{folder}/a.h"\n')
        put(tmp_path, f"lib/{folder}/a.h", '#include "base/a.h"\n')
        put(tmp_path, f"lib/{folder}/meson.build", "feat_sources += files('a.c')\n")
    put(tmp_path, "lib/base/alloc.c", "void *feat_alloc(size_t n) { return malloc(n); }\n")
    put(tmp_path, "lib/base/meson.build", "feat_sources += files('a.c', 'alloc.c')\n")
    put(tmp_path, "lib/feat.map", "FEAT_0.1 {\nglobal:\n    feat_version;\nlocal:\n    *;\n};\n")
    put(tmp_path, "include/feat.h", '#include "feat/base.h"\n')
    put(tmp_path, "include/feat/base.h", "FEAT_API const char *feat_version(void);\n")
    put(tmp_path, "include/meson.build", "install_headers('feat.h')\ninstall_headers('feat/base.h', subdir: 'feat')\n")
    for path in ("COPYING", "README.md", "meson.build", ".ci/run", "doc/x", "examples/x", "tests/x"):
        put(tmp_path, path)
    put(tmp_path, "bindings/python/libfeat/a.py")
    put(tmp_path, "bindings/python/meson.build", "install_sources('libfeat/a.py')\n")
    return tmp_path


TREE_CHECKS = [
    source.check_layers,
    source.check_heap,
    source.check_map,
    source.check_installed_headers,
    source.check_built_sources,
    source.check_python_package,
    source.check_top,
]


@pytest.mark.parametrize("check", TREE_CHECKS)
def test_a_good_tree_passes(tree, check):
    assert check(tree) == []


@pytest.mark.parametrize(
    "path, line, reason",
    [
        ("lib/base/a.c", '#include "column/column.h"', "upwards"),
        ("lib/base/a.h", '  #  include "api/handle.h"', "upwards"),
        ("lib/plan/a.c", '#include "exec/exec.h"', "upwards"),
        ("lib/exec/a.c", '#include "store/store.h"', "sideways"),
        ("lib/store/a.c", '#include "exec/exec.h"', "sideways"),
        ("lib/math/a.c", '#include "column/column.h"', "upwards"),
        ("lib/math/a.c", '#include "time/zone.h"', "sideways"),
        ("lib/sql/a.c", '/* why */ \n#include "plan/plan.h"', "upwards"),
        ("lib/sql/a.c", '#include "ast.h"', "relative"),
        ("lib/sql/a.c", '#include "../plan/plan.h"', "names no layer"),
        ("lib/other/a.c", "int x;", "no place"),
        ("include/feat/base.h", '#include "base/alloc.h"', "no public header"),
    ],
)
def test_layers_find(tree, path, line, reason):
    put(tree, path, line + "\n")
    problems = source.check_layers(tree)
    assert len(problems) == 1 and reason in problems[0]


@pytest.mark.parametrize(
    "path, line",
    [
        ("lib/column/a.c", '#include "math/number.h"'),
        ("lib/api/a.c", '#include "feat.h"'),
        ("lib/base/a.c", '// #include "api/handle.h"'),
        ("lib/base/a.c", '/*\n#include "api/handle.h"\n*/'),
        ("lib/base/a.c", "#include <stdlib.h>"),
    ],
)
def test_layers_allow(tree, path, line):
    put(tree, path, line + "\n")
    assert source.check_layers(tree) == []


@pytest.mark.parametrize("name", sorted(source.HEAP))
def test_heap_finds_each_function(tree, name):
    put(tree, "lib/sql/a.c", f"int f(void) {{\n    return x({name} (1));\n}}\n")
    assert source.check_heap(tree) == [f"{os.path.join('lib', 'sql', 'a.c')}:2: calls {name}; use base/alloc.h"]


@pytest.mark.parametrize(
    "line",
    [
        "/* malloc(1) */",
        "// free(p)",
        'const char *s = "malloc(1) \\" free(x)";',
        "feat_free(p); feat_malloc(1); my_strdup(x);",
        "state->free(state); table.free(p); struct { void (*free)(void *); } t;",
    ],
)
def test_heap_ignores(tree, line):
    put(tree, "lib/sql/a.c", line + "\n")
    assert source.check_heap(tree) == []


def test_map_finds_what_is_missing_on_either_side(tree):
    put(tree, "include/feat/base.h", "FEAT_API feat_status\n    feat_open(const char *path);\n/* FEAT_API int feat_no(void); */\n")
    assert source.check_map(tree) == [
        "feat_open: in the headers, not in lib/feat.map",
        "feat_version: in lib/feat.map, not in the headers",
    ]


def test_installed_headers_finds(tree):
    put(tree, "include/feat/new.h")
    assert source.check_installed_headers(tree) == ["feat/new.h: in include/, not in include/meson.build"]


@pytest.mark.parametrize(
    "folder, name", [("lib/exec", "new.c"), ("tests/exec", "test_new.c"), ("tests/fuzz", "fuzz_new.c")]
)
def test_built_sources_finds(tree, folder, name):
    put(tree, f"{folder}/{name}")
    assert source.check_built_sources(tree) == [f"{name}: in {folder}, not in {folder}/meson.build"]


def test_python_package_finds(tree):
    put(tree, "bindings/python/libfeat/b.py")
    assert source.check_python_package(tree) == ["b.py: in bindings/python/libfeat/, not in bindings/python/meson.build"]


def test_built_sources_finds_a_missing_file(tree):
    put(tree, "tests/exec/meson.build", "feat_tests += {'exec/old': files('test_old.c')}\n")
    assert source.check_built_sources(tree) == ["test_old.c: in tests/exec/meson.build, not in tests/exec"]


@pytest.mark.parametrize("path", ["setup.py", "src/a.c", "notes.md"])
def test_top_finds_what_is_too_much(tree, path):
    put(tree, path)
    assert len(source.check_top(tree)) == 1


@pytest.mark.parametrize("path", ["COPYING", ".ci/run"])
def test_top_finds_what_is_missing(tree, path):
    (tree / path).unlink()
    assert len(source.check_top(tree)) == 1


def test_top_allows_build_directories(tree):
    put(tree, "build-asan/x")
    assert source.check_top(tree) == []


@pytest.mark.parametrize(
    "text, languages",
    [
        ("size_t f(void);", ["C11", "C++17"]),  # uses what it does not include
        ("int x = 1;", ["C11", "C++17"]),  # no guard: the second inclusion is a redefinition
        ("#ifndef G\n#define G\nint f();\n#endif", ["C11"]),
        ("#ifndef G\n#define G\nint class_(int class);\n#endif", ["C++17"]),
        ("#ifndef G\n#define G\nstruct s { int n; char a[0]; };\n#endif", ["C11", "C++17"]),
    ],
)
def test_headers_finds(tmp_path, text, languages):
    put(tmp_path, "bad.h", text + "\n")
    found = [language for language in sorted(headers.LANGUAGES) if headers.check_header(str(tmp_path), "bad.h", language)]
    assert sorted(found) == sorted(languages)


def test_examples_finds(root):
    good = "```c\n#include <feat.h>\nint main(void) { return feat_version() == 0; }\n```\n"
    bad = good.replace("feat_version()", "feat_no_such_function()")
    include = os.path.join(root, "include")
    assert headers.check_example(include, good) == []
    assert len(headers.check_example(include, good + bad)) == 1


def compile_library(folder, **sources):
    """An archive and a shared object of C texts, by file name without the suffix."""
    objects = []
    for name, text in sources.items():
        put(folder, f"{name}.c", text)
        objects.append(str(folder / f"{name}.c.o"))
        subprocess.run(
            ["gcc", "-fPIC", "-O1", "-fno-builtin", "-ftls-model=global-dynamic", "-c", str(folder / f"{name}.c"), "-o", objects[-1]], check=True
        )
    archive, library = str(folder / "libx.a"), str(folder / "libx.so")
    subprocess.run(["ar", "rcs", archive, *objects], check=True)
    subprocess.run(["gcc", "-shared", "-o", library, *objects, "-lm"], check=True)
    return archive, library


HARMLESS = """
#include <stdio.h>
#include <math.h>
#include <assert.h>
static const char *const names[] = {"a", "b"};
const char *name(int i) { assert(i >= 0); return names[i]; }
int text(char *out, double x) { return snprintf(out, 9, "%g", sqrt(fabs(x))); }
"""


def test_a_good_library_passes(tmp_path):
    archive, library = compile_library(
        tmp_path,
        base_alloc="#include <stdlib.h>\nstatic _Thread_local int countdown;\nvoid *f(void) { return malloc((size_t)++countdown); }",
        good=HARMLESS,
    )
    assert binary.check_objects(archive) == []
    assert binary.check_imports(library) == []
    assert binary.check_exports(library, {"f", "name", "text"}) == []


@pytest.mark.parametrize(
    "text, word",
    [
        ("#include <stdlib.h>\nvoid *f(void) { return malloc(1); }", "malloc"),
        ("#include <stdlib.h>\nvoid (*const hidden)(void *) = free;", "free"),
        ("#include <string.h>\nchar *f(char *s) { return strdup(s); }", "strdup"),
        ("#include <pthread.h>\nint f(pthread_t *t, void *(*g)(void *)) { return pthread_create(t, 0, g, 0); }", "pthread_create"),
        ("int counter;\nint f(void) { return ++counter; }", "counter"),
        ("static int counter = 5;\nint f(void) { return ++counter; }", "counter"),
        ("int f(void) { static int calls; return ++calls; }", "calls"),
        ("static _Thread_local int depth;\nint f(void) { return ++depth; }", "depth"),
        ("const char *table[] = {\"a\"};\n", "table"),
    ],
)
def test_objects_finds(tmp_path, text, word):
    archive, _ = compile_library(tmp_path, bad=text)
    problems = binary.check_objects(archive)
    assert len(problems) == 1 and word in problems[0]


@pytest.mark.parametrize(
    "text, word",
    [
        ("#include <math.h>\ndouble f(double x) { return exp(x); }", "exp"),
        ("#include <math.h>\nfloat f(float x) { return powf(x, x); }", "powf"),
        ("#include <math.h>\ndouble f(double x) { return round(x); }", "round"),
        ("#include <math.h>\ndouble f(double x) { return ldexp(x, 2); }", "ldexp"),
        ("#include <stdio.h>\nint f(void) { return printf(\"x\"); }", "printf"),
        ("#include <stdio.h>\nint f(void) { return puts(\"x\"); }", "puts"),
        ("#include <stdio.h>\nint f(void) { return fflush(stderr); }", "stderr"),
        ("#include <stdlib.h>\nvoid f(void) { abort(); }", "abort"),
        ("#include <stdlib.h>\nvoid f(void) { exit(1); }", "exit"),
        ("#include <unistd.h>\nvoid f(void) { _exit(1); }", "_exit"),
    ],
)
def test_imports_finds(tmp_path, text, word):
    _, library = compile_library(tmp_path, bad=text)
    problems = binary.check_imports(library)
    assert len(problems) == 1 and f"imports {word}" in problems[0]


def test_exports_finds(tmp_path):
    _, library = compile_library(tmp_path, bad="int feat_a(void) { return 1; }\nint leaked(void) { return 2; }\n")
    assert binary.check_exports(library, {"feat_a", "feat_b"}) == [
        "leaked: in libx.so, not in lib/feat.map",
        "feat_b: in lib/feat.map, not in libx.so",
    ]


@pytest.mark.parametrize(
    "member, name",
    [
        ("build/lib/libfeat.a:base_alloc.c.o", "base/alloc.c"),
        ("libfeat.so.0.1.0.p/base_alloc.c.o", "base/alloc.c"),
        ("libfeat.a[store_env.c.o]", "store/env.c"),
        ("x.a:plan_bind_expr.c.o", "plan/bind_expr.c"),
        ("x.a:my_alloc.c.o", "my_alloc.c"),
        ("x.a:bad.c.o", "bad.c"),
    ],
)
def test_object_names(member, name):
    assert binary.object_name(member) == name


@pytest.fixture
def generate(root):
    spec = importlib.util.spec_from_file_location("generate", os.path.join(root, "doc", "generate.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generate_finds_a_stale_document(generate, tmp_path):
    put(tmp_path, "include/feat/error.def", '/* Codes. */\nFEAT_ERROR(OK, 0, "fine")\nFEAT_ERROR(IO, 7, "the \\"disk\\" "\n  "failed")\n')
    put(tmp_path, "doc/x")
    assert generate.stale(str(tmp_path)) == ["doc/errors.md"]
    generate.write(str(tmp_path))
    assert generate.stale(str(tmp_path)) == []
    text = (tmp_path / "doc" / "errors.md").read_text()
    assert '| 7 | `FEAT_IO` | the "disk" failed |' in text
    put(tmp_path, "include/feat/error.def", 'FEAT_ERROR(OK, 0, "good")\n')
    assert generate.stale(str(tmp_path)) == ["doc/errors.md"]


@pytest.mark.parametrize(
    "text",
    ['FEAT_ERROR(OK, 0)\n', 'FEAT_ERROR(OK, 0, "a", "b")\n', 'FEAT_ERROR(OK, 0, "a"\n', 'FEAT_ERROR(OK 0 "a")\n'],
)
def test_generate_refuses_a_malformed_row(generate, tmp_path, text):
    put(tmp_path, "include/feat/error.def", text)
    with pytest.raises(ValueError):
        generate.documents(str(tmp_path))
