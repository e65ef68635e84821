"""A module's role reaches its own schema and no other: every role, every relation, every routine,
with the migrations that are shipped.
"""

import psycopg
import pytest
from tests.harness.cluster import MODULE_PASSWORD, TestDatabase
from tests.harness.databases import lent

from bezant.schemas import ROLES

pytestmark = pytest.mark.requirement("S001-3", part="a module's role reads no other's schema")

MODULES = ROLES
shipped = lent("shipped_template", *MODULES)

REACHED = """
SELECT role.rolname::text, place.nspname::text, thing.what, thing.name
FROM pg_roles AS role
CROSS JOIN pg_namespace AS place
JOIN (
  SELECT relnamespace AS place, 'relation' AS what, oid, relname::text AS name,
    CASE WHEN relkind = 'S' THEN 'USAGE, SELECT, UPDATE'
      ELSE 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER' END AS rights,
    relkind
  FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
  UNION ALL
  SELECT pronamespace, 'routine', oid, proname::text, 'EXECUTE', 'F' FROM pg_proc
) AS thing ON thing.place = place.oid
WHERE role.rolname = ANY(%(roles)s) AND place.nspname = ANY(%(schemas)s)
  AND has_schema_privilege(role.oid, place.oid, 'USAGE')
  AND CASE thing.relkind
    WHEN 'F' THEN has_function_privilege(role.oid, thing.oid, thing.rights)
    WHEN 'S' THEN has_sequence_privilege(role.oid, thing.oid, thing.rights)
    ELSE has_table_privilege(role.oid, thing.oid, thing.rights)
      OR has_any_column_privilege(role.oid, thing.oid, 'SELECT, INSERT, UPDATE, REFERENCES')
  END
"""


def reached(database: TestDatabase) -> set[tuple[str, str, str]]:
    """Return what each module's role reaches: whose schema, and what of it."""
    roles = [f"bezant_{module}" for module in MODULES]
    asked = {"roles": roles, "schemas": list(MODULES)}
    with psycopg.connect(database.administrator_dsn) as admin:
        found = admin.execute(REACHED, asked).fetchall()
    return {
        (role.removeprefix("bezant_"), place, f"{what} {name}") for role, place, what, name in found
    }


def test_no_role_reaches_into_another_schema(shipped: TestDatabase):
    found = reached(shipped)
    strange = {(place, thing) for role, place, thing in found if role != place}
    assert strange == {("jobs", "routine enqueue"), ("jobs", "routine hold")}, "jobs' two doors"
    assert {role for role, place, _ in found if role == place} == set(MODULES)
    assert len(found) > 100, "each role reaches what is its own"


A_COLUMN = """
GRANT USAGE ON SCHEMA identity TO bezant_orders;
GRANT SELECT (id) ON identity.merchant TO bezant_orders
"""


@pytest.mark.parametrize(
    "opened",
    [
        A_COLUMN,
        "GRANT USAGE ON SCHEMA identity TO PUBLIC; GRANT INSERT ON identity.event TO PUBLIC",
        "GRANT bezant_identity TO bezant_orders",
    ],
)
def test_a_hole_in_the_wall_would_be_found(shipped: TestDatabase, opened: str):
    """The control of the one above."""
    with psycopg.connect(shipped.administrator_dsn) as admin:
        admin.execute(opened)
    try:
        found = reached(shipped)
    finally:
        if opened.startswith("GRANT bezant_"):  # Roles belong to the whole server.
            with psycopg.connect(shipped.administrator_dsn) as admin:
                admin.execute("REVOKE bezant_identity FROM bezant_orders")
    assert ("orders", "identity") in {(role, place) for role, place, _ in found}


def test_whoever_tries_is_refused(shipped: TestDatabase):
    """The same asked by doing it: each role reads the tables of every other module."""
    with psycopg.connect(shipped.administrator_dsn) as admin:
        tables = admin.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname = ANY(%s)",
            (list(MODULES),),
        ).fetchall()
    assert {schema for schema, _ in tables} == set(MODULES)
    refused, tried = 0, 0
    for module in MODULES:
        address = shipped.dsn(f"bezant_{module}", MODULE_PASSWORD)
        with psycopg.connect(address, autocommit=True) as asker:
            for schema, table in tables:
                if schema != module:
                    tried += 1
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        asker.execute(f'SELECT 1 FROM {schema}."{table}" LIMIT 1')
                    refused += 1
    assert refused == tried > len(MODULES) * (len(MODULES) - 1)
