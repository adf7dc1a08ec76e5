"""Encrypts backups to public keys, in the format of age (age-encryption.org/v1). pyrage is the library.

The site knows only the public keys, which age calls recipients. The private keys, age's identities, are read by a
restore, and never kept or printed. ``age -d -i KEYS FILE`` decrypts a backup too.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from djbundle.errors import BackupError
from djbundle.runtime.backup.careful_writer import CarefulWriter
from djbundle.runtime.backup.packages import ENCRYPTION

COMMENT = "#"  # begins a line of a file of keys, as age-keygen writes it
IDENTITY_FIX = "name the file with the private key of one of its recipients:  --identity FILE"


def check_recipients(recipients: Sequence[str]) -> None:
    """Raise BackupError for one that is no public key."""
    _parse_recipients(recipients)


def encrypt(source: BinaryIO, target: BinaryIO, recipients: Sequence[str]) -> str:
    """Encrypt to all of the recipients: each of their private keys decrypts it. Return the hash of what is written.

    Raise OSError or BackupError.
    """
    pyrage = ENCRYPTION.load()
    keys, writer = _parse_recipients(recipients), CarefulWriter(target)
    try:
        pyrage.encrypt_io(source, writer, keys)
    except pyrage.EncryptError as error:  # it has the text of an OSError
        raise OSError(str(error)) from None
    writer.finish()
    return writer.hash.hexdigest()


def decrypt(backup: Path, target: BinaryIO, identity: Path) -> None:
    """Decrypt a backup with the private keys in the file `identity`. Raise BackupError."""
    pyrage, keys = ENCRYPTION.load(), _read_identities(identity)
    writer = CarefulWriter(target)
    try:
        with backup.open("rb") as source:
            pyrage.decrypt_io(source, writer, keys)
        writer.finish()
    except FileNotFoundError:
        raise BackupError(f"there is no {backup}", "name a file that `backup` has written") from None
    except pyrage.DecryptError as error:
        if "No matching keys" in str(error):
            raise BackupError(f"no key in {identity} decrypts {backup}", IDENTITY_FIX) from None
        raise BackupError(
            f"{backup} cannot be decrypted: it is damaged, or the disk is full", "use an older backup"
        ) from None
    except OSError as error:
        if error.errno is None:  # of pyrage: a part does not match its code
            raise BackupError(f"{backup} is damaged, and cannot be decrypted", "use an older backup") from None
        raise


def _parse_recipients(recipients: Sequence[str]) -> list[Any]:
    pyrage = ENCRYPTION.load()
    keys = []
    for text in recipients:
        try:
            keys.append(pyrage.x25519.Recipient.from_str(text))
        except pyrage.RecipientError:
            raise BackupError(
                f'"{text}" is no public key of age', "`age-keygen` makes a pair; the public key begins with age1"
            ) from None
    return keys


def _read_identities(file: Path) -> list[Any]:
    """Return the private keys of a file. No error has a part of its content."""
    pyrage = ENCRYPTION.load()
    try:
        lines = [line.strip() for line in file.read_text(errors="replace").splitlines()]
    except OSError as error:
        raise BackupError(f"cannot read the keys in {file}: {error.strerror}", IDENTITY_FIX) from None
    try:
        keys = [pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith(COMMENT)]
    except pyrage.IdentityError:
        raise BackupError(f"{file} is no file of private keys of age", IDENTITY_FIX) from None
    if not keys:
        raise BackupError(f"{file} has no private key", IDENTITY_FIX)
    return keys
