"""Rows chosen by what they say: scans, deletes, overwrites and merges beside a plain model of a table."""

from __future__ import annotations

import datetime as dt
import math
import os
import random
import threading

import pyarrow as pa
import pytest

import libfeat

BASE = dt.datetime(2024, 1, 1)
TABLE = (
    "CREATE TABLE t (id BIGINT, who BIGINT, name TEXT, at TIMESTAMP NOT NULL, x DOUBLE, n BIGINT, "
    "ENTITY KEY (who, name), EVENT TIME (at), UNIQUE (id))"
)
NAMES = [None, "a", "b", "ccc"]

#: Conditions in SQL, and the same in Python: True, False or None.
CONDITIONS = {
    "x > 0": lambda r: None if r["x"] is None else r["x"] > 0 or math.isnan(r["x"]),
    "who = 7": lambda r: None if r["who"] is None else r["who"] == 7,
    "NOT (who = 7)": lambda r: None if r["who"] is None else r["who"] != 7,
    "name IS NULL OR name = 'a'": lambda r: r["name"] is None or r["name"] == "a",
    "n BETWEEN 10 AND 20 AND x IS NOT NULL": lambda r: False if r["x"] is None else None if r["n"] is None else 10 <= r["n"] <= 20,
    "at >= TIMESTAMP '2024-01-01 00:05:00'": lambda r: r["at"] >= BASE + dt.timedelta(minutes=5),
    "id % 3 = 1": lambda r: None if r["id"] is None else r["id"] % 3 == 1,
    "n > 1000000": lambda r: None if r["n"] is None else False,
    "TRUE": lambda r: True,
    "NULL = 1": lambda r: None,
}


def canonical(rows):
    return sorted(repr([None if v is None else str(v) for v in r.values()]) for r in rows)


def scanned(store, **options):
    with store.snapshot() as snap:
        return snap.scan("t", **options).to_arrow().to_pylist()


class Model:
    """Rows as dicts in a list; a write either changes it as a whole or raises."""

    def __init__(self):
        self.rows = []

    def stored(self, key):
        return next((r for r in self.rows if key is not None and r["id"] == key), None)

    def merge(self, data, matched, not_matched):
        keys = [r["id"] for r in data if r["id"] is not None]
        if len(keys) != len(set(keys)):
            raise libfeat.ConstraintError("twice")
        rows = list(self.rows)
        for row in data:
            old = self.stored(row["id"])
            choice = matched if old else not_matched
            if choice == "error":
                raise libfeat.ConstraintError("error")
            if old and choice in ("update", "delete"):
                rows.remove(old)
            if choice in ("update", "insert"):
                rows.append(row)
        self.rows = rows

    def overwrite(self, data, start, end):
        inside = lambda r: (start is None or r["at"] >= start) and (end is None or r["at"] < end)
        rows = [r for r in self.rows if not inside(r)]
        if not all(inside(r) for r in data) or {r["id"] for r in rows} & {r["id"] for r in data if r["id"] is not None}:
            raise libfeat.ConstraintError("outside, or a key that is stored elsewhere")
        self.rows = rows + data


def random_rows(rng, n, ids):
    """With ids of their own."""
    keys = rng.sample(range(ids), n)
    return [
        {
            "id": None if rng.random() < 0.05 else key,
            "who": rng.choice([None] + list(range(12))),
            "name": rng.choice(NAMES),
            "at": BASE + dt.timedelta(seconds=rng.randrange(600)),
            "x": rng.choice([None, 0.0, -0.0, 1.5, -2.0, math.nan]),
            "n": rng.choice([None] + list(range(40))),
        }
        for key in keys
    ]


