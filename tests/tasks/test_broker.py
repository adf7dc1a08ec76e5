"""Tasks that a broker carries to the workers: real servers, killed and restarted."""

import itertools
import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.tasks import TaskResultStatus
from django.utils import timezone

from djbundle.common.broker_url import PREFIX, BrokerUrl, BrokerUrlError
from djbundle.tasks import operations_api
from djbundle.tasks.engine import sending
from djbundle.tasks.engine.broker import Broker as Connection
from djbundle.tasks.engine.messages import MAX_KEYS
from djbundle.tasks.models import TaskRecord
from djbundle.tasks.store import claim, limits
from djbundle.tasks.store.worker_identity import Identity
from tests.support.black_hole import BlackHoleProxy
from tests.support.redis import Redis
from tests.support.waiting import wait_until
from tests.tasks import jobs
from tests.tasks.conftest import ENVIRONMENT, REPOSITORY, Broker, StartWorker

SUCCESSFUL, READY = TaskResultStatus.SUCCESSFUL, TaskResultStatus.READY
DEAD = "redis://127.0.0.1:1/0"  # nothing listens there


@pytest.fixture
def url(broker: Broker) -> str:
    """Return the URL of the broker, with queues of its own."""
    return f"{broker.url}{'&' if '?' in broker.url else '?'}prefix=test-{uuid4().hex[:8]}"


def options(url: str, **others: object) -> dict[str, str]:
    """Return the environment of a worker that uses the broker."""
    return {"TASKS_TEST_OPTIONS": json.dumps({"URL": url, **others})}


def all_succeed(seconds: float = 30) -> None:
    wait_until(lambda: not TaskRecord.objects.exclude(status=SUCCESSFUL).exists(), "all tasks succeed", seconds)


def test_tasks_go_to_two_workers(url: str, start_worker: StartWorker) -> None:
    workers = [start_worker("--threads", "1", **options(url)) for _ in range(2)]
    results = [jobs.add_after.enqueue(0.02, 1) for _ in range(60)]
    all_succeed()
    used = {TaskRecord.objects.get(pk=result.id).worker_ids[0] for result in results}
    assert len(used) == 2
    for worker in workers:
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(20) == 0


def test_without_its_broker_a_task_waits(broker: Broker, url: str, start_worker: StartWorker) -> None:
    """So it is the broker that carries tasks. When it answers again, they run."""
    worker = start_worker(**options(url))
    jobs.add.enqueue(1, 2)
    all_succeed()
    broker.kill()
    try:
        for number in range(5):
            jobs.add.enqueue(number, 2)
        with pytest.raises(AssertionError, match="not within"):
            all_succeed(3)
    finally:
        broker.start()
    all_succeed()
    assert worker.poll() is None


@pytest.mark.slow  # two heartbeats must be missing
def test_connections_that_become_black_holes(broker: Broker, url: str, start_worker: StartWorker) -> None:
    """No answer comes, and no end either, as behind a firewall that has forgotten the connection."""
    with BlackHoleProxy(broker.port) as proxy:
        start_worker(**options(url.replace(f":{broker.port}", f":{proxy.port}")))
        jobs.add.enqueue(1, 2)
        all_succeed()
        proxy.swallow()
        jobs.add.enqueue(2, 2)
        all_succeed(120)


def test_broker_that_comes_later(tmp_path: Path, start_worker: StartWorker) -> None:
    server = Redis(tmp_path / "redis")
    worker = start_worker(**options(server.url))
    jobs.add.enqueue(1, 2)
    wait_until(lambda: worker.poll() is None, "the worker runs")
    with server:
        all_succeed()


def test_what_the_broker_forgets_is_sent_again(broker: Broker, url: str, start_worker: StartWorker) -> None:
    """The message is gone: here because no worker was there, and another took it."""
    jobs.add.enqueue(1, 2)
    assert mark_sent(10) == {"default": [TaskRecord.objects.get().pk]}
    start_worker(**options(url))
    with pytest.raises(AssertionError, match="not within"):
        all_succeed(2)
    TaskRecord.objects.update(sent_at=timezone.now() - sending.RESEND_AFTER)
    all_succeed()


