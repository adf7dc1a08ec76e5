"""The admin: who sees what, who may do what, and that it stays fast and safe."""

import datetime
import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from djbundle.tasks import operations_api
from djbundle.tasks.admin.chart import latency, nice_count, nice_seconds, throughput
from djbundle.tasks.admin.history import history, percentile
from djbundle.tasks.admin.overview import cards, workers
from djbundle.tasks.admin.states import STATES, state_of
from djbundle.tasks.admin.texts import span
from djbundle.tasks.admin.timing import describe_timing
from djbundle.tasks.models import PausedQueue, Schedule, TaskGroup, TaskRecord, WorkerRecord
from tests.tasks import jobs

TASKS = "/admin/djbundle_tasks/taskrecord/"
OVERVIEW = f"{TASKS}overview/"
SCHEDULES = "/admin/djbundle_tasks/schedule/"
ATTACK = "<script>alert('x')</script>"
ESCAPED = "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;"
NOW = datetime.timedelta()
MINUTE, HOUR = datetime.timedelta(minutes=1), datetime.timedelta(hours=1)


@pytest.fixture(autouse=True)
def _empty(database: None) -> Iterator[None]:
    yield
    for model in (User, PausedQueue, Schedule, WorkerRecord, TaskRecord, TaskGroup):
        model.objects.all().delete()


def client_of(*permissions: str, **attributes: Any) -> Client:
    user = User.objects.create_user(f"user{User.objects.count()}", is_staff=True, **attributes)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def boss() -> Client:
    return client_of(is_superuser=True)


@pytest.fixture
def viewer() -> Client:
    return client_of("view_taskrecord", "view_pausedqueue", "view_schedule")


def made(state: str = "waiting", **values: Any) -> TaskRecord:
    """Make a row in this state."""
    now = timezone.now()
    begun = {"started_at": now - MINUTE, "last_attempted_at": now - MINUTE, "worker_ids": ["m/1/2"]}
    ended = {**begun, "finished_at": now}
    error = {
        "exception_class_path": "builtins.ValueError",
        "traceback": "Traceback: ...\nValueError: no such address\n",
    }
    states: dict[str, dict[str, Any]] = {
        "waiting": {"run_after": now - MINUTE},
        "overdue": {"run_after": now - HOUR},
        "scheduled": {"run_after": now + HOUR},
        "retrying": {**begun, "run_after": now + HOUR, "errors": [error]},
        "running": {**begun, "status": "RUNNING"},
        "stopping": {**begun, "status": "RUNNING", "cancelled_at": now},
        "done": {**ended, "status": "SUCCESSFUL", "return_value": {"sent": 1}},
        "failed": {**ended, "status": "FAILED", "errors": [error, error]},
        "cancelled": {"finished_at": now, "status": "FAILED", "errors": [error], "cancelled_at": now},
    }
    common = {"task_path": "tests.tasks.jobs.add", "backend": "default", "queue_name": "default", "args": [1, 2]}
    return TaskRecord.objects.create(**{**common, "run_after": now - MINUTE, **states[state], **values})


def page(client: Client, address: str, status: int = 200) -> str:
    response = client.get(address)
    assert response.status_code == status
    return response.content.decode()


def detail(client: Client, record: TaskRecord) -> str:
    return page(client, f"{TASKS}{record.pk}/change/")


def press(client: Client, record: TaskRecord, command: str) -> int:
    return client.post(f"{TASKS}{record.pk}/command/", {"command": command}).status_code


def listed(html: str) -> list[int]:
    return [int(pk) for pk in re.findall(r'name="_selected_action" value="(\d+)"', html)] or [
        int(pk) for pk in re.findall(r"taskrecord/(\d+)/change/", html)
    ]


def svgs(html: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(text) for text in re.findall(r"<svg class=\"djt-chart\".*?</svg>", html, re.DOTALL)]


def test_system_checks_find_nothing() -> None:
    call_command("check", fail_level="WARNING")


# --- the list ---


@pytest.mark.parametrize("state", [state.name for state in STATES])
def test_each_state_has_its_badge_its_filter_and_its_page(boss: Client, state: str) -> None:
    records = {each.name: made(each.name) for each in STATES}
    html = page(boss, f"{TASKS}?state={state}")
    assert listed(html) == [records[state].pk]
    assert f"djt-badge djt-{state}" in html
    assert state_of(records[state], timezone.now()).name == state
    assert f"djt-badge djt-{state}" in detail(boss, records[state])


