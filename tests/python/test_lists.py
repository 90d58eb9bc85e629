"""Lists and vectors in expressions: embeddings from the column to the feature, on both paths, beside Python and DuckDB."""

from __future__ import annotations

import datetime as dt
import math
import random
from fractions import Fraction
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import numpy as np
import pytest

import libfeat
from test_types import same

T0 = dt.datetime(2024, 3, 1)
HOUR = dt.timedelta(hours=1)
N = 60

REQUEST = "k BIGINT, item BIGINT, wanted REAL[3], wide DOUBLE[40], xs BIGINT[], ys BIGINT[], words TEXT[], ds DOUBLE[], x BIGINT, d DOUBLE, w TEXT"


def real(value: float) -> float:
    return float(np.float32(value))


def some(rng: random.Random, value: Any) -> Any:
    return None if rng.random() < 0.15 else value


def words(rng: random.Random) -> List[Optional[str]]:
    return [some(rng, rng.choice(["", "a", "ab", "b", "é"])) for _ in range(rng.randrange(5))]


def make_items() -> Dict[str, List[Any]]:
    rng = random.Random(1)
    n = 80
    return {
        "item": [i % 20 for i in range(n)],
        "at": [T0 + i * HOUR for i in range(n)],
        "embedding": [some(rng, [real(rng.uniform(-1, 1)) for _ in range(3)]) for _ in range(n)],
        "tags": [some(rng, words(rng)) for _ in range(n)],
        "weight": [some(rng, rng.uniform(-5, 5)) for _ in range(n)],
        "counts": [some(rng, [rng.randrange(-3, 4) for _ in range(rng.randrange(4))]) for _ in range(n)],
    }


def make_spine() -> Dict[str, List[Any]]:
    rng = random.Random(2)
    return {
        "k": list(range(N)),
        "item": [rng.randrange(22) for _ in range(N)],
        "wanted": [some(rng, [real(rng.uniform(-1, 1)) for _ in range(3)]) for _ in range(N)],
        "wide": [some(rng, [rng.uniform(-1e3, 1e3) for _ in range(40)]) for _ in range(N)],
        "xs": [some(rng, [some(rng, rng.randrange(-2, 3)) for _ in range(rng.randrange(6))]) for _ in range(N)],
        "ys": [some(rng, [some(rng, rng.randrange(-2, 3)) for _ in range(rng.randrange(6))]) for _ in range(N)],
        "words": [some(rng, words(rng)) for _ in range(N)],
        "ds": [some(rng, [rng.choice([rng.uniform(-9, 9), 0.5, 0.0]) for _ in range(4)]) for _ in range(N)],
        "x": [some(rng, rng.randrange(-3, 4)) for _ in range(N)],
        "d": [some(rng, rng.choice([rng.uniform(-9, 9), 0.5, math.nan, -math.inf])) for _ in range(N)],
        "w": [some(rng, rng.choice(["", "a", "ab", "b", "é"])) for _ in range(N)],
    }


ITEMS = make_items()
SPINE = make_spine()
#: The same values without places to be NULL in are what the spine's own times come from.
TIMES = [T0 + dt.timedelta(hours=20 + i) for i in range(N)]


@pytest.fixture
def items(tmp_path: Path) -> Any:
    with libfeat.open(tmp_path / "items.feat") as store:
        store.define(
            """CREATE TABLE items (item BIGINT NOT NULL, at TIMESTAMP NOT NULL, embedding REAL[3], tags TEXT[], weight DOUBLE,
                counts INTEGER[], ENTITY KEY (item), EVENT TIME (at));
            CREATE FEATURE VIEW v AS SELECT item, last(embedding) OVER w AS embedding, last(tags) OVER w AS tags,
                count(*) FILTER (WHERE list_contains(tags, 'a')) OVER w AS n_a, max(counts[1]) OVER w AS first_count,
                sum(dot_product(embedding, [1, 0.5, -2])) OVER w AS score, last([weight, 1.0, weight]) OVER w AS made,
                sum(array_length(tags)) OVER w AS n_tags, last(one_hot(tags[1], ['a', 'b', NULL])) OVER w AS hot
                FROM items GROUP BY item WINDOW w AS (RANGE INTERVAL '30 days' PRECEDING)"""
        )
        store.append("items", ITEMS)
        yield store


