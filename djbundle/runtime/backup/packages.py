"""The packages that only some backups need. A bundle has those that were installed for the project."""

import importlib
import importlib.util
from dataclasses import dataclass
from typing import Any

from djbundle.common.bucket_url import SCHEME as S3
from djbundle.errors import BackupError
from djbundle.runtime.backup.stores.sftp_url import SCHEME as SFTP


@dataclass(frozen=True, slots=True)
class OptionalPackage:
    """A package that may be absent. Its module has the same name."""

    name: str
    purpose: str

    @property
    def is_there(self) -> bool:
        return importlib.util.find_spec(self.name) is not None

    def load(self) -> Any:
        """Return the module. Raise BackupError if it is not in this bundle."""
        try:
            return importlib.import_module(self.name)
        except ImportError:
            raise self.missing() from None

    def missing(self) -> BackupError:
        return BackupError(
            f"{self.purpose} needs the package {self.name}, which is not in this bundle",
            f"pip install {self.name} in the project, and build again",
        )


ENCRYPTION = OptionalPackage("pyrage", "an encrypted backup")
STORES = {S3: OptionalPackage("boto3", "a bucket"), SFTP: OptionalPackage("asyncssh", "a server with SFTP")}