def test_killed_worker(tmp_path: Path, url: str, start_worker: StartWorker) -> None:
    jobs.wait_for.enqueue(str(tmp_path))
    first = start_worker(**options(url))
    wait_until((tmp_path / "started").exists, "the task starts")
    first.kill()
    first.wait()
    start_worker(**options(url))
    wait_until(lambda: (tmp_path / "started").read_text() == "xx", "the task is run again", 90)
    (tmp_path / "go").touch()
    all_succeed()


def test_retries_delays_and_priorities(tmp_path: Path, url: str, start_worker: StartWorker) -> None:
    jobs.fail_until.using(backoff=0.01).enqueue(str(tmp_path), 3)
    later = jobs.add.using(run_after=timezone.now() + timedelta(seconds=2)).enqueue(1, 2)
    jobs.add.using(priority=50).enqueue(1, 2)
    start_worker(**options(url))
    all_succeed()
    record = TaskRecord.objects.get(pk=later.id)
    assert record.started_at
    assert record.started_at >= record.run_after


def test_limits_hold(url: str, start_worker: StartWorker) -> None:
    """Tasks with limits are not sent: the workers choose among them together, from the table."""
    for _ in range(5):
        jobs.add_after.using(concurrency=1).enqueue(0.02, 1)
        jobs.add_after.using(queue_name="mails").enqueue(0.02, 1)
    assert not sending.waiting().filter(concurrency_key__gt="").exists()
    for _ in range(2):
        start_worker(**options(url, RATE_LIMITS={"mails": "20/s"}))
    all_succeed()
    keyed = TaskRecord.objects.exclude(concurrency_key="").order_by("started_at")
    spans = [(record.started_at, record.finished_at) for record in keyed]
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))  # type: ignore[operator]


def test_paused_queue(url: str, start_worker: StartWorker) -> None:
    operations_api.pause("mails")
    start_worker(**options(url))
    task = jobs.add.using(queue_name="mails").enqueue(1, 2)
    jobs.add.enqueue(1, 2)
    wait_until(lambda: TaskRecord.objects.filter(status=SUCCESSFUL).count() == 1, "the other queue runs")
    assert TaskRecord.objects.get(pk=task.id).status == READY
    operations_api.resume("mails")
    all_succeed()


def test_worker_of_one_queue(url: str, start_worker: StartWorker) -> None:
    start_worker("--queues", "mails", **options(url))
    jobs.add.using(queue_name="mails").enqueue(1, 2)
    other = jobs.add.enqueue(1, 2)
    wait_until(lambda: TaskRecord.objects.filter(status=SUCCESSFUL).count() == 1, "its queue runs")
    assert TaskRecord.objects.get(pk=other.id).status == READY
    start_worker(**options(url))
    all_succeed()


def test_messages_of_strangers(url: str, start_worker: StartWorker) -> None:
    """A stranger who can write to the broker can make a worker look for tasks, and do nothing else."""
    worker = start_worker(**options(url))
    jobs.add.enqueue(1, 2)
    all_succeed()
    broker = Connection(BrokerUrl.parse(url))
    queue = broker.queue("default").name
    broker.publish("default", [-1, 0, 10**30, TaskRecord.objects.get().pk])
    broker.publish("default", list(range(1, 2 * MAX_KEYS)))
    bodies: list[object] = [{"keys": "abc"}, {"keys": [None, True, "1", 1.5]}, [], "text", {"keys": {"a": 1}}]
    for body in bodies:
        broker._producer.publish(body, routing_key=queue)
    for content_type in ("application/x-python-serialize", "application/json", "text/plain"):
        broker._producer.publish(
            b"\x80\xffnonsense",
            routing_key=queue,
            content_type=content_type,
            content_encoding="binary",
            serializer=None,
        )
    broker.close()
    jobs.add.enqueue(2, 2)
    all_succeed()
    assert worker.poll() is None
    assert TaskRecord.objects.count() == 2


