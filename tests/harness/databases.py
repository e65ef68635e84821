"""Databases with the tables of some modules only: made sooner, whatever others are at.

    database = lent("receipts_template", "keys", "audit", "receipts")

in a `conftest.py` is a fixture: a fresh database for each test.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from tests.harness.cluster import MODULE_PASSWORD, Cluster, TestDatabase

from bezant.db.migrate import migrate
from bezant.schemas import SCHEMAS
from bezant.secret import Secret


@cache
def template_of(cluster: Cluster, name: str, modules: tuple[str, ...]) -> str:
    """Migrate these modules in a database of this name, once; others are copied from it."""
    made = cluster.create(name)
    schemas = [one for one in SCHEMAS if one.module in modules]
    assert len(schemas) == len(modules)
    passwords = {one.module: Secret(MODULE_PASSWORD) for one in schemas}
    cluster.run(migrate(made.administrator_dsn, schemas, passwords))
    return name


def lent(name: str, *modules: str) -> Any:  # What a fixture is, pytest does not say.
    """Return a fixture that lends a fresh database with the tables of these modules."""

    @pytest.fixture
    def database(cluster: Cluster) -> Iterator[TestDatabase]:
        with cluster.fresh(template_of(cluster, name, modules)) as fresh:
            yield fresh

    return database
