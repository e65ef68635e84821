"""From texts to settings, reporting every mistake at once; and what a start refuses."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from ipaddress import ip_address
from typing import Final, TypeVar, cast
from urllib.parse import parse_qs, unquote, urlsplit

from bezant.secret import Secret
from bezant.settings.envoy import Envoy
from bezant.settings.names import (
    Database,
    Edge,
    Identity,
    Keys,
    Logs,
    Messages,
    Orders,
    Platform,
    Providers,
)
from bezant.settings.outside import Outside
from bezant.settings.people import People
from bezant.settings.texts import POSTGRES, Given, Mistake, Named, SettingsWrong, Unreadable

Group = TypeVar("Group")
GROUPS: Final = (
    Platform, Logs, Database, Edge, Envoy, Identity, Outside, People, Keys, Providers, Messages,
    Orders,
)  # fmt: skip
MODULE_DATABASE: Final = "_DATABASE_URL"
MODULE_PEER: Final = "_GRPC"
VERIFIED_TLS: Final = frozenset({"verify-full", "verify-ca"})

WELL_KNOWN: Final[Mapping[str, str]] = {
    "admin": "admin/admin",
    "guest": "guest/guest",
    "1234": "the PIN 1234",
    "5678": "the PIN 5678",
    "ChangeMe123!": "ChangeMe123!",
    "wso2carbon": "wso2carbon",
    "redis-secret": "redis-secret",
    "secure-password": "secure-password",
    "your-jwt-secret-key": "your-jwt-secret-key",
}
"""Secrets that stand in published examples: demo mode may use them, a live one never."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one run."""

    platform: Platform = field(default_factory=Platform)
    logs: Logs = field(default_factory=Logs)
    database: Database = field(default_factory=Database)
    edge: Edge = field(default_factory=Edge)
    envoy: Envoy = field(default_factory=Envoy)
    identity: Identity = field(default_factory=Identity)
    outside: Outside = field(default_factory=Outside)
    people: People = field(default_factory=People)
    keys: Keys = field(default_factory=Keys)
    providers: Providers = field(default_factory=Providers)
    messages: Messages = field(default_factory=Messages)
    orders: Orders = field(default_factory=Orders)
    given: Mapping[str, Given] = field(default_factory=dict[str, Given], repr=False)
    """The texts that were found, by canonical name."""

    @property
    def live(self) -> bool:
        """Tell whether a live installation was asked for."""
        return self.platform.live or self.platform.node_environment == "production"


def read(given: Mapping[str, Given], modules: tuple[str, ...] = ()) -> Settings:
    """Read settings from texts; the known modules may each have a database of their own."""
    mistakes: list[Mistake] = []
    settled = dict(_settled(given))
    databases = _of_modules(given, modules, MODULE_DATABASE, POSTGRES, mistakes)
    peers = _of_modules(given, modules, MODULE_PEER, _address, mistakes)
    settled.update({name: given[name] for name in (*databases.values(), *peers.values())})
    settings = Settings(
        platform=_group(
            Platform,
            settled,
            mistakes,
            peers={module: given[name].text for module, name in peers.items()},
        ),
        logs=_group(Logs, settled, mistakes),
        database=_group(
            Database,
            settled,
            mistakes,
            modules={module: Secret(given[name].text) for module, name in databases.items()},
        ),
        edge=_group(Edge, settled, mistakes),
        envoy=_group(Envoy, settled, mistakes),
        identity=_group(Identity, settled, mistakes),
        outside=_group(Outside, settled, mistakes),
        people=_group(People, settled, mistakes),
        keys=_group(Keys, settled, mistakes),
        providers=_group(Providers, settled, mistakes),
        messages=_group(Messages, settled, mistakes),
        orders=_group(Orders, settled, mistakes),
        given=settled,
    )
    if mistakes:
        raise SettingsWrong(tuple(mistakes))
    return settings


def every_named() -> Iterator[tuple[type[object], Named, object]]:
    """Yield each group with each of its settings and defaults, in the order they are documented."""
    for group in GROUPS:
        for each in fields(group):
            about = _about(each)
            if about is not None:
                yield group, about, each.default


def refusals(settings: Settings, *, live: bool) -> tuple[Mistake, ...]:
    """Tell why a start with these settings is refused: nothing here is ever only a warning."""
    found = [*_open_databases(settings), *_half_of_a_certificate(settings)]
    if live:
        found += [*well_known(settings), *_nobodys_people(settings)]
    elif _is_live_stripe(settings):
        found.append(
            Mistake(
                "STRIPE_SECRET_KEY",
                "is a live key in demo mode",
                "start with --live or use sk_test_",
            )
        )
    return tuple(found)


def _half_of_a_certificate(settings: Settings) -> Iterator[Mistake]:
    names = {"TLS_CERTIFICATE": settings.edge.tls_certificate, "TLS_KEY": settings.edge.tls_key}
    missing = [name for name, path in names.items() if path is None]
    if len(missing) == 1:
        yield Mistake(missing[0], "is missing", "set both TLS_CERTIFICATE and TLS_KEY")


