"""Migrations: forward only, as the module's owner, and nobody sees another module's rows."""

import asyncio
import hashlib
import subprocess
from importlib import resources
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from tests.db.rooms import PASSWORD, Rooms, furnish, module
from tests.harness.cluster import Cluster, TestDatabase

from bezant.db import binaries
from bezant.db import migrate as migrating
from bezant.db.migrate import (
    DatabaseNewer,
    DatabaseOlder,
    MigrationBusy,
    MigrationChanged,
    MigrationFailed,
    create_database,
    migrate,
    plan,
    refuse_unless_current,
    script,
)
from bezant.db.package_file import PackageDiffers
from bezant.db.schema import MalformedMigrations, ModuleSchema, Piece
from bezant.secret import Secret

ALL_PIECES = tuple(Piece)
A_TABLE = """
CREATE TABLE thing (id int PRIMARY KEY);
INSERT INTO thing VALUES (1);
GRANT SELECT, INSERT ON thing TO bezant_{name};
CREATE SEQUENCE counter;
CREATE FUNCTION secret() RETURNS int LANGUAGE sql AS 'SELECT 42';
"""
MODULES = ("alpha", "beta", "gamma")


def three(folder: Path) -> list[ModuleSchema]:
    return [
        module(folder, name, A_TABLE.replace("{name}", name), pieces=ALL_PIECES) for name in MODULES
    ]


def value(dsn: str, statement: str) -> object:
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(statement.encode()).fetchone()
        return row[0] if row else None


async def test_a_second_run_changes_nothing(empty_database: TestDatabase, tmp_path: Path):
    modules = three(tmp_path)
    passwords = {name: Secret(PASSWORD) for name in MODULES}
    first = await migrate(empty_database.administrator_dsn, modules, passwords)
    second = await migrate(empty_database.administrator_dsn, modules, passwords)
    assert len(first.files) == 3 * 4
    assert second.files == ()


async def test_the_owner_owns_and_the_role_has_what_it_was_granted(
    empty_database: TestDatabase, tmp_path: Path
):
    await furnish(empty_database, three(tmp_path))
    owner = value(
        empty_database.administrator_dsn,
        "SELECT tableowner FROM pg_tables WHERE schemaname = 'alpha' AND tablename = 'thing'",
    )
    assert owner == "bezant_alpha_owner"
    dsn = empty_database.dsn("bezant_alpha", PASSWORD)
    assert value(dsn, "SELECT count(*) FROM thing") == 1
    for refused in (
        "DELETE FROM thing",
        "TRUNCATE thing",
        "CREATE TABLE own (id int)",
        "SELECT secret()",
        "SET ROLE bezant_alpha_owner",
        "UPDATE event SET type = 'x'",
        "DELETE FROM feed_run",
        "CREATE TABLE public.mine (id int)",
        "CREATE TEMPORARY TABLE mine (id int)",
        "INSERT INTO bezant.migration VALUES ('a', 'b', 1, 'c', 'd', 'e')",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            value(dsn, refused)


async def test_no_module_reaches_into_another_modules_schema(
    empty_database: TestDatabase, tmp_path: Path
):
    await furnish(empty_database, three(tmp_path))
    tables = ("thing", "event", "feed_run", "follower_position")
    for reader in MODULES:
        dsn = empty_database.dsn(f"bezant_{reader}", PASSWORD)
        for owner in MODULES:
            for table in tables:
                statement = f"SELECT count(*) FROM {owner}.{table}"
                if reader == owner:
                    assert value(dsn, statement) is not None
                    continue
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    value(dsn, statement)
            if reader != owner:
                for reaching in (f"SELECT {owner}.secret()", f"SELECT nextval('{owner}.counter')"):
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        value(dsn, reaching)


async def test_a_wrong_password_is_refused(empty_database: TestDatabase, tmp_path: Path):
    await furnish(empty_database, three(tmp_path))
    with pytest.raises(psycopg.OperationalError):
        value(empty_database.dsn("bezant_alpha", "another password"), "SELECT 1")
    stored = value(
        empty_database.administrator_dsn,
        "SELECT rolpassword FROM pg_authid WHERE rolname = 'bezant_alpha'",
    )
    assert str(stored).startswith("SCRAM-SHA-256$")


async def test_a_hosted_database_that_refuses_verifiers_gets_the_password(
    empty_database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    plain = migrating._plain

    async def hosted(connection: psycopg.AsyncConnection, text: str) -> object:
        if "SCRAM-SHA-256$" in text:
            raise psycopg.errors.InternalError_("this only supports plaintext passwords")
        return await plain(connection, text)

    monkeypatch.setattr(migrating, "_plain", hosted)
    rooms = await furnish(empty_database, [module(tmp_path, "alpha", "SELECT 1;")])
    async with rooms.open("alpha") as database:
        assert await database.fetch_value("SELECT 1") == 1


async def test_modules_with_databases_of_their_own_cannot_even_connect_to_each_other(
    cluster: Cluster, tmp_path: Path
):
    with cluster.fresh() as one, cluster.fresh() as two:
        first = await furnish(one, [module(tmp_path, "alpha", "SELECT 1;")])
        second = await furnish(two, [module(tmp_path, "beta", "SELECT 1;")])
        for rooms, name in ((first, "alpha"), (second, "beta")):
            async with rooms.open(name) as database:
                assert await database.fetch_value("SELECT 1") == 1
        for where, stranger in ((one, "bezant_beta"), (two, "bezant_alpha")):
            with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                value(where.dsn(stranger, PASSWORD), "SELECT 1")


async def test_a_changed_file_is_refused(empty_database: TestDatabase, tmp_path: Path):
    await furnish(empty_database, [module(tmp_path, "alpha", "CREATE TABLE one (id int);")])
    changed = module(tmp_path, "alpha", "CREATE TABLE one (id bigint);")
    with pytest.raises(MigrationChanged, match="alpha 0001_made was applied by version"):
        await migrate(empty_database.administrator_dsn, [changed], {})


NAMED = """
package = "procrastinate"
version = "{version}"
file = "{file}"
sha256 = "{sha256}"
"""


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("sql/schema.sql", r"is not that of version 9\.9, .* install procrastinate==9\.9"),
        ("sql/none.sql", r"is not installed with its sql/none\.sql"),
    ],
)
async def test_a_package_whose_tables_are_not_the_known_ones_is_refused_before_anything_is_touched(
    file: str, says: str, empty_database: TestDatabase, tmp_path: Path
):
    fitting = module(tmp_path, "alpha", "SELECT 1;")
    named = tmp_path / "alpha" / "migrations" / "0002_shipped.toml"
    named.write_text(NAMED.format(version="9.9", file=file, sha256="0" * 64))
    dsn = empty_database.administrator_dsn
    for refused in (migrate(dsn, [fitting], {}), plan(dsn, [fitting])):
        with pytest.raises(PackageDiffers, match=says):
            await refused
    with pytest.raises(PackageDiffers, match=says):
        script([fitting])
    assert value(dsn, "SELECT to_regnamespace('alpha')") is None

    sound = resources.files("procrastinate").joinpath("sql/schema.sql").read_bytes()
    digest = hashlib.sha256(sound).hexdigest()
    named.write_text(NAMED.format(version="9.9", file="sql/schema.sql", sha256=digest))
    await migrate(dsn, [fitting], {})
    assert await plan(dsn, [fitting]) == ()


