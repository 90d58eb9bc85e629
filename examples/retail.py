"""The main job of a feature store, end to end: define once, ingest, version, train, serve, and compare the bits.

Will a customer return goods within 30 days? Every step uses the one definition in features.sql.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np
import pandas as pd

import libfeat
from serve import bits
import shop

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ.setdefault("LOKY_MAX_CPU_COUNT", str(os.cpu_count() or 1))  # else joblib asks lscpu, which a bare system lacks
SERVICE = "returns_soon"
SERVED, BATCH = 10_000, 200
LOOKAHEAD = np.timedelta64(2, "h")  # events this far after a batch's invoices are committed too, and must not show


class Steps:
    """Progress on the terminal: what runs, and how long it took."""

    def __init__(self):
        self.started = time.perf_counter()

    def __call__(self, text):
        print(f"[{time.perf_counter() - self.started:6.1f} s] {text}", flush=True)


def definitions():
    with open(os.path.join(HERE, "features.sql"), encoding="utf-8") as f:
        return f.read()


def plain(table):
    """A training set as lists of Python values, exact for every type."""
    return table.to_pylist()


def row_bits(row, features):
    return [f"{bits(row[name])}:{STATUS[row[name + '__status']]}" for name in features]


STATUS = ["present", "null", "not found", "expired", "error"]


def ingest(path, lines, step):
    started = time.perf_counter()
    store = libfeat.open(path)
    store.define(definitions())
    done = store.append("invoice_lines", lines)
    seconds = time.perf_counter() - started
    step(f"ingested {done.rows_added:,} lines as version {done.version} ({done.rows_added / seconds:,.0f} rows/s)")
    return store


def train(store, rows, step):
    """The training set, a model on the earlier invoices, and its AUC on the later ones."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    started = time.perf_counter()
    result = store.training_set(SERVICE, rows, timestamp="asof")
    table = result.to_arrow()
    seconds = time.perf_counter() - started
    frame = table.to_pandas()
    features = [name for name in frame.columns if name not in rows.columns]
    step(f"training set: {len(frame):,} rows x {len(features)} features in {seconds:.2f} s ({len(frame) / seconds:,.0f} rows/s)")
    numeric = [name for name in features if frame[name].dtype.kind in "if"]
    known_until = frame["asof"].max() - pd.Timedelta(days=30)  # later labels are not complete
    usable = frame["asof"] <= known_until
    cut = frame.loc[usable, "asof"].quantile(0.7)
    learn, test = frame[usable & (frame["asof"] <= cut)], frame[usable & (frame["asof"] > cut)]
    model = HistGradientBoostingClassifier(random_state=0, max_iter=100).fit(learn[numeric], learn["returned_30d"])
    auc = roc_auc_score(test["returned_30d"], model.predict_proba(test[numeric])[:, 1])
    step(f"model fitted on {len(learn):,} invoices; AUC on {len(test):,} later ones: {auc:.3f}")
    return table, result.fingerprint, auc, seconds


