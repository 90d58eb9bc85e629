"""Adds the results of all test runs up and prints `N passed, M failed` as the last line.

    tally.py FOLDER

The folder holds *.json (a line a test, from `meson test`), *.xml (JUnit, from pytest) and `broken`, which names the steps
that did not get as far as running their tests. The status is 0 when something passed and nothing failed."""

import glob
import json
import os
import sys
import xml.etree.ElementTree

# What `meson test` calls a result, and what it is.
MESON = {"OK": "passed", "EXPECTEDFAIL": "passed", "SKIP": "skipped"}


def meson_results(path):
    """(name, outcome) of each test in a log of `meson test`."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.strip():
                test = json.loads(line)
                yield test["name"], MESON.get(test["result"], "failed")


def junit_results(path):
    for case in xml.etree.ElementTree.parse(path).iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        if case.find("failure") is not None or case.find("error") is not None:
            yield name, "failed"
        else:
            yield name, "skipped" if case.find("skipped") is not None else "passed"


def tally(folder):
    """All (run, name, outcome); what cannot be read counts as a failure."""
    results = []
    for path in sorted(glob.glob(os.path.join(folder, "*"))):
        run, suffix = os.path.splitext(os.path.basename(path))
        try:
            if suffix == ".json":
                results += [(run, name, outcome) for name, outcome in meson_results(path)]
            elif suffix == ".xml":
                results += [(run, name, outcome) for name, outcome in junit_results(path)]
            elif run == "broken":
                with open(path, encoding="utf-8") as file:
                    results += [("step", line.strip(), "failed") for line in file if line.strip()]
        except (OSError, ValueError, KeyError, xml.etree.ElementTree.ParseError) as error:
            results.append((run, f"{os.path.basename(path)}: {error}", "failed"))
    return results


def main(folder):
    results = tally(folder)
    count = {"passed": 0, "failed": 0, "skipped": 0}
    for run, name, outcome in results:
        count[outcome] += 1
        if outcome != "passed":
            print(f"{outcome}: {run}: {name}")
    print(f"{count['passed']} passed, {count['failed']} failed")
    return 0 if count["passed"] and not count["failed"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
