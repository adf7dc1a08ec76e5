"""Another user of the machine sees nothing of a site, even if its folder and the umask leave everything open."""

import os
import stat
import subprocess
from pathlib import Path

from tests.attacks.neighbours import NEIGHBOUR, only_root
from tests.conftest import NewSite
from tests.support.waiting import wait_until

OPEN_UMASK, OPEN_MODE = 0, 0o755
SECRETS = ("db.sqlite3", "secret_key", "control.sock", "tls/internal.pem", "tls/authority.pem")


def as_neighbour(*command: object) -> subprocess.CompletedProcess[str]:
    words = ["setpriv", f"--reuid={NEIGHBOUR}", f"--regid={NEIGHBOUR}", "--clear-groups", *map(str, command)]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def is_open(path: Path) -> bool:
    """Return whether the mode of a file gives rights to users other than its owner."""
    return bool(stat.S_IMODE(path.lstat().st_mode) & 0o077)


@only_root
def test_files_and_processes(new_small: NewSite) -> None:
    small = new_small("--workers", "1", "--tls", "internal", CANARY_PASSWORD="for nobody")
    small.data.mkdir()
    small.data.chmod(OPEN_MODE)
    before = os.umask(OPEN_UMASK)
    try:
        with small:
            wait_until(lambda: all((small.data / name).exists() for name in SECRETS), "all files are there")
            assert not [path for path in small.data.rglob("*") if is_open(path)]
            process = Path("/proc", str(small.process.pid))
            for secret in (process / "environ", process / "mem", process / "maps"):
                assert as_neighbour("cat", secret).returncode, secret
            assert as_neighbour("ls", process / "fd").returncode
            assert "for nobody" not in as_neighbour("cat", process / "cmdline").stdout
    finally:
        os.umask(before)
