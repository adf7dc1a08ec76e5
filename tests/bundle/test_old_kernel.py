"""A bundle serves on Linux 5.10 with 512 MB of memory, in a machine with nothing else."""

from pathlib import Path

import pytest

from tests.support.emulated_machine import OLD, boot
from tests.support.machines import bench_of


@pytest.mark.slow
def test_serves(small: Path, tmp_path: Path) -> None:
    files = {"small": small, "script.py": Path(__file__).with_name("on_old_kernel.py")}
    lines = boot(OLD, bench_of("x86_64"), tmp_path, "/small", "-c", "exec(open('/script.py').read())", files=files)
    output = "\n".join(lines)
    assert "kernel 5.10." in output
    assert {"up 200", "page 200", "ended 0", "status 0"} <= set(lines), output
    assert "killed" not in output
