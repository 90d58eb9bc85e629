"""A synthetic shop: events of users of very different activity over a year, and the rows that features are wanted for.

Events are made in units of up to a million rows, each from a generator of its own, so that any number of them needs little
memory, and comes out the same however many are made at a time. The units follow each other in time, and within a unit rows are
in the order of time, as they would arrive.
"""

from __future__ import annotations

from typing import Iterator, Optional

import numpy as np
import pyarrow as pa

UNIT = 1_000_000
FIRST = 1_704_067_200_000_000  # 2024-01-01, in microseconds
DAY = 86_400_000_000
STATUSES = pa.array(["new", "paid", "shipped", "returned", "cancelled"])
CATEGORIES = pa.array([f"category_{i:02d}" for i in range(40)])


class Shop:
    """``events`` events of a fiftieth as many users. The user at rank r is as active as r ** -0.56 says: at ten million events
    half of the users have fewer than about 33, the first one has about 20,000."""

    def __init__(self, events: int, seed: int) -> None:
        self.events, self.seed = events, seed
        self.users = max(events // 50, 1)
        weights = np.arange(1, self.users + 1) ** -0.56
        self.bounds = np.cumsum(weights) / weights.sum()
        self.ids = np.random.default_rng([seed, 0]).permutation(self.users).astype(np.int64) + 1
        self.units = -(-events // UNIT)

    def draw(self, g: np.random.Generator, n: int) -> np.ndarray:
        """Users, as often as they are active."""
        return self.ids[np.searchsorted(self.bounds, g.random(n)).clip(max=self.users - 1)]

    def unit(self, number: int) -> pa.Table:
        first = number * UNIT
        n = min(UNIT, self.events - first)
        g = np.random.default_rng([self.seed, 1, number])
        year = 365 * DAY
        begin, end = FIRST + year * first // self.events, FIRST + year * (first + n) // self.events
        user = self.draw(g, n)
        time = np.sort(g.integers(begin, end, n))
        amount = pa.array(np.round(g.lognormal(3, 1.2, n), 2), mask=g.random(n) < 0.03)
        status = g.choice(5, n, p=[0.3, 0.4, 0.2, 0.06, 0.04])
        weights = np.arange(1, 41) ** -0.8
        category = g.choice(40, n, p=weights / weights.sum())
        columns = {"user_id": user, "t": pa.array(time).cast(pa.timestamp("us")), "amount": amount}
        columns["qty"] = g.integers(1, 21, n).astype(np.int32)
        columns["status"] = STATUSES.take(pa.array(status))
        columns["category"] = CATEGORIES.take(pa.array(category))
        return pa.table(columns)

    def lots(self, rows: int) -> Iterator[pa.Table]:
        """All events, ``rows`` at a time (a multiple of a million)."""
        step = max(rows // UNIT, 1)
        for first in range(0, self.units, step):
            yield pa.concat_tables([self.unit(i) for i in range(first, min(first + step, self.units))]).combine_chunks()

    def spine(self, rows: int, hot: bool, user: Optional[int] = None) -> pa.Table:
        """Rows at times in the last 180 days of the year; users drawn alike, or (hot) as often as they are active."""
        g = np.random.default_rng([self.seed, 2, int(hot)])
        users = self.draw(g, rows) if hot else g.integers(1, self.users + 1, rows)
        time = FIRST + 185 * DAY + g.integers(0, 180 * DAY, rows)
        return pa.table({"rid": np.arange(rows), "user_id": users.astype(np.int64), "t": pa.array(time).cast(pa.timestamp("us"))})


def hot_user(events: int, seed: int) -> pa.Table:
    """One user's events over a year, in the order of time."""
    g = np.random.default_rng([seed, 3, events])
    time = np.sort(FIRST + g.integers(0, 365 * DAY, events))
    amount = pa.array(np.round(g.lognormal(3, 1.2, events), 2), mask=g.random(events) < 0.03)
    return pa.table({"user_id": np.ones(events, np.int64), "t": pa.array(time).cast(pa.timestamp("us")), "amount": amount})


def hot_spine(rows: int, seed: int) -> pa.Table:
    g = np.random.default_rng([seed, 4, rows])
    time = FIRST + 185 * DAY + g.integers(0, 180 * DAY, rows)
    return pa.table({"rid": np.arange(rows), "user_id": np.ones(rows, np.int64), "t": pa.array(time).cast(pa.timestamp("us"))})
