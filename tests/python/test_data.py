"""Real data: facts counted from the files by hand, found again through the library.

The files are looked for in $FEAT_DATA, then in ../shared/data beside the checkout; without them these tests are skipped.
"""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import os
from fractions import Fraction
from pathlib import Path
from typing import Any, Dict, Iterator, List

import numpy as np
import pytest

import libfeat
import reference

ROOT = Path(__file__).resolve().parents[2]
PLACES = (
    [Path(os.environ["FEAT_DATA"])]
    if os.environ.get("FEAT_DATA")
    else [ROOT.parent / "shared" / "data", ROOT / "shared" / "data"]
)


def data_file(name: str) -> Path:
    for place in PLACES:
        if (place / name).is_file():
            return place / name
    pytest.skip(f"{name} is in none of {', '.join(map(str, PLACES))}; set FEAT_DATA")


def rows_of(name: str) -> Iterator[Dict[str, str]]:
    with gzip.open(data_file(name), "rb") as packed:
        yield from csv.DictReader(io.TextIOWrapper(packed, encoding="utf-8-sig", newline=""))


RETAIL = """
CREATE TABLE lines (
  line BIGINT NOT NULL, shop BIGINT NOT NULL, invoice TEXT NOT NULL, stock_code TEXT, description TEXT, quantity BIGINT,
  invoiced_at TIMESTAMP NOT NULL, price DOUBLE, customer BIGINT, country TEXT,
  ENTITY KEY (customer), EVENT TIME (invoiced_at), UNIQUE (line));
CREATE FEATURE VIEW shop_totals AS
  SELECT shop, count(*) OVER w AS n, count(customer) OVER w AS with_customer, count(description) OVER w AS described,
    sum(quantity) OVER w AS quantity, sum(quantity * price) OVER w AS revenue, avg(price) OVER w AS avg_price,
    min(price) OVER w AS min_price, max(price) OVER w AS max_price,
    count(*) FILTER (WHERE quantity < 0) OVER w AS returned, count(*) FILTER (WHERE price < 0) OVER w AS negative,
    count(*) FILTER (WHERE price = 0) OVER w AS given_away,
    count(*) FILTER (WHERE invoice >= 'C' AND invoice < 'D') OVER w AS cancelled,
    min(invoiced_at) OVER w AS opened, max(invoiced_at) OVER w AS closed
  FROM lines GROUP BY shop WINDOW w AS (RANGE UNBOUNDED PRECEDING);
CREATE FEATURE VIEW customer_month AS
  SELECT customer, count(*) OVER w AS n, sum(quantity * price) OVER w AS spent, last(stock_code) OVER w AS newest,
    count(*) OVER life AS n_ever
  FROM lines GROUP BY customer WINDOW w AS (RANGE INTERVAL '30 days' PRECEDING), life AS (RANGE UNBOUNDED PRECEDING);
CREATE FEATURE SERVICE totals AS shop_totals;
CREATE FEATURE SERVICE customers AS customer_month;
"""


def read_retail() -> Dict[str, List[Any]]:
    columns: Dict[str, List[Any]] = {
        n: []
        for n in (
            "line",
            "shop",
            "invoice",
            "stock_code",
            "description",
            "quantity",
            "price",
            "customer",
            "country",
            "invoiced_at",
        )
    }
    times: Dict[str, int] = {}  # many lines, few distinct times
    for number, row in enumerate(rows_of("online_retail.csv.gz")):
        columns["line"].append(number)
        columns["shop"].append(1)
        columns["invoice"].append(row["InvoiceNo"])
        columns["stock_code"].append(row["StockCode"])
        columns["description"].append(row["Description"] or None)
        columns["quantity"].append(int(row["Quantity"]))
        columns["price"].append(float(row["UnitPrice"]))
        columns["customer"].append(int(float(row["CustomerID"])) if row["CustomerID"] else None)
        columns["country"].append(row["Country"])
        at = row["InvoiceDate"]
        if at not in times:
            times[at] = libfeat._time.instant(at, "InvoiceDate")
        columns["invoiced_at"].append(times[at])
    out: Dict[str, Any] = dict(columns)
    out["invoiced_at"] = np.array(columns["invoiced_at"], dtype="int64").view("datetime64[us]")
    return out