def mark_sent(limit: int, certain_room: int = 0) -> dict[str, list[int]]:
    return sending.mark_sent(limit, lambda _queue: 1000, certain_room=certain_room).keys


HEADERS: list[dict[str, object]] = [
    {"compression": "application/x-gzip"},
    {"compression": "unknown"},
    {"compression": ["a"]},
    {"compression": "zlib"},
]


def test_messages_that_cannot_be_read(broker: Broker, url: str, start_worker: StartWorker) -> None:
    """Each is dropped, and the next one arrives: a message that is delivered again and again would stop all tasks."""
    worker = start_worker(**options(url))
    jobs.add.enqueue(1, 2)
    all_succeed()
    connection = Connection(BrokerUrl.parse(url))
    queue = connection.queue("default").name
    connection.publish("default", [1])
    for headers in HEADERS:
        connection._producer.publish({"keys": [1]}, routing_key=queue, headers=headers)
    connection.close()
    if isinstance(broker, Redis):
        for raw in ("nonsense", "[" * 100_000, "{}", "[1]", "null", '{"body": 1, "properties": {}}'):
            broker.push(queue, raw)
    jobs.add.enqueue(2, 2)
    all_succeed()
    assert worker.poll() is None


@pytest.mark.parametrize("certain_room", [0, 1000])
@pytest.mark.usefixtures("each_database")
def test_each_is_sent_once_until_it_waits_again(certain_room: int) -> None:
    for number in range(5):
        jobs.add.enqueue(number, 1)
    first = mark_sent(3, certain_room)["default"]
    rest = mark_sent(10, certain_room)["default"]
    assert len(first) == 3
    assert len(rest) == 2
    assert not mark_sent(10, certain_room)
    assert sending.count_sent() == {"default": 5}
    runs = claim.claim_keys(Identity.of_this_process(), first, 2)
    assert [run.pk for run in runs] == first[:2]
    assert sending.count_sent() == {"default": 3}
    sending.unmark([*first, *rest])
    assert sorted(mark_sent(10, certain_room)["default"]) == sorted([first[2], *rest])
    sending.unmark(rest, is_refused=True)
    assert not mark_sent(10, certain_room), "a worker could not take them, so they are sent a moment later"


@pytest.mark.usefixtures("each_database")
def test_a_full_queue_leaves_room_for_others() -> None:
    for number in range(8):
        jobs.add.using(queue_name="mails").enqueue(number, 1)
    jobs.add.enqueue(1, 1)
    rooms = {"mails": 3, "default": 5}
    sent = sending.mark_sent(8, rooms.__getitem__)
    assert (sent.counts, sent.is_last) == ({"mails": 3}, False)
    sent = sending.mark_sent(8, rooms.__getitem__, full=["mails"])
    assert (sent.counts, sent.is_last) == ({"default": 1}, True)


@pytest.mark.usefixtures("each_database")
def test_keys_of_strangers_evade_no_queue_and_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    mail = int(jobs.add.using(queue_name="mails").enqueue(1, 1).id)
    other = int(jobs.add.enqueue(1, 1).id)
    me = Identity.of_this_process()
    assert not claim.claim_keys(me, [mail], 10, ("default",))
    monkeypatch.setattr(limits, "rates", lambda: {"mails": None})
    assert [run.pk for run in claim.claim_keys(me, [mail, other], 10)] == [other]


def test_a_busy_queue_holds_up_no_other(url: str, start_worker: StartWorker) -> None:
    """Nobody takes the mails. There are more than the broker shall have, and they are older."""
    for _ in range(300):
        jobs.add.using(queue_name="mails").enqueue(1, 1)
    others = [jobs.add.enqueue(1, 1) for _ in range(20)]
    start_worker("--queues", "default", **options(url))
    wait_until(
        lambda: TaskRecord.objects.filter(pk__in=[each.id for each in others], status=SUCCESSFUL).count() == 20,
        "the other queue runs",
    )