def check_scans(rng, store, model):
    assert canonical(scanned(store)) == canonical(model.rows)
    for sql, means in CONDITIONS.items():
        assert canonical(scanned(store, where=sql)) == canonical(r for r in model.rows if means(r)), sql
    keys = [(rng.choice([None] + list(range(14))), rng.choice(NAMES)) for _ in range(rng.choice([1, 3, 30]))]
    whole = {"who": [k[0] for k in keys], "name": [k[1] for k in keys]}
    expected = [r for r in model.rows if (r["who"], r["name"]) in keys and None not in (r["who"], r["name"])]
    assert canonical(scanned(store, entities=whole)) == canonical(expected)
    first = [r for r in model.rows if r["who"] is not None and r["who"] in {k[0] for k in keys}]
    assert canonical(scanned(store, entities={"who": whole["who"]})) == canonical(first)
    sql, means = rng.choice(list(CONDITIONS.items()))
    both = [r for r in first if means(r)]
    limit = rng.randrange(len(both) + 3)
    given = canonical(scanned(store, entities={"who": whole["who"]}, where=sql, limit=limit))
    assert len(given) == min(limit, len(both)) and not set(given) - set(canonical(both))
    assert canonical(scanned(store, columns=["n"], where=sql)) == canonical({"n": r["n"]} for r in model.rows if means(r))


def step(rng, store, model):
    """One write to both; what the model refuses the store refuses, and then nothing changes."""
    kind = rng.choice(["merge", "merge", "delete", "overwrite", "append"])
    data = random_rows(rng, rng.choice([0, 1, 30, 200]), 400)
    before = list(model.rows), store.version
    if kind == "delete":
        sql, means = rng.choice(list(CONDITIONS.items()))
        gone = [r for r in model.rows if means(r)]
        if len(gone) < len(model.rows) / 2:
            model.rows = [r for r in model.rows if not means(r)]
            assert store.delete("t", where=sql).rows_removed == len(gone)
        return
    if kind == "append":
        data = [r for r in data if model.stored(r["id"]) is None]
        model.rows = model.rows + data
        store.append("t", data or {"id": [], "who": [], "name": [], "at": []})
        return
    if not data:
        return
    if kind == "merge":
        if rng.random() < 0.2:
            data.append(dict(rng.choice(data)))
        choices = rng.choice(["update", "ignore", "delete", "error"]), rng.choice(["insert", "ignore", "error"])
        expected, actual = lambda: model.merge(data, *choices), lambda: store.merge("t", data, *choices)
    else:
        bounds = sorted(BASE + dt.timedelta(seconds=s) for s in rng.sample(range(600), 2))
        start, end = rng.choice([(bounds[0], bounds[1]), (None, bounds[1]), (bounds[0], None)])
        if rng.random() < 0.8:
            data = [r for r in data if (start is None or r["at"] >= start) and (end is None or r["at"] < end)]
            data = [r for r in data if model.stored(r["id"]) is None] or data
        if not data:
            return
        expected, actual = lambda: model.overwrite(data, start, end), lambda: store.overwrite("t", data, start=start, end=end)
    try:
        expected()
    except libfeat.ConstraintError:
        with pytest.raises(libfeat.ConstraintError):
            actual()
        assert (model.rows, store.version) == before
    else:
        actual()


@pytest.mark.parametrize("seed", range(300 if os.environ.get("FEAT_TEST_LONG") else 4))
def test_against_a_model(tmp_path, seed):
    rng, model = random.Random(seed), Model()
    with libfeat.open(tmp_path / "store") as store:
        store.define(TABLE.replace("t (", "t (", 1) + rng.choice(["", " WITH (partition = 'day')"]))
        for i in range(30):
            step(rng, store, model)
            if i % 6 == 5:
                check_scans(rng, store, model)


@pytest.fixture
def store(tmp_path):
    with libfeat.open(tmp_path / "store") as store:
        store.define(TABLE)
        store.append("t", [{"id": i, "who": i % 3, "name": "a", "at": BASE + dt.timedelta(days=i), "x": None, "n": i} for i in range(6)])
        yield store


def test_merge_names_two_rows(store):
    rows = [{"id": 9, "who": 1, "name": "a", "at": BASE}, {"id": 9, "who": 1, "name": "a", "at": BASE}]
    with pytest.raises(libfeat.ConstraintError, match=r"rows 0 and 1: two rows of a merge with UNIQUE key \(id\) = \(9\)"):
        store.merge("t", rows)
    with pytest.raises(libfeat.ConstraintError, match=r"row 0: no row with UNIQUE key \(id\) = \(9\) is stored"):
        store.merge("t", rows[:1], not_matched="error")
    with pytest.raises(libfeat.ConstraintError, match=r"row 0: a row with UNIQUE key \(id\) = \(1\) is stored already"):
        store.merge("t", [{**rows[0], "id": 1}], matched="error")
    with pytest.raises(libfeat.ArgumentError):
        store.merge("t", rows[:1], matched="replace")
    assert store.version == 1


