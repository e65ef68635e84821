"""The key room: the providers the settings ask for, its access log, and what it does by itself."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from bezant.actor import Mode
from bezant.db.database import Database
from bezant.db.feeds import StoredFeed
from bezant.db.jobs import Tick, Turn
from bezant.db.nudges import Nudges
from bezant.db.outbox import Outbox
from bezant.db.sequencer import Sequencer
from bezant.keys.file import FileProvider
from bezant.keys.gathering import Accesses, AccessLog
from bezant.keys.port import Keys, KeysFeed, KeySpec, KeyStoreUnusable
from bezant.keys.provider import KeyProvider
from bezant.keys.service import KeysService
from bezant.keys.telling import MODULE, Telling
from bezant.rpc.near import near
from bezant.secret import Secret
from bezant.settings import Keys as KeySettings
from bezant.wiring.workbench import Workbench

if TYPE_CHECKING:
    from bezant.keys.pkcs11 import TokenPlace

SCHEDULE: Final = "keys.schedule"
SCHEDULE_EVERY_SECONDS: Final = 60.0
FORGET_EVERY_SECONDS: Final = 3_600.0
OPERATOR: Final = "operator"
JWT_KEY: Final = "jwt-signing"
JWT_HOME: Final = "jwt"
"""Where keys that sign tokens lie if `JWT_SECRET` is set and there is no HSM."""
_opened: WeakKeyDictionary[Workbench, KeysService] = WeakKeyDictionary()
"""One key room a process: a token is logged in to once."""


async def keys_port(bench: Workbench) -> Keys:
    """Return the key room, near or far, as whoever runs this process knows it."""
    return bench.elsewhere(Keys, MODULE) or near(Keys, await open_keys(bench))


async def keys_for(bench: Workbench, module: str) -> Keys:
    """Return the key room as one module knows it, near or far: its own keys, under its name."""
    far = bench.elsewhere(Keys, MODULE, caller=module)
    return far or near(Keys, await open_keys(bench), caller=module)


async def open_keys(bench: Workbench) -> KeysService:
    """Open the key room on the places where this installation keeps its keys."""
    if bench in _opened:
        return _opened[bench]
    database = await bench.database(MODULE)
    outbox = await _outbox(bench, database)
    mode = Mode.LIVE if bench.site.live else Mode.TEST
    accesses = Accesses(bench.real, bench.name)
    log = AccessLog(database, accesses, Telling(outbox, bench.ids, mode))
    log.start()
    # Begun before the providers: a PIN that is refused is written down although nothing starts.
    bench.stack.push_async_callback(log.stop)
    providers = await _providers(bench, accesses)
    # In an HSM they are kept better than under any secret of ours.
    homes = {JWT_KEY: JWT_HOME} if [one.name for one in providers] == ["file", JWT_HOME] else {}
    service = KeysService(
        database,
        bench.real,
        providers,
        outbox=outbox,
        mode=mode,
        accesses=accesses,
        homes=homes,
    )
    await service.start()
    _opened[bench] = service

    async def schedule(turn: Turn) -> None:
        del turn  # What is done already is not due any more.
        await service.schedule.run_due()

    async def forget(turn: Turn) -> None:
        del turn
        await service.schedule.forget_accesses()

    bench.ticks.append(Tick(SCHEDULE, SCHEDULE_EVERY_SECONDS, schedule))
    bench.ticks.append(Tick("keys.forget", FORGET_EVERY_SECONDS, forget))
    return service


async def open_keys_with_feed(bench: Workbench) -> tuple[KeysService, KeysFeed]:
    """Open the key room and the feed of what happens to keys."""
    service = await open_keys(bench)
    return service, StoredFeed(await bench.database(MODULE), MODULE)


async def _outbox(bench: Workbench, database: Database) -> Outbox:
    """Return where events go. A command appends; the platform gives positions."""
    if bench.name == OPERATOR:
        return Outbox(MODULE, Nudges())
    nudges = Nudges(database)
    nudges.start()
    bench.stack.push_async_callback(nudges.stop)
    sequencer = Sequencer(database, MODULE, nudges)
    sequencer.start()
    bench.stack.push_async_callback(sequencer.stop)
    return Outbox(MODULE, nudges)


@dataclass(frozen=True, slots=True)
class TriedToken:
    """What a token said when it was tried."""

    module: str
    certificate: str
    keys: int
    lacking: tuple[str, ...]
    """Kinds of key that it cannot make or use."""


async def try_token(settings: KeySettings) -> TriedToken:
    """Log in to the configured token, look, and leave."""
    from bezant.keys.pkcs11 import Pkcs11Provider  # noqa: PLC0415 - an extra

    with TemporaryDirectory(prefix="bezant-token-") as folder:
        token = await Pkcs11Provider.open(_place(settings), Path(folder))
        try:
            health = await token.health()
        finally:
            await token.close()
    lacking = tuple(sorted(set(KeySpec) - token.specs))
    return TriedToken(health.module, health.certificate, health.keys, lacking)


async def make_token(settings: KeySettings) -> None:
    """Make the configured token."""
    from bezant.keys.birth import make_token as make  # noqa: PLC0415 - an extra

    assert settings.softhsm_so_pin is not None
    await make(_place(settings), settings.softhsm_so_pin)


def _place(settings: KeySettings) -> "TokenPlace":
    if settings.softhsm_user_pin is None:
        raise KeyStoreUnusable("SOFTHSM_MODULE is set without SOFTHSM_USER_PIN")
    try:
        from bezant.keys.pkcs11 import TokenPlace  # noqa: PLC0415 - an extra
    except ImportError:
        raise KeyStoreUnusable("an HSM needs the extra hsm: pip install bezant[hsm]") from None
    return TokenPlace(
        str(settings.softhsm_module),
        settings.pkcs11_token,
        settings.softhsm_user_pin,
        settings.pkcs11_token_serial,
        settings.pkcs11_certificate or "none",
    )


async def _providers(bench: Workbench, accesses: Accesses) -> list[KeyProvider]:
    """Return the token first where one is configured: new keys are made there."""
    folder = bench.site.folder / "keystore"
    found: list[KeyProvider] = [await FileProvider.open(folder, key=bench.site.key)]
    accesses.login("file", "done")
    secret = bench.settings.identity.jwt_secret
    if secret is not None:
        found.append(await _token_files(folder / JWT_HOME, secret))
        accesses.login(JWT_HOME, "done")
    settings = bench.settings.keys
    if settings.softhsm_module is None:
        return found
    place = _place(settings)
    from bezant.keys.birth import make_token_if_missing  # noqa: PLC0415 - an extra
    from bezant.keys.pkcs11 import Pkcs11Provider  # noqa: PLC0415 - an extra

    so_pin = settings.softhsm_so_pin
    if so_pin is not None and not bench.site.live:
        await make_token_if_missing(place, so_pin)
    token = await Pkcs11Provider.open(place, folder, accesses.login)
    bench.stack.push_async_callback(token.close)
    return [token, *found]


async def _token_files(folder: Path, secret: Secret[str]) -> FileProvider:
    """Open the folder of the keys that sign tokens: `JWT_SECRET` derives what encrypts them."""
    try:
        return await FileProvider.open(folder, passphrase=secret, name=JWT_HOME)
    except KeyStoreUnusable as failure:
        raise KeyStoreUnusable(f"JWT_SECRET: {failure.detail}") from failure
