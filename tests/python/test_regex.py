"""Regular expressions beside RE2 itself, on random patterns and texts: the same refusals, matches, groups and replacements.

The one that is asked is tests/text/regex_driver.c; what SQL makes of it is in tests/functions/regex.tsv.
"""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

import pytest

re2 = pytest.importorskip("re2")

DRIVER = Path(os.environ["FEAT_LIBRARY"]).resolve().parents[1] / "tests" / "regex-driver"
MANY = 60000 if os.environ.get("FEAT_TEST_LONG") else 6000
Question = Tuple[str, str, str, str, str]

ATOMS = [
    *"abcxyzABK01_ -.^$", "é", "k", "ß", "\u212a", "Σ", "я", "𝒳", "\n", "a", "b", "ab", "(a|b)", "(?:ab)", "[ab]", "[^a]", "[a-c]",
    "[^a-c]", "[[:alpha:]]", "[[:^digit:]]", "[\\d_]", "[^\\w]", "\\d", "\\w", "\\s", "\\D", "\\W", "\\S", "\\b", "\\B", "\\A", "\\z", "\\n",
    "\\x61", "\\x{e9}", "\\Qa.b\\E", "\\pL", "\\p{Lu}", "\\PL", "\\p{^Ll}", "\\p{Greek}", "\\pN", "\\.", "\\*", "\\141", "[]a]", "[a\\]]",
    "[-a]", "[a-]", "[^-]", "[k]", "[^k]", "[Σ-ω]", "()", "(?i)", "(?s)", "(?m)", "(?U)", "(?-i)", "(?i:k)", "(?P<n>a)", "(?:)", "{", "}", "]",
]
OPERATORS = ["*", "+", "?", "*?", "+?", "??", "{2}", "{0,2}", "{1,}", "{0}", "{2,3}?", "{,2}", "{0,1}"]
PIECES = [*"aaabbbcxyzABCKk01_ -.\n", "é", "É", "ß", "ẞ", "\u212a", "σ", "ς", "Σ", "я", "Я", "𝒳", "ſ", "ab", "a.b"]
NOISE = list("ab()[]{}|*+?\\^$.-,12:=!<>PpLQEizd ")


def pattern(rng: random.Random, depth: int = 0) -> str:
    out = []
    for _ in range(rng.randrange(1, 5)):
        roll = rng.random()
        if depth < 3 and roll < 0.25:
            out.append(rng.choice(["(", "(", "(?:", "(?i:"]) + pattern(rng, depth + 1) + ")")
        else:
            out.append(rng.choice(ATOMS))
        if rng.random() < 0.4:
            out.append(rng.choice(OPERATORS))
        if rng.random() < 0.15:
            out.append("|")
    return "".join(out)


def text(rng: random.Random) -> str:
    return "".join(rng.choice(PIECES) for _ in range(rng.randrange(0, 14)))


def question(rng: random.Random, kind: str, letters: str, times: int = 1) -> Question:
    p, t = pattern(rng), "".join(text(rng) for _ in range(times))
    if "\\B" in p:  # RE2's \\B is also true between two bytes of one code point; ours is not
        t = t.encode("ascii", "ignore").decode()
    return kind, p, letters, t, ""


def code(value: str) -> str:
    return value.encode().hex() or "-"


def ask(questions: Sequence[Question]) -> List[str]:
    lines = "".join(f"{kind} {code(p)} {code(o)} {code(t)} {code(r)}\n" for kind, p, o, t, r in questions)
    done = subprocess.run([str(DRIVER)], input=lines, capture_output=True, text=True, check=True)
    return done.stdout.rstrip("\n").split("\n")


def options_of(letters: str):
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = "i" not in letters
    options.dot_nl = "s" in letters
    options.literal = "l" in letters
    return options


def expected(question: Question) -> Optional[str]:
    kind, p, letters, t, r = question
    try:
        compiled = re2.compile(p, options_of(letters))
    except re2.error:
        return None
    if kind == "r":
        found = compiled.sub(lambda m: re_expand(r, m), t, count=0 if "g" in letters else 1)
        return "r" + found.encode().hex()
    match = compiled.fullmatch(t) if kind == "w" else compiled.search(t)
    if match is None:
        return "0"
    if kind == "w":
        return "1"
    out = ["1"]
    for group in range(compiled.groups + 1):
        for place in match.span(group):
            out.append(str(len(t[:place].encode()) if place >= 0 else -1))
    return " ".join(out)


def re_expand(replacement: str, match) -> str:
    return replacement.replace("\\0", match.group(0))