def test_filters_by_queue_task_and_end(boss: Client) -> None:
    mail = made("done", queue_name="mails", task_path="orders.tasks.send_mail")
    old = made("done", finished_at=timezone.now() - 2 * HOUR)
    html = page(boss, TASKS)
    assert "?queue_name=mails" in html
    assert "?task_path=orders.tasks.send_mail" in html
    assert listed(page(boss, f"{TASKS}?queue_name=mails")) == [mail.pk]
    assert listed(page(boss, f"{TASKS}?task_path=tests.tasks.jobs.add")) == [old.pk]
    assert listed(page(boss, f"{TASKS}?finished=1h")) == [mail.pk]
    assert listed(page(boss, f"{TASKS}?finished=24h")) == [old.pk, mail.pk]
    assert listed(page(boss, f"{TASKS}?queue_name=nothing")) == []


@pytest.mark.parametrize("text", ["ANNA", "Müller", '"Anna Müller"', "urgent", "send_mail anna", "orders.tasks", '"'])
def test_search_in_path_and_arguments(boss: Client, text: str) -> None:
    record = made(task_path="orders.tasks.send_mail", args=["Anna Müller", 'a "quote"'], kwargs={"urgent": True})
    made(args=["Ben"])
    response = boss.get(TASKS, {"q": text})
    assert listed(response.content.decode()) == [record.pk]


def test_search_by_number(boss: Client) -> None:
    made(args=["x"])
    record = made(args=["y"])
    assert listed(page(boss, f"{TASKS}?q={record.pk}")) == [record.pk]
    assert listed(page(boss, f"{TASKS}?q={'9' * 30}")) == []


def test_list_escapes_and_shortens_arguments(boss: Client) -> None:
    made(args=[ATTACK, "x" * 1000], task_path=f"tasks.{ATTACK}")
    html = page(boss, TASKS)
    assert ATTACK not in html
    assert "&lt;script&gt;" in html
    assert "x" * 100 not in html


def test_list_pages_without_counting(boss: Client) -> None:
    """250 rows make three pages; no statement counts them, and none reads more than a page and a row."""
    TaskRecord.objects.bulk_create(
        TaskRecord(task_path="tests.tasks.jobs.add", backend="default", queue_name="default") for _ in range(250)
    )
    newest = TaskRecord.objects.latest("pk").pk
    with CaptureQueriesContext(
        connection,
    ) as queries:
        first = page(boss, TASKS)
    statements = [query["sql"] for query in queries if "djbundle_tasks_taskrecord" in query["sql"]]
    assert statements
    assert not any("COUNT(" in sql for sql in statements)
    assert sum("LIMIT 101" in sql for sql in statements) == 1
    assert listed(first) == list(range(newest, newest - 100, -1))
    assert "more than 100 tasks" in first
    assert listed(page(boss, f"{TASKS}?p=3")) == list(range(newest - 200, newest - 250, -1))
    assert "250 tasks" in page(boss, f"{TASKS}?p=3")
    assert boss.get(f"{TASKS}?p=9").status_code == 302  # to the list with ?e=1, as in Django


def test_list_does_not_read_long_columns(boss: Client) -> None:
    made("failed")
    with CaptureQueriesContext(connection) as queries:
        page(boss, TASKS)
    assert not any('"errors"' in query["sql"] for query in queries)


def test_list_of_nothing(boss: Client) -> None:
    assert "0 tasks" in page(boss, TASKS)


@pytest.mark.parametrize("amount", [1, 40])
def test_list_takes_few_queries(boss: Client, amount: int) -> None:
    for _ in range(amount):
        made("failed", group=TaskGroup.objects.create(total=1, remaining=0))
    with CaptureQueriesContext(connection) as queries:
        page(boss, TASKS)
    assert len(queries) <= 8


def test_actions_of_the_list(boss: Client) -> None:
    failed, waiting, running = made("failed"), made("scheduled"), made("running")
    chosen = {"_selected_action": [failed.pk, waiting.pk, running.pk]}
    answer = boss.post(TASKS, {"action": "run_now", **chosen}, follow=True).content.decode()
    assert "1 task need not wait." in answer
    answer = boss.post(TASKS, {"action": "retry", **chosen}, follow=True).content.decode()
    assert "1 task will be run again." in answer
    answer = boss.post(TASKS, {"action": "cancel", **chosen}, follow=True).content.decode()
    assert "3 tasks are cancelled." in answer
    boss.post(TASKS, {"action": "delete_selected", "post": "yes", **chosen})
    assert TaskRecord.objects.get() == running


