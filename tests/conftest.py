"""The fixtures every test may ask for. Each is a real PostgreSQL; nothing here pretends.

cluster            one server per test process, without fsync: quick, and thrown away
durable_cluster    a server of this module's own, with the settings of production
database           a fresh database with every module's migrations applied
database_url       its administrator's connection string
empty_database     a fresh database with nothing in it
installation       a data folder of its own with a stopped server in it, quicker than making one
installed          a demo of its own that was started and stopped before, quicker likewise
"""

import gc
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.running import Nest
from tests.harness.cluster import Cluster, LoopThread, TestDatabase, memory, migrated, started
from tests.harness.folders import open_folder
from tests.harness.ports import fixed_ports_to_ourselves

import bezant.rpc  # noqa: F401 - first: gRPC reads its ciphers once, when it is first loaded
from bezant.db.embedded import EmbeddedServer


def pytest_configure() -> None:
    """Let tests write into memory, where platforms come and go sooner; programs hear signals."""
    room = memory()
    if room is not None:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", room)
    # What a shell starts in the background does not hear it, nor do the programs tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Tell the garbage collector what a platform tells it: what is loaded now stays."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with started(durable=False) as running:
        yield running


@pytest.fixture(scope="module")
def durable_cluster() -> Iterator[Cluster]:
    with started(durable=True) as running:
        yield running


@pytest.fixture(scope="session")
def template(cluster: Cluster) -> str:
    """Return the name of a database in which the migrations were applied once."""
    return migrated(cluster).name


@pytest.fixture
def database(cluster: Cluster, template: str) -> Iterator[TestDatabase]:
    with cluster.fresh(template) as fresh:
        yield fresh


@pytest.fixture
def database_url(database: TestDatabase) -> str:
    return database.administrator_dsn


@pytest.fixture(scope="session")
def made_once() -> Iterator[Path]:
    with open_folder() as place:
        server = EmbeddedServer(place / "data")
        loop = LoopThread()
        loop.run(server.start())
        loop.run(server.stop())
        loop.close()
        yield place / "data"


@pytest.fixture
def installation(made_once: Path) -> Iterator[Path]:
    with open_folder() as place:
        subprocess.run(["cp", "-a", made_once, place / "data"], check=True)
        yield place / "data"


@pytest.fixture(scope="session")
def started_once(tmp_path_factory: pytest.TempPathFactory) -> Nest:
    made = Nest(tmp_path_factory.mktemp("template"))
    running = made.up()
    running.url()
    running.stop()
    (made.data / "postgres.conf").write_text("shared_buffers = 32MB\n")  # It is a little demo.
    return made


@pytest.fixture
def installed(started_once: Nest, tmp_path: Path) -> Iterator[Nest]:
    made = Nest(tmp_path)
    made.copy(started_once)
    yield made
    made.clear()


@pytest.fixture
def empty_database(cluster: Cluster) -> Iterator[TestDatabase]:
    with cluster.fresh() as fresh:
        yield fresh


@pytest.fixture
def fixed_ports() -> Iterator[None]:
    """Take turns with every other test that opens the ports a family names."""
    with fixed_ports_to_ourselves():
        yield
