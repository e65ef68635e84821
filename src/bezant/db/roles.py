"""Roles and schemas: an owner that cannot log in, and a role that can do what it was granted.

Written so that each statement may be run again, by a superuser or by a role with CREATEROLE, on
PostgreSQL 15 to 18. Everything is plain SQL, so that what is printed is what is run. A name here is
made of letters that need no quotes.
"""

from bezant.db.schema import ModuleSchema

PREPARE_DATABASE = """\
-- Nobody has a right here that was not granted.
DO $$ BEGIN
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  REVOKE ALL ON SCHEMA public FROM PUBLIC;
EXCEPTION WHEN insufficient_privilege OR invalid_schema_name THEN
  NULL;  -- A hosted database may keep the schema public to itself; nothing of ours is in it.
END $$;
CREATE SCHEMA IF NOT EXISTS bezant;
CREATE TABLE IF NOT EXISTS bezant.migration (
  module text NOT NULL,
  part text NOT NULL,
  number int NOT NULL,
  name text NOT NULL,
  sha256 text NOT NULL,
  version text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (module, part, number)
);
REVOKE ALL ON SCHEMA bezant FROM PUBLIC;
"""
"""Closes a database to everybody and opens the journal of applied files, schema `bezant`."""


def prepare_module(schema: ModuleSchema) -> str:
    """Return the SQL that makes a module's roles and schema, or finds them made."""
    return f"""\
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{schema.owner}') THEN
    CREATE ROLE {schema.owner} NOLOGIN;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{schema.role}') THEN
    CREATE ROLE {schema.role} LOGIN;
  END IF;
  IF NOT pg_has_role('{schema.owner}', 'MEMBER') THEN
    GRANT {schema.owner} TO CURRENT_USER;
  ELSIF current_setting('server_version_num')::int >= 160000 THEN
    -- From 16 on, whoever creates a role may administer it but not act as it.
    IF NOT pg_has_role('{schema.owner}', 'SET') THEN
      GRANT {schema.owner} TO CURRENT_USER;
    END IF;
  END IF;
  IF NOT EXISTS (
    SELECT FROM pg_db_role_setting
    WHERE setrole = '{schema.role}'::regrole AND setdatabase = 0
      AND setconfig @> ARRAY['search_path={schema.module}']
  ) THEN
    ALTER ROLE {schema.role} SET search_path = {schema.module};
  END IF;
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO {schema.role}', current_database());
END $$;
CREATE SCHEMA IF NOT EXISTS {schema.module} AUTHORIZATION {schema.owner};
GRANT USAGE ON SCHEMA bezant TO {schema.role};
GRANT SELECT ON bezant.migration TO {schema.role};
"""  # noqa: S608 (a module's name is made of lower-case letters, digits and underscores)


def open_schema(schema: ModuleSchema) -> str:
    """Return the SQL, run as the owner, that lets the module's role and nobody else in."""
    return f"""\
GRANT USAGE ON SCHEMA {schema.module} TO {schema.role};
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
"""


def act_as_owner(schema: ModuleSchema, lock_seconds: float) -> str:
    """Return the SQL that makes the rest of a transaction the owner's, in the owner's schema."""
    return f"""\
SET LOCAL ROLE {schema.owner};
SET LOCAL search_path = {schema.module};
SET LOCAL lock_timeout = '{round(lock_seconds * 1000)}ms';
"""
