"""The count at the end of tests/run counts what it should."""

import json
import os
import subprocess
import sys

import pytest

PLAIN = "".join(json.dumps({"name": name, "result": result}) + "\n" for name, result in [("a", "OK"), ("b", "OK")])
CRASH = json.dumps({"name": "a", "result": "ERROR"}) + "\n" + json.dumps({"name": "b", "result": "TIMEOUT"}) + "\n"
JUNIT = (
    '<testsuites><testsuite><testcase classname="t" name="a"/>'
    '<testcase classname="t" name="b"><failure/></testcase><testcase classname="t" name="c"><error/></testcase>'
    '<testcase classname="t" name="d"><skipped/></testcase></testsuite></testsuites>'
)


@pytest.mark.parametrize(
    "files, line, status",
    [
        ({}, "0 passed, 0 failed", 1),
        ({"plain.json": ""}, "0 passed, 0 failed", 1),
        ({"plain.json": PLAIN}, "2 passed, 0 failed", 0),
        ({"plain.json": PLAIN, "sanitize.json": PLAIN}, "4 passed, 0 failed", 0),
        ({"plain.json": PLAIN, "sanitize.json": CRASH}, "2 passed, 2 failed", 1),
        ({"plain.json": PLAIN, "python.xml": JUNIT}, "3 passed, 2 failed", 1),
        ({"plain.json": PLAIN, "broken": "C tests with sanitizers\n"}, "2 passed, 1 failed", 1),
        ({"plain.json": PLAIN + "{"}, "0 passed, 1 failed", 1),
        ({"plain.json": PLAIN, "python.xml": "<testsuites"}, "2 passed, 1 failed", 1),
    ],
)
def test_tally(root, tmp_path, files, line, status):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    run = subprocess.run(
        [sys.executable, os.path.join(root, "tests", "tally.py"), str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert run.stdout.splitlines()[-1] == line
    assert run.returncode == status
