"""Changes of tables, differences of versions, restoring and cloning, beside contents that are kept in plain Python."""

from __future__ import annotations

import datetime as dt
import os
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest

import libfeat
from histories import SQL, TABLES, Model, Row, rows_of
from shop import ROWS, SPINE, T0, WANT, content, expected, row

LONG = bool(os.environ.get("FEAT_TEST_LONG"))

def steps_of(result: Any, columns: List[str]) -> List[Tuple[int, Any, str, Row]]:
    got = result.to_dict()
    assert list(got) == ["$change", "$version", "$known_time", *columns]
    return list(zip(got["$version"], got["$known_time"], got["$change"], rows_of(result, columns)))


def updates_of(changes: List[Tuple[str, Row]]) -> Counter:
    """Pairs of before and after, and all else."""
    out: Counter = Counter()
    i = 0
    while i < len(changes):
        if changes[i][0] == "update_before":
            assert changes[i + 1][0] == "update_after"
            out[(changes[i][1], changes[i + 1][1])] += 1
            i += 2
        else:
            assert changes[i][0] in ("insert", "delete")
            out[changes[i]] += 1
            i += 1
    return out


def check_order(changes: List[Tuple[str, Row]]) -> None:
    phases = [{"delete": 0, "update_before": 1, "update_after": 1, "insert": 2}[word] for word, _ in changes]
    assert phases == sorted(phases)


def check(store: Any, model: Model, table: str, since: int, until: int) -> None:
    columns = TABLES[table][0]
    net = steps_of(store.changes(table, since=since, until=until, net=True), columns)
    assert updates_of([(w, r) for _, _, w, r in net]) == updates_of(model.changes(table, since, until))
    check_order([(w, r) for _, _, w, r in net])
    assert all((v, t) == (until, model.commits[until][1]) for v, t, _, _ in net)
    if since > until:
        with pytest.raises(libfeat.ArgumentError, match="net"):
            store.changes(table, since=since, until=until)
        return
    each = steps_of(store.changes(table, since=since, until=until), columns)
    assert [v for v, _, _, _ in each] == sorted(v for v, _, _, _ in each)
    for version in range(since + 1, until + 1):
        of_commit = [(w, r) for v, t, w, r in each if v == version]
        assert {t for v, t, _, _ in each if v == version} <= {model.commits[version][1]}
        want = model.changes(table, version - 1, version) if model.commits[version][0] == table else []
        assert updates_of(of_commit) == updates_of(want), version
        check_order(of_commit)


def check_diff(store: Any, model: Model, since: int, until: int) -> None:
    got = store.diff(since, until).to_dict()
    want: Dict[str, List[Any]] = {name: [] for name in got}
    for table in TABLES:
        words = Counter(word for word, _ in model.changes(table, since, until))
        if not words:
            continue
        want["table"].append(table)
        want["rows_before"].append(sum(model.versions[since][table].values()))
        want["rows_after"].append(sum(model.versions[until][table].values()))
        want["inserted"].append(words["insert"])
        want["updated"].append(words["update_after"])
        want["deleted"].append(words["delete"])
        for column, version in (("digest_before", since), ("digest_after", until)):
            with store.snapshot(version=version) as snap:
                want[column].append(snap.digest(table))
    assert got == want


