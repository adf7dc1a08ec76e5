"""Backups in a bucket of Amazon S3, or of another service that speaks its protocol. boto3 is the client.

S3 shows a file only when it is complete, so a name in the bucket never belongs to half a backup either.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from djbundle.common.bucket_url import NAME, BucketUrl
from djbundle.errors import BackupError
from djbundle.runtime.backup import layout
from djbundle.runtime.backup.policy import Retention
from djbundle.runtime.backup.retention import expired_names

CONNECT_TIMEOUT, READ_TIMEOUT = 10.0, 60.0  # seconds
ATTEMPTS = 5  # of each request
FIX = "see that it answers, and that AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY may read and write there"


@dataclass(frozen=True, slots=True)
class StoredBackup:
    """A backup in the bucket."""

    name: str
    size: int  # bytes


class Bucket:
    """The bucket of `url`, as in ``s3://bucket/prefix``. Every error is a BackupError."""

    def __init__(self, url: BucketUrl) -> None:
        self.url = url
        self._client = _client(url)

    @classmethod
    def of(cls, text: str) -> Self:
        return cls(BucketUrl.parse(text, NAME, BackupError))

    def address(self, name: str) -> str:
        """Return how a user names a backup in the bucket, without the parameters of the URL."""
        return f"s3://{self.url.bucket}/{self._key(name)}"

    def upload(self, backup: Path) -> str:
        """Copy a backup to the bucket, and return its address."""
        with self._errors():
            self._client.upload_file(str(backup), self.url.bucket, self._key(backup.name))
        return self.address(backup.name)

    def download(self, name: str, folder: Path) -> Path:
        """Copy a backup into the folder, and return its path."""
        with self._errors():
            self._client.download_file(self.url.bucket, self._key(name), str(folder / name))
        return folder / name

    def list(self, site: str) -> list[StoredBackup]:
        """Return the backups of a site, the newest first."""
        found = []
        with self._errors():
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.url.bucket, Prefix=self._key(""))
            for page in pages:
                for item in page.get("Contents", ()):
                    name = item["Key"].removeprefix(self._key(""))
                    if layout.moment_of(name, site):
                        found.append(StoredBackup(name, item["Size"]))
        return sorted(found, key=lambda backup: backup.name, reverse=True)

    def remove_expired(self, site: str, keep: Retention) -> int:
        """Remove the backups that retention does not keep, and return how many."""
        names = expired_names((each.name for each in self.list(site)), site, keep)
        with self._errors():
            for name in names:
                self._client.delete_object(Bucket=self.url.bucket, Key=self._key(name))
        return len(names)

    def _key(self, name: str) -> str:
        return f"{self.url.prefix}/{name}" if self.url.prefix else name

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        from boto3.exceptions import Boto3Error  # type: ignore[import-untyped]  # noqa: PLC0415 - only for a bucket
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        try:
            yield
        except (BotoCoreError, ClientError, Boto3Error, OSError) as error:
            raise BackupError(f"the bucket {self.url.bucket} refuses: {' '.join(str(error).split())}", FIX) from error


def _client(url: BucketUrl) -> Any:
    try:
        import boto3  # noqa: PLC0415 - not in every bundle, and slow to load
        from botocore.config import Config  # noqa: PLC0415
    except ImportError:
        raise BackupError(
            "a bucket needs the package boto3, which is not in this bundle",
            "pip install boto3 in the project, and build again",
        ) from None
    config = Config(
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        retries={"max_attempts": ATTEMPTS, "mode": "standard"},
        s3={"addressing_style": "path" if url.endpoint else "auto"},  # its buckets may have no host names
    )
    return boto3.client("s3", endpoint_url=url.endpoint or None, region_name=url.region or None, config=config)
