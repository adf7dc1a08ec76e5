"""Private keys on the curve P-256, and public keys of any kind, by the OpenSSL that Python's own ``ssl`` has loaded.

Everything else that certificates need is bytes (tls/der.py) and HTTP (tls/acme.py). PyPI's cryptography does the same
and brings an OpenSSL of its own along, a fifth of a whole bundle. The functions called here are documented
(EVP_DigestSign(3), PEM_read_bio_PrivateKey(3), ...).
"""

import contextlib
import ctypes
import functools
import ssl  # loads the library
from collections.abc import Iterator
from ctypes import c_char_p, c_int, c_size_t, c_void_p

from djbundle.errors import OpenSslMissingError
from djbundle.manifest import LIBCRYPTO

EVP_PKEY_EC = 408  # obj_mac.h, NID_X9_62_id_ecPublicKey
POINT = 64  # bytes of x and y, which end the public key's DER
SCALAR = 32

SIGNATURES = {
    "BIO_new_mem_buf": (c_void_p, c_char_p, c_int),
    "BIO_s_mem": (c_void_p,),
    "BIO_new": (c_void_p, c_void_p),
    "BIO_read": (c_int, c_void_p, c_char_p, c_int),
    "BIO_free": (c_int, c_void_p),
    "ERR_clear_error": (None,),
    "EVP_DigestSign": (c_int, c_void_p, c_char_p, c_void_p, c_char_p, c_size_t),
    "EVP_DigestSignInit": (c_int, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p),
    "EVP_DigestVerify": (c_int, c_void_p, c_char_p, c_size_t, c_char_p, c_size_t),
    "EVP_DigestVerifyInit": (c_int, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p),
    "EVP_MD_CTX_free": (None, c_void_p),
    "EVP_MD_CTX_new": (c_void_p,),
    "EVP_PKEY_CTX_ctrl_str": (c_int, c_void_p, c_char_p, c_char_p),
    "EVP_PKEY_CTX_free": (None, c_void_p),
    "EVP_PKEY_CTX_new_id": (c_void_p, c_int, c_void_p),
    "EVP_PKEY_free": (None, c_void_p),
    "EVP_PKEY_keygen": (c_int, c_void_p, c_void_p),
    "EVP_PKEY_keygen_init": (c_int, c_void_p),
    "EVP_sha256": (c_void_p,),
    "PEM_read_bio_PrivateKey": (c_void_p, c_void_p, c_void_p, c_void_p, c_void_p),
    "PEM_read_bio_PUBKEY": (c_void_p, c_void_p, c_void_p, c_void_p, c_void_p),
    "PEM_write_bio_PKCS8PrivateKey": (c_int, c_void_p, c_void_p, c_void_p, c_char_p, c_int, c_void_p, c_void_p),
    "i2d_PUBKEY": (c_int, c_void_p, c_void_p),
}


@functools.cache
def library() -> ctypes.CDLL:
    """OpenSSL's libcrypto with the types of what is called."""
    try:
        loaded = ctypes.CDLL(LIBCRYPTO)
    except OSError as error:
        raise OpenSslMissingError(
            f"this bundle has no {LIBCRYPTO} ({ssl.OPENSSL_VERSION} is part of its Python), so it can make no keys",
            "build it with a Python that uses the system's OpenSSL, or give --tls-cert and --tls-key",
        ) from error
    for name, (result, *arguments) in SIGNATURES.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded


class OpenSslError(Exception):
    """A key that cannot be read, or a call that OpenSSL refused."""


def succeed(result: int | None) -> int:
    """OpenSSL says 0, less, or NULL when it fails; the reason must not stay for ``ssl`` to find."""
    if result is None or result <= 0:
        library().ERR_clear_error()
        raise OpenSslError("OpenSSL refused the key")
    return result


