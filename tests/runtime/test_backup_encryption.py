"""The encryption of a backup: an error of writing is never swallowed, at whichever write or flush."""

import io
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyrage
import pytest

from djbundle.runtime.backup.encryption import decrypt, encrypt

CONTENT = b"a page of the shop\n" * 20_000  # several parts of age, which are of 64 KB


class FullDisk(io.FileIO):
    """A file whose disk is full for one of its writes."""

    def __init__(self, path: Path, failing: int) -> None:
        super().__init__(path, "wb")
        self.writes, self.failing = 0, failing

    def write(self, data: Any) -> int:
        self.writes += 1
        if self.writes == self.failing:
            raise OSError(28, "No space left on device")
        return super().write(data)


@pytest.mark.parametrize("size", [100, len(CONTENT)])
@pytest.mark.parametrize("is_buffered", [True, False])
def test_a_write_that_fails_is_told(tmp_path: Path, size: int, *, is_buffered: bool) -> None:
    identity = pyrage.x25519.Identity.generate()
    recipients = [str(identity.to_public())]
    file, keys = tmp_path / "backup.age", tmp_path / "keys"
    keys.write_text(str(identity))
    failures = 0
    for failing in range(1, 100):
        disk = FullDisk(file, failing)
        target = io.BufferedWriter(disk) if is_buffered else disk
        try:
            with target:
                encrypt(io.BytesIO(CONTENT[:size]), cast(BinaryIO, target), recipients)
        except OSError:
            failures += 1
        else:
            break
    assert disk.writes < failing
    assert failures == disk.writes
    with (tmp_path / "plain").open("wb") as plain:
        decrypt(file, plain, keys)
    assert (tmp_path / "plain").read_bytes() == CONTENT[:size]
