"""Serves the small bundle on a machine of its own, and asks for pages. The bundle runs it, see test_old_kernel.py."""

import fcntl
import os
import socket
import struct
import subprocess
import time
import urllib.error
import urllib.request

SIOCSIFFLAGS, IFF_UP = 0x8914, 1  # netdevice(7)
ADDRESS, DATA = "127.0.0.1:8000", "/tmp/data"
START_TIMEOUT = 300.0  # seconds; an emulated machine is slow


def main() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as loopback:
        fcntl.ioctl(loopback, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
    print("kernel", os.uname().release)
    with subprocess.Popen(["/small", "serve", "--bind", ADDRESS, "--data-dir", DATA]) as site:
        give_up_at = time.monotonic() + START_TIMEOUT
        while status_of("/up") != 200 and time.monotonic() < give_up_at:
            time.sleep(0.5)
        print("up", status_of("/up"))
        print("page", status_of("/"))
        subprocess.run(["/small", "status", "--data-dir", DATA], check=True)
        site.terminate()
    print("ended", site.returncode)


def status_of(path: str) -> int:
    """Return the status of a page, or 0 if nobody answers."""
    try:
        with urllib.request.urlopen(f"http://{ADDRESS}{path}", timeout=60) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


if __name__ == "__main__":
    main()