@pytest.fixture(scope="module")
def retail(tmp_path_factory: pytest.TempPathFactory) -> Any:
    data_file("online_retail.csv.gz")
    store = libfeat.open(tmp_path_factory.mktemp("retail") / "store")
    store.define(RETAIL)
    rows = read_retail()
    done = store.append("lines", rows)
    yield store, rows, done
    store.close()


def test_retail_is_all_there(retail: Any) -> None:
    store, rows, done = retail
    assert (done.rows_read, done.rows_added, done.rows_skipped) == (541_909, 541_909, 0)
    with store.snapshot() as snap:
        assert snap.count("lines") == 541_909
        table = snap.table("lines", ["line", "customer", "invoice", "stock_code", "country", "price"]).to_numpy()
    customers = table["customer"]
    assert int(np.ma.getmaskarray(customers).sum()) == 135_080
    assert len(np.unique(customers.compressed())) == 4_372
    assert len(set(table["invoice"])) == 25_900
    assert len(set(table["stock_code"])) == 4_070
    assert len(set(table["country"])) == 38
    order = np.argsort(table["line"])
    assert (table["price"][order] == np.array(rows["price"])).all()


def test_retail_totals(retail: Any) -> None:
    store, rows, _ = retail
    end = dt.datetime(2011, 12, 31)
    got = {k: v[0] for k, v in store.training_set("totals", {"shop": [1], "at": [end]}, "at").to_dict().items()}
    exact = sum((Fraction(q * p) for q, p in zip(rows["quantity"], rows["price"])), Fraction(0))
    assert got["revenue"] == reference.rounded(exact)
    assert got["revenue"] == pytest.approx(9_747_747.934, abs=0.001)
    assert got["avg_price"] == reference.rounded(sum(map(Fraction, rows["price"]), Fraction(0)) / len(rows["price"]))
    counted = dict(n=541_909, with_customer=541_909 - 135_080, described=541_909 - 1_454, quantity=5_176_450, returned=10_624)
    counted.update(negative=2, given_away=2_515, cancelled=9_288, min_price=-11_062.06, max_price=38_970.0)
    counted.update(opened=dt.datetime(2010, 12, 1, 8, 26), closed=dt.datetime(2011, 12, 9, 12, 50))
    assert {k: got[k] for k in counted} == counted
    store.deploy("totals")
    with store.reader("totals") as reader:
        assert reader.get(shop=1, now=end) == {k: got[k] for k in reader.features}


def test_retail_customers_offline_and_online(retail: Any) -> None:
    store, rows, _ = retail
    ids = sorted({c for c in rows["customer"] if c is not None})
    picked = ids[::40]
    times = [dt.datetime(2011, 1 + i % 12, 5, 12, i % 60) for i in range(len(picked))]
    trained = store.training_set("customers", {"customer": picked, "at": times}, "at", status=True)
    store.deploy("customers")
    with store.reader("customers", trained.fingerprint) as reader:
        vectors = reader.get(customer=picked, now=times)
    offline, online = trained.to_numpy(), vectors.to_numpy()
    for name, values in online.items():
        if values.dtype.kind == "f":
            assert np.ma.getdata(values).tobytes() == np.ma.filled(offline[name], np.nan).tobytes()
        assert values.tolist() == offline[name].tolist(), name
        assert vectors.status[name].tolist() == offline[name + "__status"].tolist(), name
    ever: Dict[int, int] = {}
    at = rows["invoiced_at"].astype("int64")
    by_customer: Dict[int, List[int]] = {}
    for i, customer in enumerate(rows["customer"]):
        if customer is not None:
            by_customer.setdefault(customer, []).append(i)
            ever[customer] = ever.get(customer, 0) + 1
    assert max(ever.values()) == 7_983 and float(np.median(list(ever.values()))) == 42
    for i, customer in enumerate(picked):
        t = libfeat._time.from_datetime(times[i])
        inside = [j for j in by_customer[customer] if t - 30 * 86_400_000_000 <= at[j] <= t]
        assert offline["n"][i] == len(inside)
        spent = sum((Fraction(rows["quantity"][j] * rows["price"][j]) for j in inside), Fraction(0))
        assert offline["spent"].tolist()[i] == (reference.rounded(spent) if inside else None)
        newest = max(inside, key=lambda j: (at[j], rows["line"][j])) if inside else None
        assert offline["newest"].tolist()[i] == (None if newest is None else rows["stock_code"][newest])


