"""``./shop status``: the site that runs with this data directory, its processes, and the requests they answered."""

import json
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from djbundle.runtime.backup.outcomes import MESSAGES, Outcomes, Step
from djbundle.runtime.backup.retention import last_backup
from djbundle.runtime.cli.main import print_error
from djbundle.runtime.cli.queues import Queue, Relay, TaskStatus, describe_queue, describe_relay, task_reader
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.core.hold import ADVICE, Hold
from djbundle.runtime.core.maintenance import Maintenance
from djbundle.runtime.handover.control_socket import request_status
from djbundle.runtime.handover.messages import SiteStatus
from djbundle.runtime.options.parser import parse_options
from djbundle.runtime.process.counters import Counts, Scoreboard
from djbundle.runtime.process.loading import Loading
from djbundle.runtime.process.process_tree import Process, walk_processes

INTERVAL = 1.0  # seconds between two snapshots
MEGABYTE = 1_000_000
DAY = 86400
CLEAR = "\033[H\033[2J"  # move the cursor home and clear the screen


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One snapshot of the site. `site` is what the supervisor reports."""

    site: SiteStatus
    processes: list[Process]
    requests: int
    errors: int  # answered with 5xx
    seconds: float  # that all answers took together
    restarts: dict[str, int]  # by role; only roles whose processes had to be restarted
    moment: float  # of the snapshot, in monotonic seconds
    hold: Hold | None = None  # if it is a held copy
    maintenance: Maintenance | None = None  # if it is in maintenance
    last_backup: float | None = None  # when it was made, seconds since 1970
    outcomes: Outcomes = field(default_factory=Outcomes)
    loaded: Loading = Loading.UNKNOWN
    queues: list[Queue] | None = None  # with --queues; None: they cannot be read
    relays: list[Relay] | None = None  # of all machines, with --queues; None: no broker carries tasks

    def to_json(self) -> str:
        fields = asdict(self)
        site = fields.pop("site")
        return json.dumps(site | fields | {"loaded": self.loaded.value})


def add_status_options(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON; with --watch a line for each snapshot")
    parser.add_argument(
        "--queues",
        action="store_true",
        help="also ask the database what waits in the queues of tasks, and whether their broker answers",
    )
    parser.add_argument("--watch", action="store_true", help="repeat each second, until Ctrl-C")


def run_status(bundle: Bundle, arguments: list[str]) -> int:
    options = parse_options(bundle.program, "status", arguments, add_status_options)
    read_tasks = task_reader(bundle) if options.queues else TaskStatus
    before: Snapshot | None = None
    while True:
        tasks = read_tasks()
        snapshot = replace(take_snapshot(bundle.data), queues=tasks.queues, relays=tasks.relays)
        text = snapshot.to_json() if options.json else "\n".join(describe_snapshot(snapshot, before))
        is_screen = options.watch and not options.json and sys.stdout.isatty()
        print(f"{CLEAR}{text}" if is_screen else text, flush=True)
        if tasks.error:
            print_error(tasks.error)
        if not options.watch:
            return tasks.error.exit_code if tasks.error else 0
        before = snapshot
        time.sleep(INTERVAL)


def take_snapshot(data: Path) -> Snapshot:
    """Take a snapshot. Raises NotServingError."""
    site = request_status(data)
    scoreboard = Scoreboard.of_process(site.app)
    counts = scoreboard.by_role() if scoreboard else {}
    web = Counts.sum(counts.get("web", []))
    starts = {role: Counts.sum(each).starts - len(each) for role, each in counts.items()}
    restarts = {role: count for role, count in starts.items() if count}
    processes = list(walk_processes(site.supervisor))
    loaded = scoreboard.loading if scoreboard else Loading.UNKNOWN
    last = last_backup(data, site.name)
    return Snapshot(
        site=site,
        processes=processes,
        requests=web.total,
        errors=web.responses[5],
        seconds=web.seconds,
        restarts=restarts,
        moment=time.monotonic(),
        hold=Hold.read(data),
        maintenance=Maintenance.read(data),
        last_backup=last.timestamp() if last else None,
        outcomes=Outcomes.read(data),
        loaded=loaded,
    )


def describe_snapshot(snapshot: Snapshot, before: Snapshot | None) -> Iterator[str]:
    """Yield the lines for a person. `before` is an earlier snapshot, for the rate between the two."""
    site = snapshot.site
    occupation = f"serves {', '.join(site.urls)}" if site.urls else "runs"
    yield f"{site.name} {site.version} {occupation} with data in {site.data}"
    if snapshot.maintenance:
        yield f"THE SITE IS {snapshot.maintenance.describe()}"
    if snapshot.hold:
        yield f"THIS IS {snapshot.hold.describe()}; {ADVICE}"
    if site.taking_over:
        yield "another process is about to take over"
    yield traffic(snapshot, before)
    if snapshot.loaded:
        yield str(snapshot.loaded)
    if site.certificate_ends:
        left = site.certificate_ends - time.time()
        ends = time.strftime("%Y-%m-%d", time.gmtime(site.certificate_ends))
        yield f"certificate until {ends}, {left / DAY:.0f} days from now"
    yield from describe_backups(snapshot)
    for role, count in snapshot.restarts.items():
        yield f"{role} had to be started again {count} {'time' if count == 1 else 'times'}; see the log"
    yield from describe_tasks(snapshot)
    yield ""
    yield from table(snapshot.processes)


def describe_backups(snapshot: Snapshot) -> Iterator[str]:
    """Yield when the last backup was made and proved, and what failed since."""
    if snapshot.last_backup:
        proof = snapshot.outcomes.of(Step.PROOF)
        proved = f"; one was proved {age(time.time() - proof.worked_at)} ago" if proof.worked_at else ""
        yield f"last backup {age(time.time() - snapshot.last_backup)} ago{proved}"
    for step in snapshot.outcomes.failing():
        outcome = snapshot.outcomes.of(step)
        yield f"{MESSAGES[step]} {age(time.time() - outcome.failed_at)} ago: {outcome.cause}"


def describe_tasks(snapshot: Snapshot) -> Iterator[str]:
    """Yield a line for each queue, relay and broker that is known."""
    if snapshot.queues == []:
        yield "no task waits or runs"
    yield from map(describe_queue, snapshot.queues or ())
    yield from map(describe_relay, snapshot.relays or ())
    if snapshot.site.broker and snapshot.relays is None:
        yield f"tasks go over {snapshot.site.broker}; status --queues tells whether it answers"


def traffic(snapshot: Snapshot, before: Snapshot | None) -> str:
    """Describe the requests to the server that runs now; one that takes over starts at 0."""
    requests, errors, seconds = snapshot.requests, snapshot.errors, snapshot.seconds
    text = f"{requests:,} request{'' if requests == 1 else 's'}, {errors:,} of them failed"
    if before and before.requests <= requests:
        rate = (requests - before.requests) / (snapshot.moment - before.moment)
        text += f", {rate:,.0f} in this second"
        requests, seconds = requests - before.requests, seconds - before.seconds
    return f"{text}, {seconds / requests * 1000:.1f} ms each" if requests else text


def table(processes: list[Process]) -> Iterator[str]:
    depths: dict[int, int] = {}
    for each in processes:
        depths[each.pid] = depths.get(each.parent, -1) + 1
        name = "  " * depths[each.pid] + each.title
        yield f"  {name:24} {each.pid:>8}  up {age(each.seconds):>8}  {each.memory / MEGABYTE:6.1f} MB"
    yield f"  {'':24} {'':>8}     {'':>8}  {sum(each.memory for each in processes) / MEGABYTE:6.1f} MB"


def age(seconds: float) -> str:
    for unit, length in (("d", DAY), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"
