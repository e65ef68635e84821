"""A database with the tables of some modules only: made sooner, whatever others are at."""

from functools import cache

from tests.harness.cluster import MODULE_PASSWORD, Cluster

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
