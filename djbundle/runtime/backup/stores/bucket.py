"""Backups in a bucket of Amazon S3, or of another service that speaks its protocol. boto3 is the client.

S3 shows a file only when it is complete, so a name in the bucket never belongs to half a backup either.
"""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self

from djbundle.common.bucket_url import NAME, SCHEME, BucketUrl
from djbundle.errors import BackupError
from djbundle.runtime.backup.packages import STORES
from djbundle.runtime.backup.stores.store import Store, StoredFile

CONNECT_TIMEOUT, READ_TIMEOUT = 10.0, 60.0  # seconds
ATTEMPTS = 5  # of each request
FIX = "see that it answers, and that AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY may read and write there"


class Bucket(Store):
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

    def put(self, file: Path) -> None:
        with self._errors():
            self._client.upload_file(str(file), self.url.bucket, self._key(file.name))

    def get(self, name: str, target: Path) -> None:
        with self._errors():
            self._client.download_file(self.url.bucket, self._key(name), str(target))

    def files(self) -> list[StoredFile]:
        found: list[StoredFile] = []
        with self._errors():
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.url.bucket, Prefix=self._key(""))
            for page in pages:
                items = page.get("Contents", ())
                found += [StoredFile(item["Key"].removeprefix(self._key("")), item["Size"]) for item in items]
        return found

    def delete(self, names: Iterable[str]) -> None:
        with self._errors():
            for name in names:
                self._client.delete_object(Bucket=self.url.bucket, Key=self._key(name))

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
    boto3 = STORES[SCHEME].load()
    from botocore.config import Config  # noqa: PLC0415 - slow to load

    config = Config(
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        retries={"max_attempts": ATTEMPTS, "mode": "standard"},
        s3={"addressing_style": "path" if url.endpoint else "auto"},  # its buckets may have no host names
    )
    return boto3.client("s3", endpoint_url=url.endpoint or None, region_name=url.region or None, config=config)
