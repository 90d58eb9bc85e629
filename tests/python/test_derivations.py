"""Raw tables and what is derived from them, beside the same derivations in plain Python."""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import pytest

import libfeat

LONG = bool(os.environ.get("FEAT_TEST_LONG"))
ROOT = Path(__file__).resolve().parents[2]
T0 = dt.datetime(2024, 3, 1)
NOW = dt.timedelta(0)
Key = Tuple[str, int]
Row = Tuple[Any, ...]

RAW = "CREATE RAW TABLE raw_orders;"
CLEAN = """
CREATE TABLE {name} (
    customer TEXT NOT NULL,
    ordered_at TIMESTAMP,
    amount DOUBLE CHECK (amount >= 0),
    quantity BIGINT,
    status TEXT DEFAULT 'new',
    id BIGINT NOT NULL,
    ENTITY KEY (customer), EVENT TIME (ordered_at), UNIQUE (id)
);
"""
TEXT = "json_extract_string(decode(payload), '$.{}')"
SELECT = f"""
SELECT {TEXT.format('customer')} AS customer, CAST({TEXT.format('at')} AS TIMESTAMP) AS ordered_at,
       CAST({TEXT.format('amount')} AS DOUBLE){{factor}} AS amount, TRY_CAST({TEXT.format('quantity')} AS BIGINT) AS quantity,
       CAST({TEXT.format('id')} AS BIGINT) AS id
FROM raw_orders WHERE source <> 'ignored'
"""
CREATE = "CREATE OR REPLACE DERIVATION orders_of INTO orders AS " + SELECT
COLUMNS = ["customer", "ordered_at", "amount", "quantity", "status", "id"]


def payload(rng: random.Random, number: int) -> bytes:
    order = {
        "customer": f"c{rng.randrange(20)}é",
        "at": (T0 + dt.timedelta(minutes=number)).isoformat(),
        "amount": rng.randrange(10000) / 64,
        "quantity": rng.choice([1, 2, 7, "many", None]),
        "id": number,
    }
    if rng.random() < 0.2:
        order["note"] = "x" * rng.randrange(200)
    return json.dumps(order, ensure_ascii=rng.random() < 0.5).encode()


def bad_payload(rng: random.Random, number: int) -> bytes:
    good = json.loads(payload(rng, number))
    kind = rng.randrange(6)
    if kind == 0:
        return b"\xff\xfe" + json.dumps(good).encode()
    if kind == 1:
        return json.dumps(good).encode()[:-9]
    if kind == 2:
        good["amount"] = -1.5
    elif kind == 3:
        good["id"] = "none"
    elif kind == 4:
        del good["customer"]
    else:
        good["at"] = "yesterday"
    return json.dumps(good).encode()


def parse(data: bytes, factor: float) -> Optional[Row]:
    """The row, or None where there can be none."""
    try:
        order = json.loads(data.decode())
        amount = float(order["amount"]) * factor
        quantity = order["quantity"] if isinstance(order["quantity"], int) else None
        row = (order["customer"], dt.datetime.fromisoformat(order["at"]), amount, quantity, "new", int(order["id"]))
        return row if amount >= 0 else None
    except (ValueError, KeyError):
        return None


class Model:
    def __init__(self) -> None:
        self.raw: Dict[Key, bytes] = {}
        self.factor = 1.0

    def rows(self) -> Counter:
        made = [parse(data, self.factor) for (source, _), data in self.raw.items() if source != "ignored"]
        return Counter(row for row in made if row is not None)

    def bad(self) -> List[Key]:
        return [key for key, data in self.raw.items() if key[0] != "ignored" and parse(data, self.factor) is None]


def rows_of(store: Any, table: str = "orders") -> Counter:
    with store.snapshot() as snap:
        got = snap.table(table).to_dict()
    return Counter(zip(*(got[name] for name in COLUMNS)))


def columns_of(rows: List[Tuple[Key, bytes]]) -> Dict[str, Any]:
    return {"source": [k[0] for k, _ in rows], "offset": [k[1] for k, _ in rows], "payload": [p for _, p in rows]}


def define(store: Any) -> None:
    store.define(RAW + CLEAN.format(name="orders") + CREATE.format(factor=""))


@pytest.fixture
def store(path: Path) -> Any:
    with libfeat.open(path) as opened:
        define(opened)
        yield opened


