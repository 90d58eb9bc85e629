"""A small shop: the definitions, rows and answers that the tests of the package share."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional

import libfeat

ROOT = Path(__file__).resolve().parents[2]

SQL = """
CREATE TABLE purchases (
  purchase_id BIGINT NOT NULL, user_id BIGINT NOT NULL, amount DOUBLE, status TEXT, vip BOOLEAN, day DATE,
  purchased_at TIMESTAMP NOT NULL,
  ENTITY KEY (user_id), EVENT TIME (purchased_at), UNIQUE (purchase_id));
CREATE FEATURE VIEW spending AS
  SELECT user_id, count(*) OVER w AS n_30d, sum(amount) OVER w AS spent_30d, avg(amount) OVER w AS avg_30d,
    last(status) OVER w AS last_status, max(purchased_at) OVER w AS last_at, max(day) OVER w AS last_day, max(vip) OVER w AS vip
  FROM purchases GROUP BY user_id WINDOW w AS (RANGE INTERVAL '30 days' PRECEDING);
CREATE FEATURE SERVICE churn AS
  SELECT u.*, r.amount / nullif(u.avg_30d, 0.0) AS ratio
  FROM REQUEST (user_id BIGINT, amount DOUBLE) AS r LEFT JOIN spending u USING (user_id);
"""

T0 = dt.datetime(2024, 12, 1)
DAY = dt.timedelta(days=1)
ROWS: Dict[str, List[Any]] = {
    "purchase_id": [1, 2, 3, 4],
    "user_id": [7, 7, 8, 7],
    "amount": [1.5, 2.25, None, 10.0],
    "status": ["paid", None, "new", "päid"],
    "vip": [True, False, None, True],
    "day": [dt.date(2024, 12, 1), None, dt.date(2024, 12, 3), dt.date(2024, 12, 4)],
    "purchased_at": [T0, T0 + DAY, T0 + 2 * DAY, T0 + 3 * DAY],
}
SPINE = {"user_id": [7, 8, 9], "amount": [3.0, 4.0, None], "at": [T0 + 2 * DAY, T0 + 2 * DAY, T0]}


def content(store: Any, version: Optional[int] = None) -> List[Any]:
    with store.snapshot(version=version) as snap:
        columns = snap.table("purchases").to_dict()
    return sorted(zip(*(columns[n] for n in ROWS)))


def expected(rows: Dict[str, List[Any]] = ROWS) -> List[Any]:
    return sorted(zip(*rows.values()))


def row(**change: Any) -> Dict[str, List[Any]]:
    out = {name: [values[0]] for name, values in ROWS.items()}
    out.update({name: [value] for name, value in change.items()})
    return out


def run_python(code: str, *arguments: Any, **environment: str) -> subprocess.CompletedProcess:
    env = {**os.environ, "PYTHONPATH": str(ROOT / "bindings" / "python"), "FEAT_LIBRARY": libfeat.library_path, **environment}
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], env=env, capture_output=True, text=True, timeout=120
    )


#: What the service gives for SPINE.
WANT = {
    "n_30d": [2, 1, 0],
    "spent_30d": [3.75, None, None],
    "avg_30d": [1.875, None, None],
    "last_status": [None, "new", None],
    "last_at": [T0 + DAY, T0 + 2 * DAY, None],
    "last_day": [dt.date(2024, 12, 1), dt.date(2024, 12, 3), None],
    "vip": [True, None, None],
    "ratio": [1.6, None, None],
}