async def test_a_database_newer_than_the_code_is_refused_before_anything_is_touched(
    empty_database: TestDatabase, tmp_path: Path
):
    newer = module(tmp_path / "new", "alpha", "CREATE TABLE one (id int);", "SELECT 1;")
    await furnish(empty_database, [newer])
    older = module(tmp_path / "old", "alpha", "CREATE TABLE one (id int);")
    fresh = module(tmp_path / "old", "delta", "CREATE TABLE one (id int);")
    with pytest.raises(DatabaseNewer, match="alpha 0002_made was applied by version"):
        await migrate(empty_database.administrator_dsn, [older, fresh], {})
    found = value(empty_database.administrator_dsn, "SELECT to_regnamespace('delta')")
    assert found is None


async def test_serving_from_an_old_database_is_refused(
    empty_database: TestDatabase, tmp_path: Path
):
    rooms = await furnish(empty_database, [module(tmp_path, "alpha", "SELECT 1;")])
    grown = module(tmp_path, "alpha", "SELECT 1;", "SELECT 2;")
    async with rooms.open("alpha") as database:
        with pytest.raises(DatabaseOlder, match="alpha 0002_made"):
            await refuse_unless_current(database, [grown])
        await furnish(empty_database, [grown])
        await refuse_unless_current(database, [grown])


async def test_a_failing_file_is_undone_and_earlier_ones_stay(
    empty_database: TestDatabase, tmp_path: Path
):
    broken = module(
        tmp_path, "alpha", "CREATE TABLE one (id int);", "CREATE TABLE two (id int); SELECT 1/0;"
    )
    with pytest.raises(MigrationFailed, match="alpha 0002_made: division by zero"):
        await migrate(empty_database.administrator_dsn, [broken], {})
    dsn = empty_database.administrator_dsn
    assert value(dsn, "SELECT to_regclass('alpha.one')::text") == "alpha.one"
    assert value(dsn, "SELECT to_regclass('alpha.two')") is None
    repaired = module(tmp_path, "alpha", "CREATE TABLE one (id int);", "CREATE TABLE two (id int);")
    assert len((await migrate(dsn, [repaired], {})).files) == 1