def deliver(store: Any, rows: List[Tuple[Key, bytes]], **options: Any) -> Any:
    return store.append("raw_orders", columns_of(rows), **options)


def some(rng: random.Random, first: int, n: int) -> List[Tuple[Key, bytes]]:
    return [(("shop", i), payload(rng, i)) for i in range(first, first + n)]


# ---- raw tables ----


def test_payloads_stay_as_they_came(store: Any) -> None:
    data = [b"", b"\x00", b"\xff\xfe\x00", b'{"a": 1}', "é".encode(), b"\xed\xa0\x80"]
    before = dt.datetime.now(dt.timezone.utc).replace(tzinfo=None)
    done = deliver(store, [(("s", i), p) for i, p in enumerate(data)])
    with store.snapshot() as snap:
        got = snap.table("raw_orders").to_dict()
    assert list(got) == ["source", "offset", "ingested_at", "payload"]
    assert [p for _, p in sorted(zip(got["offset"], got["payload"]))] == data
    assert all(before <= at <= done.known_time for at in got["ingested_at"])
    assert store.describe("raw_orders").to_dict()["type"] == ["TEXT", "BIGINT", "TIMESTAMP", "BLOB"]


def test_a_repeated_delivery_is_none(store: Any) -> None:
    rows = some(random.Random(1), 0, 50)
    first = deliver(store, rows)
    time.sleep(0.002)  # it comes at another time
    again = deliver(store, rows + some(random.Random(2), 50, 5) + rows[:3])
    assert (again.rows_added, again.rows_skipped) == (5, 53)
    assert deliver(store, rows[10:20]).version == again.version == first.version + 1
    with pytest.raises(libfeat.ConstraintError, match=r"\(source, offset\) = \('shop', 7\)"):
        deliver(store, [(("shop", 7), b"something else")])
    given = {**columns_of(rows[:1]), "ingested_at": [T0]}
    with pytest.raises(libfeat.ConstraintError):  # a time that was said is a value like others
        store.append("raw_orders", given)
    known = dt.datetime(2100, 1, 1)
    deliver(store, [(("later", 1), b"")], known_at=known)
    with store.snapshot() as snap:
        assert max(snap.table("raw_orders").to_dict()["ingested_at"]) == known


def test_raw_table_definitions(store: Any) -> None:
    store.define(RAW)  # nothing new
    store.define("CREATE RAW TABLE texts WITH (payload = 'text', description = 'as they came', retention = INTERVAL '30 days')")
    assert store.describe("texts").to_dict()["type"][3] == "TEXT"
    with pytest.raises(libfeat.SchemaError):
        store.append("texts", {"source": ["s"], "offset": [1], "payload": [b"\xff"]})
    for sql, message in [
        ("CREATE RAW TABLE x WITH (payload = 'json')", "'blob' or 'text'"),
        ("CREATE RAW TABLE x (a BIGINT)", r"found '\('"),
        ("CREATE RAW VIEW x", "TABLE"),
        ("CREATE TABLE x (a BIGINT, t TIMESTAMP, ENTITY KEY (a), EVENT TIME (t)) WITH (payload = 'text')", "RAW TABLE"),
    ]:
        with pytest.raises(libfeat.Error, match=message):
            store.define(sql)


# ---- derivations ----


def test_derived_rows_are_those_of_an_ingest(store: Any) -> None:
    """The same content, whatever portions the payloads came in, as a table that the parsed rows are written to."""
    rng = random.Random(4)
    rows = some(rng, 0, 3000)
    digests = []
    for start, end in ((0, 1), (1, 1000), (1000, 1000), (1000, 3000)):
        if end > start:
            deliver(store, rows[start:end])
        done = store.derive("orders_of")
        assert (done.rows_read, done.rows_written, done.rebuilt) == (end - start, end - start, start == 0)
    parsed = [parse(data, 1.0) for _, data in rows]
    store.define(CLEAN.format(name="direct"))
    store.append("direct", dict(zip(COLUMNS, map(list, zip(*parsed)))))
    with store.snapshot() as snap:
        digests = [snap.digest("orders"), snap.digest("direct")]
        assert snap.count("orders") == 3000
    assert digests[0] == digests[1]
    whole = store.derive("orders_of", rebuild=True)
    assert (whole.rebuilt, whole.rows_read, whole.rows_written, whole.rows_removed) == (True, 3000, 3000, 3000)
    with store.snapshot() as snap:
        assert snap.digest("orders") == digests[0]


