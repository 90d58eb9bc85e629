"""The rules of the source tree hold. test_checks.py shows that each check fails when its rule is broken."""

import os
import subprocess
import sys

import pytest

import binary
import headers
import source

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def passes(problems):
    assert not problems, "\n" + "\n".join(problems)


def test_layers_point_downwards(root):
    passes(source.check_layers(root))


def test_only_alloc_calls_the_heap(root):
    passes(source.check_heap(root))


def test_map_lists_what_the_headers_declare(root):
    passes(source.check_map(root))


def test_every_header_is_installed(root):
    passes(source.check_installed_headers(root))


def test_every_source_is_built(root):
    passes(source.check_built_sources(root))


def test_python_package(root):
    passes(source.check_python_package(root))


def test_top_level_folder(root):
    passes(source.check_top(root))


@pytest.mark.parametrize("language", sorted(headers.LANGUAGES))
@pytest.mark.parametrize("header", source.public_headers(ROOT))
def test_header_stands_alone(root, header, language):
    passes(headers.check_header(os.path.join(root, "include"), header, language))


def test_examples_of_the_readme_compile(root):
    text = source.read(os.path.join(root, "README.md"))
    assert "```c\n" in text
    passes(headers.check_example(os.path.join(root, "include"), text))


def test_objects(build):
    passes(binary.check_objects(os.path.join(build, "lib", "libfeat.a")))


def test_imports(build):
    passes(binary.check_imports(os.path.join(build, "lib", "libfeat.so")))


def test_exports(build, root):
    expected = source.mapped(source.read(os.path.join(root, "lib", "feat.map")))
    passes(binary.check_exports(os.path.join(build, "lib", "libfeat.so"), expected))


def test_generated_documents_are_current(root):
    run = subprocess.run(
        [sys.executable, os.path.join(root, "doc", "generate.py"), "--check"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )
    assert run.returncode == 0, run.stdout
