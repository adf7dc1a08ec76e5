"""Amazon SQS: batches, several queues, names, and errors that say what to do. Tasks over it: see test_broker.py."""

from collections import Counter
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from djbundle.common.broker_url import BrokerUrl, BrokerUrlError
from djbundle.tasks.engine.broker import Broker
from djbundle.tasks.engine.sqs import client as sqs
from tests.support.ports import free_port
from tests.support.sqs import Sqs
from tests.support.waiting import wait_until


def connect(server: Sqs, options: str = "") -> Broker:
    """Return a broker with queues of its own, unless `options` name a prefix."""
    prefix = "" if "prefix=" in options else f"&prefix=test-{uuid4().hex[:8]}"
    return Broker(BrokerUrl.parse(f"{server.url}{prefix}{options}"))


def client_of(broker: Broker) -> sqs.SqsClient:
    client: sqs.SqsClient = broker._connection.transport.sqs
    return client


def receive(broker: Broker, names: list[str], count: int) -> list[int]:
    """Receive until so many keys have come."""
    keys: list[int] = []
    receiving = broker.consume(names, keys.extend)
    receiving.limit(10)
    receiving.start()

    def has_all() -> bool:
        receiving.drain(0.5)
        return len(keys) >= count

    wait_until(has_all, "the messages come", 30)
    receiving.stop(lambda: True)
    return keys


def test_batches_and_several_queues(sqs_server: Sqs) -> None:
    """An empty queue holds up none, and each request brings and deletes up to ten messages."""
    broker = connect(sqs_server)
    for key in range(1, 41):
        broker.publish("mails" if key % 2 else "a queue of any name: ü.fifo", [key])
    requests: Counter[str] = Counter()
    client_of(broker)._sqs.meta.events.register("before-call.sqs", lambda model, **_rest: requests.update([model.name]))
    keys = receive(broker, ["empty", "mails", "a queue of any name: ü.fifo"], 40)
    assert sorted(keys) == [*range(1, 41)]
    assert requests["ReceiveMessage"] < 15
    assert requests["DeleteMessageBatch"] < 15
    assert not requests["DeleteMessage"]
    broker.close()


def test_what_nobody_wants_goes_to_another_worker(sqs_server: Sqs) -> None:
    """A request for messages cannot be called back: what it still brings is let go."""
    first = connect(sqs_server)
    second = connect(sqs_server, f"&prefix={first.url.prefix}")
    receiving = first.consume(["default"], lambda _keys: pytest.fail("it wants none"))
    receiving.start()
    receiving.drain(0.5)
    receiving.stop(lambda: False)
    second.publish("default", [1])
    assert receive(second, ["default"], 1) == [1]
    first.close()
    second.close()


def test_missing_queue_is_an_error_where_none_may_be_created(sqs_server: Sqs) -> None:
    broker = connect(sqs_server, "&create=no")
    name = sqs.name_in_sqs(broker.queue("default").name)
    with pytest.raises(sqs.SqsError, match=f'"{name}": it does not exist; create it'):
        broker.publish("default", [1])
    client_of(broker)._sqs.create_queue(QueueName=name)
    broker.publish("default", [1])
    assert receive(broker, ["default"], 1) == [1]
    broker.close()


def test_wrong_key(sqs_server: Sqs) -> None:
    """The text is moto's, which answers as AWS does not. For that of AWS, see the codes of errors below."""
    broker = connect(sqs_server)
    with sqs_server.checking_keys(), pytest.raises(broker.errors, match="InvalidClientTokenId") as caught:
        broker.publish("default", [1])
    assert "a/secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    broker.publish("default", [1])
    broker.close()


def test_no_server() -> None:
    broker = Broker(BrokerUrl.parse(f"sqs://key:secret@127.0.0.1:{free_port()}?tls=no&region=eu-central-1"))
    with pytest.raises(broker.errors, match=r"Could not connect to the endpoint URL.*; correct the region or"):
        broker.publish("default", [1])


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("sqs://?region=eu-central-1", "there is no access key for AWS"),
        ("sqs://key:secret@", "there is no region for SQS"),
        ("sqs://key:secret@?region=-", "SQS has no such host"),
    ],
)
def test_key_and_region_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, url: str, cause: str) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(sqs.SqsError, match=cause):
        Broker(BrokerUrl.parse(url)).publish("default", [1])
    monkeypatch.setenv("AWS_REGION", "eu-central-2")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "other")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "other")
    client = sqs.SqsClient(None, None, None, None, {})
    assert client._sqs.meta.endpoint_url == "https://sqs.eu-central-2.amazonaws.com"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("InvalidClientTokenId", "AWS does not know the access key"),
        ("AccessDenied", "sqs:SendMessage is not permitted to the access key; permit it in IAM"),
        ("SignatureDoesNotMatch", "the secret key or the region is wrong"),
        ("ExpiredToken", "the session token has expired"),
        ("ThrottlingException", "SQS throttles the requests of this account"),
        ("QueueDoesNotExist", "it does not exist; create it"),
        ("Unheard", "SQS cannot send: two lines \\(Unheard\\)"),
    ],
)
def test_errors_are_one_line_of_cause_and_fix(code: str, text: str) -> None:
    error = ClientError({"Error": {"Code": code, "Message": "two\n  lines"}}, "SendMessage")
    with pytest.raises(sqs.SqsError, match=text) as caught, sqs._explained("send"):
        raise error
    assert "\n" not in str(caught.value)


def test_names() -> None:
    names = ["shop", "shop-mails", "shop.mails", "shop_mails", "shop mails", "shöp", "s" * 80, "s" * 81, "s" * 82]
    mapped = [sqs.name_in_sqs(name) for name in names]
    assert mapped[:2] == names[:2]
    assert len({*mapped}) == len(names)
    assert all(len(name) <= 80 and name.isascii() and not sqs.UNSAFE.search(name) for name in mapped)


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        ("regoin=eu-central-1", 'unknown option "regoin"'),
        ("create=never", 'create="never" in TASKS_URL'),
        ("account=12", 'account="12" in TASKS_URL'),
    ],
)
def test_options_that_are_none(options: str, cause: str) -> None:
    with pytest.raises(BrokerUrlError, match=cause):
        BrokerUrl.parse(f"sqs://?{options}")


def test_urls() -> None:
    parsed = BrokerUrl.parse("sqs://KEY:a%2Fb%2Bc@?region=eu-central-1&prefix=shop")
    assert (parsed.url, parsed.masked) == ("sqs://KEY:a%2Fb%2Bc@", "sqs://***@")
    assert BrokerUrl.parse("sqs://?region=eu-central-1").url == "sqs://"
    with pytest.raises(BrokerUrlError) as caught:
        BrokerUrl.parse("sqs://KEY:unquoted/secret@?region=eu-central-1")
    assert "unquoted" not in str(caught.value)