def start_server(path):
    server = subprocess.Popen([sys.executable, os.path.join(HERE, "serve.py"), path, SERVICE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if server.stdout.readline().strip() != "ready":
        raise SystemExit("the serving process did not start")
    return server


def replay(path, lines, rows, step):
    """The shop's last months as they happened, with a serving process beside the writer. Returns values compared and differing."""
    served = rows.tail(SERVED).reset_index(drop=True)
    events = lines.sort_values("invoiced_at", kind="stable")
    times = events["invoiced_at"].to_numpy()
    store = libfeat.open(path)
    store.define(definitions())
    done = np.searchsorted(times, served["asof"].to_numpy()[0], "left")
    store.append("invoice_lines", events.iloc[:done])
    store.deploy(SERVICE)
    server = start_server(path)
    step(f"replay: {done:,} lines of history deployed; serving process {server.pid} runs")
    compared = differing = early = 0
    worst, serving = None, 0.0
    versions = []
    for start in range(0, len(served), BATCH):
        batch = served.iloc[start : start + BATCH]
        upto = np.searchsorted(times, batch["asof"].to_numpy()[-1] + LOOKAHEAD, "right")
        if upto > done:
            store.append("invoice_lines", events.iloc[done:upto])
            early += int(upto - np.searchsorted(times, batch["asof"].to_numpy()[-1], "right"))
            done = upto
        began = time.perf_counter()
        now = batch["asof"].to_numpy().astype("datetime64[us]").astype(np.int64)
        answers = []
        for customer, product, t in zip(batch["customer_id"], batch["stock_code"], now):
            server.stdin.write(f"{customer}\t{product}\t{t}\n")
            server.stdin.flush()
            answers.append(server.stdout.readline().rstrip("\n").split("\t"))
        serving += time.perf_counter() - began
        by_version = {}
        for i, answer in enumerate(answers):
            by_version.setdefault(int(answer[0]), []).append(i)
        for version, picks in by_version.items():
            expected = store.training_set(SERVICE, batch.iloc[picks], timestamp="asof", version=version, status=True)
            features = [name for name in expected.columns if name not in rows.columns and not name.endswith("__status")]
            for i, row in zip(picks, plain(expected.to_arrow())):
                for name, want, got in zip(features, row_bits(row, features), answers[i][1:], strict=True):
                    compared += 1
                    if want != got:
                        differing += 1
                        worst = worst or f"invoice {batch.iloc[i]['invoice']}, {name}: served {got}, training set {want} (version {version})"
            versions.append(version)
    server.stdin.close()
    server.wait(timeout=60)
    step(f"served {len(served):,} invoices one by one from versions {min(versions)} to {max(versions)}, {1e6 * serving / len(served):.0f} us each over a pipe;")
    step(f"       {early:,} later lines were in the store at the time and must not show")
    if worst:
        step(f"first difference: {worst}")
    store.close()
    return compared, differing, len(served)


def correct(store, before, rows, lines, step):
    """Corrects a day by upsert; the tag must still give the old training set, and the newest version another one."""
    store.tag("model-1")
    day = pd.Timestamp(lines["invoiced_at"].to_numpy()[len(lines) // 2]).normalize()
    wrong = lines[(lines["invoiced_at"] >= day) & (lines["invoiced_at"] < day + pd.Timedelta(days=1))]
    fixed = wrong.assign(unit_price=(wrong["unit_price"] * 1.1).round(2))
    done = store.upsert("invoice_lines", fixed)
    step(f"corrected the prices of {day.date()}: {done.rows_replaced:,} lines replaced, now version {done.version}")
    with store.snapshot(tag="model-1") as snapshot:
        again = snapshot.training_set(SERVICE, rows, timestamp="asof").to_arrow()
        tagged = snapshot.version
    same = again.combine_chunks().equals(before.combine_chunks()) and raw(again) == raw(before)
    step(f"tag 'model-1' (version {tagged}) rebuilds the old training set byte for byte: {'yes' if same else 'NO'}")
    old, new = plain(before), plain(store.training_set(SERVICE, rows, timestamp="asof").to_arrow())
    features = [name for name in before.column_names if name not in rows.columns]
    changed = {name: sum(bits(a[name]) != bits(b[name]) for a, b in zip(old, new)) for name in features}
    touched = [i for i, (a, b) in enumerate(zip(old, new)) if any(bits(a[name]) != bits(b[name]) for name in features)]
    changed = {name: n for name, n in changed.items() if n}
    step(f"the newest version differs in {len(touched):,} of {len(old):,} rows; most in " + ", ".join(f"{n} ({c:,})" for n, c in sorted(changed.items(), key=lambda x: -x[1])[:3]))
    before_day = [i for i in touched if old[i]["asof"] < day.to_pydatetime()]
    if touched:
        step(f"       first at {old[touched[0]]['asof']}, none before the corrected day: {'yes' if not before_day else 'NO'}")
    return same and bool(touched) and not before_day


def raw(table):
    """The bytes of a table, column by column."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        for batch in table.combine_chunks().to_batches():
            writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def size_of(path):
    return sum(os.stat(os.path.join(path, name)).st_blocks * 512 for name in os.listdir(path))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="online_retail.csv.gz; default: looked for beside the repository, else generated")
    parser.add_argument("--keep", help="directory for the two stores, kept at the end")
    args = parser.parse_args()
    step = Steps()
    source = shop.find(args.data)
    lines = shop.load(source) if source else shop.generate()
    step(f"{len(lines):,} invoice lines " + (f"from {os.path.basename(source)}" if source else "generated (no data set found)"))
    rows = shop.spine(lines)
    step(f"spine: {len(rows):,} invoices of known customers, {rows['returned_30d'].mean():.1%} followed by a return within 30 days")
    work = args.keep or tempfile.mkdtemp(prefix="libfeat-example-")
    os.makedirs(work, exist_ok=True)
    try:
        store = ingest(os.path.join(work, "shop.feat"), lines, step)
        table, fingerprint, auc, seconds = train(store, rows, step)
        disk = size_of(os.path.join(work, "shop.feat"))
        compared, differing, served = replay(os.path.join(work, "live.feat"), lines, rows, step)
        kept = correct(store, table, rows, lines, step)
        store.close()
    finally:
        if not args.keep:
            shutil.rmtree(work, ignore_errors=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print()
    print(f"Service {SERVICE}, fingerprint {fingerprint}")
    print(f"  {len(lines):,} events stored in {disk / 1e6:.1f} MB; peak memory of this process {peak:,.0f} MB")
    print(f"  {len(rows):,} training rows in {seconds:.2f} s; AUC on later invoices {auc:.3f}")
    print(f"  {served:,} vectors served by another process while the shop went on, each compared with its version's training set")
    print(f"  the tagged version rebuilds its training set, the corrected one differs where it should: {'yes' if kept else 'NO'}")
    print(f"{differing} of {compared:,} values differ")
    sys.exit(0 if differing == 0 and compared > 0 and kept else 1)


if __name__ == "__main__":
    main()
