"""``serve --basic-auth``: lets in only those who know a name and a password of the file (RFC 7617).

A password costs tens of milliseconds to check, and strangers must not burn the CPU with that. So a success is
remembered by a keyed hash, one password is checked at a time, and a client that was wrong too often is refused before.
"""

import base64
import binascii
import hashlib
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from http import HTTPStatus

from django.contrib.auth.hashers import BasePasswordHasher, PBKDF2PasswordHasher, ScryptPasswordHasher

from djbundle.runtime.http.gates.gate import GateRequest
from djbundle.runtime.http.limits.budget import client_key
from djbundle.runtime.http.protocol.own_response import OwnResponse

CHALLENGE = re.compile(r"/\.well-known/acme-challenge/[\w-]+", re.ASCII)  # an authority knows no password
HASHERS: dict[str, type[BasePasswordHasher]] = {"scrypt": ScryptPasswordHasher, "pbkdf2_sha256": PBKDF2PasswordHasher}
MAX_HEADER_SIZE = 2048  # characters
MAX_REMEMBERED = 1024  # successes
MAX_FAILURES = 10  # of one client within FAILURE_WINDOW
FAILURE_WINDOW = 60.0  # seconds
MAX_CLIENTS = 4096  # whose failures are counted
WAIT_FOR_CHECK = 3.0  # seconds that a request waits for the checks of others
NO_STORE = ("Cache-Control", "no-store")
REFUSED = OwnResponse(
    HTTPStatus.UNAUTHORIZED, [("WWW-Authenticate", 'Basic realm="Restricted", charset="UTF-8"'), NO_STORE]
)
TOO_MANY = OwnResponse(HTTPStatus.TOO_MANY_REQUESTS, [("Retry-After", f"{FAILURE_WINDOW:.0f}"), NO_STORE])
BUSY = OwnResponse(HTTPStatus.SERVICE_UNAVAILABLE, [("Retry-After", "1"), NO_STORE])


class BasicAuth:
    """The gate of one process. `hashes` has the encoded password of each name."""

    hides_authorization = True

    def __init__(self, hashes: Mapping[str, str]) -> None:
        self._hashes = hashes
        self._decoy = next(iter(hashes.values()))  # checked for unknown names, which take as long as known ones
        self._key = secrets.token_bytes(32)
        self._remembered: OrderedDict[bytes, None] = OrderedDict()
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()  # how many, and since when (monotonic)
        self._checking, self._lock = threading.Lock(), threading.Lock()

    def answer_at_once(self, request: GateRequest) -> tuple[bool, OwnResponse | None]:
        header = request.authorization
        if self._digest(header) in self._remembered or CHALLENGE.fullmatch(request.path):
            return True, None
        if credentials_of(header) is None:
            return True, REFUSED
        return (True, TOO_MANY) if self._is_locked_out(request.client) else (False, None)

    def answer(self, request: GateRequest) -> OwnResponse | None:
        if not self._checking.acquire(timeout=WAIT_FOR_CHECK):
            return BUSY
        try:
            if self._is_locked_out(request.client):  # by those that it sent at the same time
                return TOO_MANY
            if self._is_right(request.authorization):
                self._remember(self._digest(request.authorization))
                return None
            self._note_failure(request.client)
            return REFUSED
        finally:
            self._checking.release()

    def _is_right(self, header: str) -> bool:
        name, password = credentials_of(header) or ("", "")
        encoded = self._hashes.get(name, self._decoy)
        is_right = HASHERS[encoded.partition("$")[0]]().verify(password, encoded)
        return is_right and name in self._hashes

    def _digest(self, header: str) -> bytes:
        return hashlib.blake2b(header.encode("utf-8", "surrogatepass"), key=self._key, digest_size=32).digest()

    def _remember(self, digest: bytes) -> None:
        with self._lock:
            self._remembered[digest] = None
            if len(self._remembered) > MAX_REMEMBERED:
                self._remembered.popitem(last=False)

    def _is_locked_out(self, client: str) -> bool:
        count, since = self._failures.get(client_key(client), (0, 0.0))
        return count >= MAX_FAILURES and time.monotonic() - since < FAILURE_WINDOW

    def _note_failure(self, client: str) -> None:
        key, now = client_key(client), time.monotonic()
        with self._lock:
            count, since = self._failures.pop(key, (0, now))
            self._failures[key] = (count + 1, since) if now - since < FAILURE_WINDOW else (1, now)
            if len(self._failures) > MAX_CLIENTS:
                self._failures.popitem(last=False)


def credentials_of(header: str) -> tuple[str, str] | None:
    """Return name and password of an Authorization header; None if it has none."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic" or len(header) > MAX_HEADER_SIZE:
        return None
    try:
        name, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return (name, password) if colon else None