# --- one task ---


def test_detail_tells_what_happened(boss: Client) -> None:
    group = TaskGroup.objects.create(total=3, remaining=1, callback=[{"task": "report"}])
    other = made("done", group=group)
    then = [{"task": "orders.tasks.send_invoice"}]
    html = detail(boss, made("failed", group=group, then=then, kwargs={"to": "anna@example.org"}, max_attempts=5))
    for text in ("anna@example.org", "1 of 5", "2 of 3 done", f"taskrecord/{other.pk}/change/", "send_invoice"):
        assert text in html
    assert html.count("ValueError: no such address") == 4  # both attempts show it twice: in short, and in the traceback
    assert html.count("<details") == 2
    assert "m/1/2" in html
    assert "&quot;sent&quot;: 1" in detail(boss, other)


@pytest.mark.parametrize(
    ("reported", "shown"),
    [
        ({"done": 3, "total": 10, "note": "row 3"}, 'value="3" max="10"'),
        ({"done": 3, "total": None}, "<progress aria-label"),
        ({"done": 1500.5, "total": 10000}, 'value="1500.5" max="10000"'),
        ({"note": ATTACK}, ESCAPED),
        (None, None),
        ("nonsense", None),
        ({}, None),
    ],
)
def test_progress(boss: Client, reported: Any, shown: str | None) -> None:
    record = made("running", progress=reported)
    html = boss.get(f"{TASKS}{record.pk}/change/", headers={"accept-language": "de"}).content.decode()
    assert (shown in html) if shown else ("<progress" not in html)
    assert ATTACK not in html


def test_detail_escapes_everything(boss: Client) -> None:
    error = {"exception_class_path": ATTACK, "traceback": f"{ATTACK}\n{ATTACK}"}
    values = {"args": [ATTACK], "kwargs": {ATTACK: {ATTACK: 1}}, "errors": [error], "worker_ids": [ATTACK]}
    values |= {"then": [ATTACK], "queue_name": ATTACK, "task_path": f"tasks.{ATTACK}", "concurrency_key": ATTACK}
    for state in ("failed", "done"):
        html = detail(boss, made(state, **values, return_value=ATTACK))
        assert ATTACK not in html
        assert ESCAPED in html


def test_detail_of_an_error_entry_without_its_parts(boss: Client) -> None:
    assert "<details" in detail(boss, made("failed", errors=[{}]))


def test_detail_takes_few_queries(boss: Client) -> None:
    group = TaskGroup.objects.create(total=50, remaining=50)
    record = made("running", group=group)
    for _ in range(50):
        made(group=group)
    with CaptureQueriesContext(connection) as queries:
        detail(boss, record)
    assert len(queries) <= 8


def test_detail_says_what_a_task_waits_for(boss: Client) -> None:
    record = made("waiting")
    assert "Waits" not in detail(boss, record)
    record.held = {"why": '"shop.tasks.new" cannot be imported', "looks": 3}
    record.max_attempts = 0
    record.save()
    html = detail(boss, record)
    assert "&quot;shop.tasks.new&quot; cannot be imported" in html
    assert "0 of 0" not in html


def test_detail_of_what_is_gone(boss: Client) -> None:
    assert boss.get(f"{TASKS}999999/change/").status_code == 302
    assert boss.post(f"{TASKS}999999/command/", {"command": "retry"}).status_code == 404


@pytest.mark.parametrize(
    ("state", "names", "discard"),
    [
        ("waiting", ["cancel"], True),
        ("scheduled", ["run_now", "cancel"], True),
        ("running", ["cancel"], False),
        ("stopping", [], False),
        ("failed", ["retry"], True),
        ("cancelled", ["retry"], True),
        ("done", [], True),
    ],
)
def test_buttons_of_each_state(boss: Client, viewer: Client, state: str, names: list[str], discard: bool) -> None:
    record = made(state)
    html = detail(boss, record)
    assert re.findall(r'name="command" value="(\w+)"', html) == names
    assert (f"{record.pk}/delete/" in html) is discard
    html = detail(viewer, record)
    assert 'name="command"' not in html
    assert "/delete/" not in html


