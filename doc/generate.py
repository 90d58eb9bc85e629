#!/usr/bin/env python3
"""Writes the reference documents that come from the tables in the source; with --check only says which are stale.

    include/feat/error.def  ->  doc/errors.md
    lib/plan/op.def (and what it includes)  ->  doc/functions.md
    lib/plan/agg.def        ->  doc/aggregates.md
"""

import os
import re
import sys

TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<comment>/\*.*?\*/|//[^\n]*)
      | "(?P<string>(?:\\.|[^"\\\n])*)"
      | (?P<word>[A-Za-z_]\w*|-?\d+)
      | (?P<mark>[(),])
    """,
    re.DOTALL | re.VERBOSE,
)


def tokens(text, path):
    at = 0
    while at < len(text):
        match = TOKEN.match(text, at)
        if not match:
            line = text.count("\n", 0, at) + 1
            raise ValueError(f"{path}:{line}: not understood: {text[at:at + 40]!r}")
        if match.lastgroup != "space":
            yield match.lastgroup, match.group(match.lastgroup), text.count("\n", 0, at) + 1
        at = match.end()


INCLUDE = re.compile(r'^#include "([^"]*)"\n', re.MULTILINE)
DIRECTIVE = re.compile(r"^#(?:.*\\\n)*.*\n", re.MULTILINE)


def read_table(root, path):
    """The text of a table with what it includes in its place, without its macros' definitions."""
    with open(os.path.join(root, path), encoding="utf-8") as file:
        text = file.read()
    head, part = (text[: text.index("*/") + 2], text[text.index("*/") + 2 :]) if text.startswith("/*") else ("", text)
    part = INCLUDE.sub(lambda match: "\n" + read_table(root, os.path.join("lib", match.group(1))), part)
    return head + DIRECTIVE.sub("\n", part)


def parse(text, macros, width, path):
    """The rows `macro(a, b, "c" "d", …)` of a table, each with a number of arguments in `width`, grouped: [(comment, [row, …]), …].

    A group starts at a comment that stands between rows; the comment at the head of the file describes the table."""
    groups = [("", [])]
    rest = list(tokens(text, path))
    head = True
    while rest:
        kind, value, line = rest.pop(0)
        if kind == "comment":
            if not head:
                groups.append((" ".join(value.strip("/* \n").split()), []))
            head = False
            continue
        head = False
        if kind != "word" or value not in macros:
            raise ValueError(f"{path}:{line}: a row of {' or '.join(macros)} is expected, not {value!r}")
        row, argument, depth = [], [], 0
        while True:
            if not rest:
                raise ValueError(f"{path}:{line}: the row does not end")
            kind, value, at = rest.pop(0)
            if kind == "mark" and value == "(":
                depth += 1
            elif kind == "mark":
                if len({part[0] for part in argument}) != 1 or (argument[0][0] == "word" and len(argument) != 1):
                    raise ValueError(f"{path}:{at}: an argument is empty or mixes kinds")
                row.append("".join(part[1] for part in argument))
                argument = []
                if value == ")":
                    break
            elif kind != "comment":
                if depth != 1:
                    raise ValueError(f"{path}:{at}: '(' is expected")
                argument.append((kind, re.sub(r"\\(.)", r"\1", value) if kind == "string" else value))
        if len(row) not in width:
            raise ValueError(f"{path}:{line}: {len(row)} arguments, not {' or '.join(map(str, width))}")
        groups[-1][1].append(row)
    return [group for group in groups if group[1]]


def cell(text):
    return text.replace("|", "\\|")


def code(text):
    """Inline code that may hold a backtick or a bar."""
    fence = "``" if "`" in text else "`"
    return f"{fence}{cell(text)}{fence}"


def table(header, rows):
    yield "| " + " | ".join(header) + " |"
    yield "|" + "---|" * len(header)
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def head(title, source):
    return [f"# {title}", "", f"<!-- Written by doc/generate.py from {source}. Do not edit. -->", ""]


def errors(groups, source):
    out = head("Status codes", source)
    out += ["A number keeps its meaning for ever. `feat_status_name` and `feat_status_text` give the name and the text.", ""]
    rows = [row for _, part in groups for row in part]
    out += table(["number", "name", "meaning"], [(number, f"`FEAT_{name}`", cell(text)) for name, number, text in rows])
    return out


CLASSES = {"B": "BOOLEAN", "I": "BIGINT", "D": "DATE", "S": "TIMESTAMP", "X": "BLOB", "F": "DOUBLE", "T": "TEXT", "W": "DECIMAL", "V": "INTERVAL", "ANY": "any", "SAME": "the argument's"}