@contextlib.contextmanager
def memory(content: bytes) -> Iterator[int]:
    """A BIO to read `content` from."""
    bio = succeed(library().BIO_new_mem_buf(content, len(content)))
    try:
        yield bio
    finally:
        library().BIO_free(bio)


@contextlib.contextmanager
def digest() -> Iterator[int]:
    """A context to sign or verify in."""
    context = succeed(library().EVP_MD_CTX_new())
    try:
        yield context
    finally:
        library().EVP_MD_CTX_free(context)


class Key:
    """Either half of a pair; owns what OpenSSL has made."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def __del__(self) -> None:
        library().EVP_PKEY_free(self._handle)


class PublicKey(Key):
    """Of any kind that OpenSSL knows: ECDSA, RSA, Ed25519."""

    @classmethod
    def from_pem(cls, pem: bytes) -> "PublicKey":
        """Raises OpenSslError for what is not a whole key."""
        with memory(pem) as bio:
            return cls(succeed(library().PEM_read_bio_PUBKEY(bio, None, None, None)))

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """With the hash that is usual for the kind: SHA-256 for ECDSA and RSA."""
        crypto = library()
        with digest() as context:
            succeed(crypto.EVP_DigestVerifyInit(context, None, None, None, self._handle))
            result: int = crypto.EVP_DigestVerify(context, signature, len(signature), message, len(message))
            crypto.ERR_clear_error()  # which says no more than that it is another
            return result == 1


class PrivateKey(Key):
    """One key on P-256."""

    @classmethod
    def generate(cls) -> "PrivateKey":
        crypto = library()
        context = succeed(crypto.EVP_PKEY_CTX_new_id(EVP_PKEY_EC, None))
        try:
            succeed(crypto.EVP_PKEY_keygen_init(context))
            succeed(crypto.EVP_PKEY_CTX_ctrl_str(context, b"ec_paramgen_curve", b"P-256"))
            handle = c_void_p()
            succeed(crypto.EVP_PKEY_keygen(context, ctypes.byref(handle)))
        finally:
            crypto.EVP_PKEY_CTX_free(context)
        return cls(succeed(handle.value))

    @classmethod
    def from_pem(cls, pem: bytes) -> "PrivateKey":
        """Raises OpenSslError for what is not a whole key."""
        with memory(pem) as bio:
            return cls(succeed(library().PEM_read_bio_PrivateKey(bio, None, None, None)))

    def to_pem(self) -> bytes:
        """PKCS #8, not encrypted."""
        crypto = library()
        bio = succeed(crypto.BIO_new(crypto.BIO_s_mem()))
        try:
            succeed(crypto.PEM_write_bio_PKCS8PrivateKey(bio, self._handle, None, None, 0, None, None))
            buffer = ctypes.create_string_buffer(4096)
            size = succeed(crypto.BIO_read(bio, buffer, len(buffer)))
            return buffer.raw[:size]
        finally:
            crypto.BIO_free(bio)

    def public_der(self) -> bytes:
        """SubjectPublicKeyInfo, as certificates hold it."""
        buffer = ctypes.create_string_buffer(succeed(library().i2d_PUBKEY(self._handle, None)))
        succeed(library().i2d_PUBKEY(self._handle, ctypes.byref(c_void_p(ctypes.addressof(buffer)))))
        return buffer.raw

    def public_point(self) -> tuple[bytes, bytes]:
        """x and y, 32 bytes each."""
        point = self.public_der()[-POINT:]
        return point[:SCALAR], point[SCALAR:]

    def sign(self, message: bytes) -> bytes:
        """ECDSA with SHA-256; in DER, as certificates hold it."""
        crypto = library()
        with digest() as context:
            succeed(crypto.EVP_DigestSignInit(context, None, crypto.EVP_sha256(), None, self._handle))
            signature, size = ctypes.create_string_buffer(128), c_size_t(128)
            succeed(crypto.EVP_DigestSign(context, signature, ctypes.byref(size), message, len(message)))
            return signature.raw[: size.value]
