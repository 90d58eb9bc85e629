"""Functions of texts over random strings of several scripts, on both paths, against DuckDB and against Python.

FEAT_TEST_LONG=1 takes many more rows; FEAT_SEED where the random numbers start."""

from __future__ import annotations

import hashlib
import os
import random
import re
import subprocess
import sys
import unicodedata
import zlib
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np
import pyarrow as pa
import pytest

import libfeat

duckdb = pytest.importorskip("duckdb")

ROWS = 20000 if os.environ.get("FEAT_TEST_LONG") else 1500
SEED = int(os.environ.get("FEAT_SEED", "1"))
SERVED = 150

ALPHABETS = [
    "abcABC ,%_\\$.0",
    "aàÀßẞÿŸœŒſŉǅĳﬁ",
    "αΑάΆσςΣωΩᾀᾈϐ",
    "жЖуУкКёЁіІѢѣ",
    "iIİıçÇşŞğĞ",
    "漢字日本語テスト한글",
    "😀👍🏽🎉𐐀𐐨𝒳",
    "aeou\u0301\u0308\u0327\u200d",
    " \u00a0\u3000\u2003\t\u200b\ufeff\u1680",
]
PIECES = ["", " ", ",", "a", "ab", "é", "漢", "😀", "--", "\u0301", "%", "_"]


def text(rng: random.Random) -> str:
    letters = rng.choice(ALPHABETS) if rng.random() < 0.6 else "".join(rng.sample(ALPHABETS, 2))
    return "".join(rng.choice(letters) for _ in range(rng.choice([0, 1, 2, 5, 8, 13, 16, 17, 31, 32, 33, rng.randint(0, 90)])))


def part_of(rng: random.Random, s: str) -> str:
    if not s or rng.random() < 0.3:
        return rng.choice(PIECES) if rng.random() < 0.5 else text(rng)[:3]
    start = rng.randrange(len(s))
    return s[start : start + rng.choice([1, 1, 2, 3, 20])]


def pattern_of(rng: random.Random, s: str) -> str:
    """Often one that matches: parts of the text with wildcards for others."""
    out, at = "", 0
    while at < len(s) and len(out) < 40:
        choice = rng.random()
        if choice < 0.25:
            out, at = out + "%", at + rng.choice([0, 1, 3, 10, 99])
        elif choice < 0.45:
            out, at = out + "_", at + 1
        elif choice < 0.5:
            out, at = out + rng.choice("ab%é"), at + 1
        else:
            out, at = out + s[at : at + 3], at + 3
    return out + rng.choice(["", "", "%"])


def rows(rng: random.Random, count: int) -> Dict[str, List[Any]]:
    out: Dict[str, List[Any]] = {name: [] for name in ("s", "p", "q", "l", "n", "m")}
    for _ in range(count):
        s = text(rng)
        given = {
            "s": s, "p": part_of(rng, s), "q": rng.choice([text(rng), part_of(rng, s), s[::-1]]), "l": pattern_of(rng, s),
            "n": rng.choice([0, 1, 2, 3, -1, -2, rng.randint(-40, 40)]), "m": rng.choice([0, 1, 2, -1, rng.randint(-40, 40)]),
        }  # fmt: skip
        if rng.random() < 0.1:
            given[rng.choice(list(given))] = None
        for name, value in given.items():
            out[name].append(value)
    return out


# Expressions that DuckDB takes as they are.
BOTH = """length(s) octet_length(s) lower(s) upper(s) trim(s) ltrim(s) rtrim(s) trim(s,p) ltrim(s,p) rtrim(s,p)
substring(s,n) substring(s,n,m) left(s,n) right(s,n) split_part(s,p,n) replace(s,p,q) lpad(s,n,p) rpad(s,n,p) repeat(p,n) chr(n*997)
ascii(s) unicode(s) starts_with(s,p) ends_with(s,p) contains(s,p) strpos(s,p) s||p concat(s,p,q) concat(s,p,q,l,s) concat_ws(p,s,q,l)
concat_ws(',',s,p,q,l,s) s||p||q md5(s) hex(s) hex(n) unhex(hex(s)) hex(unhex(p)) s~l s~~l s!~l s!~~l s~p s~'%a%' s~~'%A%' s~'a%' s~'%é'
s~'%_a_%' s~~'%σ%_' s~'a_%b%c' upper(lower(s)) lower(upper(s)) length(replace(s,p,'')) left(trim(s),3)||right(s,2) coalesce(nullif(trim(s),''),q)
substring(s,2,5)~'%a%' levenshtein(hex(s),hex(q)) jaccard(hex(s),hex(q)) hamming(left(hex(s),6),left(hex(q),6))""".split()