def test_pressing_buttons(boss: Client) -> None:
    failed, waiting, running = made("failed", progress={"done": 1}), made("scheduled"), made("running")
    assert press(boss, failed, "retry") == 302
    failed.refresh_from_db()
    assert (failed.status, failed.errors, failed.progress) == ("READY", [], None)
    press(boss, waiting, "run_now")
    waiting.refresh_from_db()
    assert waiting.run_after <= timezone.now()
    press(boss, running, "cancel")
    running.refresh_from_db()
    assert (running.status, running.cancelled_at is None) == ("RUNNING", False)
    assert "Run again" in page(boss, f"{TASKS}{failed.pk}/history/")


def test_a_button_that_comes_too_late_says_so(boss: Client) -> None:
    answer = boss.post(f"{TASKS}{made('done').pk}/command/", {"command": "retry"}, follow=True).content.decode()
    assert "Nothing was done" in answer


def test_discarding_spares_what_runs(boss: Client) -> None:
    running, done = made("running"), made("done")
    assert boss.post(f"{TASKS}{running.pk}/delete/", {"post": "yes"}).status_code == 403
    boss.post(f"{TASKS}{done.pk}/delete/", {"post": "yes"})
    assert TaskRecord.objects.get() == running


def test_commands_are_posted_with_a_token_and_a_permission(boss: Client, viewer: Client) -> None:
    record = made("failed")
    address = f"{TASKS}{record.pk}/command/"
    assert boss.get(address).status_code == 405
    assert press(boss, record, "nonsense") == 400
    assert press(viewer, record, "retry") == 403
    assert Client().post(address, {"command": "retry"}).status_code == 302  # to the login
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(is_superuser=True))
    assert press(strict, record, "retry") == 403
    assert boss.post(f"{TASKS}{record.pk}/change/", {"status": "READY"}).status_code == 403
    record.refresh_from_db()
    assert record.status == "FAILED"
    assert press(client_of("change_taskrecord"), record, "retry") == 302
    record.refresh_from_db()
    assert record.status == "READY"


def test_viewers_have_no_actions_and_others_see_nothing(viewer: Client) -> None:
    record = made("failed")
    assert '<select name="action"' not in page(viewer, TASKS)
    viewer.post(TASKS, {"action": "retry", "_selected_action": [record.pk]})
    record.refresh_from_db()
    assert record.status == "FAILED"
    nobody = client_of()
    for address in (TASKS, f"{TASKS}{record.pk}/change/", OVERVIEW, SCHEDULES):
        page(nobody, address, status=403)


# --- cancelling ---


def test_cancel_fails_what_waits_and_asks_what_runs() -> None:
    waiting, retrying, running, done = made(), made("retrying"), made("running"), made("done")
    assert operations_api.cancel(TaskRecord.objects.all()) == 3
    for record, errors in ((waiting, 1), (retrying, 2)):
        record.refresh_from_db()
        assert record.status == "FAILED"
        assert len(record.errors) == errors
        assert record.errors[-1]["exception_class_path"].endswith(".Cancelled")
        assert record.cancelled_at == record.finished_at is not None
    running.refresh_from_db()
    assert running.status == "RUNNING"
    assert running.cancelled_at is not None
    done.refresh_from_db()
    assert done.cancelled_at is None
    assert operations_api.cancel(TaskRecord.objects.all()) == 0


def test_a_cancelled_task_can_be_run_again() -> None:
    result = jobs.add.enqueue(1, 2)
    operations_api.cancel(TaskRecord.objects.all())
    result.refresh()
    assert issubclass(result.errors[0].exception_class, BaseException)
    assert operations_api.retry(TaskRecord.objects.all()) == 1
    assert TaskRecord.objects.get().cancelled_at is None


# --- the overview ---


def test_overview_of_nothing(boss: Client) -> None:
    html = page(boss, OVERVIEW)
    assert "There has been no task" in html
    assert "manage.py worker" in html
    assert len(svgs(html)) == 2


def test_overview_counts_each_queue(boss: Client) -> None:
    for state in ("waiting", "overdue", "scheduled", "retrying", "running", "done", "failed"):
        made(state, queue_name="mails")
    made("failed", queue_name="mails", finished_at=timezone.now() - 30 * HOUR)
    PausedQueue.objects.create(name="idle")
    now = timezone.now()
    idle, mails = cards(history(now), now)
    assert (mails.ready, mails.scheduled, mails.running, mails.done, mails.failed) == (2, 2, 1, 1, 1)
    assert mails.oldest == "1 h"
    assert mails.wait != "–"
    assert (idle.name, idle.paused, idle.oldest) == ("idle", True, "–")
    assert OVERVIEW in page(boss, TASKS)