@pytest.mark.parametrize("ending", ["COMMIT;", "ROLLBACK;"])
async def test_a_file_that_ends_its_transaction_is_refused(
    ending: str, empty_database: TestDatabase, tmp_path: Path
):
    with pytest.raises(MigrationFailed):
        await migrate(empty_database.administrator_dsn, [module(tmp_path, "alpha", ending)], {})


async def test_two_runs_at_once_apply_every_file_once(empty_database: TestDatabase, tmp_path: Path):
    modules = three(tmp_path)
    runs = await asyncio.gather(
        *(migrate(empty_database.administrator_dsn, modules, {}) for _ in range(4))
    )
    assert sorted(len(run.files) for run in runs) == [0, 0, 0, 12]


async def test_runs_in_two_databases_of_one_server_share_its_roles(
    cluster: Cluster, tmp_path: Path
):
    modules = three(tmp_path)
    with cluster.fresh() as one, cluster.fresh() as two:
        await asyncio.gather(*(furnish(each, modules) for each in (one, two)))
        for each in (one, two):
            assert value(each.dsn("bezant_beta", PASSWORD), "SELECT count(*) FROM thing") == 1


async def test_a_lock_that_stays_taken_is_reported_and_waited_for_in_small_pieces(
    empty_database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    await furnish(empty_database, [module(tmp_path, "alpha", "CREATE TABLE one (id int);")])
    monkeypatch.setattr(migrating, "LOCK_SECONDS", 0.05)
    monkeypatch.setattr(migrating, "LOCK_ATTEMPTS_MAX", 2)
    grown = module(
        tmp_path, "alpha", "CREATE TABLE one (id int);", "ALTER TABLE one ADD COLUMN two int;"
    )
    with psycopg.connect(empty_database.administrator_dsn) as reader:
        reader.execute("SELECT * FROM alpha.one")
        with pytest.raises(MigrationBusy, match="alpha 0002_made"):
            await migrate(empty_database.administrator_dsn, [grown], {})
    assert len((await migrate(empty_database.administrator_dsn, [grown], {})).files) == 1


async def test_numbers_without_gaps_are_asked_for(tmp_path: Path):
    one = module(tmp_path, "alpha", "SELECT 1;")
    (tmp_path / "alpha" / "migrations" / "0003_late.sql").write_text("SELECT 3;")
    with pytest.raises(MalformedMigrations, match=r"0003_late\.sql should be 0002_name\.sql"):
        one.files()


async def test_the_plan_names_what_is_missing(empty_database: TestDatabase, tmp_path: Path):
    modules = three(tmp_path)
    assert len(await plan(empty_database.administrator_dsn, modules)) == 12
    await furnish(empty_database, modules)
    assert await plan(empty_database.administrator_dsn, modules) == ()


@pytest.mark.requirement("S003-5")
async def test_psql_loads_the_printed_form(empty_database: TestDatabase, tmp_path: Path):
    modules = three(tmp_path)
    printed = tmp_path / "all.sql"
    printed.write_text(script(modules))
    psql(empty_database, printed)
    assert await plan(empty_database.administrator_dsn, modules) == ()
    rooms = await furnish(empty_database, modules)  # What was printed and what is run agree.
    async with rooms.open("alpha") as database:
        assert await database.fetch_value("SELECT count(*) FROM thing") == 1
    with pytest.raises(subprocess.CalledProcessError):
        psql(empty_database, printed)  # Loading it twice is refused, not half done.


@pytest.mark.requirement("S001-9")
async def test_an_administrator_who_is_not_a_superuser_is_enough(cluster: Cluster, tmp_path: Path):
    role = "hosted_owner"
    cluster.execute(
        sql.SQL("CREATE ROLE {} LOGIN CREATEROLE CREATEDB PASSWORD {}").format(
            sql.Identifier(role), sql.Literal(PASSWORD)
        )
    )
    admin = cluster.server.dsn(role, PASSWORD, "postgres")
    name = "hosted"
    try:
        assert await create_database(admin, name)
        assert not await create_database(admin, name)
        hosted = TestDatabase(cluster.server, name)
        modules = [
            module(tmp_path, f"hosted_{one}", A_TABLE.replace("{name}", f"hosted_{one}"))
            for one in ("a", "b")
        ]
        passwords = {one.module: Secret(PASSWORD) for one in modules}
        dsn = hosted.dsn(role, PASSWORD)
        await migrate(dsn, modules, passwords)
        await migrate(dsn, modules, passwords)
        async with Rooms(hosted).open("hosted_a") as database:
            assert await database.fetch_value("SELECT count(*) FROM thing") == 1
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            value(hosted.dsn("bezant_hosted_a", PASSWORD), "SELECT * FROM hosted_b.thing")
    finally:
        cluster.drop(name)


def psql(where: TestDatabase, file: Path) -> None:
    program = binaries.folder() / "psql"
    subprocess.run(
        [program, "-X", "-q", "-d", where.administrator_dsn, "-f", file],
        check=True,
        capture_output=True,
        timeout=60,
    )
