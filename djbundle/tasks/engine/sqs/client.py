"""Calls SQS by boto3. Every error is an SqsError, whose text is one line of cause and fix, without secrets."""

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError, PartialCredentialsError

from djbundle.tasks.text import one_line

MAX_MESSAGES = 10  # in one request
WAIT_SECONDS = 20  # for which a request for messages waits, the longest that SQS permits: an empty answer costs as much
VISIBILITY_SECONDS = 5  # until a received message that was not deleted comes again, which does no harm
CONNECT_TIMEOUT, READ_TIMEOUT = 5, WAIT_SECONDS + 10  # seconds
ATTEMPTS = 3  # of a request that is throttled or not answered
MAX_CONNECTIONS = 50  # that are kept: one for each queue, and one for what is sent
MAX_NAME = 80  # characters of a queue's name in SQS
UNSAFE = re.compile(r"[^A-Za-z0-9_-]")

MISSING = {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}
KEY_FIX = "correct the key in TASKS_URL, percent-encoded, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
PERMISSION_FIX = "permit it in IAM, see docs/tasks.md"
REGION_FIX = "add ?region=eu-central-1 to TASKS_URL, or set AWS_REGION"
CAUSES = {  # by the code of SQS: the cause and the fix
    **dict.fromkeys(
        ("InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "InvalidSecurity"),
        ("AWS does not know the access key", KEY_FIX),
    ),
    **dict.fromkeys(
        ("SignatureDoesNotMatch", "AuthFailure", "IncompleteSignature"),
        ("AWS refuses the signature: the secret key or the region is wrong", f"{KEY_FIX}, or the region"),
    ),
    **dict.fromkeys(("ExpiredToken", "ExpiredTokenException"), ("the session token has expired", "set a new one")),
    **dict.fromkeys(
        ("Throttling", "ThrottlingException", "RequestThrottled", "OverLimit", "ServiceUnavailable"),
        ("SQS throttles the requests of this account", "wait, or raise the quota"),
    ),
}
DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"}


class SqsError(Exception):
    """A request to SQS failed. The text is the cause and the fix."""

    def __init__(self, cause: str, fix: str) -> None:
        super().__init__(f"{cause}; {fix}")


class SqsClient:
    """Calls SQS. `options` are those of the URL, `key` and `secret` are None for what boto3 finds by itself.

    Its methods may be called by several threads. They raise SqsError.
    """

    def __init__(
        self, key: str | None, secret: str | None, host: str | None, port: int | None, options: Mapping[str, Any]
    ) -> None:
        self._may_create = options.get("create") != "no"
        self._account = {"QueueOwnerAWSAccountId": str(options["account"]).zfill(12)} if "account" in options else {}
        self._visibility = int(options.get("visibility_timeout", VISIBILITY_SECONDS))
        self._urls: dict[str, str] = {}
        scheme = "http" if options.get("tls") == "no" else "https"
        with _explained("connect"):
            self._sqs: Any = boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret).client(
                "sqs",
                region_name=options.get("region") or os.environ.get("AWS_REGION"),
                endpoint_url=host and f"{scheme}://{host}{f':{port}' if port else ''}",
                config=Config(
                    connect_timeout=CONNECT_TIMEOUT,
                    read_timeout=READ_TIMEOUT,
                    retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
                    max_pool_connections=MAX_CONNECTIONS,
                ),
            )

    def queue_url(self, queue: str) -> str:
        """Return the URL of a queue in SQS. Create the queue if it is missing, unless the URL says create=no."""
        if queue not in self._urls:
            name = name_in_sqs(queue)
            with _explained(f'open the queue "{name}"'):
                try:
                    answer = self._sqs.get_queue_url(QueueName=name, **self._account)
                except ClientError as error:
                    if _code(error) not in MISSING or self._account or not self._may_create:
                        raise
                    answer = self._sqs.create_queue(QueueName=name)
            self._urls[queue] = answer["QueueUrl"]
        return self._urls[queue]

    def send(self, queue: str, body: str) -> None:
        url = self.queue_url(queue)
        with _explained(f'send to the queue "{name_in_sqs(queue)}"'):
            self._sqs.send_message(QueueUrl=url, MessageBody=body)

    def receive(self, queue: str, maximum: int) -> list[dict[str, Any]]:
        """Wait up to WAIT_SECONDS for messages. Return them as boto3 does, with Body and ReceiptHandle."""
        url = self.queue_url(queue)
        with _explained(f'receive from the queue "{name_in_sqs(queue)}"'):
            answer = self._sqs.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=maximum,
                WaitTimeSeconds=WAIT_SECONDS,
                VisibilityTimeout=self._visibility,
            )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def delete(self, queue: str, receipts: Sequence[str]) -> None:
        """Delete messages. A message that is not deleted comes again, and finds nothing to claim."""
        with _explained(f'delete messages of the queue "{name_in_sqs(queue)}"'):
            for entries in _batches([{"ReceiptHandle": receipt} for receipt in receipts]):
                self._sqs.delete_message_batch(QueueUrl=self.queue_url(queue), Entries=entries)

    def release(self, queue: str, receipts: Sequence[str]) -> None:
        """Let other receivers have these messages now."""
        with _explained(f'release messages of the queue "{name_in_sqs(queue)}"'):
            for entries in _batches([{"ReceiptHandle": each, "VisibilityTimeout": 0} for each in receipts]):
                self._sqs.change_message_visibility_batch(QueueUrl=self.queue_url(queue), Entries=entries)