def test_links_of_the_overview_lead_to_what_was_counted(boss: Client) -> None:
    keys = {state.name: made(state.name, queue_name="a&b").pk for state in STATES}
    made("failed")
    html = page(boss, OVERVIEW)
    links = [link.replace("&amp;", "&") for link in re.findall(r'href="([^"]*queue_name=a%26b)"', html)]
    assert [set(listed(page(boss, link))) for link in links] == [
        {keys["waiting"], keys["overdue"]},
        {keys["scheduled"], keys["retrying"]},
        {keys["running"], keys["stopping"]},
        {keys["failed"], keys["cancelled"]},
    ]


def test_lists_of_what_is_not_done_use_an_index(boss: Client) -> None:
    """The list begins with the tasks that run next, or have run longest."""
    second, first = made("waiting"), made("waiting", priority=5)
    new = made("running")
    old = made("running", last_attempted_at=timezone.now() - HOUR)
    with CaptureQueriesContext(connection) as queries:
        assert listed(page(boss, f"{TASKS}?state=waiting,overdue")) == [first.pk, second.pk]
        assert listed(page(boss, f"{TASKS}?state=running")) == [old.pk, new.pk]
    plans = [plan_of(query["sql"]) for query in queries if "LIMIT 101" in query["sql"]]
    assert ["djbundle_tasks_ready" in plans[0][0], "djbundle_tasks_running" in plans[1][0]] == [True, True]