def ours(expression: str) -> str:
    for mark, word in (("!~~", " NOT ILIKE "), ("!~", " NOT LIKE "), ("~~", " ILIKE "), ("~", " LIKE ")):
        expression = expression.replace(mark, word)
    return expression


def ducks(expression: str) -> str:
    return ours(expression).replace("octet_length(", "strlen(").replace("pad(s,n,", "pad(s,n::INTEGER,").replace("chr(n*997)", "chr((n*997)::INTEGER)")


def levenshtein(a: str, b: str) -> int:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        corner, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            corner, row[j] = row[j], min(corner + (x != y), row[j] + 1, row[j - 1] + 1)
    return row[-1]


def hamming(a: str, b: str) -> Optional[int]:
    return sum(x != y for x, y in zip(a, b)) if a and len(a) == len(b) else None


def jaccard(a: str, b: str) -> Optional[float]:
    return len(set(a) & set(b)) / len(set(a) | set(b)) if a and b else None


def stripped(c: str) -> str:
    marks = ("Mn", "Mc", "Me")
    return unicodedata.normalize("NFC", "".join(x for x in unicodedata.normalize("NFD", c) if unicodedata.category(x) not in marks))


# What differs from DuckDB, by code points, or is not there. None of values is an error.
OWN: List[Tuple[str, Callable[..., Any]]] = [
    ("strip_accents(s)", lambda r: "".join(map(stripped, r["s"]))),
    ("reverse(s)", lambda r: r["s"][::-1]),
    ("levenshtein(s,q)", lambda r: levenshtein(r["s"], r["q"])),
    ("hamming(s,q)", lambda r: hamming(r["s"], r["q"])),
    ("jaccard(s,q)", lambda r: jaccard(r["s"], r["q"])),
    ("crc32(s)", lambda r: zlib.crc32(r["s"].encode())),
    ("md5(s||q)", lambda r: hashlib.md5((r["s"] + r["q"]).encode()).hexdigest()),
    ("hash_bucket(s,1)", lambda r: 0),
]
NEEDS = {"strip_accents(s)": "s", "reverse(s)": "s", "crc32(s)": "s", "hash_bucket(s,1)": "s"}


def compute(path: Path, expressions: List[str], given: Dict[str, List[Any]]) -> Tuple[List[List[Any]], List[List[Any]]]:
    """Values of each expression, offline for all rows and online for some; 'ERROR' for an error."""
    count = len(given["s"])
    items = ", ".join(f"{e} AS e{i}" for i, e in enumerate(expressions))
    with libfeat.open(path) as store:
        store.define(
            f"""CREATE TABLE t (k BIGINT, at TIMESTAMP, ENTITY KEY (k), EVENT TIME (at));
            CREATE FEATURE VIEW v AS SELECT count(*) OVER () AS c FROM t GROUP BY k;
            CREATE FEATURE SERVICE f AS SELECT {items}, v.c
            FROM REQUEST (k BIGINT, s TEXT, p TEXT, q TEXT, l TEXT, n BIGINT, m BIGINT) AS r LEFT JOIN v USING (k)"""
        )
        kinds = {"n": pa.int64(), "m": pa.int64()}
        columns: Dict[str, Any] = {name: pa.array(values, kinds.get(name, pa.string())) for name, values in given.items()}
        columns["k"] = pa.array([1] * count, pa.int64())
        columns["at"] = pa.array(np.zeros(count, dtype="datetime64[us]"))
        trained = store.training_set("f", pa.table(columns), "at", status=True, on_error="null").to_dict()
        offline = []
        for i in range(len(expressions)):
            states = trained[f"e{i}__status"]
            offline.append(["ERROR" if libfeat.STATUS[s] == "error" else v for v, s in zip(trained[f"e{i}"], states)])
        store.deploy("f")
        reader, online = store.reader("f"), [[] for _ in expressions]  # type: Any
        for j in range(min(SERVED, count)):
            vector = reader.get({"k": 1, **{name: values[j] for name, values in given.items()}}, now=0)
            for i in range(len(expressions)):
                online[i].append("ERROR" if vector.status[f"e{i}"] == "error" else vector[f"e{i}"])
        return offline, online


@pytest.fixture(scope="module")
def world(tmp_path_factory: Any) -> Any:
    given = rows(random.Random(SEED), ROWS)
    expressions = [ours(e) for e in BOTH] + [e for e, _ in OWN]
    offline, online = compute(tmp_path_factory.mktemp("text") / "s", expressions, given)
    con = duckdb.connect()
    con.register("given", pa.table({name: pa.array(v, pa.int64() if name in "nm" else pa.string()) for name, v in given.items()}))
    return given, dict(zip(expressions, offline)), dict(zip(expressions, online)), con


