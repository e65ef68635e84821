"""What the provider tells of itself (OpenID Connect Discovery, 3; RFC 8414, 2)."""

from collections.abc import Mapping
from typing import Final

from bezant.identity.openid import ROOT_REALM, ClientMethod
from bezant.identity.provider import jose, scopes
from bezant.identity.provider.checks.grant_type import GrantType
from bezant.identity.provider.issuer import Endpoint, Issuer

BY_CERTIFICATE: Final = frozenset({ClientMethod.TLS, ClientMethod.SELF_SIGNED_TLS})
"""RFC 8705: told only where certificates arrive."""


def resource(issuer: Issuer) -> Mapping[str, object]:
    """Return what the API tells of itself (RFC 9728, 2): whose tokens it takes, and how."""
    return {
        "resource": issuer.audience,
        "resource_name": "Bezant",
        "authorization_servers": [issuer.of(ROOT_REALM)],
        "scopes_supported": sorted(scopes.KNOWN),
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": list(jose.PROOF_ALGORITHMS),
        "tls_client_certificate_bound_access_tokens": bool(issuer.certificates),
        "resource_documentation": f"{issuer.base}/docs",
    }


def metadata(issuer: Issuer, realm: str) -> Mapping[str, object]:
    """Return the document of a realm."""

    def at(endpoint: Endpoint) -> str:
        return issuer.address(endpoint, realm)

    methods = [str(one) for one in ClientMethod if one not in BY_CERTIFICATE - issuer.certificates]
    provers = [one for one in methods if one != ClientMethod.NONE]
    algorithms = list(jose.CLIENT_ALGORITHMS)
    return {
        "issuer": issuer.of(realm),
        "authorization_endpoint": at(Endpoint.AUTHORIZE),
        "token_endpoint": at(Endpoint.TOKEN),
        "jwks_uri": at(Endpoint.KEYS),
        "userinfo_endpoint": at(Endpoint.PROFILE),
        "end_session_endpoint": at(Endpoint.SIGN_OUT),
        "introspection_endpoint": at(Endpoint.INTROSPECT),
        "revocation_endpoint": at(Endpoint.REVOKE),
        "pushed_authorization_request_endpoint": at(Endpoint.PUSH),
        "device_authorization_endpoint": at(Endpoint.DEVICE),
        "scopes_supported": sorted(scopes.KNOWN),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": [str(one) for one in GrantType],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [jose.OWN_ALGORITHM],
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "claims_supported": [
            "sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "amr", "sid", "at_hash",
            "name", "preferred_username", "email", "roles",
        ],
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "introspection_endpoint_auth_methods_supported": provers,
        "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
        "dpop_signing_alg_values_supported": list(jose.PROOF_ALGORITHMS),
        "tls_client_certificate_bound_access_tokens": bool(issuer.certificates),
        "authorization_response_iss_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": True,
        "claims_parameter_supported": False,
        "ui_locales_supported": ["en"],
    }  # fmt: skip
