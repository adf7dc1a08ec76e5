"""Private keys on the curve P-256, in PEM."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from djbundle.runtime.tls.store import Store

PrivateKey = ec.EllipticCurvePrivateKey


def generate_key() -> PrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def read_key(pem: bytes) -> PrivateKey:
    """Read a private key. Raise ValueError if it is not a complete key on P-256."""
    try:
        key = load_pem_private_key(pem, password=None)
    except (TypeError, UnsupportedAlgorithm) as error:  # TypeError: it is protected by a password
        raise ValueError("not a key on P-256") from error
    if not isinstance(key, PrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("not a key on P-256")
    return key


def key_to_pem(key: PrivateKey) -> bytes:
    """Return the key as unencrypted PKCS #8."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def stored_key(store: Store, name: str) -> PrivateKey:
    """Return the key in a file of the store. Create one if there is none; put a damaged one aside."""
    if (pem := store.read(name)) is not None:
        try:
            return read_key(pem)
        except ValueError:
            store.put_aside(name)
    key = generate_key()
    store.write(name, key_to_pem(key))
    return key