def test_merge_counts(store):
    rows = [{"id": 1, "who": 1, "name": "a", "at": BASE}, {"id": 8, "who": 1, "name": "a", "at": BASE}]
    done = store.merge("t", rows, matched="delete", not_matched="ignore")
    assert (done.rows_read, done.rows_added, done.rows_replaced, done.rows_removed, done.rows_skipped) == (2, 0, 0, 1, 1)
    done = store.merge("t", [{**rows[0], "id": 2}, rows[1]])
    assert (done.rows_read, done.rows_added, done.rows_replaced, done.rows_removed, done.rows_skipped) == (2, 1, 1, 0, 0)


def test_overwrite_outside_of_the_range(store):
    rows = [{"id": 9, "who": 1, "name": "a", "at": BASE + dt.timedelta(days=2)}]
    with pytest.raises(libfeat.ConstraintError, match=r"row 0: its at, 2024-01-03.*outside of the range"):
        store.overwrite("t", rows, start=BASE, end=BASE + dt.timedelta(days=2))
    with pytest.raises(libfeat.ArgumentError, match="the range of times is empty"):
        store.overwrite("t", rows, start=BASE, end=BASE)
    assert store.version == 1
    done = store.overwrite("t", rows, start=BASE + dt.timedelta(days=2))
    assert (done.rows_added, done.rows_removed) == (1, 4)
    assert sorted(r["id"] for r in scanned(store)) == [0, 1, 9]


def test_delete_where(store):
    assert store.delete("t", where="n >= 4 OR who = 0").rows_removed == 4
    assert sorted(r["id"] for r in scanned(store)) == [1, 2]
    version = store.version
    assert store.delete("t", where="n = 77").version == version
    with pytest.raises(libfeat.ArgumentError):
        store.delete("t")
    with pytest.raises(libfeat.ArgumentError):
        store.delete("t", {"id": [1]}, where="TRUE")


def test_delete_of_a_dimension_sees_ends(tmp_path):
    with libfeat.open(tmp_path / "store") as store:
        store.define("CREATE DIMENSION d (k BIGINT, at TIMESTAMP NOT NULL, v TEXT, ENTITY KEY (k), EVENT TIME (at))")
        store.append("d", [{"k": k, "at": BASE, "v": "x"} for k in (1, 2)])
        store.end("d", {"k": [1, 2], "at": [BASE + dt.timedelta(days=1)] * 2})
        assert store.delete("d", where="k = 1").rows_removed == 2
        with store.snapshot() as snap:
            assert snap.scan("d", entities={"k": 1}, ended=True).to_arrow().num_rows == 0
            assert snap.scan("d", entities={"k": 2}, ended=True).to_arrow().num_rows == 2
            assert snap.scan("d", entities={"k": 2}).to_arrow().num_rows == 1


@pytest.mark.parametrize(
    "where, error, words",
    [
        ("whoo = 1", libfeat.DefinitionError, "unknown column 'whoo'; did you mean 'who'"),
        ("who", libfeat.DefinitionError, "a WHERE is a condition"),
        ("who =", libfeat.DefinitionError, "1:"),
        ("at < now()", libfeat.DefinitionError, "must not change with the clock"),
        ("u.who = 1", libfeat.DefinitionError, "'u' is not its table"),
    ],
)
def test_wrong_conditions(store, where, error, words):
    for call in (lambda: scanned(store, where=where), lambda: store.delete("t", where=where)):
        with pytest.raises(error, match=words):
            call()
    assert store.version == 1


def test_a_condition_that_is_an_error(store):
    with pytest.raises(libfeat.DataError, match="is an error for a row"):
        store.delete("t", where="CAST(name AS BIGINT) = 1")
    with pytest.raises(Exception, match="is an error for a row"):
        scanned(store, where="CAST(name AS BIGINT) = 1")
    assert store.version == 1
    # Deleted rows, and those that other conditions leave out, are no errors.
    assert scanned(store, where="CASE WHEN name = 'a' THEN FALSE ELSE CAST(name AS BIGINT) = 1 END") == []


