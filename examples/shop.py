"""The shop's data: the real file, or generated lines of the same shape; and the spine with its labels."""

import os

import numpy as np
import pandas as pd

COLUMNS = ["line_id", "invoice", "stock_code", "description", "quantity", "invoiced_at", "unit_price", "customer_id", "country"]


def find(option):
    """Path of the data set, or None: what was named, $FEAT_DATA, or shared/data beside the repository."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    places = [option] if option else []
    if os.environ.get("FEAT_DATA"):
        places.append(os.path.join(os.environ["FEAT_DATA"], "online_retail.csv.gz"))
    places.append(os.path.join(root, "..", "shared", "data", "online_retail.csv.gz"))
    return next((place for place in places if os.path.exists(place)), None)


def load(path):
    """The invoice lines as a frame with libfeat's columns. `line_id` is the number of the row in the file."""
    frame = pd.read_csv(path, dtype={"InvoiceNo": str, "StockCode": str, "Description": str, "Country": str})
    return pd.DataFrame(
        {
            "line_id": np.arange(len(frame), dtype=np.int64),
            "invoice": frame["InvoiceNo"],
            "stock_code": frame["StockCode"],
            "description": frame["Description"],
            "quantity": frame["Quantity"].astype("int64"),
            "invoiced_at": pd.to_datetime(frame["InvoiceDate"]).astype("datetime64[us]"),
            "unit_price": frame["UnitPrice"].astype("float64"),
            "customer_id": frame["CustomerID"].astype("Int64"),  # written as 17850.0 in the file
            "country": frame["Country"],
        }
    )


def generate(lines=541_909, seed=7):
    """Lines of the same shape: skewed customers, ties in time, returns, lines without a customer, full duplicates."""
    rng = np.random.default_rng(seed)
    invoices = lines // 21
    start = np.datetime64("2010-12-01T08:26:00", "us")
    minutes = np.sort(rng.integers(0, 374 * 24 * 60, invoices))
    customer = 12_346 + (4_372 * rng.power(3.0, invoices)).astype(np.int64)
    anonymous = rng.random(invoices) < 0.14
    returned = rng.random(invoices) < 0.1 + 0.25 * (customer % 17 == 0)
    of_line = np.sort(rng.integers(0, invoices, lines))
    product = (4_070 * rng.power(0.4, lines)).astype(np.int64)
    price = np.round(np.exp(rng.normal(0.7, 0.9, 4_070)), 2)
    quantity = rng.geometric(0.12, lines).astype(np.int64)
    back = returned[of_line]
    names = np.char.add("GENERATED ITEM ", np.arange(4_070).astype(str))
    countries = np.array(["United Kingdom", "Germany", "France", "EIRE"], dtype=object)
    return pd.DataFrame(
        {
            "line_id": np.arange(lines, dtype=np.int64),
            "invoice": pd.Series(np.char.add(np.where(back, "C", ""), (536_365 + of_line).astype(str))),
            "stock_code": pd.Series(np.char.add("P", product.astype(str))),
            "description": pd.Series(names[product], dtype="str").mask(rng.random(lines) < 0.003),
            "quantity": np.where(back, -quantity, quantity),
            "invoiced_at": (start + minutes[of_line].astype("timedelta64[m]")).astype("datetime64[us]"),
            "unit_price": price[product],
            "customer_id": pd.Series(customer[of_line], dtype="Int64").mask(anonymous[of_line]),
            "country": countries[customer[of_line] % 4 * (customer[of_line] % 5 == 0)],
        }
    )


def spine(lines):
    """One row for each invoice of a known customer: when it was written, the product of its most valuable line (ties by
    line_id), and whether the customer returned goods within the 30 days after. Ordered by time."""
    known = lines[lines["customer_id"].notna()]
    value = known["quantity"] * known["unit_price"]
    best = known.assign(value=value).sort_values(["invoice", "value", "line_id"], ascending=[True, False, True], kind="stable")
    best = best.drop_duplicates("invoice")
    times = known.groupby("invoice", sort=False)["invoiced_at"].min()
    rows = pd.DataFrame(
        {
            "invoice": best["invoice"].to_numpy(),
            "customer_id": best["customer_id"].astype("int64").to_numpy(),
            "stock_code": best["stock_code"].to_numpy(),
            "asof": best["invoice"].map(times).to_numpy(),
        }
    )
    returns = known[known["quantity"] < 0].sort_values("invoiced_at")
    by_customer = {int(k): v.to_numpy() for k, v in returns.groupby("customer_id")["invoiced_at"]}
    month, none = np.timedelta64(30, "D"), np.empty(0, dtype="datetime64[us]")
    label = np.zeros(len(rows), dtype=np.int64)
    for i, (customer, t) in enumerate(zip(rows["customer_id"], rows["asof"].to_numpy())):
        seen = by_customer.get(int(customer), none)
        label[i] = np.searchsorted(seen, t + month, "right") > np.searchsorted(seen, t, "right")
    rows["returned_30d"] = label
    return rows.sort_values(["asof", "invoice"], kind="stable").reset_index(drop=True)
