"""Checks at a start of `serve` that its backups can be made: no night should be the first to tell."""

from djbundle.runtime.backup.packages import ENCRYPTION, STORES
from djbundle.runtime.backup.policy import BackupPolicy


def check_policy(policy: BackupPolicy) -> None:
    """Raise BackupError if the options need a package that is missing, or name a public key that is none."""
    needed = [ENCRYPTION] if policy.recipients else []
    if policy.copy_to:
        needed.append(STORES[policy.copy_to.partition("://")[0]])
    for package in needed:
        if not package.is_there:
            raise package.missing()
    if policy.recipients:
        from djbundle.runtime.backup.encryption import check_recipients  # noqa: PLC0415 - loads pyrage

        check_recipients(policy.recipients)