@pytest.mark.parametrize("keys, words", [({"name": "a"}, "the column 'who' is missing"), ({"who": 1, "x": 2.0}, "'x'"), ({"who": "a"}, "who")])
def test_wrong_entities(store, keys, words):
    with pytest.raises(libfeat.SchemaError, match=words):
        scanned(store, entities=keys)


def test_entities_of_one_snapshot_again_and_again(store):
    """What a snapshot keeps between scans is that of the table at hand."""
    store.define("CREATE TABLE other (who TEXT, at TIMESTAMP NOT NULL, ENTITY KEY (who), EVENT TIME (at))")
    store.append("other", [{"who": "1", "at": BASE}, {"who": "2", "at": BASE}])
    with store.snapshot() as snap:
        for _ in range(3):
            assert [r["id"] for r in snap.scan("t", entities={"who": 1}).to_arrow().to_pylist()] == [1, 4]
            assert snap.scan("other", entities={"who": ["1"]}).to_arrow().num_rows == 1
        store.define("ALTER TABLE t ADD COLUMN extra BIGINT")
        assert snap.scan("t", entities={"who": 1}).columns == snap.table("t").columns
        # Keys that are themselves read from the snapshot.
        assert snap.scan("t", entities=snap.scan("t", ["who"], entities={"who": 2})).to_arrow().num_rows == 2


def test_entities_that_span_pages(tmp_path):
    """Keys of one row and of many pages, in several segments, at the ends and missing."""
    rng = random.Random(5)
    sizes = {k: rng.choice([1, 2, 3, 50, 4096, 9000]) for k in range(0, 60, 2)}
    with libfeat.open(tmp_path / "store") as store:
        store.define("CREATE TABLE t (who BIGINT, name TEXT, at TIMESTAMP NOT NULL, n BIGINT, ENTITY KEY (who, name), EVENT TIME (at))")
        counts, at = {}, BASE
        for part in range(2):
            who = [k for k, size in sizes.items() for _ in range(size)]
            name = [rng.choice("ab") for _ in who]
            for key in zip(who, name):
                counts[key] = counts.get(key, 0) + 1
            store.append("t", {"who": who, "name": name, "at": [at] * len(who), "n": list(range(len(who)))})
        with store.snapshot() as snap:
            for k in range(-1, 61):
                for name in "abc":
                    rows = snap.scan("t", ["who", "name"], entities={"who": k, "name": name}).to_dict()
                    assert len(rows["who"]) == counts.get((k, name), 0)
                    assert set(zip(*rows.values())) <= {(k, name)}
                assert len(snap.scan("t", ["n"], entities={"who": k}).to_dict()["n"]) == 2 * sizes.get(k, 0)


# ---- Columns that come with rows ----


def test_merge_schema(store):
    row = {"id": 10, "who": 1, "name": "a", "at": BASE, "colour": "red", "size": 2.5}
    with pytest.raises(libfeat.SchemaError, match="colour"):
        store.append("t", [row])
    done = store.append("t", [row], merge_schema=True)
    assert (done.version, done.rows_added) == (2, 1)
    with store.snapshot() as snap:
        assert snap.table("t").columns == ["id", "who", "name", "at", "x", "n", "colour", "size"]
        assert snap.scan("t", ["id", "colour", "size"], where="colour = 'red'").to_dict() == {"id": [10], "colour": ["red"], "size": [2.5]}
        assert snap.scan("t", ["id"], where="colour IS NULL").to_arrow().num_rows == 6
    with store.snapshot(version=1) as snap:
        assert snap.table("t").columns == ["id", "who", "name", "at", "x", "n"]
    # With nothing new it is a write like any other, and other ways of writing take it too.
    store.merge("t", [{**row, "size": 3.5}], merge_schema=True)
    store.upsert("t", [{**row, "deep": True}], merge_schema=True)
    assert scanned(store, columns=["size", "deep"], where="id = 10") == [{"size": 2.5, "deep": True}]
    assert store.snapshot().table("t").columns[-3:] == ["colour", "size", "deep"]
    store.define("ALTER TABLE t ADD COLUMN later BIGINT")
    store.append("t", [{**row, "id": 11, "later": 4}])


