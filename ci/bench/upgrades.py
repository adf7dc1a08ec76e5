"""Requests that fail while a new process takes over, again and again under load; beside gunicorn and Granian.

Some clients keep connections, others open new ones. Some send requests often, others seldom. Some enqueue tasks, send
their head word by word, or take four seconds for a body. With HTTPS, some use HTTP/2; with ASGI, some use WebSockets.
"""

import argparse
import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ci.bench.peer import REPOSITORY, Peer
from ci.bench.servers import THREADS, WORKERS, RunningServer, ServerSetup
from tests.support.load import PLAIN, SECURE, SLOW, Client, Load, reader, slow_head, web_socket
from tests.support.site import Site, bare_environment, copy_bundle
from tests.support.websocket import Reachable

PROJECTS = REPOSITORY / "tests" / "projects"
TAKEOVER_TIMEOUT = 60.0  # seconds for a takeover
SETTLE = 1.0  # seconds for new processes of a peer, which does not report when it serves
REFUSED = 55  # exit code of `upgrade` to a version that does not answer
BROKEN_PAGE = """

def index(request):
    raise ValueError("the new front page is broken")
"""

Change = Callable[[], None]
Serving = AbstractContextManager[tuple[Reachable, Change]]


@dataclass
class Side:
    name: str
    serving: Serving
    clients: Sequence[Client] = (*PLAIN, *SLOW)
    share: float = 1.0  # of the requested number of upgrades

    def measure(self, upgrades: int) -> str:
        """Run upgrades under load, and return a line of the table."""
        count = max(1, round(upgrades * self.share))
        with self.serving as (site, change), Load(site, self.clients) as load:
            for _ in range(count):
                change()
                time.sleep(SETTLE)
        example = load.failures[0] if load.failures else ""
        counts = f"{count:>3} upgrades, {load.response_count():>8,} answers, {len(load.failures):>6,} failed"
        return f"{self.name:24} {counts}  {example}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="ci/bench/run upgrades", description=__doc__)
    parser.add_argument("--upgrades", type=int, default=50, help="of each server; a tenth of that fail [50]")
    parser.add_argument("--only", default="", help="servers whose name has this")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="djbundle-bench-") as folder:
        for side in itertools.chain(_ours(Path(folder)), _peers(Path(folder))):
            if options.only in side.name:
                print(side.measure(options.upgrades), flush=True)


def _ours(work: Path) -> Iterator[Side]:
    small, streaming = _build(PROJECTS / "small", work / "site"), _build(PROJECTS / "streaming", work / "streaming")
    yield Side("bundle", _served(small, work / "data", _reload))
    yield Side("bundle, HTTPS", _served(small, work / "data-tls", _reload, "--tls", "internal"), SECURE)
    clients = (reader(0.01, keep=True), reader(0.01, keep=False), slow_head, web_socket, web_socket)
    yield Side("bundle, WebSockets", _served(streaming, work / "data-asgi", _reload), clients)
    source = Path(shutil.copytree(PROJECTS / "small", work / "broken"))
    with (source / "notes" / "views.py").open("a") as file:
        file.write(BROKEN_PAGE)
    change = partial(_fail_to_upgrade, _build(source, work / "broken-site"))
    yield Side("bundle, which fails", _served(small, work / "data-broken", change), share=0.1)


def _build(project: Path, output: Path) -> Path:
    command: list[str | Path] = [Path(sys.executable).with_name("djbundle"), "build", project, "-o", output]
    command += ["--no-verify", "--env", "STREAMING_TOKEN=none"]
    subprocess.run(command, check=True, cwd=output.parent, capture_output=True)
    return output


@contextlib.contextmanager
def _served(
    bundle: Path, data: Path, change: Callable[[Site], None], *options: str
) -> Iterator[tuple[Reachable, Change]]:
    copy = copy_bundle(bundle, data.with_name(f"{data.name}-bin"))
    environment = bare_environment(HOME=str(data.parent), STREAMING_TOKEN="none")
    workers = ("--workers", str(WORKERS), "--blocking-threads", str(THREADS))
    with Site(copy, data, environment, *workers, *options) as site:
        yield site, partial(change, site)


def _reload(site: Site) -> None:
    before = site.status()["app"]
    site.process.send_signal(signal.SIGHUP)
    _wait(lambda: site.status()["app"] != before)


def _fail_to_upgrade(broken: Path, site: Site) -> None:
    result = site.run("upgrade", str(broken), check=False)
    if result.returncode != REFUSED:
        raise RuntimeError(result.stderr)


def _peers(work: Path) -> Iterator[Side]:
    peer = Peer(work, PROJECTS / "small")
    migrate = (peer.python, "manage.py", "migrate")
    subprocess.run(migrate, cwd=peer.project, env=peer.environment, check=True, capture_output=True)
    worker: list[str | Path] = [peer.python, "manage.py", "worker"]
    pid = work / "gunicorn.pid"

    def restart_gunicorn(_running: RunningServer) -> None:
        """Upgrade as gunicorn documents it: start a second master beside the first, then stop the first gracefully."""
        before = int(pid.read_text())
        os.kill(before, signal.SIGUSR2)
        _wait(lambda: pid.with_suffix(".pid.2").exists())
        time.sleep(SETTLE)
        os.kill(before, signal.SIGTERM)
        _wait(lambda: pid.exists() and int(pid.read_text() or before) != before)

    def reload_granian(running: RunningServer) -> None:
        running.processes[0].send_signal(signal.SIGHUP)
        time.sleep(SETTLE)

    @contextlib.contextmanager
    def serving(
        command: Sequence[str | Path], change: Callable[[RunningServer], None]
    ) -> Iterator[tuple[Reachable, Change]]:
        with ServerSetup("", [command, worker], peer.project, peer.environment).running() as running:
            running.wait_for("/")
            yield running, partial(change, running)

    commands = dict(peer.servers("small.wsgi"))
    yield Side("gunicorn", serving([*commands["gunicorn, threads"], "--pid", pid], restart_gunicorn))
    if pid.exists():  # the last master is not our child process
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid.read_text()), signal.SIGTERM)
    yield Side("Granian", serving(commands["Granian"], reload_granian))


def _wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + TAKEOVER_TIMEOUT
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("nobody has taken over")
        time.sleep(0.05)


if __name__ == "__main__":
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    main()