def test_nothing_to_do_makes_no_version(store: Any) -> None:
    empty = store.derive("orders_of")
    assert (empty.version, empty.rows_read, empty.known_time) == (0, 0, None)
    deliver(store, some(random.Random(5), 0, 10))
    done = store.derive("orders_of")
    assert (done.version, done.source_version, done.definition) == (2, 1, 1)
    again = store.derive("orders_of")
    assert (again.version, again.source_version, again.rows_read, again.rebuilt) == (2, 1, 0, False)
    deliver(store, [(("ignored", i), b"?") for i in range(4)])
    left = store.derive("orders_of")
    assert (left.rows_read, left.rows_filtered, left.rows_written, left.version) == (4, 4, 0, 3)
    assert store.derive("orders_of").rows_read == 0
    store.define(CREATE.format(factor="") + " -- the same, spelt anew".upper())
    assert store.derive("orders_of").definition == 1


def test_bad_payloads(store: Any) -> None:
    rng = random.Random(6)
    deliver(store, some(rng, 0, 5) + [(("shop", 5), b"\xff"), (("shop", 6), b'{"customer": "c"')] + some(rng, 7, 3))
    version = store.version
    with pytest.raises(libfeat.ConstraintError, match=r"'orders_of'.*\('shop', 5\) of table 'raw_orders': column 'customer'.*decode"):
        store.derive("orders_of")
    assert store.version == version and rows_of(store) == Counter()
    done = store.derive("orders_of", on_error="skip")
    assert (done.rows_read, done.rows_written, done.rows_skipped, len(done.errors)) == (10, 8, 2, 2)
    assert "('shop', 5)" in done.errors[0] and "('shop', 6)" in done.errors[1]
    good = json.loads(payload(rng, 20))
    for i, (change, message) in enumerate(
        [({"amount": -1}, r"CHECK \(amount >= 0\)"), ({"customer": None}, "NOT NULL"), ({"id": "x"}, "column 'id' cannot")]
    ):
        deliver(store, [(("shop", 30 + i), json.dumps({**good, "id": 20 + i, **change}).encode())])
        with pytest.raises(libfeat.ConstraintError, match=rf"\('shop', {30 + i}\).*{message}"):
            store.derive("orders_of")
        assert store.derive("orders_of", on_error="skip").rows_skipped == 1
    many = [(("many", i), b"{") for i in range(3000)]
    deliver(store, many + some(rng, 5000, 2))
    done = store.derive("orders_of", on_error="skip")
    assert (done.rows_skipped, done.rows_written) == (3000, 2) and 1 <= len(done.errors) <= 8


def test_one_key_from_several_payloads(store: Any) -> None:
    first = payload(random.Random(7), 1)
    deliver(store, [(("a", 1), first), (("b", 1), first + b" ")])
    done = store.derive("orders_of")
    assert (done.rows_read, done.rows_written, done.rows_equal) == (2, 1, 1)
    other = json.dumps({**json.loads(first), "amount": 3.25}).encode()
    deliver(store, [(("c", 1), other)])
    with pytest.raises(libfeat.ConstraintError, match=r"(?s)'orders_of'.*\(id\) = \(1\)"):
        store.derive("orders_of")
    store.delete("raw_orders", {"source": ["a", "b"], "offset": [1, 1]})
    done = store.derive("orders_of")
    assert done.rebuilt and rows_of(store) == Counter([parse(other, 1.0)])


def test_what_went_is_derived_anew(store: Any) -> None:
    rng = random.Random(8)
    rows = some(rng, 0, 100)
    deliver(store, rows)
    store.derive("orders_of")
    store.delete("raw_orders", {"source": ["shop"], "offset": [17]})
    done = store.derive("orders_of")
    assert done.rebuilt and done.from_version == 0 and done.rows_removed == 100
    assert rows_of(store) == Counter(parse(p, 1.0) for k, p in rows if k[1] != 17)
    data = columns_of([(("shop", 18), rows[99][1].replace(b'"id": 99', b'"id": 18'))])
    with store.snapshot() as snap:
        at = dict(zip(snap.table("raw_orders").to_dict()["offset"], snap.table("raw_orders").to_dict()["ingested_at"]))
    store.upsert("raw_orders", {**data, "ingested_at": [at[18]]})
    assert store.derive("orders_of").rebuilt
    assert rows_of(store)[parse(data["payload"][0], 1.0)] == 1


