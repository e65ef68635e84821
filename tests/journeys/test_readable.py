"""The tables that operators of the merchant family read with nothing but SQL."""

import json
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from tests.harness.waiting import wait_until
from tests.journeys.house import House, money

VIEWS = {
    "payments.payments": "id mode merchant amount currency status customer_email customer_name "
    "customer_id order_id provider psp_reference captured_amount refunded_amount created_at "
    "updated_at",
    "identity.api_keys": "id mode merchant name key_hint kind role scopes is_active created_at "
    "created_by expires_at revoked_at revoked_by last_used_at",
    "audit.audit_log": "id created_at mode merchant actor action resource status ip_address "
    "details log_index",
    "webhooks.webhook_events": "id status retry_count created_at type merchant mode",
}
READERS = {"payments", "identity", "audit", "webhooks"}


def rows(house: House, query: str, *values: object) -> list[dict[str, Any]]:
    with psycopg.connect(house.database(), row_factory=dict_row) as connection:
        return connection.execute(query.encode(), values).fetchall()


@pytest.mark.requirement("S003-6", part="readable tables")
@pytest.mark.parametrize("view", VIEWS)
def test_the_tables_have_their_names_and_columns(house: House, view: str):
    schema, _, name = view.partition(".")
    found = rows(
        house,
        "SELECT column_name FROM information_schema.columns "
        "WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position",
        schema,
        name,
    )
    assert [one["column_name"] for one in found] == VIEWS[view].split()


@pytest.mark.requirement("S003-6", part="readable tables")
def test_a_modules_login_reads_its_own_table_and_no_other(house: House):
    query = (
        "SELECT has_schema_privilege(%(role)s, %(schema)s, 'USAGE') "
        "AND has_table_privilege(%(role)s, %(view)s, 'SELECT') AS may"
    )
    with psycopg.connect(house.database(), row_factory=dict_row) as connection:
        for view in VIEWS:
            schema = view.partition(".")[0]
            for module in READERS:
                asked = {"role": f"bezant_{module}", "schema": schema, "view": view}
                told = connection.execute(query, asked).fetchone()
                assert told is not None
                assert told["may"] is (module == schema), (view, module)


@pytest.mark.requirement("S003-6", part="api_keys")
def test_a_key_is_read_with_all_but_what_it_could_be_found_by(house: House):
    made = house.told(
        "POST", "/v1/keys", {"kind": "sk", "role": "finance", "name": "nightly"},
        by=house.owner("test"),
    )  # fmt: skip
    query = "SELECT * FROM identity.api_keys WHERE id = %s"
    (key,) = rows(house, query, made["id"])
    assert (key["name"], key["role"], key["is_active"]) == ("nightly", "finance", True)
    assert key["key_hint"].endswith(made["secret"][-4:])
    said = json.dumps(key, default=str)
    assert made["secret"] not in said
    assert made["secret"][8:-4] not in said
    ended = house.ask("DELETE", f"/v1/keys/{made['id']}", by=house.owner("test"))
    assert ended.status_code in {200, 204}, ended.text
    (key,) = rows(house, query, made["id"])
    assert key["is_active"] is False
    assert key["revoked_by"].startswith("mem_")


@pytest.mark.requirement("S003-6", part="audit_log")
@pytest.mark.requirement("S003-7", part="the last hundred of the audit log")
def test_the_audit_log_tells_who_did_what(house: House):
    payment = house.pay("7.00 EUR")
    refused = house.ask("POST", "/v1/refunds", {"payment": payment["id"], "amount": money("8 EUR")})
    assert refused.status_code == 422
    query = "SELECT * FROM audit.audit_log WHERE resource = %s OR details ->> 'payment' = %s"

    def told() -> set[str]:
        return {one["action"] for one in rows(house, query, payment["id"], payment["id"])}

    wait_until(lambda: told() >= {"payment.created", "payment.captured"}, "what happened is there")
    events = rows(house, query, payment["id"], payment["id"])
    assert all(one["log_index"] is not None for one in events if one["action"][:8] == "payment.")

    def asked() -> list[dict[str, Any]]:
        number = refused.json()["request_id"]
        return rows(house, "SELECT * FROM audit.audit_log WHERE id = %s", number)

    wait_until(lambda: bool(asked()), "who was refused is there")
    (line,) = asked()
    assert (line["action"], line["status"]) == ("POST /v1/refunds", 422)
    assert line["actor"].startswith("key_")
    assert line["details"]["code"] == refused.json()["code"]
    assert line["ip_address"]
    last = rows(house, "SELECT * FROM audit.audit_log ORDER BY created_at DESC LIMIT 100")
    assert len(last) > 1
