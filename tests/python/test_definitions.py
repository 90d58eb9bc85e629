"""Definitions over their life: versions, scripts, drops, ALTER, comments, and what SHOW, DESCRIBE and EXPLAIN answer."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

import libfeat
from shop import ROWS, SPINE, SQL, T0

VIEW = """FEATURE VIEW spending AS
  SELECT user_id, {what} AS spent_30d FROM purchases GROUP BY user_id WINDOW w AS (RANGE INTERVAL '30 days' PRECEDING)"""
SERVICE = """FEATURE SERVICE spent AS
  SELECT u.spent_30d FROM REQUEST (user_id BIGINT) AS r LEFT JOIN spending u USING (user_id)"""
SPINE_OF_SPENT = {"user_id": SPINE["user_id"], "at": SPINE["at"]}


@pytest.fixture
def plain(path: Path) -> Any:
    """Purchases, one view and one service of one feature."""
    with libfeat.open(path) as opened:
        opened.define(SQL.split(";")[0])
        opened.append("purchases", ROWS)
        opened.define(f"CREATE {VIEW.format(what='sum(amount) OVER w')}; CREATE {SERVICE}")
        yield opened


def spent(store: Any, **options: Any) -> Any:
    return store.training_set("spent", SPINE_OF_SPENT, timestamp="at", **options).to_dict()["spent_30d"]


def versions(store: Any, kind: str) -> Any:
    shown = store.show(f"SHOW {kind}").to_dict()
    return dict(zip(shown["name"], shown["version"]))


# ---- versions ----


def test_defining_again_changes_nothing(plain: Any) -> None:
    before = plain.show("SHOW FEATURE VIEWS").to_dict()
    plain.define(f"CREATE {VIEW.format(what='sum(amount) OVER w')}")
    plain.define(f"CREATE OR REPLACE {VIEW.format(what='SUM( amount )  OVER w')}")
    assert plain.show("SHOW FEATURE VIEWS").to_dict() == before
    with pytest.raises(libfeat.ExistsError, match="CREATE OR REPLACE"):
        plain.define(f"CREATE {VIEW.format(what='avg(amount) OVER w')}")


def test_a_service_keeps_its_view(plain: Any) -> None:
    sums = spent(plain)
    assert sums == [3.75, None, None]
    plain.define(f"CREATE OR REPLACE {VIEW.format(what='max(amount) OVER w')}")
    assert versions(plain, "FEATURE VIEWS") == {"spending": 2}
    assert spent(plain) == sums
    plain.define(f"CREATE OR REPLACE {SERVICE}")
    assert versions(plain, "FEATURE SERVICES") == {"spent": 2}
    assert spent(plain) == [2.25, None, None]
    assert spent(plain, service_version=1) == sums
    old = plain.training_set("spent", SPINE_OF_SPENT, timestamp="at", service_version=1)
    assert spent(plain, fingerprint=old.fingerprint) == sums
    with pytest.raises(libfeat.NotFoundError, match="no version 3; there are 2 "):
        spent(plain, service_version=3)
    with pytest.raises(libfeat.ArgumentError):
        spent(plain, service_version=0)
    with pytest.raises(libfeat.ArgumentError):
        spent(plain, fingerprint="abc")


def test_readers_of_versions(plain: Any) -> None:
    plain.deploy("spent")
    plain.define(f"CREATE OR REPLACE {VIEW.format(what='max(amount) OVER w')}; CREATE OR REPLACE {SERVICE}")
    with pytest.raises(libfeat.NotFoundError):
        plain.reader("spent", service_version=2)
    plain.deploy("spent")
    now = T0 + dt.timedelta(days=2)
    assert plain.reader("spent").get(user_id=7, now=now)["spent_30d"] == 2.25
    assert plain.reader("spent", service_version=1).get(user_id=7, now=now)["spent_30d"] == 3.75
    assert plain.show("SHOW FEATURE SERVICES").to_dict()["deployed_version"] == [2]


def test_versions_survive_closing(plain: Any, path: Path) -> None:
    plain.define(f"CREATE OR REPLACE {VIEW.format(what='max(amount) OVER w')}; CREATE OR REPLACE {SERVICE}")
    with libfeat.open(path, "r") as again:
        assert spent(again) == [2.25, None, None]
        assert spent(again, service_version=1) == [3.75, None, None]


def test_fingerprints_are_those_of_the_meaning(plain: Any, tmp_path: Path) -> None:
    with libfeat.open(tmp_path / "other") as other:
        other.define("CREATE TABLE x (k BIGINT NOT NULL, t TIMESTAMP NOT NULL, ENTITY KEY (k), EVENT TIME (t))")
        other.define(SQL.split(";")[0] + f"; CREATE {VIEW.format(what='sum(amount) OVER w')}; CREATE {SERVICE}")
        ours, theirs = (s.show("SHOW FEATURE SERVICES").to_dict() for s in (plain, other))
        assert ours["fingerprint"] == theirs["fingerprint"]


# ---- scripts ----


@pytest.mark.parametrize(
    "last", ["SELECT 1", "DROP TABLE nowhere", "CREATE FEATURE VIEW w AS SELECT user_id, nothing FROM purchases GROUP BY user_id"]
)
def test_a_script_is_all_or_nothing(plain: Any, last: str) -> None:
    before = [plain.show(f"SHOW {kind}").to_dict() for kind in ("TABLES", "FEATURE VIEWS", "FEATURE SERVICES")]
    with pytest.raises(libfeat.Error):
        plain.define(
            "COMMENT ON TABLE purchases IS 'sales'; DROP FEATURE SERVICE spent; DROP FEATURE VIEW spending;"
            "CREATE TABLE y (k BIGINT NOT NULL, t TIMESTAMP NOT NULL, ENTITY KEY (k), EVENT TIME (t));" + last
        )
    assert [plain.show(f"SHOW {kind}").to_dict() for kind in ("TABLES", "FEATURE VIEWS", "FEATURE SERVICES")] == before


def test_each_call_has_its_statements(plain: Any) -> None:
    with pytest.raises(libfeat.DefinitionError, match="feat_show"):
        plain.define("SHOW TABLES")
    with pytest.raises(libfeat.DefinitionError, match="feat_define"):
        plain.show("DROP FEATURE SERVICE spent")
    with pytest.raises(libfeat.ArgumentError, match="one statement"):
        plain.show("SHOW TABLES; SHOW TABLES")


# ---- drops and ALTER ----


def test_drops_are_refused_with_the_list(plain: Any) -> None:
    with pytest.raises(libfeat.DefinitionError, match="feature view 'spending', feature service 'spent'"):
        plain.define("DROP TABLE purchases")
    with pytest.raises(libfeat.DefinitionError, match="feature service 'spent'"):
        plain.define("DROP FEATURE VIEW spending")
    with pytest.raises(libfeat.NotFoundError, match="did you mean 'spent'"):
        plain.define("DROP FEATURE SERVICE spend")
    plain.define("DROP FEATURE SERVICE IF EXISTS nothing")
    plain.define("DROP FEATURE SERVICE spent; DROP FEATURE VIEW spending; DROP TABLE purchases")
    assert plain.show("SHOW TABLES").to_dict()["name"] == []
    with pytest.raises(libfeat.NotFoundError):
        plain.append("purchases", ROWS)
    plain.define(SQL)
    assert versions(plain, "FEATURE VIEWS") == {"spending": 2}
    with plain.snapshot() as snap:
        assert snap.count("purchases") == 0  # another table of the same name
    assert plain.history().to_dict()["table"] == ["purchases"]


def test_a_deployed_service_is_not_dropped(plain: Any) -> None:
    plain.deploy("spent")
    with pytest.raises(libfeat.DefinitionError, match="feat_undeploy"):
        plain.define("DROP FEATURE SERVICE spent")
    plain.undeploy("spent")
    with pytest.raises(libfeat.NotFoundError):
        plain.reader("spent")
    with pytest.raises(libfeat.NotFoundError, match="not deployed"):
        plain.undeploy("spent")
    plain.define("DROP FEATURE SERVICE spent")


def test_undeploying_one_service_leaves_the_others(plain: Any) -> None:
    plain.define("CREATE FEATURE SERVICE other AS SELECT u.spent_30d FROM REQUEST (user_id BIGINT) AS r "
                 "LEFT JOIN spending u USING (user_id)")
    plain.deploy("spent")
    plain.deploy("other")
    plain.undeploy("spent")
    assert plain.reader("other").get(user_id=7, now=T0 + dt.timedelta(days=2))["spent_30d"] == 3.75


def test_altering_what_definitions_use(plain: Any) -> None:
    sums = spent(plain)
    with pytest.raises(libfeat.DefinitionError, match="feature view 'spending', feature service 'spent'"):
        plain.define("ALTER TABLE purchases DROP COLUMN amount")
    plain.define("ALTER TABLE purchases RENAME COLUMN amount TO paid; ALTER TABLE purchases ADD COLUMN tip DOUBLE;"
                 "ALTER TABLE purchases DROP COLUMN vip")
    assert spent(plain) == sums
    names = plain.describe("purchases").to_dict()["name"]
    assert "paid" in names and "tip" in names and "vip" not in names and "amount" not in names
    with pytest.raises(libfeat.DefinitionError, match="spending"):
        plain.define("ALTER TABLE purchases DROP COLUMN paid")


# ---- SHOW, DESCRIBE, EXPLAIN, comments ----


def test_comments_and_options(plain: Any) -> None:
    plain.define(
        "COMMENT ON TABLE purchases IS 'sales'; COMMENT ON COLUMN purchases.amount IS 'in euros';"
        "COMMENT ON COLUMN spending.spent_30d IS 'what it says'; COMMENT ON FEATURE SERVICE spent IS 'for the model';"
        "CREATE OR REPLACE FEATURE VIEW spending WITH (owner = 'ml', tags = ['a', 'b'], freshness_sla = INTERVAL '1 hour') AS"
        + VIEW.format(what="sum(amount) OVER w").split("AS", 1)[1]
    )
    assert plain.show("SHOW TABLES").to_dict()["description"] == ["sales"]
    shown = plain.show("SHOW FEATURE VIEWS").to_dict()
    assert (shown["owner"], shown["tags"], shown["freshness_sla"], shown["version"]) == (["ml"], ["a, b"], ["1 hour"], [1])
    described = plain.describe("purchases").to_dict()
    assert dict(zip(described["name"], described["comment"]))["amount"] == "in euros"
    assert plain.show("SHOW FEATURE SERVICES").to_dict()["description"] == ["for the model"]
    plain.define("COMMENT ON TABLE purchases IS NULL")
    assert plain.show("SHOW TABLES").to_dict()["description"] == [None]


def test_describe(store: Any) -> None:
    table = store.describe("purchases").to_dict()
    assert table["name"] == list(ROWS)
    assert table["entity_key"] == [name == "user_id" for name in ROWS]
    assert table["event_time"] == [name == "purchased_at" for name in ROWS]
    assert table["unique"] == [name == "purchase_id" for name in ROWS]
    view = store.describe("spending").to_dict()
    assert view["role"][:2] == ["key", "feature"] and view["name"][:3] == ["user_id", "n_30d", "spent_30d"]
    service = store.describe("churn").to_dict()
    assert service["name"][-1] == "ratio" and service["view"][-1] is None
    assert service["view"][2] == "spending" and service["view_version"][2] == 1
    with pytest.raises(libfeat.NotFoundError, match="did you mean 'churn'"):
        store.describe("churns")


def test_show_as_tables(store: Any) -> None:
    shown = store.show("SHOW FEATURE VIEWS")
    assert shown.columns[:5] == ["name", "version", "key", "created_at", "fingerprint"]
    assert shown.to_arrow().num_rows == 1 and shown.to_pandas()["key"][0] == "user_id"
    assert isinstance(shown.to_dict()["created_at"][0], dt.datetime)
    assert store.show("SHOW DIMENSIONS").to_dict()["name"] == []


def test_explain(store: Any) -> None:
    assert "purchases" in store.explain("spending")
    assert json.loads(store.explain("spending", format="json"))
    asked = "SELECT user_id, count(*) AS n FROM purchases GROUP BY user_id"
    assert store.explain(asked) and json.loads(store.explain(f"CREATE FEATURE VIEW w AS {asked}", format="json"))
    assert versions(store, "FEATURE VIEWS") == {"spending": 1}
    with pytest.raises(libfeat.NotFoundError):
        store.explain("nothing")
    with pytest.raises(libfeat.DefinitionError):
        store.explain("SELECT user_id, nothing FROM purchases GROUP BY user_id")
    with pytest.raises(libfeat.ArgumentError):
        store.explain("spending", format="xml")


def test_a_name_that_needs_quotes(store: Any) -> None:
    store.define('CREATE TABLE "odd ""name" (k BIGINT NOT NULL, t TIMESTAMP NOT NULL, ENTITY KEY (k), EVENT TIME (t))')
    assert store.describe('odd "name').to_dict()["name"] == ["k", "t"]
