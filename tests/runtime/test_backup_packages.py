"""Packages that only some backups need: a start says which one is missing."""

import importlib.util
import sys
from collections.abc import Callable

import pyrage
import pytest

from djbundle.errors import BackupError
from djbundle.runtime.backup.packages import ENCRYPTION, STORES
from djbundle.runtime.backup.policy import BackupPolicy, Frequency, Retention
from djbundle.runtime.backup.start_check import check_policy

KEY = "age1" + "q" * 58
POLICY = BackupPolicy(Frequency.NIGHTLY, Retention(24, 7, 4))


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that hides an installed package."""
    find_spec = importlib.util.find_spec

    def hide(name: str) -> None:
        monkeypatch.setattr(importlib.util, "find_spec", lambda each: None if each == name else find_spec(each))
        monkeypatch.setitem(sys.modules, name, None)

    return hide


@pytest.mark.parametrize(
    ("name", "policy"),
    [
        ("pyrage", POLICY._replace(recipients=(str(pyrage.x25519.Identity.generate().to_public()),))),
        ("boto3", POLICY._replace(copy_to="s3://bucket/shop")),
        ("asyncssh", POLICY._replace(copy_to="sftp://nas.example/shop")),
    ],
)
def test_a_missing_package_is_named(name: str, policy: BackupPolicy, without: Callable[[str], None]) -> None:
    check_policy(policy)
    without(name)
    with pytest.raises(BackupError, match=f"needs the package {name}, which is not in this bundle") as caught:
        check_policy(policy)
    assert caught.value.fix == f"pip install {name} in the project, and build again"
    check_policy(POLICY)
    package = next(each for each in (ENCRYPTION, *STORES.values()) if each.name == name)
    with pytest.raises(BackupError, match=name):
        package.load()


def test_a_key_with_a_wrong_checksum_is_refused() -> None:
    """Its form is right, so the option takes it; a start would encrypt to nobody."""
    with pytest.raises(BackupError, match="is no public key of age"):
        check_policy(POLICY._replace(recipients=(KEY,)))