FLIGHTS = """
CREATE TABLE flights (
  number BIGINT NOT NULL, origin TEXT NOT NULL, dest TEXT NOT NULL, carrier TEXT, tailnum TEXT, dep_time BIGINT,
  dep_delay BIGINT, arr_delay BIGINT, distance BIGINT, left_at TIMESTAMP NOT NULL,
  ENTITY KEY (origin), EVENT TIME (left_at), UNIQUE (number));
CREATE FEATURE VIEW airport AS
  SELECT origin, count(*) OVER w AS n, count(dep_time) OVER w AS departed, count(arr_delay) OVER w AS arrived,
    count(tailnum) OVER w AS with_tailnum, sum(distance) OVER w AS distance, max(dep_delay) OVER w AS worst,
    count(*) FILTER (WHERE dep_time = 2400) OVER w AS at_midnight
  FROM flights GROUP BY origin WINDOW w AS (RANGE UNBOUNDED PRECEDING);
CREATE FEATURE SERVICE airports AS airport;
"""


def number_or_none(text: str) -> Any:
    return None if text in ("", "NA") else int(float(text))


def test_flights(tmp_path: Path) -> None:
    rows = list(rows_of("nycflights13/flights.csv.gz"))
    assert len(rows) == 336_776
    columns: Dict[str, Any] = {"number": np.arange(len(rows))}
    for name in ("origin", "dest", "carrier", "tailnum"):
        columns[name] = [None if r[name] in ("", "NA") else r[name] for r in rows]
    for name in ("dep_time", "dep_delay", "arr_delay", "distance"):
        columns[name] = [number_or_none(r[name]) for r in rows]
    # The hour of a departure is 24 at midnight and missing for a flight that never left.
    days = np.array([f"{int(r['year']):04}-{int(r['month']):02}-{int(r['day']):02}" for r in rows], dtype="datetime64[us]")
    hours = np.array([number_or_none(r["hour"]) or 0 for r in rows]).astype("timedelta64[h]")
    minutes = np.array([number_or_none(r["minute"]) or 0 for r in rows]).astype("timedelta64[m]")
    columns["left_at"] = days + hours + minutes
    with libfeat.open(tmp_path / "store") as store:
        store.define(FLIGHTS)
        assert store.append("flights", columns).rows_added == 336_776
        airports = sorted(set(columns["origin"]))
        assert airports == ["EWR", "JFK", "LGA"]
        spine = {"origin": airports, "at": [dt.datetime(2014, 1, 2)] * 3}
        got = store.training_set("airports", spine, "at").to_numpy()
        assert got["n"].sum() == 336_776
        assert got["n"].tolist() == [columns["origin"].count(a) for a in airports]
        assert got["departed"].sum() == 336_776 - 8_255
        assert got["arrived"].sum() == 336_776 - 9_430
        assert got["with_tailnum"].sum() == 336_776 - 2_512
        assert got["at_midnight"].sum() == 29
        assert got["distance"].sum() == sum(columns["distance"])
        assert got["worst"].max() == max(d for d in columns["dep_delay"] if d is not None)
