"""The public key of who signs new versions: ``signer = "deploy.pub"`` in ``[tool.djbundle]``.

The bundle carries it, and checks by it what is to take its place.
"""

from pathlib import Path

from djbundle.errors import ConfigurationError

FIX = "openssl pkey -in KEY.pem -pubout -out {}  makes one of a private key"


def read_signer(path: Path) -> str:
    """The key in PEM; raises ConfigurationError for what is none, and above all for a private one."""
    try:
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"`signer` is no file with a public key: {error}", FIX.format(path.name)) from error
    if "PRIVATE KEY" in text:
        raise ConfigurationError(f"{path.name} is a private key, which must not go into a bundle", FIX.format("FILE"))
    if not _can_verify(text.encode(), path.name):
        raise ConfigurationError(f"{path.name} is a key that signs no files", "make one for ECDSA, RSA or Ed25519")
    return text + "\n"


def _can_verify(pem: bytes, name: str) -> bool:
    """Whether it is a key of a kind that runtime/signature.py knows."""
    # Imported here: what the process has loaded that imports the project counts as loaded by the project.
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415

    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(f"{name} is no public key in PEM", FIX.format(name)) from error
    kinds = (ec.EllipticCurvePublicKey, rsa.RSAPublicKey, ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)
    return isinstance(key, kinds)
