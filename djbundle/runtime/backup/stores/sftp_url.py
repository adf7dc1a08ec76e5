"""The URL of a folder on a server with SFTP: ``sftp://USER@HOST:PORT/FOLDER?key=FILE&known_hosts=FILE``."""

from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl, unquote, urlsplit

from djbundle.errors import BackupError

SCHEME = "sftp"
PORT = 22
PARAMETERS = ("key", "known_hosts")
EXAMPLE = "write it as in sftp://backup@nas.example/srv/backups/shop"


@dataclass(frozen=True, slots=True)
class SftpUrl:
    host: str
    port: int
    user: str  # "": the name of this user
    folder: str  # absolute, or relative to the user's home there: the URL begins its path with /~/
    key: str = ""  # the file of the private key; "": those in ~/.ssh, or an agent's
    known_hosts: str = ""  # the file with the keys of hosts; "": ~/.ssh/known_hosts

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a URL. Raise BackupError; its text has no password."""
        try:
            parts = urlsplit(text)
            port = parts.port or PORT
        except ValueError:
            raise BackupError("the URL of the server with SFTP is not valid", EXAMPLE) from None
        if parts.password:
            raise BackupError("the URL of the server with SFTP has a password in it", "let the user log in by a key")
        if not parts.hostname:
            raise BackupError("the URL of the server with SFTP names no host", EXAMPLE)
        parameters = dict(parse_qsl(parts.query, keep_blank_values=True))
        if unknown := next((each for each in parameters if each not in PARAMETERS), None):
            known = ", ".join(PARAMETERS)
            raise BackupError(f'the URL has the unknown parameter "{unknown}"', f"these are known: {known}")
        folder = unquote(parts.path).rstrip("/").removeprefix("/~/") or "."
        return cls(parts.hostname, port, unquote(parts.username or ""), folder, **parameters)
