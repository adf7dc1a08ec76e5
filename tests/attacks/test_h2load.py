"""nghttp2's h2load: many honest requests at once from a client that is not ours; none of them fails."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.attacks.conftest import INTERFACES, NewTarget
from tests.attacks.watching import assert_recovered, warm_up, web_of

LOADS = {
    "pages": ("-n", "2000", "-c", "20", "-m", "20"),
    "large pages": ("-n", "60", "-c", "3", "-m", "10"),
    "large pages with a small window": ("-n", "30", "-c", "3", "-m", "10", "-w", "10", "-W", "14"),
    "uploads": ("-n", "400", "-c", "4", "-m", "8"),
}
PAGES = {"pages": "/up", "uploads": "/size/"}

pytestmark = pytest.mark.skipif(not shutil.which("h2load"), reason="apt install nghttp2-client")


@pytest.mark.parametrize("security", ["plain", "tls"])
@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("interface", INTERFACES)
def test_every_request_is_answered(target: NewTarget, interface: str, load: str, security: str, tmp_path: Path) -> None:
    body = tmp_path / "body"
    body.write_bytes(b"a" * 100_000)
    with target(interface, *(("--tls", "internal") if security == "tls" else ())) as site:
        warm_up(site)
        threads = web_of(site).num_threads()
        sent = ("-d", str(body)) if load == "uploads" else ()
        command = ["h2load", *LOADS[load], *sent, site.url + PAGES.get(load, "/large/")]
        output = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
        match = re.search(r"requests: (\d+) total, .* (\d+) done, (\d+) succeeded, 0 failed, 0 errored", output)
        assert match, output
        assert match[1] == match[3] == LOADS[load][1], output
        assert_recovered(site, threads)
