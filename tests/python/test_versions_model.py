"""Random operations on several tables, branches and versions, beside a model that keeps every version in plain Python."""

from __future__ import annotations

import datetime as dt
import os
import random
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

import pytest

import libfeat
from histories import SQL, TABLES, Row, exact, rows_of, with_types
from shop import T0

STEPS = 10_000
LONG = bool(os.environ.get("FEAT_TEST_LONG"))
Content = Dict[str, Counter]


@pytest.fixture
def fast() -> Iterator[Path]:
    """In memory where there is a place: the test commits thousands of times."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as name:
        yield Path(name)


def key(table: str, r: Row) -> Optional[Row]:
    n = TABLES[table][1]
    return r[:n] if n and None not in r[:n] else None


def plain(r: Row, table: str) -> Row:
    return tuple(float.fromhex(v) if c == "x" and isinstance(v, str) else v for c, v in zip(TABLES[table][0], r))


class Refused(Exception):
    """The model's word for a write that must fail."""


class World:
    def __init__(self, path: Path, seed: int) -> None:
        self.path = path
        self.rng = random.Random(seed)
        self.store = libfeat.open(path)
        self.store.define(SQL)
        self.contents: Dict[int, Content] = {0: {t: Counter() for t in TABLES}}
        self.parents: Dict[int, Optional[int]] = {0: None}  # what a version was made from
        self.changed: Dict[int, Set[str]] = {0: set()}  # tables of its commit
        self.tips = {"main": 0}
        self.bases = {"main": 0}
        self.tags: Dict[str, int] = {}
        self.last = 0
        self.kept: Set[int] = {0}  # versions that can be read
        self.applied: Dict[Tuple[str, str], int] = {}
        self.n_names = 0
        self.pushed: Optional[Content] = None  # what the newest version and the rows pushed behind it are together
        self.pushed_tables: Set[str] = set()
        self.counts: Counter = Counter()

    # ---- rows ----

    def some_row(self, table: str) -> Row:
        rng = self.rng
        at = T0 + dt.timedelta(hours=rng.randrange(5))
        x = exact(rng.choice([0.0, -0.0, float("nan"), 1.5, None]))
        if table == "keyed":
            return (rng.randrange(40), rng.choice([None, 1, 2, 3]), x, rng.choice([None, "", "a", "bb"]), at)
        if table == "parts":
            return (rng.choice([None, 1, 2, 3, 4]), rng.choice([None, "", "p", "q"]), x, at)
        return (rng.choice([None, 1, 2]), x, at)

    def some_rows(self, table: str) -> List[Row]:
        out: Dict[Any, Row] = {}
        for i in range(self.rng.choice([1, 1, 3, 8])):
            r = self.some_row(table)
            out[key(table, r) or i] = r
        return list(out.values())

    def write(self, to: Any, content: Content, **options: Any) -> Tuple[str, Content]:
        """One write by `to`, a store or a transaction; the content after it. Refused when it must fail, and has."""
        rng = self.rng
        table = rng.choice(list(TABLES))
        columns, n_key = TABLES[table]
        before, rows = content[table], self.some_rows(table)
        after = Counter(before)
        stored = {key(table, r): r for r in before if key(table, r)}
        ways = ["append", "overwrite", "range", "where"] + ["append", "upsert", "delete", "merge", "merge"] * bool(n_key)
        what = rng.choice(ways)
        data = with_types({c: [plain(r, table)[i] for r in rows] for i, c in enumerate(columns)})
        self.counts[what] += 1
        if what == "where":
            hour = rng.randrange(5)
            time = T0 + dt.timedelta(hours=hour)
            for r in list(after):
                if r[-1] == time and (n_key == 0 or r[0] is not None and r[0] % 2 == 0):
                    del after[r]
            text = f"at = TIMESTAMP '{time}'" + (" AND id % 2 = 0" if n_key else "")
            to.delete(table, where=text, **options)
        elif what == "range":
            start, end = sorted(rng.sample(range(6), 2))
            start, end = T0 + dt.timedelta(hours=start), T0 + dt.timedelta(hours=end)
            rows = [r for r in rows if start <= r[-1] < end]
            for r in list(after):
                if start <= r[-1] < end:
                    del after[r]
            taken = {key(table, r) for r in after if key(table, r)}
            rows = [r for r in rows if key(table, r) not in taken]
            after.update(rows)
            data = with_types({c: [plain(r, table)[i] for r in rows] for i, c in enumerate(columns)})
            to.overwrite(table, data, start=start, end=end, **options)
        elif what == "overwrite":
            after = Counter(rows)
            to.overwrite(table, data, **options)
        elif what == "delete":
            for r in rows:
                if key(table, r) in stored:
                    after[stored[key(table, r)]] -= 1
            to.delete(table, data.select(columns[:n_key]), **options)
        elif what == "merge":
            matched = rng.choice(["update", "ignore", "delete", "error"])
            not_matched = rng.choice(["insert", "ignore", "error"])
            refused = False
            for r in rows:
                old = stored.get(key(table, r)) if key(table, r) else None
                if old:
                    refused |= matched == "error"
                    if matched in ("update", "delete"):
                        after[old] -= 1
                    if matched == "update":
                        after[r] += 1
                else:
                    refused |= not_matched == "error"
                    if not_matched == "insert":
                        after[r] += 1
            if refused:
                with pytest.raises(libfeat.Error):
                    to.merge(table, data, matched=matched, not_matched=not_matched, **options)
                raise Refused
            to.merge(table, data, matched=matched, not_matched=not_matched, **options)
        elif what == "upsert" or n_key == 0:
            for r in rows:
                old = stored.get(key(table, r)) if key(table, r) else None
                if old:
                    after[old] -= 1
                after[r] += 1
            getattr(to, what)(table, data, **options)
        else:
            choice = rng.choice(["skip_identical", "error", "ignore", "replace"])
            with_old = [(r, stored.get(key(table, r)) if key(table, r) else None) for r in rows]
            if any(old and (choice == "error" or choice == "skip_identical" and old != r) for r, old in with_old):
                with pytest.raises(libfeat.ConstraintError):
                    to.append(table, data, on_conflict=choice, **options)
                raise Refused
            for r, old in with_old:
                if old and choice != "replace":
                    continue
                if old:
                    after[old] -= 1
                after[r] += 1
            to.append(table, data, on_conflict=choice, **options)
        return table, {**content, table: +after}

    # ---- commits ----

    def some_branch(self) -> str:
        return self.rng.choice(["main", *self.tips])

    def committed(self, branch: str, content: Content, tables: Set[str]) -> None:
        """A commit may have been made of `tables`: it was when the branch stands elsewhere now."""
        with self.store.snapshot(branch=branch) as snap:
            version = snap.version
        if version == self.tips[branch]:
            assert content == self.contents[version]
            return
        assert version == self.last + 1
        self.last = version
        self.contents[version], self.parents[version] = content, self.tips[branch]
        before = self.contents[self.parents[version]]
        differ = {t for t in TABLES if content[t] != before[t]}
        if len(tables) > 1:  # some writes may have found nothing to do
            history = self.store.history().to_dict()
            assert tables >= set(t for t, v in zip(history["table"], history["version"]) if v == version) >= differ
            tables = {t for t, v in zip(history["table"], history["version"]) if v == version}
        self.changed[version] = tables
        self.tips[branch] = version
        self.kept.add(version)

    def one_write(self) -> None:
        branch = self.some_branch()
        try:
            table, after = self.write(self.store, self.contents[self.tips[branch]], branch=branch)
        except Refused:
            return
        self.committed(branch, after, {table})

    def one_transaction(self) -> None:
        branch = self.some_branch()
        content = self.contents[self.tips[branch]]
        tables: Set[str] = set()
        with self.store.transaction(branch=branch) as txn:
            for _ in range(self.rng.randrange(5)):
                try:
                    table, content = self.write(txn, content)
                    tables.add(table)
                except Refused:
                    pass
            if self.rng.random() < 0.2:
                txn.abort()
                content = self.contents[self.tips[branch]]
        self.committed(branch, content, tables)

    def one_push(self) -> None:
        table = self.rng.choice(list(TABLES))
        columns = TABLES[table][0]
        content = self.pushed or self.contents[self.tips["main"]]
        after, rows = Counter(content[table]), self.some_rows(table)
        stored = {key(table, r) for r in after if key(table, r)}
        new = [r for r in rows if key(table, r) not in stored]
        after.update(new)
        data = with_types({c: [plain(r, table)[i] for r in rows] for i, c in enumerate(columns)})
        done = self.store.push(table, data, on_conflict="ignore")
        assert (done.rows_added, done.rows_skipped) == (len(new), len(rows) - len(new))
        self.pushed, self.pushed_tables = {**content, table: after}, self.pushed_tables | {table}
        if self.rng.random() < 0.5:
            self.store.flush()
            self.look_at_pushed()

    def look_at_pushed(self) -> None:
        assert self.pushed is not None
        with self.store.snapshot() as snap:
            for table, (columns, _) in TABLES.items():
                assert Counter(rows_of(snap.table(table), columns)) == self.pushed[table]

    def settle(self) -> None:
        """Pushed rows become a version before anything else does."""
        if self.pushed is not None:
            content, tables = self.pushed, self.pushed_tables
            self.pushed, self.pushed_tables = None, set()
            if self.rng.random() < 0.8:
                self.store.fold()
            else:  # any commit does it first
                self.store.append("plain", with_types({"k": [], "x": [], "at": []}))
            self.committed("main", content, tables)

    def one_crash(self) -> None:
        """Goes on from what the files hold at this moment, as if the process had been killed."""
        path = self.path.with_name(f"crashed {self.last} {self.rng.random()}")
        shutil.copytree(self.path, path, ignore=shutil.ignore_patterns("*-lock"))
        self.store.close()
        shutil.rmtree(self.path)
        self.path = path
        self.store = libfeat.open(path, mode="r+")
        if self.pushed is not None:
            self.store.flush()  # a writer recovers what was pushed
            self.look_at_pushed()

    def one_repeat(self) -> None:
        """A call of an application, and the same call once more."""
        branch, name = self.some_branch(), self.rng.choice("ab")
        before = self.store.snapshot(branch=branch).version
        sequence = self.rng.randrange(1, 2**40) + self.last * 2**41
        row = with_types({"k": [1], "x": [1.0], "at": [T0]})
        for _ in range(2):
            done = self.store.append("plain", row, application=name, sequence=sequence, branch=branch)
        assert done.repeated and done.version > before
        after = Counter(self.contents[before]["plain"])
        after[(1, exact(1.0), T0)] += 1
        self.committed(branch, {**self.contents[before], "plain": after}, {"plain"})

    def one_restore(self) -> None:
        table, version = self.rng.choice(list(TABLES)), self.rng.choice(sorted(self.kept))
        self.store.restore(table, version)
        self.committed("main", {**self.contents[self.tips["main"]], table: self.contents[version][table]}, {table})

    # ---- names ----

    def one_branch(self) -> None:
        self.n_names += 1
        name = f"branch {self.n_names}"
        if len(self.tips) > 5:
            return
        if self.rng.random() < 0.5:
            base = self.tips["main"]
            self.store.branch(name)
        else:
            base = self.rng.choice(sorted(self.kept))
            self.store.branch(name, version=base)
        self.tips[name] = self.bases[name] = base
        with pytest.raises(libfeat.ExistsError):
            self.store.branch(name)
        with pytest.raises(libfeat.ExistsError):
            self.store.tag(name)

    def one_unbranch(self) -> None:
        if len(self.tips) > 1:
            name = self.rng.choice([n for n in self.tips if n != "main"])
            self.store.unbranch(name)
            del self.tips[name], self.bases[name]
            with pytest.raises(libfeat.NotFoundError):
                self.store.snapshot(branch=name)

    def one_tag(self) -> None:
        if self.tags and self.rng.random() < 0.5:
            name = self.rng.choice(list(self.tags))
            self.store.untag(name)
            del self.tags[name]
        else:
            self.n_names += 1
            name, version = f"tag {self.n_names}", self.rng.choice(sorted(self.kept))
            self.store.tag(name, version)
            self.tags[name] = version

    def line(self, version: int) -> List[int]:
        """The version and what it was made from, back to the empty store."""
        out = [version]
        while self.parents[out[-1]] is not None:
            out.append(self.parents[out[-1]])  # type: ignore[arg-type]
        return out

    def one_audit(self) -> None:
        """Written on a branch, looked at, published at once."""
        self.one_branch()
        name = list(self.tips)[-1]
        for _ in range(self.rng.randrange(1, 4)):
            try:
                table, after = self.write(self.store, self.contents[self.tips[name]], branch=name)
            except Refused:
                continue
            self.committed(name, after, {table})
        self.publish(name, self.rng.random() < 0.5)

    def one_publish(self) -> None:
        self.publish(self.rng.choice(list(self.tips)), self.rng.random() < 0.5)

    def publish(self, name: str, others: bool) -> None:
        if name == "main":
            with pytest.raises(libfeat.ArgumentError):
                self.store.publish(name)
            return
        main, tip = self.tips["main"], self.tips[name]
        on_main = set(self.line(main))
        fork = next(v for v in self.line(tip) if v in on_main)
        ours = set().union(*(self.changed[v] for v in self.line(tip) if v not in on_main))
        theirs = set().union(*(self.changed[v] for v in self.line(main) if v > fork))
        if fork != main and (not others or ours & theirs):
            with pytest.raises(libfeat.ConflictError):
                self.store.publish(name, other_tables=others)
            return
        done = self.store.publish(name, other_tables=others)
        self.counts["published"] += bool(ours)
        after = {**self.contents[main], **{t: self.contents[tip][t] for t in ours}}
        self.committed("main", after, ours)
        assert done.version == self.tips["main"]
        if ours:
            self.tips[name] = self.bases[name] = self.tips["main"]

    def one_compact(self) -> None:
        table = self.rng.choice([None, *TABLES])
        self.store.compact(table)
        self.committed("main", self.contents[self.tips["main"]], {table} if table else set(TABLES))

    def one_vacuum(self) -> None:
        done = self.store.vacuum(keep_for=dt.timedelta(0), keep_versions=self.rng.choice([1, 5, 50]))
        assert done.oldest <= self.tips["main"]
        for version in sorted(self.kept):
            try:
                self.store.snapshot(version=version).close()
            except libfeat.NotFoundError:
                self.kept.discard(version)
        must = {0, *self.tips.values(), *self.tags.values(), *self.bases.values()} - {0}
        assert must <= self.kept, must - self.kept

    def one_reopen(self) -> None:
        self.store.close()
        self.store = libfeat.open(self.path, mode="r+")

    # ---- looking ----

    def one_look(self) -> None:
        table = self.rng.choice(list(TABLES))
        what = self.rng.choice(["version", "tag", "branch"])
        if what == "tag" and self.tags:
            name = self.rng.choice(list(self.tags))
            version, snap = self.tags[name], self.store.snapshot(tag=name)
        elif what == "branch":
            name = self.rng.choice(list(self.tips))
            version, snap = self.tips[name], self.store.snapshot(branch=name)
        else:
            version = self.rng.choice(sorted(self.kept))
            snap = self.store.snapshot(version=version)
        with snap:
            assert snap.version == version
            want = self.contents[version][table]
            assert Counter(rows_of(snap.table(table), TABLES[table][0])) == want, (version, table)
            assert snap.count(table) == sum(want.values())

    def one_difference(self) -> None:
        table = self.rng.choice(list(TABLES))
        since, until = self.rng.choice(sorted(self.kept)), self.rng.choice(sorted(self.kept))
        columns = TABLES[table][0]
        net = self.store.changes(table, since, until, net=True)
        got = list(zip(net.to_dict()["$change"], rows_of(net, columns)))
        gone = Counter(r for word, r in got if word in ("delete", "update_before"))
        come = Counter(r for word, r in got if word in ("insert", "update_after"))
        a, b = self.contents[since][table], self.contents[until][table]
        assert (gone, come) == (a - b, b - a)
        assert (table in self.store.diff(since, until).to_dict()["table"]) == (a != b)

    def one_feed(self) -> None:
        """Commit by commit, along what a version was made from."""
        table = self.rng.choice(list(TABLES))
        until = self.rng.choice(sorted(self.kept))
        line = self.line(until)
        since = self.rng.choice([v for v in line if all(w in self.kept for w in line[: line.index(v) + 1])])
        feed = self.store.changes(table, since, until)
        got = feed.to_dict()
        rows = Counter(self.contents[since][table])
        for word, version, r in zip(got["$change"], got["$version"], rows_of(feed, TABLES[table][0])):
            assert version in line and version > since
            rows[r] += 1 if word in ("insert", "update_after") else -1
        assert +rows == self.contents[until][table]

    def one_history(self) -> None:
        got = self.store.branches().to_dict()
        want = {n: (self.bases[n], v) for n, v in self.tips.items() if n != "main"}
        assert {n: (b, v) for n, b, v in zip(got["branch"], got["base"], got["version"])} == want
        assert dict(zip(*[self.store.tags().to_dict()[c] for c in ("tag", "version")])) == self.tags

    def step(self) -> None:
        steps = {
            self.one_write: 30, self.one_transaction: 10, self.one_repeat: 2, self.one_push: 12, self.one_crash: 0.3, self.one_restore: 4, self.one_branch: 4,
            self.one_unbranch: 5, self.one_audit: 3, self.one_tag: 2, self.one_publish: 6, self.one_vacuum: 0.3, self.one_compact: 1, self.one_reopen: 0.3,
            self.one_look: 25, self.one_difference: 8, self.one_feed: 5, self.one_history: 2,
        }  # fmt: skip
        one = self.rng.choices(list(steps), list(steps.values()))[0]
        self.counts[one.__name__] += 1
        if one not in (self.one_push, self.one_look, self.one_crash):
            self.settle()
        one()


@pytest.mark.parametrize("seed", range(20 if LONG else 1))
def test_random_operations(fast: Path, seed: int) -> None:
    world = World(fast / "s", seed)
    for _ in range(STEPS):
        world.step()
    assert world.counts["published"] > 20 and len(world.contents) > 1000
    for table, (columns, _) in TABLES.items():
        for version in sorted(world.kept):
            with world.store.snapshot(version=version) as snap:
                assert Counter(rows_of(snap.table(table), columns)) == world.contents[version][table]
    world.store.close()