def both_paths(store: Any, expressions: Dict[str, str]) -> Dict[str, List[Any]]:
    """Expressions over the request and the view, from a training set; the reader gives the same bits and statuses, row by row."""
    select = ", ".join(f"{text} AS {name}" for name, text in expressions.items())
    store.define(
        f"CREATE OR REPLACE FEATURE SERVICE s AS SELECT {select}, v.n_a FROM REQUEST ({REQUEST}) AS r LEFT JOIN v USING (item)"
    )
    trained = store.training_set("s", {**SPINE, "at": TIMES}, "at", status=True, on_error="null").to_dict()
    store.deploy("s")
    reader = store.reader("s")
    epoch = dt.datetime(1970, 1, 1)
    now = np.array([(time - epoch) // dt.timedelta(microseconds=1) for time in TIMES])
    vectors = reader.get(SPINE, now=now)
    served = vectors.to_dict()
    for name in expressions:
        for i in range(N):
            assert same(trained[name][i], served[name][i]), (name, i, trained[name][i], served[name][i])
            assert trained[f"{name}__status"][i] == vectors.status[name][i], (name, i)
    trained["status"] = {
        name: [libfeat.STATUS[code] for code in trained[f"{name}__status"]] for name in expressions
    }
    return trained


# ---- vectors beside Python ----


def in_order(terms: List[float]) -> float:
    """The order of lib/math/vector.h."""
    sums = [0.0] * 16
    for i, term in enumerate(terms):
        sums[i % 16] += term
    for half in (8, 4, 2, 1):
        for k in range(half):
            sums[k] += sums[k + half]
    return sums[0]


def dot(a: List[float], b: List[float]) -> float:
    return in_order([x * y for x, y in zip(a, b)])


def cosine(a: List[float], b: List[float]) -> float:
    return max(-1.0, min(1.0, dot(a, b) / math.sqrt(dot(a, a) * dot(b, b))))


def distance(a: List[float], b: List[float]) -> float:
    return math.sqrt(in_order([(x - y) * (x - y) for x, y in zip(a, b)]))


def newest(item: int, t: dt.datetime) -> Optional[int]:
    rows = [i for i in range(len(ITEMS["at"])) if ITEMS["item"][i] == item and ITEMS["at"][i] <= t]
    return rows[-1] if rows else None


def test_embeddings(items: Any) -> None:
    got = both_paths(
        items,
        {
            "embedding": "v.embedding",
            "tags": "v.tags",
            "dot": "dot_product(v.embedding, r.wanted)",
            "cosine": "cosine_similarity(v.embedding, r.wanted)",
            "distance": "l2_distance(v.embedding, r.wanted)",
            "normal": "l2_normalize(v.embedding)",
            "as_double": "CAST(v.embedding AS DOUBLE[3])",
            "as_list": "CAST(v.embedding AS DOUBLE[])",
            "exactly": "dot_product(CAST(v.embedding AS DOUBLE[3]), r.wanted)",
            "second": "v.embedding[2]",
            "last": "v.embedding[-1]",
            "outside": "v.embedding[r.x]",
            "length": "array_length(v.embedding)",
            "missing": "v.embedding IS NULL",
            "same": "v.embedding = r.wanted",
            "squares": "dot_product(r.wide, r.wide)",
            "made": "v.made",
            "hot": "v.hot",
            "constant": "dot_product(r.wanted, [0.1, 0.2, 0.3])",
        },
    )
    assert sum(v is not None for v in got["dot"]) > N // 3 and any(v is None for v in got["dot"])
    for i in range(N):
        row, wanted, wide = newest(SPINE["item"][i], TIMES[i]), SPINE["wanted"][i], SPINE["wide"][i]
        embedding = ITEMS["embedding"][row] if row is not None else None
        both = embedding is not None and wanted is not None
        of_one: Dict[str, Any] = {name: None for name in ("normal", "as_double", "as_list", "second", "last", "length")}
        if embedding is not None:
            length = math.sqrt(dot(embedding, embedding))
            of_one = {
                "normal": [real(x / length) for x in embedding],
                "as_double": embedding,
                "as_list": embedding,
                "second": embedding[1],
                "last": embedding[2],
                "length": 3,
            }
        x = SPINE["x"][i]
        expected = {
            **of_one,
            "embedding": embedding,
            "tags": ITEMS["tags"][row] if row is not None else None,
            "dot": real(dot(embedding, wanted)) if both else None,
            "cosine": real(cosine(embedding, wanted)) if both else None,
            "distance": real(distance(embedding, wanted)) if both else None,
            "exactly": dot(embedding, wanted) if both else None,
            "outside": embedding[x - 1 if x > 0 else x] if embedding and x else None,
            "missing": embedding is None,
            "same": embedding == wanted if both else None,
            "squares": dot(wide, wide) if wide else None,
            "made": None if row is None else [ITEMS["weight"][row], 1.0, ITEMS["weight"][row]],
            "constant": real(dot(wanted, [real(0.1), real(0.2), real(0.3)])) if wanted else None,
        }
        for name, value in expected.items():
            assert same(got[name][i], value), (name, i, got[name][i], value)


def test_aggregates_of_lists(items: Any) -> None:
    got = both_paths(items, {"n": "v.n_a", "most": "v.first_count", "score": "v.score", "tags": "v.n_tags", "hot": "v.hot"})
    for i in range(N):
        rows = [j for j in range(len(ITEMS["at"])) if ITEMS["item"][j] == SPINE["item"][i] and ITEMS["at"][j] <= TIMES[i]]
        tags = [ITEMS["tags"][j] for j in rows]
        assert got["n"][i] == sum("a" in (t or []) for t in tags)
        counts = [c[0] for c in (ITEMS["counts"][j] for j in rows) if c]
        assert got["most"][i] == max(counts, default=None)
        assert got["tags"][i] == (sum(len(t) for t in tags if t is not None) if any(t is not None for t in tags) else None)
        scores = [real(dot(e, [1.0, 0.5, -2.0])) for e in (ITEMS["embedding"][j] for j in rows) if e]
        assert got["score"][i] == (float(sum(map(Fraction, scores))) if scores else None)
        if rows:
            first = tags[-1][0] if tags[-1] else None
            assert got["hot"][i] == [float(first == "a"), float(first == "b"), float(first is None)]


# ---- beside DuckDB ----

EQUAL = {
    "at1": "xs[1]",
    "at_last": "xs[-1]",
    "at_x": "xs[x]",
    "word": "words[2]",
    "dbl": "ds[x]",
    "length": "array_length(xs)",
    "n_words": "array_length(words)",
    "both": "list_concat(xs, ys)",
    "both_words": "list_concat(words, [w])",
    "three": "list_concat(xs, ys, [x])",
    "appended": "list_append(xs, x)",
    "first": "list_prepend(w, words)",
    "has": "list_contains(xs, x)",
    "has_word": "list_contains(words, w)",
    "has_dbl": "list_contains(ds, d)",
    "place": "list_position(xs, x)",
    "place_word": "list_position(words, w)",
    "made": "[x, 1, x + 1, NULL]",
    "made_words": "[w, 'b', w]",
    "made_ds": "[d, CAST(x AS DOUBLE)]",
    "equal": "xs = ys",
    "differs": "xs <> ys",
    "distinct_": "xs IS DISTINCT FROM ys",
    "cast_d": "CAST(xs AS DOUBLE[])",
    "cast_i": "CAST(ds AS BIGINT[])",
    "vector": "CAST(ds AS REAL[4])",
    "element": "[x, 5][1]",
    "chosen": "CASE WHEN x > 0 THEN xs ELSE ys END",
    "filled": "coalesce(xs, ys, [])",
    "is_null": "xs IS NULL",
    "in_": "xs IN ([1], [], [2, 1])",
}
CLOSE = {
    "dot": "list_dot_product(ds, [coalesce(d, 3), 1, 2.5, -0.5])",
    "cosine": "list_cosine_similarity(ds, [coalesce(d, 3), 1, 2.5, -0.5])",
    "distance": "list_distance(ds, [coalesce(d, 3), 1, 2.5, -0.5])",
    "squares": "array_dot_product(wide, wide)",
}


def in_duckdb(expressions: Dict[str, str]) -> Dict[str, List[Any]]:
    duckdb = pytest.importorskip("duckdb")
    con = duckdb.connect()
    columns = ", ".join(part for part in REQUEST.split(", "))
    con.execute(f"CREATE TABLE r ({columns})")
    names = [part.split(" ")[0] for part in REQUEST.split(", ")]
    con.executemany(
        f"INSERT INTO r VALUES ({', '.join('?' for _ in names)})", [[SPINE[name][i] for name in names] for i in range(N)]
    )
    select = ", ".join(f"{text.replace('1,', '1::BIGINT,') if 'made' == name else text} AS {name}" for name, text in expressions.items())
    rows = con.execute(f"SELECT {select} FROM r ORDER BY k").fetchall()
    return {name: [list(row[j]) if isinstance(row[j], tuple) else row[j] for row in rows] for j, name in enumerate(expressions)}


def test_as_duckdb(items: Any) -> None:
    got, expected = both_paths(items, {name: f"{text}" for name, text in EQUAL.items()}), in_duckdb(EQUAL)
    for name in EQUAL:
        assert any(value is not None for value in expected[name]), name
        for i in range(N):
            assert same(got[name][i], expected[name][i]), (name, i, got[name][i], expected[name][i])


def test_close_to_duckdb(items: Any) -> None:
    """It adds in another order; against exact sums ours are within the bound of lib/math/vector.h."""
    got, expected = both_paths(items, CLOSE), in_duckdb(CLOSE)
    for name in CLOSE:
        for i in range(N):
            a, b = got[name][i], expected[name][i]
            assert (a is None) == (b is None), (name, i)
            if a is not None:
                assert (math.isnan(a) and math.isnan(b)) or a == b or abs(a - b) <= 1e-12 * max(1.0, abs(b)), (name, i, a, b)
    for value, wide in zip(got["squares"], SPINE["wide"]):
        if wide is not None:
            exact = sum(Fraction(x) * Fraction(x) for x in wide)
            assert abs(Fraction(value) - exact) <= (40 // 16 + 6) * Fraction(1, 2**53) * exact


# ---- encodings for models ----


def test_buckets_and_categories(items: Any) -> None:
    edges = [-2.5, 0.0, 0.5, 6.0]
    got = both_paths(
        items,
        {
            "bucket": "bucketize(d, [-2.5, 0.0, 0.5, 6.0])",
            "bucket_x": "bucketize(x, [-1, 1, 2])",
            "bucket_w": "bucketize(w, ['', 'ab', 'b'])",
            "hot": "one_hot(w, ['a', 'é', 'zz'])",
            "hot_x": "one_hot(x, [0, 3, -1])",
            "hot_null": "one_hot(w, ['a', NULL])",
        },
    )
    for i in range(N):
        x, d, w = SPINE["x"][i], SPINE["d"][i], SPINE["w"][i]
        assert got["bucket"][i] == (None if d is None else int(np.digitize(d, edges)))
        assert got["bucket_x"][i] == (None if x is None else int(np.digitize(x, [-1, 1, 2])))
        assert got["bucket_w"][i] == (None if w is None else sum(e.encode() <= w.encode() for e in ("", "ab", "b")))
        assert got["hot"][i] == (None if w is None else [float(w == v) for v in ("a", "é", "zz")])
        assert got["hot_x"][i] == (None if x is None else [float(x == v) for v in (0, 3, -1)])
        assert got["hot_null"][i] == [float(w == "a"), float(w is None)]


def test_errors_belong_to_values(items: Any) -> None:
    got = both_paths(
        items,
        {
            "lengths": "dot_product(ds, CAST(xs AS DOUBLE[]))",
            "narrow": "CAST(list_append(xs, x * 100) AS TINYINT[])",
            "vector": "CAST(xs AS BIGINT[2])",
            "tried": "TRY_CAST(xs AS BIGINT[2])",
        },
    )
    assert "error" in got["status"]["lengths"] and "error" in got["status"]["narrow"] and "error" in got["status"]["vector"]
    for i in range(N):
        xs, x, ds = SPINE["xs"][i], SPINE["x"][i], SPINE["ds"][i]
        two = xs is not None and len(xs) == 2
        assert got["tried"][i] == (xs if two else None) and got["status"]["tried"][i] != "error"
        assert got["status"]["vector"][i] == ("null" if xs is None else "present" if two else "error")
        fails = xs is not None and ds is not None and (len(xs) != len(ds) or None in xs)
        assert (got["status"]["lengths"][i] == "error") == fails
        assert (got["status"]["narrow"][i] == "error") == (x is not None and not -128 <= x * 100 <= 127)


# ---- definitions ----


def test_definitions_are_read_again(items: Any, tmp_path: Path) -> None:
    text = "one_hot(r.w, ['a', 'it''s']), cosine_similarity(r.wanted, [1, 2, 3]), [r.x, 1]"
    one, two, three = text.split("), ")
    items.define(
        f"""CREATE FEATURE SERVICE kept AS SELECT {one}) AS a, {two}) AS b, {three} AS c, v.n_a
        FROM REQUEST ({REQUEST}) AS r LEFT JOIN v USING (item)"""
    )
    explained = items.explain("kept")
    for part in ("one_hot(['a', 'it''s'], list_value(r.w))", "cosine_similarity(r.wanted, [1.0, 2.0, 3.0])", "coalesce(list_value(r.x), [NULL])"):
        assert part.replace("r.", "request.") in explained, explained
    spine = {**SPINE, "at": TIMES}
    before = items.training_set("kept", spine, "at").to_dict()
    items.deploy("kept")
    with libfeat.open(tmp_path / "items.feat", mode="r") as again:
        after = again.training_set("kept", spine, "at").to_dict()
        served = again.reader("kept").get(SPINE, now=np.array([2_000_000_000_000_000] * N)).to_dict()
    for name in ("a", "b", "c"):
        assert all(same(x, y) for x, y in zip(before[name], after[name]))
        assert all(same(x, y) for x, y in zip(before[name], served[name]))


def test_fingerprints_tell_constants_apart(items: Any) -> None:
    def fingerprint(text: str) -> Tuple[str, int]:
        items.define(f"CREATE OR REPLACE FEATURE VIEW f AS SELECT item, last({text}) OVER () AS e FROM items GROUP BY item")
        shown = items.show("SHOW FEATURE VIEWS").to_dict()
        i = list(shown["name"]).index("f")
        return shown["fingerprint"][i]

    first = fingerprint("[1, 2, 3]")
    assert fingerprint("ARRAY[1, 2, 3]") == first and fingerprint("list_value(1, 2, 3)") == first
    assert fingerprint("[1, 2, 4]") != first and fingerprint("[1.0, 2, 3]") != first


def test_defaults_and_checks(tmp_path: Path) -> None:
    rows = {"v": [[0.0, 1.0]], "l": [["a", None]], "e": [[real(0.1), 0.0, 2.0]]}
    for at in (T0, T0 + HOUR):  # the definition as it was given, then as it was stored
        with libfeat.open(tmp_path / "d.feat") as store:
            if at == T0:
                store.define(
                    """CREATE TABLE t (k BIGINT, at TIMESTAMP, v DOUBLE[2] DEFAULT [0, 1], l TEXT[] DEFAULT ['a', NULL] CHECK
                    (array_length(l) < 3), e REAL[3] DEFAULT [0.1, 0, 2], ENTITY KEY (k), EVENT TIME (at))"""
                )
            store.append("t", {"k": [1], "at": [at]})
            with pytest.raises(libfeat.Error, match="CHECK"):
                store.append("t", {"k": [1], "at": [at], "l": [["a", "b", "c"]]})
            with store.snapshot() as snap:
                got = snap.table("t").to_dict()
    for name, value in rows.items():
        assert all(same(x, value[0]) for x in got[name]) and len(got[name]) == 2


def test_long_lists(items: Any) -> None:
    """No limit in the length of a literal, nor time that grows with its square."""
    n = 5000
    parts = ["r.x", *map(str, range(1, n)), "r.x + 1"]
    items.define(
        f"""CREATE FEATURE SERVICE long AS SELECT [{', '.join(parts)}] AS l, [{', '.join('r.x' for _ in range(n))}] AS m,
        bucketize(r.x, [{', '.join(map(str, range(n)))}]) AS b, v.n_a FROM REQUEST ({REQUEST}) AS r LEFT JOIN v USING (item)"""
    )
    got = items.training_set("long", {**SPINE, "at": TIMES}, "at").to_dict()
    for i in range(N):
        x = SPINE["x"][i]
        assert list(got["l"][i]) == [x, *range(1, n), None if x is None else x + 1]
        assert list(got["m"][i]) == [x] * n
        assert got["b"][i] == (None if x is None else max(0, x + 1))