def test_merge_schema_changes_nothing_else(store):
    row = {"id": 10, "who": 1, "name": "a", "at": BASE, "colour": "red"}
    digest = store.snapshot().digest("t")
    for wrong, error in (
        ({**row, "n": "many"}, libfeat.SchemaError),  # another type
        ({**row, "id": 1}, libfeat.ConstraintError),  # another row with that key
        ({**row, "$ended": True}, libfeat.SchemaError),
        ({**row, "Colour": "blue"}, libfeat.SchemaError),
    ):
        with pytest.raises(error):
            store.append("t", [wrong], merge_schema=True)
        assert store.version == 1 and store.snapshot().digest("t") == digest
        assert store.snapshot().table("t").columns == ["id", "who", "name", "at", "x", "n"]
    with pytest.raises(libfeat.ArgumentError):
        store.delete("t", {"id": [1]}, merge_schema=True)


def test_merge_schema_of_a_dimension(tmp_path):
    with libfeat.open(tmp_path / "store") as store:
        store.define("CREATE DIMENSION d (k BIGINT, at TIMESTAMP NOT NULL, v TEXT, ENTITY KEY (k), EVENT TIME (at))")
        store.append("d", [{"k": 1, "at": BASE, "v": "x"}])
        store.append("d", [{"k": 2, "at": BASE, "v": "x", "w": 5}], merge_schema=True)
        store.end("d", {"k": [1], "at": [BASE + dt.timedelta(days=1)]})
        with store.snapshot() as snap:
            assert snap.table("d").columns == ["k", "at", "v", "w"]
            assert snap.table("d", ended=True).columns == ["k", "at", "v", "w", "$ended"]
            assert snap.scan("d", ["k"], where="w = 5").to_dict() == {"k": [2]}


def test_threads_share_a_snapshot(store):
    store.define("CREATE TABLE other (who BIGINT, at TIMESTAMP NOT NULL, ENTITY KEY (who), EVENT TIME (at))")
    store.append("other", [{"who": i % 10, "at": BASE} for i in range(100)])
    wrong = []

    def work(seed):
        rng = random.Random(seed)
        for _ in range(200):
            table, rows = rng.choice([("t", 2), ("other", 10)])
            found = snap.scan(table, ["who"], entities={"who": rng.randrange(3)}).to_dict()["who"]
            if len(found) != rows:
                wrong.append((table, found))

    with store.snapshot() as snap:
        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


def test_pages_that_a_condition_leaves_out(store: Any) -> None:
    """Rows beside the edges of pages, with NULLs and deleted rows about: the same rows as by reading all."""
    n = 20_000
    store.define("CREATE TABLE p (k BIGINT NOT NULL, x BIGINT, y DOUBLE, at TIMESTAMP NOT NULL, ENTITY KEY (k), EVENT TIME (at), UNIQUE (k));")
    xs = [None if i % 5000 == 4095 or 8192 <= i < 8300 else i for i in range(n)]
    store.append("p", pa.table({"k": list(range(n)), "x": pa.array(xs, pa.int64()), "y": [i / 8 for i in range(n)], "at": pa.array([0] * n, pa.timestamp("us"))}))
    store.delete("p", where="k % 1000 = 7")
    live = [i for i in range(n) if i % 1000 != 7]
    with store.snapshot() as snap:
        for where, truth in [
            ("k = 4096", lambda i: i == 4096),
            ("k >= 4095 AND k <= 4097", lambda i: 4095 <= i <= 4097),
            ("k > 19998", lambda i: i > 19998),
            ("k < 0", lambda i: False),
            ("x >= 8100 AND x < 8400", lambda i: xs[i] is not None and 8100 <= xs[i] < 8400),
            ("y > 2000.0 AND k < 16390", lambda i: i / 8 > 2000 and i < 16390),
            ("k = 4096 OR k = 12288", lambda i: i in (4096, 12288)),
            ("x IS NULL AND k > 8000", lambda i: xs[i] is None and i > 8000),
        ]:
            got = snap.scan("p", ["k"], where=where).to_dict()["k"]
            assert got == [i for i in live if truth(i)], where
