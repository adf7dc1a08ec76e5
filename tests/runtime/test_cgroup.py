"""The limits of a container or service, as either version of control groups reports them."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from djbundle.runtime.process.cgroup import ControlGroup

SERVICE = "0::/system.slice/shop.service\n"
UNLIMITED_V1 = str((1 << 63) - 4096)


def group(folder: Path, own: str, files: Mapping[str, str]) -> ControlGroup:
    (folder / "cgroup").write_text(own)
    for name, text in files.items():
        (folder / "sys" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "sys" / name).write_text(text)
    return ControlGroup(folder / "cgroup", folder / "sys")


@pytest.mark.parametrize(
    ("own", "files", "memory", "cpus"),
    [
        (SERVICE, {}, None, None),
        (
            SERVICE,
            {"system.slice/shop.service/memory.max": "max\n", "system.slice/shop.service/cpu.max": "max 100000\n"},
            None,
            None,
        ),
        (
            SERVICE,
            {
                "system.slice/shop.service/memory.max": "268435456\n",
                "system.slice/memory.max": "134217728\n",
                "system.slice/shop.service/cpu.max": "150000 100000\n",
            },
            128 << 20,
            1.5,
        ),
        ("0::/\n", {"memory.max": "268435456\n", "cpu.max": "50000 100000\n"}, 256 << 20, 0.5),
        (
            "4:memory:/docker/1\n1:cpu,cpuacct:/docker/1\n0::/\n",
            {  # as a container sees it: its own group is the outermost
                "memory/memory.limit_in_bytes": "268435456\n",
                "cpu/cpu.cfs_quota_us": "200000\n",
                "cpu/cpu.cfs_period_us": "100000\n",
            },
            256 << 20,
            2.0,
        ),
        (
            "4:memory:/a\n1:cpu:/a\n",
            {
                "memory/a/memory.limit_in_bytes": UNLIMITED_V1,
                "cpu/a/cpu.cfs_quota_us": "-1\n",
                "cpu/a/cpu.cfs_period_us": "100000\n",
            },
            int(UNLIMITED_V1),
            None,
        ),
    ],
)
def test_limits(tmp_path: Path, own: str, files: dict[str, str], memory: int | None, cpus: float | None) -> None:
    control_group = group(tmp_path, own, files)
    assert (control_group.memory(), control_group.cpus()) == (memory, cpus)


@pytest.mark.parametrize(
    ("own", "name", "text"),
    [
        (SERVICE, "system.slice/shop.service/memory.events", "low 0\nmax 7\noom 2\noom_kill 3\noom_group_kill 0\n"),
        ("4:memory:/a\n", "memory/a/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"),
    ],
)
def test_kills_for_memory(tmp_path: Path, own: str, name: str, text: str) -> None:
    assert group(tmp_path, own, {name: text}).kills_for_memory() == 3


def test_nothing_is_told(tmp_path: Path) -> None:
    control_group = ControlGroup(tmp_path / "none", tmp_path)
    assert (control_group.memory(), control_group.cpus(), control_group.kills_for_memory()) == (None, None, 0)
