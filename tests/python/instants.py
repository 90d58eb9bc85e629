"""Calendar arithmetic of the reference: instants are ints of µs since 1970 UTC, dates are ints of days.

Written with whole numbers of any size, because event times reach the ends of 64 bits, far outside of Python's datetime.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Tuple

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR

UNITS = ["day", "week", "month", "quarter", "year"]


def days_from_civil(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the proleptic Gregorian calendar."""
    years = year + (month - 1) // 12
    month = (month - 1) % 12 + 1
    # A year that begins in March ends with its leap day.
    years, month = (years - 1, month + 9) if month <= 2 else (years, month - 3)
    return 365 * years + years // 4 - years // 100 + years // 400 + (153 * month + 2) // 5 + day - 1 - 719468


def civil_from_days(days: int) -> Tuple[int, int, int]:
    """Year, month and day; searched for rather than computed, since the inverse is easy to check."""
    year = days * 400 // 146097 + 1970
    while days_from_civil(year + 1, 1, 1) <= days:
        year += 1
    while days_from_civil(year, 1, 1) > days:
        year -= 1
    month = 1
    while month < 12 and days_from_civil(year, month + 1, 1) <= days:
        month += 1
    return year, month, days - days_from_civil(year, month, 1) + 1


def days_in_month(year: int, month: int) -> int:
    return days_from_civil(year, month + 1, 1) - days_from_civil(year, month, 1)


@dataclass(frozen=True)
class Interval:
    months: int = 0
    days: int = 0
    us: int = 0

    def sql(self) -> str:
        parts = [(self.months, "month"), (self.days, "day"), (self.us, "microsecond")]
        text = " ".join(f"{n} {unit}{'' if abs(n) == 1 else 's'}" for n, unit in parts if n)
        return f"INTERVAL '{text or '0 days'}'"


def shift(instant: int, by: Interval, sign: int = 1) -> int:
    """instant + sign * by: months first, the day cut to the month's length; then days of 24 hours; then µs."""
    if by.months:
        days, rest = divmod(instant, DAY)
        year, month, day = civil_from_days(days)
        number = year * 12 + month - 1 + sign * by.months
        year, month = number // 12, number % 12 + 1
        instant = days_from_civil(year, month, min(day, days_in_month(year, month))) * DAY + rest
    return instant + sign * (by.days * DAY + by.us)


def crossings(instant: int, by: Interval) -> List[int]:
    """Every t with t - by == instant: one, but for months, where several days of a long month lie above the last of a short one, or
    none does."""
    near = shift(instant, by)
    found = [near + days * DAY for days in range(-4, 5)]
    return [t for t in found if shift(t, by, -1) == instant]


def truncate(unit: str, instant: int) -> int:
    """date_trunc: weeks begin on Monday."""
    days = instant // DAY
    if unit == "hour":
        return instant // HOUR * HOUR
    if unit == "day":
        return days * DAY
    if unit == "week":
        return (days - (days + 3) % 7) * DAY
    year, month, _ = civil_from_days(days)
    month = {"month": month, "quarter": (month - 1) // 3 * 3 + 1, "year": 1}[unit]
    return days_from_civil(year, month, 1) * DAY


def date_text(days: int) -> str:
    year, month, day = civil_from_days(days)
    return f"{year:04d}-{month:02d}-{day:02d}"


def instant_text(instant: int) -> str:
    days, rest = divmod(instant, DAY)
    seconds, us = divmod(rest, SECOND)
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{date_text(days)} {clock}.{us:06d}"
