"""The vault: both its doors, near or far, and the listener of its own for payers' cards."""

from typing import Final

from bezant.db.jobs import Tick, Turn
from bezant.gateway.profile import Listener
from bezant.keys.port import Keys
from bezant.psp.port import Transport
from bezant.rpc.near import near
from bezant.settings import Settings
from bezant.vault.port import CardDoor, Vault
from bezant.vault.service import VaultService
from bezant.wiring.workbench import Workbench

MODULE: Final = "vault"
ABOVE_THE_MAIN_PORT: Final = 9
PORT_MAX: Final = 65_535
REWRAP_EVERY_SECONDS: Final = 3_600.0


async def vault_ports(bench: Workbench, keys: Keys, transport: Transport) -> tuple[Vault, CardDoor]:
    """Return the vault and its door for cards, near or far."""
    vault, door = bench.elsewhere(Vault, MODULE), bench.elsewhere(CardDoor, MODULE)
    if vault is not None and door is not None:
        return vault, door
    service = await open_vault(bench, keys, transport)
    return near(Vault, service), near(CardDoor, service)


async def open_vault(bench: Workbench, keys: Keys, transport: Transport) -> VaultService:
    """Open the vault."""
    database = await bench.database(MODULE)
    service = VaultService(database, bench.real, bench.ids, keys, transport)
    await service.start()
    bench.stack.push_async_callback(service.stop)

    async def rewrap(turn: Turn) -> None:
        del turn  # What is under the newest key already is left alone.
        await service.rewrap()

    bench.ticks.append(Tick("vault.rewrap", REWRAP_EVERY_SECONDS, rewrap))
    bench.meters.gauge("bezant_vault_codes", "Card codes in memory.", lambda: service.codes_kept)
    return service


def listener_of_its_own(settings: Settings) -> tuple[Listener, str, int]:
    """Return where payers' pages may send cards without passing through a gateway."""
    main, chosen = settings.platform.port, settings.platform.vault_port
    if chosen is None:
        # Port 0 is any port that is free, for the vault as for the main listener.
        above = main + ABOVE_THE_MAIN_PORT
        chosen = main and (above if above <= PORT_MAX else main - ABOVE_THE_MAIN_PORT)
    row = Listener(
        unit=MODULE,
        port=chosen,
        requirement="S000-4",
        modules=(MODULE,),
        main=False,
        tls=False,
        aliases=(),
        services={},
        planned=False,
    )
    return row, settings.platform.host, chosen