def plan_of(statement: str) -> list[str]:
    """Return SQLite's plan for reading the tasks."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {statement}")
        return [row[3] for row in cursor.fetchall() if "djbundle_tasks_taskrecord" in row[3]]


def test_pause_and_resume(boss: Client, viewer: Client) -> None:
    made(queue_name="mails")
    assert 'value="pause"' in page(boss, OVERVIEW)
    assert 'value="pause"' not in page(viewer, OVERVIEW)
    assert viewer.post(f"{OVERVIEW}queue/", {"queue": "mails", "command": "pause"}).status_code == 403
    assert boss.get(f"{OVERVIEW}queue/").status_code == 405
    for wrong in ({}, {"queue": "mails"}, {"queue": "", "command": "pause"}, {"queue": "mails", "command": "stop"}):
        assert boss.post(f"{OVERVIEW}queue/", wrong).status_code == 400
    assert boss.post(f"{OVERVIEW}queue/", {"queue": "mails", "command": "pause"}).status_code == 302
    assert PausedQueue.objects.get().name == "mails"
    assert 'value="resume"' in page(boss, OVERVIEW)
    pauser = client_of("view_taskrecord", "add_pausedqueue")
    assert pauser.post(f"{OVERVIEW}queue/", {"queue": "mails", "command": "resume"}).status_code == 403
    boss.post(f"{OVERVIEW}queue/", {"queue": "mails", "command": "resume"})
    assert not PausedQueue.objects.exists()


def test_workers_are_live_or_stale(boss: Client) -> None:
    now = timezone.now()
    common = {"queues": ["mails"], "processes": 2, "threads": 4, "started_at": now - HOUR}
    WorkerRecord.objects.create(identity="a", host=ATTACK, pid=4711, seen_at=now, **common)
    WorkerRecord.objects.create(identity="b", host="shop-2", pid=1, seen_at=now - 2 * MINUTE, **common)
    WorkerRecord.objects.create(identity="c", host="shop-3", pid=1, seen_at=now - 30 * HOUR, **common)
    html = page(boss, OVERVIEW)
    assert [row.is_stale for row in workers(now)] == [False, True]
    assert html.count("</span> Live</span>") == html.count("</span> Stale</span>") == 1
    assert "<td>4711</td>" in html
    assert "2 × 4" in html
    assert ESCAPED in html
    assert ATTACK not in html
    assert "shop-3" not in html


def test_overview_has_nothing_that_a_strict_policy_forbids(boss: Client) -> None:
    made("failed")
    made("done", queue_name=ATTACK)
    html = page(boss, OVERVIEW)
    content = html[html.index('id="content-main"') :]
    assert " style=" not in content
    assert "<script" not in content
    assert "<style" not in html
    assert "djbundle_tasks/admin.css" in html


@pytest.mark.parametrize("language", ["en", "de"])
def test_charts_are_well_formed_in_each_language(boss: Client, language: str) -> None:
    for ago in range(0, 20, 3):
        made("done" if ago % 2 else "failed", finished_at=timezone.now() - ago * HOUR)
    html = boss.get(OVERVIEW, headers={"accept-language": language}).content.decode()
    with translation.override(language):
        last_day = history(timezone.now())
        charts = [throughput(last_day.hours), latency(last_day.hours)]
    assert len(svgs(html)) == 2
    for chart in charts:
        for column in chart.columns:
            for number in [column.area.x, *(bar.height for bar in column.bars), *(dot[2] for dot in column.dots)]:
                assert re.fullmatch(r"\d+\.\d", number)
    for svg in svgs(html):
        named = svg.attrib["aria-labelledby"].split()
        assert [element.attrib["id"] for element in svg[:2]] == named
        assert all(element.text for element in svg[:2])


def test_pages_are_translated(boss: Client) -> None:
    made("failed")
    german = {"accept-language": "de"}
    assert "Fehlgeschlagen" in boss.get(TASKS, headers=german).content.decode()
    assert "Beendete Aufgaben je Stunde" in boss.get(OVERVIEW, headers=german).content.decode()


def test_history_counts_by_hour_and_queue() -> None:
    now = timezone.now()
    for ago in (NOW, NOW, 3 * HOUR, 40 * HOUR):
        begun = now - ago - 2 * MINUTE
        made("done", finished_at=now - ago, last_attempted_at=begun, run_after=begun - datetime.timedelta(seconds=5))
    made("failed", queue_name="mails", finished_at=now)
    last_day = history(now)
    assert len(last_day.hours) == 24
    assert last_day.hours[-1].begin <= now < last_day.hours[-1].end
    assert (last_day.hours[-1].done, last_day.hours[-1].failed, last_day.hours[-4].done) == (2, 1, 1)
    assert sum(hour.finished for hour in last_day.hours) == 4
    assert (last_day.done["default"], last_day.failed["mails"]) == (3, 1)
    assert last_day.hours[-4].waits == [pytest.approx(5)]
    assert last_day.hours[-4].runs == [pytest.approx(120)]


def test_history_reads_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("djbundle.tasks.admin.history.SAMPLE", 10)
    for _ in range(35):
        made("done")
    (hour,) = [hour for hour in history(timezone.now()).hours if hour.finished]
    assert hour.done == 35
    assert 5 <= len(hour.waits) <= 10


def test_history_uses_the_index() -> None:
    with CaptureQueriesContext(connection) as queries:
        made("done")
        history(timezone.now())
    statements = [query["sql"] for query in queries if "UNION ALL" in query["sql"] or "GROUP BY" in query["sql"]]
    assert statements
    plan = plan_of(statements[0])
    assert len(plan) == 24
    assert all("djbundle_tasks_finished" in line for line in plan)


def test_overview_takes_few_queries(boss: Client) -> None:
    for ago in range(24):
        made("done", finished_at=timezone.now() - ago * HOUR, queue_name=f"queue{ago}")
    with CaptureQueriesContext(connection) as queries:
        page(boss, OVERVIEW)
    assert len(queries) <= 10


def test_lines_break_where_nothing_finished() -> None:
    made("done", finished_at=timezone.now())
    made("done", finished_at=timezone.now() - 5 * HOUR)
    chart = latency(history(timezone.now()).hours)
    assert [kind for kind, _points in chart.lines] == ["p95", "p95", "p50", "p50"]


def test_tops_of_charts() -> None:
    assert [nice_count(most) for most in (0, 1, 2, 3, 7, 10, 11, 430, 999)] == [2, 2, 2, 4, 8, 10, 20, 600, 1000]
    assert [nice_seconds(most) for most in (0, 0.0031, 3, 59, 61, 7000, 86400 * 30)] == [
        0.002,
        0.004,
        4,
        60,
        120,
        7200,
        86400 * 40,
    ]


def test_percentile() -> None:
    assert percentile([], 50) is None
    assert percentile([7.0], 95) == 7
    assert percentile([float(number) for number in range(1, 101)], 95) == 95


# --- schedules and queues ---


def test_schedules_are_listed(boss: Client) -> None:
    Schedule.objects.create(name="Nightly", task_path="shop.tasks.report", cron="0 3 * * *", time_zone="Asia/Tokyo")
    Schedule.objects.create(name="Often", task_path="shop.tasks.warm", interval=300, last_run=timezone.now())
    html = page(boss, SCHEDULES)
    for text in ("each day at 03:00", "every 5 min", "Asia/Tokyo", ">report<"):
        assert text in html


def test_schedules_declared_in_code_keep_their_name(boss: Client) -> None:
    code = Schedule.objects.create(name="code", task_path="tests.tasks.jobs.add", interval=60, in_code=True)
    mine = Schedule.objects.create(name="mine", task_path="tests.tasks.jobs.add", interval=60)
    html = page(boss, f"{SCHEDULES}{code.pk}/change/")
    assert "is declared in code" in html
    assert 'name="name"' not in html
    assert "/delete/" not in html
    assert 'name="name"' in page(boss, f"{SCHEDULES}{mine.pk}/change/")
    values = {"task_path": code.task_path, "args": "[1, 2]", "kwargs": "{}", "interval": "90", "missed": "once"}
    assert boss.post(f"{SCHEDULES}{code.pk}/change/", {**values, "name": "other"}).status_code == 302
    code.refresh_from_db()
    assert (code.name, code.interval) == ("code", 90)
    assert boss.post(f"{SCHEDULES}{code.pk}/delete/", {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "post": "yes", "_selected_action": [code.pk, mine.pk]}
    assert "1 schedule is declared in code and stays." in boss.post(SCHEDULES, chosen, follow=True).content.decode()
    assert Schedule.objects.get() == code
    boss.post(SCHEDULES, chosen)
    assert Schedule.objects.get() == code


def test_actions_of_schedules(boss: Client, viewer: Client) -> None:
    good = Schedule.objects.create(name="good", task_path="tests.tasks.jobs.add", args=[1, 2], interval=60)
    bad = Schedule.objects.create(name="bad", task_path="tests.tasks.jobs.missing", interval=60)

    def do(client: Client, action: str) -> str:
        chosen = {"action": action, "_selected_action": [good.pk, bad.pk]}
        return client.post(SCHEDULES, chosen, follow=True).content.decode()

    do(viewer, "disable")
    assert Schedule.objects.filter(enabled=True).count() == 2
    assert "2 schedules are disabled." in do(boss, "disable")
    assert Schedule.objects.filter(enabled=True).count() == 0
    assert "2 schedules are enabled." in do(boss, "enable")
    answer = do(boss, "run_now")
    assert "“good” is enqueued." in answer
    assert "“bad” cannot be run" in answer
    assert TaskRecord.objects.get().args == [1, 2]


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("* * * * *", "every minute"),
        ("*/15 * * * *", "every 15 minutes"),
        ("5 * * * *", "each hour at minute 5"),
        ("0 3 * * *", "each day at 03:00"),
        ("30 6 1 * *", "on day 1 of each month at 06:30"),
        ("0 9 * * 1-5", "Monday to Friday at 09:00"),
        ("0 9 * * 0", "each Sunday at 09:00"),
        ("0 9 * * 1", "each Monday at 09:00"),
        ("0 9 * * 7", "each Sunday at 09:00"),
        ("0 9 1 * 1", "0 9 1 * 1"),
        ("0 9 1 1 *", "0 9 1 1 *"),
        ("0 */2 * * *", "0 */2 * * *"),
        ("@daily", "@daily"),
        ("", "–"),
    ],
)
def test_cron_in_words(cron: str, words: str) -> None:
    assert describe_timing(cron, None) == words


def test_paused_queue_is_resumed_by_deleting_it(boss: Client) -> None:
    address = "/admin/djbundle_tasks/pausedqueue/"
    boss.post(f"{address}add/", {"name": "mails"})
    assert "mails" in page(boss, address)
    boss.post(address, {"action": "delete_selected", "post": "yes", "_selected_action": ["mails"]})
    assert not PausedQueue.objects.exists()


# --- texts ---


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0, "0 ms"),
        (0.0124, "12 ms"),
        (3.44, "3.4 s"),
        (42, "42 s"),
        (125, "2 min 5 s"),
        (120, "2 min"),
        (1499, "24 min"),
        (12000, "3 h 20 min"),
        (187200, "2 d 4 h"),
    ],
)
def test_spans(seconds: float | None, text: str) -> None:
    assert span(seconds) == text