def test_tables_that_were_taken_back_and_vacuums(store: Any) -> None:
    rng = random.Random(9)
    deliver(store, some(rng, 0, 10))
    first = store.derive("orders_of")
    deliver(store, some(rng, 10, 10))
    second = store.derive("orders_of")
    store.restore("orders", version=first.version)
    done = store.derive("orders_of")
    assert done.rebuilt and sum(rows_of(store).values()) == 20
    assert second.rebuilt is False
    deliver(store, some(rng, 20, 10))
    store.vacuum(NOW)
    with pytest.raises(libfeat.NotFoundError):
        store.snapshot(version=first.version)
    done = store.derive("orders_of")  # what was read last is kept
    assert not done.rebuilt and done.rows_read == 10 and sum(rows_of(store).values()) == 30
    store.vacuum(NOW)
    store.delete("raw_orders", {"source": ["shop"], "offset": [3]})
    assert store.derive("orders_of").rebuilt and sum(rows_of(store).values()) == 29


def test_a_table_has_one_derivation(store: Any) -> None:
    row = dict(zip(COLUMNS, ([v] for v in ("c", T0, 1.0, 1, "new", 1))))
    with pytest.raises(libfeat.ArgumentError, match="filled by derivation 'orders_of'"):
        store.append("orders", row)
    with pytest.raises(libfeat.ExistsError, match="filled by derivation 'orders_of'"):
        store.define("CREATE DERIVATION two INTO orders AS " + SELECT.format(factor=""))
    with pytest.raises(libfeat.ExistsError, match="OR REPLACE"):
        store.define(CREATE.format(factor=" * 2").replace("OR REPLACE ", ""))
    with pytest.raises(libfeat.ArgumentError, match="taken"):
        store.append("raw_orders", columns_of([(("s", 1), b"")]), application="$derivation orders_of 1", sequence=1)
    store.define("DROP DERIVATION orders_of")
    store.append("orders", row)
    store.define(CREATE.format(factor=""))
    deliver(store, some(random.Random(1), 5, 3))
    with pytest.raises(libfeat.ArgumentError, match="rebuild"):
        store.derive("orders_of")
    done = store.derive("orders_of", rebuild=True)
    assert (done.definition, done.rows_removed, done.rows_written) == (2, 1, 3)
    with pytest.raises(libfeat.NotFoundError, match="did you mean 'orders_of'"):
        store.derive("order_of")


def test_lineage(store: Any) -> None:
    rng = random.Random(10)
    want = []
    for step in range(6):
        if step == 3:
            store.define(CREATE.format(factor=" * 2"))
        deliver(store, some(rng, 10 * step, 10))
        done = store.derive("orders_of")
        assert done.rebuilt == (step in (0, 3)) and done.definition == (1 if step < 3 else 2)
        want.append((done.version, done.version - 1, "orders_of", done.definition, done.rows_written, done.rows_removed))
    store.define(CREATE.format(factor=""))  # a third version, that means what the first did
    done = store.derive("orders_of")
    assert (done.definition, done.rebuilt) == (3, True)
    want.append((done.version, done.version - 1, "orders_of", 3, 60, 60))
    got = store.derivations("orders_of").to_dict()
    names = ["version", "source_version", "derivation", "definition", "rows_added", "rows_removed"]
    assert list(zip(*(got[name] for name in names))) == want
    prints = got["fingerprint"]
    assert prints[0] == prints[2] == prints[6] != prints[3]
    assert set(store.history("orders").to_dict()["operation"]) == {"derive"}


