"""The file of ``serve --basic-auth``: a line ``NAME:HASH`` for each name, as in htpasswd, with a hash of Django.

The hashes of Apache's htpasswd are not read: MD5 and SHA-1 are weak, and bcrypt would need another package in each
bundle. Django brings scrypt and PBKDF2, so they are checked by code that each bundle has.
"""

import os
import re
import stat
from argparse import ArgumentTypeError

LINE = re.compile(
    r"(?P<name>[^:\s][^:]*):(?P<hash>(?:scrypt\$\d{1,8}\$[^$:\s]+\$\d{1,3}\$\d{1,3}|pbkdf2_sha256\$\d{1,8}\$[^$:\s]+)"
    r"\$[\w+/=]+)"
)
WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
MAX_SIZE = 1 << 20  # bytes


def read_password_file(path: str) -> dict[str, str]:
    """Return the hash of each name. Raise ArgumentTypeError if the file cannot be used."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, encoding="utf-8") as file:
            check_owner(path, os.fstat(file.fileno()))
            text = file.read(MAX_SIZE)
    except OSError as error:
        raise ArgumentTypeError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ArgumentTypeError(f"{path} is not UTF-8") from error
    hashes = dict(parse_line(path, number, line) for number, line in enumerate(text.splitlines(), 1) if has_name(line))
    if not hashes:
        raise ArgumentTypeError(f"{path} has no names; make a line with the command basic-auth")
    return hashes


def check_owner(path: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ArgumentTypeError(f"{path} is not a file")
    if status.st_mode & WRITABLE_BY_OTHERS or status.st_uid not in (os.geteuid(), 0):
        raise ArgumentTypeError(f"{path} may be written by other users; give it the mode 600")


def has_name(line: str) -> bool:
    return bool(line.strip()) and not line.startswith("#")


def parse_line(path: str, number: int, line: str) -> tuple[str, str]:
    match = LINE.fullmatch(line.strip())
    if not match:
        raise ArgumentTypeError(
            f"line {number} of {path} is not NAME:HASH with scrypt or PBKDF2; make one with the command basic-auth"
        )
    return match["name"], match["hash"]
