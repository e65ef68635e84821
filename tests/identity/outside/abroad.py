"""An issuer of somebody else's, on a port of this machine: honest unless a test wants it."""

import base64
import hashlib
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from joserfc.jwk import RSAKey
from tests.harness.ports import free_port
from tests.identity.provider.words import encoded

from bezant.actor import Mode
from bezant.clock import Clock
from bezant.identity.member import Role
from bezant.identity.outside.trusted import Trusted
from bezant.secret import Secret

Json = dict[str, Any]
AUDIENCE, CLIENT, SECRET = "bezant-api", "bezant-pages", "s3cret/with:signs"
ROLES = {"shop-admin": Role.ADMIN, "shop-money": Role.FINANCE, "shop-reader": Role.AUDITOR}


class Abroad:
    """The issuer: its keys, what it published, and how often it was asked."""

    def __init__(self, port: int, clock: Clock) -> None:
        self.issuer = f"http://127.0.0.1:{port}"
        self.clock = clock
        self.keys = {"k1": RSAKey.generate_key(2048)}
        self.published = ["k1"]
        self.asked = {"about": 0, "keys": 0, "introspect": 0, "token": 0}
        self.changed: Json = {}
        self.silent = False
        self.described = "/.well-known/openid-configuration"
        self.opaque: dict[str, Json] = {}
        self.codes: dict[str, Json] = {}

    def trusted(self, merchant: str, **more: Any) -> Trusted:
        given = {
            "name": "abroad", "issuer": self.issuer, "title": "Abroad", "tenant": merchant,
            "mode": Mode.TEST, "audience": AUDIENCE, "roles": ROLES,
            "roles_claim": "realm_access.roles", "client_id": CLIENT,
            "client_secret": Secret(SECRET), **more,
        }  # fmt: skip
        return Trusted(**given)

    def new_key(self, kid: str) -> None:
        self.keys[kid] = RSAKey.generate_key(2048)

    def claims(self, subject: str = "u-1", **more: Any) -> Json:
        now = int(self.clock.now().timestamp())
        told = {
            "iss": self.issuer, "sub": subject, "aud": AUDIENCE, "iat": now, "exp": now + 300,
            "auth_time": now,
            "name": "Ada Abroad", "typ": "Bearer", "scope": "openid profile",
            "realm_access": {"roles": ["shop-money", "offline_access"]}, **more,
        }  # fmt: skip
        return {name: value for name, value in told.items() if value is not None}

    def sign(self, claims: Json, by: str = "k1", **header: Any) -> str:
        head = {"alg": "RS256", "typ": "JWT", "kid": by, **header}
        head = {name: value for name, value in head.items() if value is not None}
        start = ".".join(encoded(json.dumps(one).encode()) for one in (head, claims))
        signature = self.keys[by].private_key.sign(
            start.encode(), padding.PKCS1v15(), hashes.SHA256()
        )
        return f"{start}.{encoded(signature)}"

    def token(self, subject: str = "u-1", **more: Any) -> str:
        return self.sign(self.claims(subject, **more))

    def about(self) -> Json:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "introspection_endpoint": f"{self.issuer}/introspect",
            "authorization_response_iss_parameter_supported": True,
            **self.changed,
        }

    def jwks(self) -> Json:
        listed = [
            {**self.keys[kid].as_dict(private=False), "kid": kid, "use": "sig", "alg": "RS256",
             "x5c": ["MIIC"]}
            for kid in self.published
        ]  # fmt: skip
        return {"keys": [*listed, {"kty": "RSA", "use": "enc", "n": "AQAB", "e": "AQAB"}]}

    def agree(self, wish: Json, subject: str = "u-1", **more: Any) -> str:
        """Let somebody sign in, and return the code."""
        code = secrets.token_urlsafe(16)
        told = {"aud": CLIENT, "typ": "ID", "nonce": wish["nonce"], **more}
        claims = self.claims(subject, **told)
        self.codes[code] = {"wish": wish, "claims": claims}
        return code

    async def answer(self, request: web.Request) -> web.Response:
        if self.silent:
            return web.Response(status=503)
        match request.path:
            case path if path == self.described:
                self.asked["about"] += 1
                return web.json_response(self.about())
            case "/keys":
                self.asked["keys"] += 1
                return web.json_response(self.jwks())
            case "/token":
                self.asked["token"] += 1
                return self._tokens(request, dict(await request.post()))
            case "/introspect":
                self.asked["introspect"] += 1
                if not _is_client(request):
                    return web.json_response({"error": "invalid_client"}, status=401)
                text = str((await request.post())["token"])
                return web.json_response(self.opaque.get(text, {"active": False}))
            case _:
                return web.Response(status=404)

    def _tokens(self, request: web.Request, asked: Json) -> web.Response:
        held = self.codes.pop(str(asked.get("code")), None)
        if held is None or not _is_client(request):
            return web.json_response({"error": "invalid_grant"}, status=400)
        wish = held["wish"]
        hashed = encoded(hashlib.sha256(str(asked["code_verifier"]).encode()).digest())
        if hashed != wish["code_challenge"] or asked["redirect_uri"] != wish["redirect_uri"]:
            return web.json_response({"error": "invalid_grant"}, status=400)
        told = {"access_token": "unused", "id_token": self.sign(held["claims"])}
        return web.json_response(told)


def _is_client(request: web.Request) -> bool:
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    name, _, secret = base64.b64decode(text).decode().partition(":")
    return (scheme, name, secret) == ("Basic", CLIENT, "s3cret%2Fwith%3Asigns")


@asynccontextmanager
async def running(clock: Clock) -> AsyncIterator[Abroad]:
    port = free_port()
    abroad = Abroad(port, clock)
    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", abroad.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield abroad
    finally:
        await runner.cleanup()
