"""Random histories of a few tables, and their contents at every version in plain Python."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from typing import Any, Dict, List, Optional, Tuple

from shop import T0

SQL = """
CREATE TABLE keyed (id BIGINT NOT NULL, k BIGINT, x DOUBLE, s TEXT, at TIMESTAMP NOT NULL, ENTITY KEY (k), EVENT TIME (at), UNIQUE (id));
CREATE TABLE parts (id BIGINT, part TEXT, x DOUBLE, at TIMESTAMP NOT NULL, ENTITY KEY (id), EVENT TIME (at), UNIQUE (id, part));
CREATE TABLE plain (k BIGINT, x DOUBLE, at TIMESTAMP NOT NULL, ENTITY KEY (k), EVENT TIME (at));
"""
#: Columns of each table, and how many of them, the first ones, are its UNIQUE key.
TABLES: Dict[str, Tuple[List[str], int]] = {
    "keyed": (["id", "k", "x", "s", "at"], 1),
    "parts": (["id", "part", "x", "at"], 2),
    "plain": (["k", "x", "at"], 0),
}
Row = Tuple[Any, ...]


def exact(value: Any) -> Any:
    """Equal exactly for equal values: -0.0 is not 0.0, and NaN is NaN."""
    return value.hex() if isinstance(value, float) else value


def rows_of(result: Any, columns: List[str]) -> List[Row]:
    got = result.to_dict()
    return [tuple(exact(v) for v in r) for r in zip(*(got[c] for c in columns))]


class Model:
    """The contents of the tables at every version."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.versions: List[Dict[str, Counter]] = [{name: Counter() for name in TABLES}]
        self.commits: List[Tuple[str, Any]] = [("", None)]
        self.readable: List[int] = []  # versions that are restored; none: all

    @property
    def now(self) -> Dict[str, Counter]:
        return self.versions[-1]

    def key(self, table: str, r: Row) -> Optional[Row]:
        n = TABLES[table][1]
        return r[:n] if n and None not in r[:n] else None

    def some_row(self, table: str) -> Row:
        rng = self.rng
        at = T0 + dt.timedelta(hours=rng.randrange(5))
        x = rng.choice([0.0, -0.0, float("nan"), 1.5, None])
        if table == "keyed":
            return (rng.randrange(40), rng.choice([None, 1, 2, 3]), x, rng.choice([None, "", "a", "bb"]), at)
        if table == "parts":
            return (rng.choice([None, 1, 2, 3, 4]), rng.choice([None, "", "p", "q"]), x, at)
        return (rng.choice([None, 1, 2]), x, at)

    def some_rows(self, table: str) -> List[Row]:
        """Each key once."""
        out: Dict[Any, Row] = {}
        for i in range(self.rng.choice([1, 1, 3, 10, 30])):
            r = self.some_row(table)
            out[self.key(table, r) or i] = r
        return list(out.values())

    def keep(self, done: Any, table: str, after: Counter) -> None:
        before = self.now[table]
        if done.version == len(self.versions):
            assert after != before or done.rows_added
            self.versions.append({**self.now, table: after})
            self.commits.append((table, done.known_time))
        else:
            assert after == before and done.version == len(self.versions) - 1

    def restore(self, store: Any, table: str) -> None:
        version = self.rng.choice(self.readable) if self.readable else self.rng.randrange(len(self.versions))
        newest = len(self.versions) - 1
        words = Counter(word for word, _ in self.changes(table, newest, version))
        done = store.restore(table, version)
        counts = (words["insert"], words["update_after"], words["delete"])
        assert (done.rows_added, done.rows_replaced, done.rows_removed) == counts
        assert (done.version > newest) == any(counts)
        self.keep(done, table, self.versions[version][table])

    def step(self, store: Any) -> None:
        rng = self.rng
        table = rng.choice(list(TABLES))
        if rng.random() < 0.15:
            return self.restore(store, table)
        columns, n_key = TABLES[table]
        before = self.now[table]
        after = Counter(before)
        rows = self.some_rows(table)
        stored = {self.key(table, r): r for r in before if self.key(table, r)} if n_key else {}
        what = rng.choice(["append", "upsert", "delete", "overwrite", "rewrite"] if n_key else ["append", "append", "overwrite", "rewrite"])
        if what == "rewrite":  # what is there already, with a change or two
            rows = [r for r in before.elements()]
            rng.shuffle(rows)
            if rows and rng.random() < 0.7:
                rows.pop()
            what = "overwrite"
        rows = [tuple(float.fromhex(v) if c == "x" and isinstance(v, str) else v for c, v in zip(columns, r)) for r in rows]
        written = [tuple(exact(v) for v in r) for r in rows]
        if what == "overwrite":
            after = Counter(written)
        elif what == "delete":
            for r in written:
                if self.key(table, r) in stored:
                    after[stored[self.key(table, r)]] -= 1
        else:
            for r in written:
                old = stored.get(self.key(table, r)) if self.key(table, r) else None
                if old:
                    after[old] -= 1
                after[r] += 1
        data = {c: [r[i] for r in rows] for i, c in enumerate(columns)}
        if what == "delete":
            data = {c: data[c] for c in columns[:n_key]}
        if not rows and what != "overwrite":
            return
        options = {"on_conflict": "replace"} if what == "append" and n_key else {}
        done = getattr(store, what)(table, with_types(data), **options)
        self.keep(done, table, +after)

    def changes(self, table: str, since: int, until: int) -> List[Tuple[str, Row]]:
        """What changed, in no order but that an update_before is followed by its update_after."""
        gone = self.versions[since][table] - self.versions[until][table]
        come = self.versions[until][table] - self.versions[since][table]
        out: List[Tuple[str, Row]] = []
        by_key = {self.key(table, r): r for r in come if self.key(table, r)}
        for r in gone.elements():
            other = by_key.get(self.key(table, r)) if self.key(table, r) else None
            if other:
                out += [("update_before", r), ("update_after", other)]
                come[other] -= 1
            else:
                out.append(("delete", r))
        return out + [("insert", r) for r in (+come).elements()]


def with_types(data: Dict[str, List[Any]]) -> Any:
    """A column of NULLs alone has no type of its own."""
    import pyarrow as pa

    types = {"id": pa.int64(), "k": pa.int64(), "x": pa.float64(), "s": pa.string(), "part": pa.string(), "at": pa.timestamp("us")}
    return pa.table({c: pa.array(v, types[c]) for c, v in data.items()})
