"""The program slowhttptest, which Debian has: it reports itself whether the site still answered other clients."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.attacks.conftest import INTERFACES, NewTarget
from tests.attacks.watching import get, upload, warm_up

CONNECTIONS = 500
MODES = {
    "slow heads": ("-H", "-i", "2", "-x", "24"),
    "slow bodies": ("-B", "-i", "2", "-s", "100000", "-x", "10", "-t", "POST"),
    "slow reading": ("-X", "-w", "512", "-y", "1024", "-n", "2", "-z", "32", "-k", "3"),
    "many ranges": ("-R", "-a", "5", "-b", "3000"),
}
PAGES = {"slow bodies": "/size/", "slow reading": "/large/", "slow heads": "/up", "many ranges": "/large/"}


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("slowhttptest"), reason="apt install slowhttptest")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("interface", INTERFACES)
def test_a_site_outlives_slowhttptest(target: NewTarget, interface: str, mode: str, tmp_path: Path) -> None:
    limits = ("--body-timeout", "5", "--send-timeout", "5", "--http1-header-read-timeout", "5000")
    with target(interface, *limits) as site:
        warm_up(site)
        command = ["slowhttptest", *MODES[mode], "-c", str(CONNECTIONS), "-r", "200", "-l", "20", "-p", "3"]
        with subprocess.Popen([*command, "-u", site.url + PAGES[mode]], stdout=subprocess.PIPE, text=True) as process:
            while process.poll() is None:
                assert get(site) == 200
                assert upload(site) == 200
            output, _ = process.communicate()
        assert process.returncode == 0, output
        assert "Connection refused" not in output
        assert "Traceback" not in site.log.read_text()
