"""The public key for the signatures of new versions: ``signer = "deploy.pub"`` in ``[tool.djbundle]``.

The bundle contains it, and uses it to check the bundle that is to replace it.
"""

from pathlib import Path

from djbundle.errors import ConfigurationError

FIX = "openssl pkey -in KEY.pem -pubout -out {}  makes one of a private key"


def read_signer(path: Path) -> str:
    """Return the key in PEM. Raises ConfigurationError for anything else, above all for a private key."""
    try:
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"`signer` is not a file with a public key: {error}", FIX.format(path.name)) from error
    if "PRIVATE KEY" in text:
        raise ConfigurationError(f"{path.name} is a private key, which must not go into a bundle", FIX.format("FILE"))
    if not _can_verify(text.encode(), path.name):
        raise ConfigurationError(f"{path.name} is a key that cannot sign files", "make one for ECDSA, RSA or Ed25519")
    return text + "\n"


def _can_verify(pem: bytes, name: str) -> bool:
    """Return whether runtime/handover/signature.py supports this kind of key."""
    # Imported here, because the probe counts every module that its process has loaded as loaded by the project.
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415

    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(f"{name} is not a public key in PEM", FIX.format(name)) from error
    kinds = (ec.EllipticCurvePublicKey, rsa.RSAPublicKey, ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)
    return isinstance(key, kinds)
