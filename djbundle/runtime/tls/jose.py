"""Signed JSON, as ACME sends it (RFC 7515, RFC 7517, RFC 7638), with keys on P-256."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from djbundle.runtime.openssl import SCALAR, PrivateKey
from djbundle.runtime.tls import der


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode_base64url(text: str) -> bytes:
    """Raises ValueError for what is none."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars="-_", validate=True)


def public_key(key: PrivateKey) -> dict[str, str]:
    """The public half, in the one order of members that its thumbprint is made of."""
    x, y = map(base64url, key.public_point())
    return {"crv": "P-256", "kty": "EC", "x": x, "y": y}


def thumbprint(key: PrivateKey) -> str:
    return base64url(hashlib.sha256(_compact(public_key(key))).digest())


def sign(key: PrivateKey, header: Mapping[str, Any], payload: Mapping[str, Any] | None) -> dict[str, str]:
    """A flattened signature with ES256; no payload is ACME's way to read (RFC 8555, 6.3)."""
    return _flattened({"alg": "ES256", **header}, payload, lambda text: _plain(key.sign(text)))


def bind_account(key: PrivateKey, identifier: str, secret: bytes, url: str) -> dict[str, str]:
    """The external account's word for our key (RFC 8555, 7.3.4)."""
    header = {"alg": "HS256", "kid": identifier, "url": url}
    return _flattened(header, public_key(key), lambda text: hmac.digest(secret, text, "sha256"))


def _flattened(header: Mapping[str, Any], payload: Mapping[str, Any] | None, sign: Any) -> dict[str, str]:
    protected = base64url(_compact(header))
    content = "" if payload is None else base64url(_compact(payload))
    signature = base64url(sign(f"{protected}.{content}".encode()))
    return {"protected": protected, "payload": content, "signature": signature}


def _plain(signature: bytes) -> bytes:
    """r and s one behind the other, in place of DER."""
    numbers = der.children(next(der.read(signature)))
    return b"".join(int.from_bytes(number.content).to_bytes(SCALAR) for number in numbers)


def _compact(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