def test_a_wrong_url_is_one_line() -> None:
    command = [sys.executable, "-m", "django", "worker"]
    environment = os.environ | ENVIRONMENT | {"TASKS_TEST_OPTIONS": json.dumps({"URL": "kafka://:secret@host"})}
    result = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False, timeout=30
    )
    assert result.returncode == 1
    assert 'unknown scheme "kafka"' in result.stderr
    assert "secret" not in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("kafka://host", 'the unknown scheme "kafka"'),
        ("host:6379", "not a URL"),
        ("redis://host:port/", "not a valid URL"),
        ("redis://[::1/", "not a valid URL"),
        ("redis:///0", "names no host"),
        ("redis://host/name", "no database of Redis"),
        ("redis://host?prefix=a b", "not a valid URL"),
        ("redis://host?prefix=a/b", "a prefix that no queue can have"),
        ("rediss://host?ssl_cert_reqs=optional", "ssl_cert_reqs"),
        ("redis://host?row=no", 'the unknown option "row"; did you mean rows'),
        ("redis://host?visibility_timout=9", 'the unknown option "visibility_timout"'),
    ],
)
def test_urls_that_are_none(text: str, cause: str) -> None:
    with pytest.raises(BrokerUrlError, match=cause):
        BrokerUrl.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "redis://:SECRET/abc@host:6379/0",
        "redis://:123/SECRET@host:6379/0",
        "redis://:SECRET#x@host:6379/0",
        "redis://:12?SECRET@host/0",
        "redis://:SECRET\uff1fx@host:6379/0",
        "redis://:pa[SECRET]x@host:6379/0",
        "redis://:SECRET@host:99999/0",
        "redis:SECRET@host",
        "SECRET",
        "amqp://u:p1@a:5672//;amqp://u:SECRET@b:5672//",
    ],
)
def test_no_part_of_a_password_is_told(text: str) -> None:
    with pytest.raises(BrokerUrlError) as caught:
        BrokerUrl.parse(text)
    assert "SECRET" not in str(caught.value)


def test_no_two_projects_share_a_queue_of_the_broker() -> None:
    """Whatever their prefixes and queues are, and whichever of both ways their tasks go."""
    prefixes = ["shop", "shop-mails", "shop.direct", "shop-direct", "shop-.-a", "shop.unacked", "-", "a"]
    prefixes = [each for each in prefixes if PREFIX.fullmatch(each)]
    queues = ["", "mails", "-mails", "--mails", "direct", ":direct", "direct:mails", ":unacked", "-", "a--mails"]
    urls = [BrokerUrl.parse(f"redis://host?prefix={prefix}") for prefix in prefixes]
    names = [name for url in urls for queue in queues for name in (url.queue_of_keys(queue), url.queue_of_tasks(queue))]
    assert len(set(names)) == len(names) == 2 * len(prefixes) * len(queues)


@pytest.mark.parametrize("prefix", ["shop--mails", "shop-", "--", "shop:a", "a" * 61])
def test_prefixes_that_another_project_could_have_by_a_queue(prefix: str) -> None:
    with pytest.raises(BrokerUrlError, match="prefix"):
        BrokerUrl.parse(f"redis://host?prefix={prefix}")


@pytest.mark.parametrize(
    ("text", "url", "masked"),
    [
        ("valkey://host/1", "redis://host/1", "redis://host/1"),
        (
            "rediss://:s%40t@host:1/?ssl_cert_reqs=required",
            "rediss://:s%40t@host:1/",
            "rediss://***@host:1/",
        ),
        ("amqp://user:secret@host//?prefix=a", "amqp://user:secret@host//", "amqp://***@host//"),
    ],
)
def test_urls(text: str, url: str, masked: str) -> None:
    parsed = BrokerUrl.parse(text)
    assert (parsed.url, parsed.masked) == (url, masked)


def test_prefix_is_the_projects_or_the_urls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "tests.tasks.settings")
    assert BrokerUrl.parse("redis://host").prefix == "tests"
    assert BrokerUrl.parse("redis://host?prefix=shop").prefix == "shop"
    assert BrokerUrl.parse("redis://host?visibility_timeout=60").options == {"visibility_timeout": "60"}
