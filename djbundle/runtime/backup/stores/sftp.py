"""Backups in a folder of a server with SFTP. asyncssh is the client.

A file is sent under another name, and renamed when it is complete.
"""

import asyncio
import contextlib
import posixpath
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, Self, TypeVar

from djbundle.errors import BackupError
from djbundle.runtime.backup.packages import STORES
from djbundle.runtime.backup.stores.sftp_url import PORT, SCHEME, SftpUrl
from djbundle.runtime.backup.stores.store import Store, StoredFile

CONNECT_TIMEOUT, LOGIN_TIMEOUT = 15.0, 30.0  # seconds
KEEPALIVE_INTERVAL = 15.0  # seconds; three of them without an answer end the connection
PARTIAL = ".partial-"  # begins the name of a file that is being sent
FIX = "see that it answers, that known_hosts has its key, and that our key may log in and write there"
Result = TypeVar("Result")


class SftpFolder(Store):
    """The folder of `url`."""

    def __init__(self, url: SftpUrl) -> None:
        self.url = url
        self._asyncssh = STORES[SCHEME].load()

    @classmethod
    def of(cls, text: str) -> Self:
        return cls(SftpUrl.parse(text))

    def address(self, name: str) -> str:
        user = f"{self.url.user}@" if self.url.user else ""
        port = "" if self.url.port == PORT else f":{self.url.port}"
        path = self._path(name)
        return f"{SCHEME}://{user}{self.url.host}{port}{path if path.startswith('/') else f'/~/{path}'}"

    def put(self, file: Path) -> None:
        partial = self._path(f"{PARTIAL}{file.name}")

        async def send(client: Any) -> None:
            await client.makedirs(self.url.folder, exist_ok=True)
            await client.put(str(file), partial)
            await client.posix_rename(partial, self._path(file.name))

        self._run(send)

    def get(self, name: str, target: Path) -> None:
        self._run(lambda client: client.get(self._path(name), str(target)))

    def files(self) -> list[StoredFile]:
        async def read(client: Any) -> list[StoredFile]:
            if not await client.isdir(self.url.folder):
                return []
            entries = await client.readdir(self.url.folder)
            return [StoredFile(entry.filename, entry.attrs.size or 0) for entry in entries]

        return self._run(read)

    def delete(self, names: Iterable[str]) -> None:
        async def remove(client: Any) -> None:
            for name in names:
                with contextlib.suppress(self._asyncssh.SFTPNoSuchFile):
                    await client.remove(self._path(name))

        self._run(remove)

    def _path(self, name: str) -> str:
        return posixpath.join(self.url.folder, name)

    def _run(self, work: Callable[[Any], Awaitable[Result]]) -> Result:
        """Do some work over a connection of its own. Raise BackupError."""

        async def connected() -> Result:
            async with self._connect() as client:
                return await work(client)

        try:
            return asyncio.run(connected())
        except (self._asyncssh.Error, OSError, ValueError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise BackupError(f"the server {self.url.host} refuses: {reason}", FIX) from error

    @contextlib.asynccontextmanager
    async def _connect(self) -> AsyncIterator[Any]:
        url = self.url
        options: dict[str, Any] = {"username": url.user} if url.user else {}
        if url.key:
            options["client_keys"] = [url.key]
        if url.known_hosts:
            options["known_hosts"] = url.known_hosts
        async with (
            self._asyncssh.connect(
                url.host,
                url.port,
                connect_timeout=CONNECT_TIMEOUT,
                login_timeout=LOGIN_TIMEOUT,
                keepalive_interval=KEEPALIVE_INTERVAL,
                password=None,
                **options,
            ) as connection,
            connection.start_sftp_client() as client,
        ):
            yield client