def test_show_and_refusals(store: Any) -> None:
    shown = store.show("SHOW DERIVATIONS").to_dict()
    assert (shown["name"], shown["version"], shown["tables"]) == (["orders_of"], [1], ["raw_orders -> orders"])
    described = store.describe("orders_of").to_dict()
    assert described["name"] == COLUMNS and described["expression"][4] is None and "decode(payload)" in described["expression"][0]
    assert "rows of table raw_orders become rows of table orders" in store.explain("orders_of")
    assert "reads source, payload" in store.explain("orders_of")
    store.define("COMMENT ON DERIVATION orders_of IS 'orders as the shop sends them'")
    assert store.show("SHOW DERIVATIONS").to_dict()["description"] == ["orders as the shop sends them"]
    for sql, message in [
        ("DROP TABLE raw_orders", "derivation 'orders_of'"),
        ("DROP TABLE orders", "derivation 'orders_of'"),
        ("ALTER TABLE raw_orders RENAME COLUMN payload TO body", "by its name"),
        ("ALTER TABLE raw_orders DROP COLUMN payload", "derivation 'orders_of'"),
        ("ALTER TABLE orders DROP COLUMN amount", "derivation 'orders_of'"),
    ]:
        with pytest.raises(libfeat.DefinitionError, match=message):
            store.define(sql)
    store.define("ALTER TABLE raw_orders ADD COLUMN headers TEXT; ALTER TABLE orders ADD COLUMN channel TEXT DEFAULT 'web'")
    deliver(store, some(random.Random(3), 0, 3))
    assert store.derive("orders_of").rows_written == 3
    with store.snapshot() as snap:
        assert snap.table("orders").to_dict()["channel"] == ["web"] * 3


@pytest.mark.parametrize(
    "select, message",
    [
        ("SELECT 1 AS id FROM raw_orders", "column 'customer' of table 'orders' is NOT NULL"),
        ("SELECT nothing AS id FROM raw_orders", "nothing"),
        ("SELECT source AS id FROM raw_orders", "is BIGINT, and this is TEXT; write CAST"),
        ("SELECT 1 AS id, 2 AS id FROM raw_orders", "twice"),
        ("SELECT 1 AS price FROM raw_orders", "price"),
        ("SELECT * FROM raw_orders", r"\*"),
        ("SELECT count(*) AS id FROM raw_orders", "count"),
        ("SELECT sum(\"offset\") OVER () AS id FROM raw_orders", "sum"),
        ("SELECT DISTINCT 1 AS id FROM raw_orders", "DISTINCT"),
        ("SELECT 1 AS id FROM raw_orders GROUP BY source", "GROUP BY"),
        ("SELECT 1 AS id FROM raw_orders ORDER BY source LIMIT 3", "ORDER BY"),
        ("SELECT 1 AS id FROM raw_orders UNION ALL SELECT 1 AS id FROM raw_orders", "UNION ALL"),
        ("SELECT 1 AS id FROM raw_orders LEFT JOIN orders USING (source)", "JOIN"),
        ("SELECT 1 AS id FROM (SELECT * FROM raw_orders)", "SELECT in FROM"),
        ("WITH a AS (SELECT 1) SELECT 1 AS id FROM a", "WITH"),
        ("SELECT 1 AS id FROM orders", "another table"),
        ("SELECT 1 AS id FROM raw_order", "did you mean 'raw_orders'"),
        ("SELECT now() AS ordered_at FROM raw_orders", "clock"),
        ("SELECT 'c' AS customer, ingested_at AS ordered_at, 1 AS id FROM raw_orders WHERE source", "BOOLEAN"),
        ("SELECT x.source AS customer, 1 AS id FROM raw_orders r", "'x'"),
    ],
)
def test_what_a_derivation_cannot_be(store: Any, select: str, message: str) -> None:
    with pytest.raises(libfeat.Error, match=message):
        store.define("CREATE DERIVATION bad INTO orders AS " + select)


def test_derivations_of_derived_tables(store: Any) -> None:
    store.define(
        "CREATE TABLE totals (customer TEXT, at TIMESTAMP, euros DECIMAL(18,2), ENTITY KEY (customer), EVENT TIME (at));"
        "CREATE DERIVATION totals_of INTO totals AS SELECT upper(o.customer) AS customer, ordered_at AS at,"
        " CAST(amount AS DECIMAL(18,2)) AS euros FROM orders o WHERE amount > 10"
    )
    rows = some(random.Random(11), 0, 200)
    deliver(store, rows)
    store.derive("orders_of")
    done = store.derive("totals_of")
    kept = [r for r in (parse(p, 1.0) for _, p in rows) if r is not None and r[2] > 10]
    assert (done.rows_read, done.rows_written) == (200, len(kept)) and 0 < len(kept) < 200
    with store.snapshot() as snap:
        assert Counter(snap.table("totals").to_dict()["customer"]) == Counter(r[0].upper() for r in kept)