def name_in_sqs(queue: str) -> str:
    """Return a name that SQS permits. A name that has to be changed gets a hash, so that no two become one."""
    if len(queue) <= MAX_NAME and not UNSAFE.search(queue):
        return queue
    digest = hashlib.sha256(queue.encode()).hexdigest()[:16]
    return f"{UNSAFE.sub('_', queue)[: MAX_NAME - 17]}-{digest}"


def _batches(entries: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield as many entries as one request may have, each with the Id that SQS requires."""
    for begin in range(0, len(entries), MAX_MESSAGES):
        yield [{"Id": str(number), **each} for number, each in enumerate(entries[begin : begin + MAX_MESSAGES])]


@contextlib.contextmanager
def _explained(attempt: str) -> Iterator[None]:
    """Turn errors of boto3 into SqsError. `attempt` says what was tried."""
    try:
        yield
    except ClientError as error:
        raise _explain(error, attempt) from None
    except (NoCredentialsError, PartialCredentialsError):
        raise SqsError("there is no access key for AWS", KEY_FIX) from None
    except (NoRegionError, ValueError) as error:  # ValueError: the region makes no host name
        cause = "there is no region for SQS" if isinstance(error, NoRegionError) else f"SQS has no such host: {error}"
        raise SqsError(cause, REGION_FIX) from None
    except BotoCoreError as error:
        cause = one_line(str(error))
        raise SqsError(cause, "correct the region or the host in TASKS_URL, if SQS is not just out of reach") from None


def _explain(error: ClientError, attempt: str) -> SqsError:
    code = _code(error)
    if code in MISSING:
        return SqsError(f"SQS cannot {attempt}: it does not exist", "create it, or leave out create=no in TASKS_URL")
    if code in DENIED:
        operation = error.operation_name
        return SqsError(f"SQS cannot {attempt}: sqs:{operation} is not permitted to the access key", PERMISSION_FIX)
    cause, fix = CAUSES.get(code, (f"SQS cannot {attempt}: {_text(error)}", "see the documents of SQS"))
    return SqsError(f"{cause} ({code})", fix)


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "unknown"))


def _text(error: ClientError) -> str:
    return one_line(str(error.response.get("Error", {}).get("Message", "no reason")))