@pytest.mark.parametrize("seed", range(40 if LONG else 4))
def test_random_histories(path: Path, seed: int) -> None:
    model = Model(seed)
    store = libfeat.open(path)
    store.define(SQL)
    for step in range(120):
        model.step(store)
        if step % 50 == 49:
            store.close()
            store = libfeat.open(path, mode="r+")
    newest = store.version
    assert newest == len(model.versions) - 1 > 60
    for table, (columns, _) in TABLES.items():
        for version in (newest, newest // 2):
            with store.snapshot(version=version) as snap:
                assert Counter(rows_of(snap.table(table), columns)) == model.versions[version][table]
        for since, until in [(0, newest), (newest, 0)] + [
            (model.rng.randrange(newest + 1), model.rng.randrange(newest + 1)) for _ in range(12)
        ]:
            check(store, model, table, since, until)
    for _ in range(12):
        check_diff(store, model, model.rng.randrange(newest + 1), model.rng.randrange(newest + 1))
    check_diff(store, model, 0, newest)
    store.close()


def test_points(filled: Any) -> None:
    """Versions, tags, times; the defaults are all that there is."""
    filled.tag("first")
    done = filled.upsert("purchases", row(amount=5.5))
    filled.delete("purchases", {"purchase_id": [2]})
    every = filled.changes("purchases").to_dict()
    assert every["$change"] == ["insert"] * 4 + ["update_before", "update_after", "delete"]
    assert every["$version"] == [1] * 4 + [2, 2, 3]
    assert every["purchase_id"][4:] == [1, 1, 2] and every["amount"][4:] == [1.5, 5.5, 2.25]
    assert every["$known_time"] == [filled.history().to_dict()["known_time"][v - 1] for v in every["$version"]]
    since_tag = filled.changes("purchases", since="first").to_dict()
    assert since_tag["$change"] == ["update_before", "update_after", "delete"]
    assert filled.changes("purchases", since="first", until=done.known_time).to_dict()["$change"] == ["update_before", "update_after"]
    assert filled.changes("purchases", since=3).to_dict()["$change"] == []
    assert filled.diff("first").to_dict()["updated"] == [1]
    assert filled.diff(done.known_time, 2).to_dict()["table"] == []
    for bad in (4, "none", T0):
        with pytest.raises(libfeat.NotFoundError):
            filled.changes("purchases", since=bad)
        with pytest.raises(libfeat.NotFoundError):
            filled.diff(until=bad)
    with pytest.raises(libfeat.NotFoundError, match="purchase"):
        filled.changes("purchase")
    with pytest.raises(libfeat.ArgumentError):
        filled.changes("purchases", since=-1)


def test_rewriting_the_same_rows_is_no_change(filled: Any) -> None:
    filled.overwrite("purchases", {name: values[::-1] for name, values in ROWS.items()})
    assert filled.version == 2
    assert filled.changes("purchases", since=1).to_dict()["$change"] == []
    assert filled.diff(1).to_dict()["table"] == []


def test_altered_tables_are_shown_as_the_newer_version_has_them(filled: Any) -> None:
    filled.upsert("purchases", row(amount=2.0))
    filled.define("ALTER TABLE purchases ADD COLUMN note TEXT DEFAULT 'old'; ALTER TABLE purchases RENAME COLUMN amount TO paid;")
    filled.upsert("purchases", {("paid" if n == "amount" else n): v for n, v in row(purchase_id=2, note="new").items()})
    got = filled.changes("purchases", since=1).to_dict()
    assert list(got)[3:] == ["purchase_id", "user_id", "paid", "status", "vip", "day", "purchased_at", "note"]
    assert got["note"] == ["old", "old", "old", "new"] and got["paid"] == [1.5, 2.0, 2.25, 1.5]
    assert list(filled.changes("purchases", since=1, until=2).to_dict())[3:] == list(ROWS)
    undo = filled.changes("purchases", since=3, until=1, net=True).to_dict()
    assert undo["$change"] == ["update_before", "update_after"] * 2
    assert sorted(zip(undo["purchase_id"], undo["note"], undo["paid"])) == [(1, "old", 1.5), (1, "old", 2.0), (2, "new", 1.5), (2, "old", 2.25)]


def test_dimensions_show_their_ends(store: Any) -> None:
    store.define("CREATE DIMENSION users (k BIGINT NOT NULL, name TEXT NOT NULL, at TIMESTAMP NOT NULL, ENTITY KEY (k), EVENT TIME (at));")
    store.append("users", {"k": [1, 2], "name": ["a", "b"], "at": [T0, T0]})
    store.end("users", {"k": [1], "at": [T0 + dt.timedelta(days=1)]})
    got = store.changes("users", since=1).to_dict()
    assert got["$change"] == ["insert"] and got["$ended"] == [True] and got["name"] == [None] and got["k"] == [1]


def test_names_that_collide(store: Any) -> None:
    store.define('CREATE TABLE odd (k BIGINT, "$change" TEXT, at TIMESTAMP NOT NULL, ENTITY KEY (k), EVENT TIME (at));')
    with pytest.raises(libfeat.ExistsError, match="change"):
        store.changes("odd")


def test_tables_that_are_gone_and_many_rows(store: Any) -> None:
    n = 50_000
    store.define(SQL)
    ids = list(range(n))
    store.append("keyed", {"id": ids, "k": [i % 7 for i in ids], "x": [i / 4 for i in ids], "s": [str(i) for i in ids], "at": [T0] * n})
    store.upsert("keyed", {"id": ids[::2], "k": [1] * (n // 2), "x": [-1.0] * (n // 2), "s": ["new"] * (n // 2), "at": [T0] * (n // 2)})
    got = store.changes("keyed", since=1).to_dict()
    assert len(got["id"]) == n and got["$change"] == ["update_before", "update_after"] * (n // 2)
    assert got["id"][::2] == got["id"][1::2] and sorted(got["id"][::2]) == ids[::2]
    assert all(x == i / 4 for i, x in zip(got["id"][::2], got["x"][::2])) and set(got["x"][1::2]) == {-1.0}
    assert store.changes("keyed").to_dict()["$change"][:n] == ["insert"] * n
    store.define("DROP TABLE keyed;")
    assert store.diff(1, 2).to_dict()["table"] == ["keyed"] and store.diff(1, 2).to_dict()["updated"] == [n // 2]
    with pytest.raises(libfeat.NotFoundError):
        store.changes("keyed")


def test_equal_rows_by_the_thousand(store: Any) -> None:
    """Rows without a key are told apart by nothing but how often they are there."""
    store.define(SQL)
    n = 20_000
    same = {"k": [1] * n, "x": [float("nan")] * n, "at": [T0] * n}
    store.append("plain", same)
    store.overwrite("plain", {name: values[: n - 5] + [values[0]] * 2 for name, values in same.items()})
    got = store.changes("plain", since=1).to_dict()
    assert got["$change"] == ["delete"] * 3
    assert store.diff(1).to_dict()["deleted"] == [3]


# ---- restoring -------------------------------------------------------------------------------------------------------


def test_restore(filled: Any) -> None:
    filled.tag("good")
    with filled.snapshot() as snap:
        digest = snap.digest("purchases")
    bad = filled.upsert("purchases", row(amount=-1.0))
    filled.delete("purchases", {"purchase_id": [2, 3]})
    filled.append("purchases", row(purchase_id=9))
    done = filled.restore("purchases", tag="good")
    assert (done.version, done.rows_added, done.rows_replaced, done.rows_removed, done.online) == (5, 2, 1, 1, "OK")
    assert content(filled) == expected()
    with filled.snapshot() as snap:
        assert snap.digest("purchases") == digest
    history = filled.history("purchases").to_dict()
    assert history["operation"][-1] == "restore" and history["rows"][-1] == 4
    assert (history["rows_added"][-1], history["rows_removed"][-1]) == (3, 2)
    again = filled.restore("purchases", version=1)
    assert again.version == 5 and (again.rows_added, again.rows_replaced, again.rows_removed) == (0, 0, 0)
    # The keys of what came back are known, those of what went are not.
    with pytest.raises(libfeat.ConstraintError):
        filled.append("purchases", row(purchase_id=2))
    assert filled.append("purchases", row(purchase_id=9)).rows_added == 1
    assert filled.restore("purchases", at=bad.known_time).rows_replaced == 1
    assert [r[2] for r in content(filled)] == [-1.0, 2.25, None, 10.0]
    filled.restore("purchases", version=0)
    assert content(filled) == []
    with pytest.raises(libfeat.NotFoundError):
        filled.restore("purchases", version=99)
    with pytest.raises(libfeat.NotFoundError):
        filled.restore("nothing", version=1)
    with pytest.raises(libfeat.ArgumentError):
        filled.restore("purchases")
    with pytest.raises(libfeat.ArgumentError, match="known"):
        filled.restore("purchases", version=1, known_at=T0)
    with libfeat.open(filled.path, mode="r") as reader, pytest.raises(libfeat.ReadOnlyError):
        reader.restore("purchases", version=1)


def test_restored_tables_serve_and_train_alike(filled: Any) -> None:
    filled.deploy("churn")
    before = filled.training_set("churn", SPINE, timestamp="at").to_dict()
    filled.upsert("purchases", row(amount=1000.0))
    filled.delete("purchases", {"purchase_id": [3]})
    assert filled.training_set("churn", SPINE, timestamp="at").to_dict() != before
    assert filled.restore("purchases", version=1).online == "OK"
    assert filled.training_set("churn", SPINE, timestamp="at").to_dict() == before
    assert {n: v for n, v in before.items() if n in WANT} == WANT
    with filled.reader("churn") as reader:
        got = reader.get(user_id=SPINE["user_id"], amount=SPINE["amount"], now=SPINE["at"])
        assert got.position.version == filled.version == 4
        assert got.to_dict() == WANT


def test_restore_over_altered_columns(filled: Any) -> None:
    filled.define("ALTER TABLE purchases ADD COLUMN note TEXT DEFAULT 'old';")
    wide = row(purchase_id=9, note="new")
    filled.append("purchases", wide)
    filled.define("DROP FEATURE SERVICE churn; DROP FEATURE VIEW spending; ALTER TABLE purchases DROP COLUMN vip;")
    assert filled.restore("purchases", version=1).rows_removed == 1
    with filled.snapshot() as snap:
        rows = snap.table("purchases").to_dict()
        assert "vip" not in rows and rows["note"] == ["old"] * 4
    assert filled.delete("purchases", {"purchase_id": [1, 2, 3, 4]}).rows_removed == 4
    with filled.snapshot() as snap:
        assert snap.digest("purchases") == "0" * 32
    with filled.snapshot(version=1) as snap:
        assert Counter(snap.table("purchases").to_dict()["vip"]) == Counter(ROWS["vip"])


def test_layers_are_not_restored(filled: Any) -> None:
    filled.materialize("spending", at=T0)
    with pytest.raises(libfeat.ArgumentError, match="materialise"):
        filled.restore(filled.layer("spending"), version=1)
    view_changes = filled.changes(filled.layer("spending")).to_dict()
    assert set(view_changes["$change"]) == {"insert"}


# ---- clones ----------------------------------------------------------------------------------------------------------


def test_clone(filled: Any) -> None:
    filled.upsert("purchases", row(amount=9.0))
    size = (Path(filled.path) / "blocks.mdb").stat().st_size
    done = filled.clone("purchases", "copy", version=1)
    assert (done.version, done.rows_added, done.online) == (3, 4, "OK")
    assert (Path(filled.path) / "blocks.mdb").stat().st_size - size <= 3 * 4096 * 4
    with filled.snapshot() as snap:
        assert sorted(zip(*(snap.table("copy").to_dict()[n] for n in ROWS))) == expected()
        digest = snap.digest("copy")
    with filled.snapshot(version=1) as snap:
        assert snap.digest("purchases") == digest and snap.table("copy").to_dict()["amount"] == []
    assert filled.history().to_dict()["operation"] == ["append", "upsert", "clone"]
    assert filled.history("copy").to_dict()["rows_added"] == [4]
    assert filled.changes("copy").to_dict()["$change"] == ["insert"] * 4
    # Each goes its own way, with keys of its own.
    with pytest.raises(libfeat.ConstraintError):
        filled.append("copy", row(amount=9.0))
    assert filled.upsert("copy", row(amount=8.0)).rows_replaced == 1
    assert filled.delete("purchases", {"purchase_id": [1]}).rows_removed == 1
    assert filled.append("copy", row(purchase_id=5)).rows_added == 1
    with filled.snapshot() as snap:
        assert snap.count("purchases") == 3 and snap.count("copy") == 5
    filled.restore("copy", version=3)
    with filled.snapshot() as snap:
        assert snap.digest("copy") == digest
    filled.clone("copy", "again")
    filled.vacuum(dt.timedelta(0))
    with libfeat.open(filled.path, mode="r") as reader, reader.snapshot() as snap:
        assert snap.digest("copy") == snap.digest("again") == digest
        assert snap.count("purchases") == 3
    filled.define("DROP TABLE copy;")
    filled.define("CREATE FEATURE VIEW v2 AS SELECT user_id, count(*) OVER () AS n FROM again GROUP BY user_id;")
    assert filled.upsert("again", row(amount=1.0)).version > done.version


def test_clones_of_altered_tables(filled: Any) -> None:
    filled.define("DROP FEATURE SERVICE churn; DROP FEATURE VIEW spending;")
    filled.define("ALTER TABLE purchases ADD COLUMN note TEXT DEFAULT 'old'; ALTER TABLE purchases DROP COLUMN vip;")
    filled.append("purchases", {n: v for n, v in row(purchase_id=9, note="new").items() if n != "vip"})
    filled.clone("purchases", "before", version=1)
    filled.clone("purchases", "after")
    for table in ("before", "after"):
        filled.append(table, {n: v for n, v in row(purchase_id=10).items() if n != "vip"})
    filled.define("ALTER TABLE before ADD COLUMN more BIGINT; ALTER TABLE after ADD COLUMN more BIGINT DEFAULT 3;")
    with filled.snapshot() as snap:
        before, after = snap.table("before").to_dict(), snap.table("after").to_dict()
    assert "note" not in before and Counter(before["vip"]) == Counter([*ROWS["vip"], None]) and before["more"] == [None] * 5
    assert "vip" not in after and Counter(after["note"]) == Counter(["old"] * 5 + ["new"]) and after["more"] == [3] * 6
    for table, n in (("before", 5), ("after", 6)):
        assert filled.delete(table, {"purchase_id": [1, 2, 3, 4, 9, 10]}).rows_removed == n
        with filled.snapshot() as snap:
            assert snap.digest(table) == "0" * 32
    for version in range(filled.version + 1):
        with filled.snapshot(version=version) as snap:
            for table in ("before", "after", "purchases"):
                assert snap.count(table) == len(snap.table(table).to_dict()["purchase_id"])


def test_clones_that_cannot_be(filled: Any) -> None:
    version = filled.version
    for name in ("purchases", "PURCHASES", "spending"):
        with pytest.raises(libfeat.ExistsError):
            filled.clone("purchases", name)
    with pytest.raises(libfeat.ArgumentError):
        filled.clone("purchases", "")
    with pytest.raises(libfeat.NotFoundError):
        filled.clone("nothing", "copy")
    with pytest.raises(libfeat.NotFoundError):
        filled.clone("purchases", "copy", version=99)
    with pytest.raises(libfeat.ArgumentError, match="known"):
        filled.clone("purchases", "copy", known_at=T0)
    with libfeat.open(filled.path, mode="r") as reader, pytest.raises(libfeat.ReadOnlyError):
        reader.clone("purchases", "copy")
    assert filled.version == version and filled.show("SHOW TABLES").to_dict()["name"] == ["purchases"]
    # A table without rows is copied without a commit.
    assert filled.clone("purchases", "empty", version=0).version == version
    assert filled.show("SHOW TABLES").to_dict()["name"] == ["empty", "purchases"]
    filled.append("empty", ROWS)
    filled.materialize("spending", at=T0)
    with pytest.raises(libfeat.ArgumentError, match="layer"):
        filled.clone(filled.layer("spending"), "copy")


def test_rows_that_come_back_are_served_as_they_were(filled: Any) -> None:
    """Over restores a row is shown by stretches of versions, not from one on."""
    filled.upsert("purchases", row(amount=100.0))
    filled.delete("purchases", {"purchase_id": [3]})
    filled.restore("purchases", version=1)
    filled.upsert("purchases", row(purchase_id=2, amount=50.0))
    filled.restore("purchases", version=3)
    filled.restore("purchases", version=5)
    n = len(SPINE["at"])
    versions = range(1, filled.version + 1)
    want = [filled.training_set("churn", SPINE, timestamp="at", version=v).to_dict() for v in versions]
    spine = {name: [value for _ in versions for value in values] for name, values in SPINE.items()}
    spine["served"] = [v for v in versions for _ in range(n)]
    got = filled.training_set("churn", spine, timestamp="at", as_served=True, position="served").to_dict()
    for name in WANT:
        assert got[name] == [value for each in want for value in each[name]]
    assert want[3] == want[0] != want[1] and want[5] == want[2] and want[6] == want[4]