def wrong_rows(given: Dict[str, List[Any]], found: List[Any], expected: List[Any]) -> List[str]:
    return [
        f"{ {name: values[i] for name, values in given.items()} }: {a!r}, not {b!r}"
        for i, (a, b) in enumerate(zip(found, expected))
        if a != b
    ][:5]


@pytest.mark.parametrize("expression", BOTH)
def test_as_duckdb(world: Any, expression: str) -> None:
    given, offline, online, con = world
    sql = ducks(expression)
    expected = [row[0] for row in con.execute(f"SELECT TRY({sql}) FROM given").fetchall()]
    values = offline[ours(expression)]
    found = [None if v == "ERROR" else v for v in values]
    assert not wrong_rows(given, found, expected)
    used = [name for name in given if re.search(rf"\b{name}\b", sql)]
    for i, value in enumerate(values):  # errors are of values, and NULLs, but for nullif, of NULLs
        if value == "ERROR" or (value is None and "nullif" not in sql):
            assert (value is None) == any(given[name][i] is None for name in used), (i, expression)
    assert online[ours(expression)] == values[: len(online[ours(expression)])]


@pytest.mark.parametrize("expression, meaning", OWN, ids=[e for e, _ in OWN])
def test_own_meaning(world: Any, expression: str, meaning: Callable[..., Any]) -> None:
    given, offline, online, _ = world
    expected = []
    for i in range(len(given["s"])):
        row = {name: values[i] for name, values in given.items()}
        if any(row[name] is None for name in NEEDS.get(expression, "sq")):
            expected.append(None)
        else:
            value = meaning(row)
            expected.append("ERROR" if value is None else value)
    assert not wrong_rows(given, offline[expression], expected)
    assert online[expression] == offline[expression][: len(online[expression])]


def test_every_code_point(tmp_path: Path) -> None:
    """Case and trim of all of Unicode, as DuckDB has them."""
    points = [chr(i) for i in range(1, 0x110000) if not 0xD800 <= i < 0xE000 and unicodedata.category(chr(i)) != "Cn"]
    points = [p for p in points if not 0xE000 <= ord(p) < 0xF900 and ord(p) < 0xE0000]  # none of private use
    texts = [p + "x" + p for p in points]
    given = {"s": texts, **{name: [""] * len(texts) for name in "pql"}, **{name: [0] * len(texts) for name in "nm"}}
    expressions = ["lower(s)", "upper(s)", "trim(s)", "length(s)", "s ILIKE upper(s)", "strip_accents(s)"]
    offline, _ = compute(tmp_path / "s", expressions, given)
    con = duckdb.connect()
    con.register("given", pa.table({"s": pa.array(texts, pa.string())}))
    for expression, values in zip(expressions, offline):
        expected = [row[0] for row in con.execute(f"SELECT {expression} FROM given").fetchall()]
        assert [(t, a, b) for t, a, b in zip(texts, values, expected) if a != b] == []


def test_a_constant_pattern_is_compiled_once(tmp_path: Path) -> None:
    with libfeat.open(tmp_path / "s") as store:
        store.define(
            """CREATE TABLE t (k BIGINT, s TEXT, at TIMESTAMP, ENTITY KEY (k), EVENT TIME (at));
            CREATE FEATURE VIEW v AS SELECT count(*) FILTER (WHERE s LIKE '%a_b%') OVER () AS n FROM t GROUP BY k;
            CREATE FEATURE SERVICE f AS SELECT v.n FROM REQUEST (k BIGINT) AS r LEFT JOIN v USING (k)"""
        )
        store.append("t", {"k": [1] * 4, "s": ["xaéb", "ab", "a_b", None], "at": np.arange(4).astype("datetime64[us]")})
        spine = {"k": [1], "at": np.array([10], dtype="datetime64[us]")}
        assert store.training_set("f", spine, timestamp="at").to_dict()["n"][0] == 2
        store.deploy("f")
        assert store.reader("f").get(k=1)["n"] == 2


@pytest.mark.parametrize("name", ["generate_accent.py", "generate_case.py", "generate_crc.py"])
def test_tables_are_what_is_generated(name: str) -> None:
    if name != "generate_crc.py" and unicodedata.unidata_version != "14.0.0":
        pytest.skip("the tables are of Unicode 14.0, this Python's are not")
    script = Path(__file__).resolve().parents[2] / "lib" / "text" / name
    subprocess.run([sys.executable, str(script), "--check"], check=True)
