"""Pages and files, requests per second and p99; beside gunicorn and Granian with WhiteNoise, and nginx for files."""

import argparse
import base64
import contextlib
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ci.bench.peer import Peer
from ci.bench.servers import THREADS, WORKERS, Load, RunningServer, ServerSetup, need
from tests.support.site import Site, bare_environment

PROJECT = Path(__file__).parent / "web_project"
SMALL, LARGE = "small.js", "large.bin"
PAGES = ("/orm/", "/template/", "/json/")
TARGETS = (*PAGES, SMALL, LARGE)
BROWSER = "Accept-Encoding: gzip, deflate, br, zstd"
CONNECTIONS, SECONDS = 16, 4
NGINX = """
worker_processes {workers}; daemon off; pid {work}/nginx.pid; error_log {work}/nginx.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; types {{ application/javascript js; }}
  client_body_temp_path {work}/body; proxy_temp_path {work}/proxy; fastcgi_temp_path {work}/fastcgi;
  uwsgi_temp_path {work}/uwsgi; scgi_temp_path {work}/scgi;
  server {{ listen 127.0.0.1:{port} reuseport; location /static/ {{ alias {root}/; gzip_static on; expires max; }} }}
}}
"""


@dataclass
class Side:
    setup: ServerSetup
    files: dict[str, str]  # names of the files, with their hashes
    pages: bool = True
    loads: dict[str, list[Load]] = field(default_factory=dict)

    def paths(self) -> dict[str, str]:
        """Return the path of each target."""
        pages = {page: page for page in PAGES} if self.pages else {}
        return pages | {file: f"/static/{name}" for file, name in self.files.items()}

    def measure(self, running: RunningServer, target: str, seconds: int) -> Load:
        return running.load(self.paths()[target], CONNECTIONS, seconds, BROWSER)


def main() -> None:
    parser = argparse.ArgumentParser(prog="ci/bench/run web", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each server for each page and file [5]")
    parser.add_argument("--only", nargs="+", choices=TARGETS, default=TARGETS, help="pages and files [all]")
    options = parser.parse_args()
    need("wrk", "nginx")
    with tempfile.TemporaryDirectory(prefix="djbundle-bench-") as folder:
        Path(folder).chmod(0o755)  # nginx has a user of its own
        sides = list(_sides(Path(folder)))
        with contextlib.ExitStack() as stack:
            running = [(side, stack.enter_context(side.setup.running())) for side in sides]
            for target in options.only:
                _measure([(side, it) for side, it in running if target in side.paths()], target, options.rounds)
    _print_table(sides)


def _measure(running: Sequence[tuple[Side, RunningServer]], target: str, rounds: int) -> None:
    """Measure all servers in turn, while all run: so the machine's changes affect all alike."""
    for side, it in running:
        it.wait_for(side.paths()[target])
        side.measure(it, target, 1)  # fills caches
    for number in range(rounds):
        for side, it in running if number % 2 else reversed(running):
            side.loads.setdefault(target, []).append(side.measure(it, target, SECONDS))


def _sides(work: Path) -> Iterator[Side]:
    project = Path(shutil.copytree(PROJECT, work / "web_project"))
    _write_files(project / "files")
    djbundle = Path(sys.executable).with_name("djbundle")
    subprocess.run([djbundle, "build", project, "-o", work / "web"], check=True, cwd=work)
    site = Site(work / "web", work / "data", bare_environment(HOME=str(work)))
    site.run("migrate")
    names = {
        name: site.shell(f"from django.templatetags.static import static; print(static('{name}'))")
        for name in (SMALL, LARGE)
    }
    files = {name: url.removeprefix("/static/") for name, url in names.items()}
    options = ["--workers", str(WORKERS), "--blocking-threads", str(THREADS), "--data-dir", str(site.data)]
    ours: list[str | Path] = [site.bundle, "serve", "--bind", "127.0.0.1:{port}", *options]
    yield Side(ServerSetup("bundle", [ours], work, site.environment), files)

    peer = Peer(work / "peer", project)
    shutil.copy(site.data / "db.sqlite3", peer.project / "db.sqlite3")
    environment = peer.environment | {"WHITENOISE": "1"}
    collect: list[str | Path] = [peer.python, "manage.py", "collectstatic", "--no-input"]
    subprocess.run(collect, check=True, cwd=peer.project, env=environment, capture_output=True)
    for name, command in peer.servers("web.wsgi"):
        yield Side(ServerSetup(name, [command], peer.project, environment), files)
    text = NGINX.format(workers=WORKERS, work=work, root=peer.project / "collected", port="{port}")
    nginx = f"cat > {work}/nginx.conf <<'END' && exec nginx -c {work}/nginx.conf\n{text}\nEND\n"
    yield Side(ServerSetup("nginx", [["sh", "-c", nginx]], work, dict(os.environ)), files, pages=False)


def _write_files(folder: Path) -> None:
    """Write files with content that compresses as scripts do, and with content that does not compress."""
    folder.mkdir()
    chance = random.Random(1)
    words = [base64.b32encode(chance.randbytes(5)).decode() for _ in range(600)]
    (folder / SMALL).write_text(
        "".join(f"{chance.choice(words)}({chance.choice(words)});\n" for _ in range(1055))[:20_000]
    )
    (folder / LARGE).write_bytes(chance.randbytes(5_000_000))


def _print_table(sides: Sequence[Side]) -> None:
    """Print medians, ratios (above 1: djbundle is faster), and CPU of server and client for each response."""
    ours = sides[0]
    for target in ours.loads:
        print(f"\n{target:20}{'requests/s':>12}{'ratio':>8}{'p99':>12}{'ratio':>8}{'CPU':>12}{'client':>12}")
        for side in sides:
            if target not in side.loads:
                continue
            rate, p99, server, client = (_median(side, target, name) for name in ("rate", "p99", "server", "client"))
            ratios = _median(ours, target, "rate") / rate, p99 / _median(ours, target, "p99")
            print(
                f"{side.setup.name:20}{rate:>12,.0f}{ratios[0]:>8.2f}{p99:>9.1f} ms{ratios[1]:>8.2f}"
                f"{server:>9.2f} ms{client:>9.2f} ms"
            )


def _median(side: Side, target: str, name: str) -> float:
    return float(statistics.median(getattr(each, name) for each in side.loads[target]))


if __name__ == "__main__":
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    main()