def compare(questions: Sequence[Question]) -> None:
    wrong = []
    refused = 0
    for question, answer in zip(questions, ask(questions)):
        want = expected(question)
        refused += want is None
        if want is None:
            if not answer.startswith("refused"):
                wrong.append(f"{question!r}: RE2 refuses it, got {answer}")
        elif answer != want:
            wrong.append(f"{question!r}: {answer}, not {want}")
    assert not wrong, f"{len(wrong)} of {len(questions)}:\n" + "\n".join(wrong[:12])
    assert refused < len(questions) // 2


@pytest.mark.parametrize("letters", ["", "i", "s"])
def test_search(letters: str) -> None:
    rng = random.Random(f"search{letters}")
    compare([question(rng, "s", letters) for _ in range(MANY)])


def test_whole() -> None:
    rng = random.Random("whole")
    compare([question(rng, "w", rng.choice(["", "i", "s", "l"])) for _ in range(MANY)])


def test_refusals() -> None:
    rng = random.Random("refusals")
    questions: List[Question] = []
    for _ in range(MANY):
        questions.append(("s", "".join(rng.choice(NOISE) for _ in range(rng.randrange(1, 9))), "", text(rng), ""))
    wrong = [q for q, a in zip(questions, ask(questions)) if (expected(q) is None) != a.startswith("refused")]
    assert not wrong, f"{len(wrong)}: {wrong[:40]!r}"


def test_long_texts() -> None:
    """Long enough that the automaton, the needle and the threads all have a part."""
    rng = random.Random("long")
    compare([question(rng, "s", "", times=30) for _ in range(MANY // 10)])


def test_classes() -> None:
    """Every named class and case, code point by code point as far as both know them."""
    import unicodedata

    points = [point for point in range(0x20000) if unicodedata.category(chr(point)) not in ("Cs", "Cn")]
    everything = "".join(map(chr, points))
    names = sorted({unicodedata.category(chr(point)) for point in points})
    names += ["L", "M", "N", "P", "S", "Z", "C", "Greek", "Latin", "Cyrillic", "Han", "Arabic", "Hebrew", "Hiragana", "Thai"]
    for name in names:
        classes = [rf"\p{{{name}}}+", rf"\P{{{name}}}+", rf"(?i)\p{{{name}}}+", rf"(?i)[^\p{{{name}}}x]+"]
        answers = ask([("r", p, "g", everything, "") for p in classes])
        for p, answer in zip(classes, answers):
            got = bytes.fromhex(answer[1:]).decode()
            want = re2.compile(p).sub("", everything)
            different = [f"U+{ord(c):04X}" for c in set(got) ^ set(want)]
            assert len(different) <= 12, (p, len(different), different[:20])  # of later versions of Unicode


def test_cases() -> None:
    import unicodedata

    points = [p for p in range(0x1E944) if unicodedata.category(chr(p)) in ("Lu", "Ll", "Lt", "Nl", "So", "Mn")]
    letters = "".join(map(chr, points))
    questions: List[Question] = [("r", f"\\x{{{p:x}}}", "gi", letters, "") for p in points if chr(p).lower() != chr(p).upper()]
    wrong = []
    questions = random.Random(1).sample(questions, 150)
    for question, answer in zip(questions, ask(questions)):
        want = re2.compile(question[1], options_of("i")).sub("", letters)
        if bytes.fromhex(answer[1:]).decode() != want:
            wrong.append(question[1])
    assert not wrong, wrong


def test_replacements() -> None:
    """All matches replaced, empty ones too, beside DuckDB."""
    duckdb = pytest.importorskip("duckdb")
    rng = random.Random("replacements")
    questions = []
    while len(questions) < MANY // 2:
        kind, p, _, t, _ = question(rng, "r", "")
        if expected(("s", p, "", "", "")) is not None and "\0" not in p + t:
            questions.append((kind, p, "g", t, "<\\0>"))
    connection = duckdb.connect()
    connection.execute("CREATE TABLE q (i BIGINT, p TEXT, t TEXT)")
    connection.executemany("INSERT INTO q VALUES (?, ?, ?)", [(i, q[1], q[3]) for i, q in enumerate(questions)])
    wanted = connection.execute("SELECT regexp_replace(t, p, '<\\0>', 'g') FROM q ORDER BY i").fetchall()
    wrong = []
    for q, answer, (want,) in zip(questions, ask(questions), wanted):
        if answer != "r" + want.encode().hex():
            wrong.append(f"{q!r}: {bytes.fromhex(answer[1:])!r}, not {want!r}")
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong[:12])