def test_random_histories(path: Path) -> None:
    """Deliveries, repeated ones, bad payloads, deletes, new definitions, restores, vacuums and reopening, beside the model."""
    for seed in range(40 if LONG else 4):
        rng = random.Random(seed)
        where = path.parent / f"s{seed}.feat"
        store = libfeat.open(where)
        define(store)
        model, number, derived = Model(), 0, []
        for _ in range(60):
            what = rng.random()
            if what < 0.5:
                batch = []
                for _ in range(rng.choice([1, 3, 40])):
                    make = bad_payload if rng.random() < 0.1 else payload
                    batch.append(((rng.choice(["shop", "web", "ignored"]), number), make(rng, number)))
                    number += 1
                known = list(model.raw.items())
                batch += rng.sample(known, min(len(known), rng.randrange(5)))
                deliver(store, batch)
                model.raw.update(batch)
            elif what < 0.58 and model.raw:
                gone = rng.sample(list(model.raw), min(len(model.raw), 3))
                store.delete("raw_orders", {"source": [k[0] for k in gone], "offset": [k[1] for k in gone]})
                for key in gone:
                    del model.raw[key]
            elif what < 0.66:
                model.factor = rng.choice([1.0, 2.0, 0.5])
                store.define(CREATE.format(factor="" if model.factor == 1 else f" * {model.factor}"))
            elif what < 0.7 and derived:
                store.restore("orders", version=rng.choice(derived))
            elif what < 0.73:
                store.vacuum(NOW)
                derived = []
            elif what < 0.78:
                store.close()
                store = libfeat.open(where)
            elif what < 0.86 and not model.bad():
                store.derive("orders_of", rebuild=rng.random() < 0.3)
                assert rows_of(store) == model.rows(), seed
            else:
                done = store.derive("orders_of", on_error="skip")
                assert rows_of(store) == model.rows(), seed
                assert done.rows_skipped <= len(model.bad()) and (not done.rebuilt or done.rows_skipped == len(model.bad()))
                derived.append(store.version)
        done = store.derive("orders_of", on_error="skip", rebuild=True)
        assert rows_of(store) == model.rows() and done.rows_skipped == len(model.bad())
        store.close()


def test_killed_runs_are_made_again(store: Any, path: Path) -> None:
    """A run that dies anywhere has derived its rows and noted so, or neither."""
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'bindings' / 'python')!r})\n" + (
        "import libfeat\ns = libfeat.open(sys.argv[1])\nprint('go', flush=True)\nprint(s.derive('orders_of').rows_written, flush=True)"
    )
    rng = random.Random(12)
    n, model, halves = 0, Model(), Counter()
    for _ in range(40 if LONG else 8):
        rows = some(rng, n, 1500)
        deliver(store, rows)
        model.raw.update(rows)
        before = sum(rows_of(store).values())
        child = subprocess.Popen(
            [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, env={**os.environ, "FEAT_LIBRARY": libfeat.library_path}
        )
        assert child.stdout is not None and child.stdout.readline() == b"go\n"
        time.sleep(rng.random() * 0.03)
        child.send_signal(signal.SIGKILL)
        child.wait()
        n += 1500
        got = sum(rows_of(store).values())
        assert got in (before, n)
        halves[got == n] += 1
        done = store.derive("orders_of")
        assert done.rows_written == n - got
        assert rows_of(store) == model.rows()


def test_a_service_follows_its_derived_table(store: Any) -> None:
    """What is derived is served, as what is written is, and trains what it serves."""
    store.define(
        "CREATE FEATURE VIEW spending AS SELECT customer, sum(amount) AS total, count(*) AS n FROM orders GROUP BY customer;"
        "CREATE FEATURE SERVICE risk AS SELECT s.total, s.n FROM REQUEST (customer TEXT) LEFT JOIN spending s USING (customer)"
    )
    store.deploy("risk")
    rows = some(random.Random(13), 0, 300)
    for start in (0, 100, 200):
        deliver(store, rows[start : start + 100])
        assert store.derive("orders_of").online == "OK"
    made = [r for r in (parse(p, 1.0) for _, p in rows) if r is not None]
    with store.reader("risk") as reader:
        for customer in sorted({r[0] for r in made}):
            got = reader.get(customer=customer)
            mine = [r[2] for r in made if r[0] == customer]
            assert (got["total"], got["n"]) == (sum(mine), len(mine))
