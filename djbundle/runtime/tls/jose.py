"""Signed JSON for ACME (RFC 8555, 6.2): that of josepy, with the header members that ACME adds."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from josepy import json_util, jwa, jwk, jws

from djbundle.runtime.tls.keys import PrivateKey


class Header(jws.Header):
    nonce: str | None = json_util.field("nonce", omitempty=True)  # as the authority has sent it
    url: str | None = json_util.field("url", omitempty=True)


class Signature(jws.Signature):
    __slots__ = jws.Signature._orig_slots
    header_cls = Header
    header: Header = json_util.field("header", omitempty=True, default=Header(), decoder=Header.from_json)


class Signed(jws.JWS):
    __slots__ = jws.JWS._orig_slots
    signature_cls = Signature


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def thumbprint(key: PrivateKey) -> str:
    return base64url(jwk.JWKEC(key=key).thumbprint(hash_function=SHA256))


def sign(key: PrivateKey, header: Mapping[str, str], payload: Mapping[str, Any] | None) -> dict[str, str]:
    """Sign with ES256. `header` has the URL, the nonce and, once there is an account, its `kid`.

    In ACME, a request without a payload reads a resource (RFC 8555, 6.3).
    """
    return _flattened(jwk.JWKEC(key=key), jwa.ES256, header, payload, shows_key="kid" not in header)


def bind_account(key: PrivateKey, identifier: str, secret: bytes, url: str) -> dict[str, str]:
    """Return our public key, signed with the secret of the external account (RFC 8555, 7.3.4)."""
    public = jwk.JWKEC(key=key).public_key().to_partial_json()
    return _flattened(jwk.JWKOct(key=secret), jwa.HS256, {"kid": identifier, "url": url}, public)


def _flattened(
    key: jwk.JWK,
    algorithm: jwa.JWASignature,
    header: Mapping[str, str],
    payload: Mapping[str, Any] | None,
    *,
    shows_key: bool = False,
) -> dict[str, str]:
    content = b"" if payload is None else json.dumps(payload).encode()
    protected = frozenset(("alg", "jwk", *header))
    signed = Signed.sign(content, key=key, alg=algorithm, protect=protected, include_jwk=shows_key, **header)
    signature = signed.signature.to_partial_json()
    return {"payload": base64url(content), **signature}
