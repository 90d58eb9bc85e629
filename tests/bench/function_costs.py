"""What each operator and function costs, as a table.

    python tests/bench/function_costs.py [--build BUILD] [--write]

Builds tests/bench/bench_functions.c against BUILD/lib/libfeat.a and prints its table; --write makes it doc/function-costs.md. The arguments
are those of the example in doc/functions.md. Times vary from run to run by a tenth or more: the best of several rounds is shown.
"""

import argparse
import os
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DOCUMENT = os.path.join(ROOT, "doc", "function-costs.md")

HEAD = """# What functions cost

<!-- Written by tests/bench/function_costs.py. Do not edit. -->

Nanoseconds for one operation over the arguments of its example in `functions.md`, on {processor}. *Row* is the machine of one row, which
lookups use: about 5 ns of it are the call and the loop around it. *Lane* is a value of a batch of 1,024, by the plain kernel and by the one
that this processor gets. All three gave the same bits, and none allocates once its scratch memory has grown.

| operator | name | row | lane, plain | lane |
|---|---|---|---|---|
"""


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return "this processor"


def measure(build):
    with tempfile.TemporaryDirectory() as work:
        program = os.path.join(work, "bench")
        subprocess.run(
            ["cc", "-std=c11", "-O2", f"-I{ROOT}/include", f"-I{ROOT}/lib", f"-I{build}/include", "-o", program,
             f"{ROOT}/tests/bench/bench_functions.c", f"{build}/lib/libfeat.a", "-llmdb", "-lzstd", "-lxxhash", "-lmsgpackc", "-lm"],
            check=True,
        )
        return subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True).stdout


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--build", default=os.path.join(ROOT, "build"))
    arguments.add_argument("--write", action="store_true")
    options = arguments.parse_args()
    lines = [line.split("\t") for line in measure(options.build).splitlines()]
    if not options.write:
        print("\n".join("\t".join(line) for line in lines))
        return
    with open(DOCUMENT, "w", encoding="utf-8") as file:
        file.write(HEAD.format(processor=processor()))
        for name, sql, *times in lines:
            fence = "``" if "`" in sql else "`"
            file.write(f"| {name} | {fence}{sql.replace('|', chr(92) + '|')}{fence} | {' | '.join(times)} |\n")


if __name__ == "__main__":
    main()
