"""A connection pooler for a PostgreSQL server: each transaction may get another connection."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.support.postgres import Postgres

PROGRAM = "/usr/sbin/pgbouncer"
PORT = 5432  # a part of the socket's name; PostgreSQL's own, so that only the folder differs
SETTINGS = """
[databases]
* = host={server}
[pgbouncer]
unix_socket_dir = {folder}
listen_port = {port}
pool_mode = transaction
auth_type = any
logfile = {folder}/log
pidfile = {folder}/pid
"""


@contextlib.contextmanager
def pooled(server: Postgres, folder: Path) -> Iterator[str]:
    """Run the pooler in the new `folder`, and yield HOST for DATABASES. Each client becomes the server's owner."""
    folder.mkdir(mode=0o755)
    settings = folder / "pgbouncer.ini"
    settings.write_text(SETTINGS.format(server=f"{server.host} user={server.owner}", folder=folder, port=PORT))
    owner = Path(server.host).stat()
    os.chown(folder, owner.st_uid, owner.st_gid)
    options = {"user": server.user, "group": server.user, "extra_groups": []} if server.user else {}
    with subprocess.Popen([PROGRAM, "--quiet", str(settings)], cwd="/", **options) as process:  # type: ignore[call-overload]
        try:
            yield str(folder)
        finally:
            process.terminate()
