"""Point lookups through the package."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import libfeat
from shop import DAY, ROWS, SPINE, SQL, T0, WANT, row


def test_reader(filled: Any) -> None:
    train = filled.training_set("churn", SPINE, status=True)
    filled.deploy("churn")
    with filled.reader("churn", fingerprint=train.fingerprint) as reader:
        assert reader.inputs == ["user_id", "amount"] and reader.features == list(WANT)
        assert reader.fingerprint == train.fingerprint
        for i in range(3):
            one = reader.get(user_id=SPINE["user_id"][i], amount=SPINE["amount"][i], now=SPINE["at"][i])
            assert one == {name: values[i] for name, values in WANT.items()}
            assert one.status["n_30d"] == ("not found" if i == 2 else "present")
            assert one.position.version == filled.version
        many = reader.get(user_id=SPINE["user_id"], amount=SPINE["amount"], now=SPINE["at"])
        assert many.to_dict() == WANT and many.columns == list(WANT) and len(many) == 3
        assert many.position == one.position
        assert many.status["n_30d"].tolist() == [0, 0, 2]
        assert many.to_numpy()["n_30d"].dtype == np.int64
        frame = many.to_pandas()
        assert frame["n_30d"].tolist() == WANT["n_30d"]


def test_reader_input_kinds(filled: Any) -> None:
    filled.deploy("churn")
    now = T0 + 2 * DAY
    with filled.reader("churn") as reader:
        want = reader.get(user_id=7, amount=3.0, now=now)
        assert want["n_30d"] == 2
        for user in (np.int64(7), np.int32(7), np.array(7)):
            assert reader.get(user_id=user, amount=3, now=np.datetime64(now)) == want
        assert reader.get({"user_id": 7}, amount=np.float32(3), now=now.isoformat()) == want
        us = libfeat._time.from_datetime(now)
        users = [[7, 8], (7, 8), np.array([7, 8]), np.array([7, 8], dtype="uint8")]
        for name in ("pyarrow", "polars", "pandas"):
            try:
                module = __import__(name)
            except ImportError:
                continue
            users.append(module.array([7, 8]) if name == "pyarrow" else module.Series([7, 8]))
        for given in users:
            for when in (now, us, [now, now], np.array([now, now], dtype="datetime64[ns]"), np.array([us, us])):
                got = reader.get(user_id=given, amount=3.0, now=when).to_dict()
                assert got["n_30d"] == [2, 1] and got["ratio"] == [want["ratio"], None]
        assert len(reader.get(user_id=[], amount=1.0)) == 0
        assert reader.get(user_id=None, amount=None, now=now)["n_30d"] == 0
        assert reader.get(user_id=[None, 7], amount=[None, 3.0], now=now).to_dict()["n_30d"] == [0, 2]


def test_reader_refuses_wrong_inputs(filled: Any) -> None:
    filled.deploy("churn")
    with filled.reader("churn") as reader:
        for bad in (
            dict(user_id=7),
            dict(user_id=7, amount=1.0, other=1),
            dict(user_id="7", amount=1.0),
            dict(user_id=7.0, amount=1.0),
            dict(user_id=2**63, amount=1.0),
            dict(user_id=7, amount=2**53 + 1),
            dict(user_id=[7.5, 8.5], amount=1.0),
            dict(user_id=["a"], amount=1.0),
            dict(user_id=[1, 2], amount=[1.0]),
            dict(user_id=[1, 2], amount=[1.0, 2.0], now=[T0]),
            dict(user_id=True, amount=1.0),
        ):
            with pytest.raises(libfeat.SchemaError):
                reader.get(**bad)
        for now in ("yesterday", 1.5, True, np.datetime64("NaT")):
            with pytest.raises(libfeat.ArgumentError):
                reader.get(user_id=7, amount=1.0, now=now)


def test_reader_uses_the_clock(filled: Any) -> None:
    now = dt.datetime.now(dt.timezone.utc).replace(tzinfo=None)
    filled.append("purchases", row(purchase_id=9, purchased_at=now - DAY))
    filled.deploy("churn")
    with filled.reader("churn") as reader:
        assert reader.get(user_id=7, amount=1.0)["n_30d"] == 1
        assert reader.get(user_id=[7], amount=1.0).to_dict()["n_30d"] == [1]


def test_reader_follows_writes(filled: Any) -> None:
    filled.deploy("churn")
    with filled.reader("churn") as reader:
        before = reader.get(user_id=7, amount=1.0, now=T0 + 5 * DAY)
        done = filled.append("purchases", row(purchase_id=5, amount=100.0))
        assert done.online == "OK"
        after = reader.get(user_id=7, amount=1.0, now=T0 + 5 * DAY)
        assert after["n_30d"] == before["n_30d"] + 1 and after["spent_30d"] == before["spent_30d"] + 100.0
        assert after.position.version == done.version
        filled.upsert("purchases", row(purchase_id=5, amount=1.0))
        assert reader.get(user_id=7, amount=1.0, now=T0 + 5 * DAY)["spent_30d"] == before["spent_30d"] + 1.0


def test_reader_needs_a_deployment(filled: Any) -> None:
    with pytest.raises(libfeat.NotFoundError, match="deploy"):
        filled.reader("churn")
    filled.deploy("churn")
    with pytest.raises(libfeat.NotFoundError):
        filled.reader("churn", fingerprint="0" * 32)
    with pytest.raises(libfeat.NotFoundError):
        filled.deploy("nothing")


def test_text_features_survive_the_next_call(filled: Any) -> None:
    filled.deploy("churn")
    with filled.reader("churn") as reader:
        first = reader.get(user_id=7, amount=1.0, now=T0 + 4 * DAY)
        many = reader.get(user_id=[7, 8], amount=1.0, now=T0 + 4 * DAY)
        reader.get(user_id=8, amount=1.0, now=T0 + 4 * DAY)
        assert first["last_status"] == "päid" and many.to_dict()["last_status"] == ["päid", "new"]


def test_reader_outlives_the_store(path: Path) -> None:
    store = libfeat.open(path)
    store.define(SQL)
    store.append("purchases", ROWS)
    store.deploy("churn")
    reader = store.reader("churn")
    store.close()
    assert reader.get(user_id=7, amount=3.0, now=T0 + 2 * DAY)["n_30d"] == 2
    reader.close()
