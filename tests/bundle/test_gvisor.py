"""A bundle serves in gVisor, the kernel of some clouds' containers, which lacks parts of Linux."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from djbundle.runtime.cli.doctor.machine import GVISOR
from tests.conftest import REPOSITORY


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may start a sandbox without a network namespace of its own")
@pytest.mark.parametrize("network", ["none", "host"])
def test_serves(small: Path, tmp_path: Path, network: str) -> None:
    """With gVisor's own network, a port can be shared from its first socket on; with the host's, never."""
    sandbox = ["runsc", "--rootless", f"--network={network}", "do", "env", f"PYTHONPATH={REPOSITORY}"]
    script = Path(__file__).with_name("in_gvisor.py")
    command: list[str | Path] = [*sandbox, sys.executable, script, small, tmp_path]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=180, check=False)
    assert result.returncode == 0, result.stderr + result.stdout
    facts = json.loads(result.stdout.splitlines()[-1])
    assert facts["kernel"] == GVISOR
    assert facts["page"] == 200
    assert facts["roles"] == ["app", "serve", "task", "web", "web", "worker"]
    assert facts["memory"] > 0
    assert "warning" not in facts["log"]
    assert "error" not in facts["log"]