def _nobodys_people(settings: Settings) -> Iterator[Mistake]:
    if settings.outside.wso2_url is not None and not settings.outside.wso2_merchant:
        yield Mistake(
            "WSO2_IS_MERCHANT", "is missing", "say whose people these are: mer_… or platform"
        )


def well_known(settings: Settings) -> tuple[Mistake, ...]:
    """Name every setting whose secret stands in published examples."""
    return tuple(
        Mistake(name, f"is the well-known secret {WELL_KNOWN[text]}", "set one of your own")
        for name, texts in _secrets(settings)
        for text in texts
        if text in WELL_KNOWN
    )


def unused(settings: Settings) -> tuple[tuple[str, str], ...]:
    """Name the settings that were given though nothing uses them yet, and what will."""
    return tuple(
        (about.name, about.awaits)
        for _, about, _ in every_named()
        if about.awaits and about.name in settings.given
    )


def _settled(given: Mapping[str, Given]) -> Iterator[tuple[str, Given]]:
    """Choose between a name and its aliases: the stronger source wins, then the name itself."""
    for _, about, _ in every_named():
        found = [given[name] for name in (about.name, *about.aliases) if name in given]
        if found:
            yield about.name, max(found, key=lambda one: one.source)


def _group(
    group: Callable[..., Group],
    given: Mapping[str, Given],
    mistakes: list[Mistake],
    **further: object,
) -> Group:
    values: dict[str, object] = dict(further)
    for each in fields(cast("type[Platform]", group)):
        about = _about(each)
        if about is None or about.name not in given or not given[about.name].text:
            continue  # An empty text is what templates leave behind: the same as not set.
        try:
            values[each.name] = about.read(given[about.name].text)
        except Unreadable as wrong:
            where = f"({given[about.name].source}) {wrong.problem}"
            mistakes.append(Mistake(about.name, where, wrong.remedy))
    return group(**values)


def _about(each: Field[object]) -> Named | None:
    return cast("Named | None", each.metadata.get("named"))


def _of_modules(
    given: Mapping[str, Given],
    modules: tuple[str, ...],
    suffix: str,
    read_one: Callable[[str], object],
    mistakes: list[Mistake],
) -> dict[str, str]:
    """Find the settings that modules have one each of; return their names by module."""
    found: dict[str, str] = {}
    for module in modules:
        name = module.upper() + suffix
        if name in given and given[name].text:
            found[module] = name
            try:
                read_one(given[name].text)
            except Unreadable as wrong:
                where = f"({given[name].source}) {wrong.problem}"
                mistakes.append(Mistake(name, where, wrong.remedy))
    return found


def _address(text: str) -> None:
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
        raise Unreadable("is not an address", "write host:port, such as 127.0.0.1:9102")


def _open_databases(settings: Settings) -> Iterator[Mistake]:
    """A database on another host is reached by verified TLS or not at all."""
    database = settings.database
    named_addresses = [
        ("DATABASE_URL" if database.url else "DB_SSLMODE", database.address()),
        *((module.upper() + MODULE_DATABASE, url) for module, url in database.modules.items()),
    ]
    for name, address in named_addresses:
        if address is not None and not _safe_way(address.reveal()):
            remedy = (
                "set it to verify-full"
                if name == "DB_SSLMODE"
                else "add ?sslmode=verify-full to the URL"
            )
            problem = "leads to a database on another host without verified TLS"
            yield Mistake(name, problem, remedy)


def _safe_way(address: str) -> bool:
    parts = urlsplit(address)
    query = parse_qs(parts.query)
    if query.get("sslmode", [""])[-1] in VERIFIED_TLS:
        return True
    if "service" in query:
        return False  # Its host stands in a file that we do not read.
    hosts = [unquote(host) for host in parts.netloc.rpartition("@")[2].split(",")]
    hosts += [
        host
        for key in ("host", "hostaddr")
        for one in query.get(key, [])
        for host in one.split(",")
    ]
    return all(_is_here(host) for host in hosts)


def _is_here(host: str) -> bool:
    if host in {"", "localhost"} or host.startswith(("/", "localhost:", ":")):
        return True
    bare = host[1 : host.index("]")] if host.startswith("[") else host
    bare = bare if host.startswith("[") or bare.count(":") != 1 else bare.partition(":")[0]
    try:
        return ip_address(bare).is_loopback
    except ValueError:
        return False


def _secrets(settings: Settings) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each secret text that was given, and the password inside each URL."""
    secret = {about.name for _, about, _ in every_named() if about.secret}
    for name, given in settings.given.items():
        text = given.text
        if name not in secret and "://" not in text:
            continue
        try:
            password = urlsplit(text).password if "://" in text else None
        except ValueError:
            password = None
        yield name, (text,) if password is None else (unquote(password),)


def _is_live_stripe(settings: Settings) -> bool:
    key = settings.providers.stripe_secret_key
    return key is not None and key.reveal().startswith(("sk_live_", "rk_live_"))
