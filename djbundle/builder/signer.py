"""The public key of who signs new versions: ``signer = "deploy.pub"`` in ``[tool.djbundle]``.

The bundle carries it, and checks by it what is to take its place.
"""

import base64
import binascii
from pathlib import Path

from djbundle.errors import ConfigurationError

BEGIN, END = "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"
SEQUENCE = b"\x30"  # how the DER of a key starts
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
        der = base64.b64decode("".join(text.removeprefix(BEGIN).removesuffix(END).split()), validate=True)
    except binascii.Error:
        der = b""
    if not (text.startswith(BEGIN) and text.endswith(END) and der.startswith(SEQUENCE)):
        raise ConfigurationError(f"{path.name} is no public key in PEM", FIX.format(path.name))
    return text + "\n"
