"""The public key of who signs new versions: ``signer = "deploy.pub"`` in ``[tool.djbundle]``.

The bundle carries it, and checks by it what is to take its place.
"""

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from djbundle.errors import ConfigurationError

KINDS = (EllipticCurvePublicKey, RSAPublicKey, Ed25519PublicKey, Ed448PublicKey)  # as runtime/signature.py knows them
FIX = "openssl pkey -in KEY.pem -pubout -out {}  makes one of a private key"


def read_signer(path: Path) -> str:
    """The key in PEM; raises ConfigurationError for what is none, and above all for a private one."""
    try:
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"`signer` is no file with a public key: {error}", FIX.format(path.name)) from error
    if "PRIVATE KEY" in text:
        raise ConfigurationError(f"{path.name} is a private key, which must not go into a bundle", FIX.format("FILE"))
    try:
        key = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(f"{path.name} is no public key in PEM", FIX.format(path.name)) from error
    if not isinstance(key, KINDS):
        raise ConfigurationError(f"{path.name} is a key that signs no files", "make one for ECDSA, RSA or Ed25519")
    return text + "\n"
