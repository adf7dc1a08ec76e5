"""What a worker knows of another one on its machine, and what it cannot know."""

import dataclasses
import os
from pathlib import Path

import pytest

from djbundle.tasks.store import worker_identity
from djbundle.tasks.store.worker_identity import Identity


def test_without_a_boot_id_only_leases_tell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """gVisor has none. A process of another machine may have the id of one here, and must not be taken for it."""
    (tmp_path / "self").symlink_to(str(os.getpid()))
    monkeypatch.setattr(worker_identity, "PROC", tmp_path)
    own = Identity.of_this_process()
    assert Identity.parse(str(own)) == own == Identity.of_this_process()
    assert own.is_alive()
    worker_identity._name_of_this_process.cache_clear()  # as in another process
    other = Identity.of_this_process()
    assert dataclasses.replace(other, machine=own.machine) == own
    assert not own.is_alive()
    assert not dataclasses.replace(own, pid=1, started="0").is_gone()