def functions(groups, source):
    out = head("Operators and functions", source)
    out += [
        "BIGINT stands for the narrower integers, TIMESTAMP and DATE too where the meaning fits, DOUBLE for REAL, DECIMAL for UBIGINT."
        " Results stay in the range of the narrower type: past it they are errors. An *error* belongs to a value: it becomes NULL with"
        " status error online, and fails a training set unless it is asked to go on.",
        "",
    ]
    for comment, part in groups:
        if comment:
            title, _, rest = comment.partition(".")
            out += [f"## {title}", ""] + ([rest.strip(), ""] if rest.strip() else [])
        rows = []
        for _, sql, _, result, a, b, c, _, _, null, error, meaning, example, value in part:
            types = ", ".join(CLASSES.get(kind, kind) for kind in (a, b, c) if kind != "N")
            rows.append(
                (code(sql), types or "none", CLASSES.get(result, result), cell(meaning), cell(null), cell(error),
                 f"{code(example)} = {code(value)}")
            )
        out += list(table(["name", "arguments", "result", "meaning", "NULL", "error", "example"], rows)) + [""]
    return out[:-1] if out[-1] == "" else out


ALGEBRAS = {
    "GROUP": "exact group",
    "LATTICE": "merge only",
    "ORDER": "canonical order",
    "SCAN": "the window's values",
}

ARGUMENTS = {"NUM": "number", "BITS": "integer", "VECTOR": "vector of REAL or DOUBLE", "ORD": "any with an order", "INT": "constant BIGINT", "QUANTILE": "constant share or list of them",
             "SPAN": "constant INTERVAL", "TEXT": "constant TEXT", "OPTIONAL_INT": "[constant BIGINT]", "OPTIONAL_TEXT": "[constant TEXT]"}
GIVES = {"LIST": "list of the argument's", "SAME_N": "the argument's, or a list", "VECTOR": "vector of DOUBLE", "SAME_EACH": "the argument's, or a list", "F_EACH": "DOUBLE, or a list",
         "COUNTS": "map to BIGINT", "SUMS": "map to sums", "MEANS": "map to DOUBLE"}


def aggregates(groups, source):
    out = head("Aggregates", source)
    out += [
        "An argument that is NULL is not counted; `first` and `last` respect NULLs. *Empty* is the value over no event."
        " No result depends on the order in which events arrive.",
        "",
    ]
    rows, aliases = [], {}
    for _, part in groups:
        for row in part:
            if len(row) == 2:
                aliases.setdefault(row[1], []).append(row[0])
    for _, part in groups:
        for row in part:
            if len(row) == 9:
                _, sql, argument, result, algebra, _, empty, error, meaning = row
                types = CLASSES.get(argument, argument)
            elif len(row) == 13:
                _, sql, first, second, parameter, result, algebra, nulls, _, _, empty, error, meaning = row
                kinds = [ARGUMENTS.get(kind, CLASSES.get(kind, kind)) for kind in (first, second) if kind != "N"]
                types = ", ".join(kinds + ([ARGUMENTS[parameter]] if parameter != "N" else [])) or "none"
                meaning += "; NULLs count" if nulls == "KEEP" else ""
            elif len(row) == 7:
                sql, argument, result, algebra, empty, error, meaning = row
                types = CLASSES.get(argument, argument)
            else:
                continue
            names = ", ".join(code(name) for name in [sql] + aliases.get(sql, []))
            rows.append(
                (names, types, GIVES.get(result, CLASSES.get(result, result)), cell(meaning), code(empty), cell(error),
                 ALGEBRAS.get(algebra, algebra))
            )
    out += table(["name", "argument", "result", "meaning", "empty", "error", "evaluation"], rows)
    return out


# document: (table, macros, arguments of a row, writer)
DOCUMENTS = {
    "doc/errors.md": ("include/feat/error.def", ("FEAT_ERROR",), (3,), errors),
    "doc/functions.md": ("lib/plan/op.def", ("FEAT_OP", "FEAT_FUNCTION"), (14,), functions),
    "doc/aggregates.md": ("lib/plan/agg.def", ("FEAT_AGG", "FEAT_AGG_FUNCTION", "FEAT_AGG_ALIAS", "FEAT_AGG_SHORT"), (9, 13, 2, 7), aggregates),
}


def documents(root):
    """{path: text} of each document whose table is there."""
    out = {}
    for document, (source, macros, width, writer) in DOCUMENTS.items():
        path = os.path.join(root, source)
        if os.path.exists(path):
            out[document] = "\n".join(writer(parse(read_table(root, source), macros, width, source), source)) + "\n"
    return out


def stale(root):
    """Documents that differ from what their table says."""
    names = []
    for document, text in documents(root).items():
        path = os.path.join(root, document)
        try:
            with open(path, encoding="utf-8") as file:
                same = file.read() == text
        except FileNotFoundError:
            same = False
        if not same:
            names.append(document)
    return names


def write(root):
    for document, text in documents(root).items():
        with open(os.path.join(root, document), "w", encoding="utf-8") as file:
            file.write(text)


def main(arguments):
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if arguments == ["--check"]:
        names = stale(root)
        for name in names:
            print(f"{name} is stale: run doc/generate.py")
        return 1 if names else 0
    if arguments:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    write(root)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
