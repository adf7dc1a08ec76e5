"""A site listens at several addresses, Unix sockets and sockets that systemd has opened, and as another user."""

import contextlib
import os
import signal
import socket
import stat
import subprocess
import tempfile
from pathlib import Path

import psutil
import pytest

from djbundle.runtime.http.limits.quota import MAX_BODIES_PER_CLIENT
from tests.bundle.processes import assert_refused, tree_of, with_role
from tests.conftest import NewSite
from tests.support.customer import Customer
from tests.support.ports import free_port
from tests.support.site import Site, bare_environment, copy_bundle
from tests.support.waiting import wait_until


def connect_from(source: str, port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 20, (source, 0))


def ask_tcp(port: int, source: str, line: str, body: str = "") -> str:
    """Return the whole answer to a request from this address."""
    lines = (f"{line} HTTP/1.1", "Host: localhost", "Connection: close", f"Content-Length: {len(body)}", "", body)
    with connect_from(source, port) as client:
        client.sendall("\r\n".join(lines).encode())
        return b"".join(iter(lambda: client.recv(65536), b"")).decode()


def ask_unix(path: Path, *headers: str, page: str = "/whoami/", name: str | bytes = "") -> str:
    """Return the whole answer of a Unix socket to one request, head and body. `name` is that of our end, if any."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(20)
        if name:
            client.bind(name)
        client.connect(str(path))
        lines = (f"GET {page} HTTP/1.1", "Host: localhost", "Connection: close", *headers, "", "")
        client.sendall("\r\n".join(lines).encode())
        parts = iter(lambda: client.recv(65536), b"")
        return b"".join(parts).decode()


def test_several_addresses(new_small: NewSite, tmp_path: Path) -> None:
    path, port = tmp_path / "site.sock", free_port()
    with new_small(
        "--bind", "127.0.0.1:0", "--bind", f"[::1]:{port}", "--bind", f"unix:{path}", "--workers", "2"
    ) as site:
        urls = site.status()["urls"]
        assert urls[1:] == [f"http://[::1]:{port}/", f"unix:{path}"]
        for url in urls[:2]:
            assert Customer(url.rstrip("/")).get("/").status == 200
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        # Only a proxy on this machine can reach it, and its forwarded headers are trusted.
        answer = ask_unix(path, "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https")
        assert answer.splitlines()[-4:-2] == ["1.2.3.4", "https"]
        assert {ask_unix(path)[:15] for _ in range(8)} == {"HTTP/1.1 200 OK"}
    assert not path.exists()


def test_unix_socket_alone(small: Path, tmp_path: Path) -> None:
    path = tmp_path / "site.sock"
    site = Site(small, tmp_path / "data", bare_environment(), "--bind", f"unix:{path}", "--uds-permissions", "600")
    with site:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        up = f"unix:{path} is up\n"  # once the task worker has sent a heartbeat
        wait_until(lambda: site.run("healthcheck", check=False).stdout == up, "it is up")
        second = Site(small, tmp_path / "other", bare_environment(), "--bind", f"unix:{path}")
        assert_refused(second.run("serve", "--bind", f"unix:{path}", check=False), 41, "in use by another program")
        site.process.kill()
        site.process.wait()
    assert path.is_socket()  # a killed site leaves it; the next one replaces it
    with site:
        assert "200 OK" in ask_unix(path)


def test_file_that_is_no_socket_stays(new_small: NewSite, tmp_path: Path) -> None:
    file = tmp_path / "precious"
    file.write_text("content")
    site = new_small()
    assert_refused(site.run("serve", "--bind", f"unix:{file}", check=False), 41, f"unix:{file} is in use")
    assert file.read_text() == "content"


def test_sockets_of_systemd(small: Path, tmp_path: Path) -> None:
    """A connection that comes before the site waits in the socket, and is answered."""
    port = free_port()
    activate = ["systemd-socket-activate", "--listen", f"127.0.0.1:{port}"]
    command = [*activate, str(copy_bundle(small, tmp_path / "place")), "serve", "--data-dir", str(tmp_path / "data")]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, env=bare_environment(), stderr=log)
    try:
        wait_until(lambda: "Listening" in (tmp_path / "log").read_text(), "systemd listens")
        assert Customer(f"http://127.0.0.1:{port}").get("/").status == 200
        assert f"serves http://127.0.0.1:{port}/ with" in (tmp_path / "log").read_text()
    finally:
        process.terminate()
        process.wait(60)


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_a_client_with_any_name_of_its_own_is_answered(small: Path, streaming: Path, tmp_path: Path, kind: str) -> None:
    """A program may give its end of a Unix socket a name, of any bytes. It is a trusted proxy all the same."""
    path, bundle = tmp_path / "site.sock", {"wsgi": small, "asgi": streaming}[kind]
    environment = bare_environment(STREAMING_TOKEN="token")
    with Site(bundle, tmp_path / "data", environment, "--bind", f"unix:{path}", "--workers", "1") as site:
        before = [each.pid for each in with_role(site, "web")]
        for name in (os.fsencode(tmp_path) + b"/\xff", str(tmp_path / "name")):
            answer = ask_unix(path, "X-Forwarded-For: 1.2.3.4", page="/heard/", name=name)
            assert answer.startswith("HTTP/1.1 200 OK")
            assert '["1.2.3.4"' in answer
        assert [each.pid for each in with_role(site, "web")] == before


def is_refused(client: socket.socket) -> bool:
    """Return whether the client has been told 429, as far as its answer is there."""
    try:
        return b" 429 " in client.recv(100, socket.MSG_PEEK)
    except BlockingIOError:
        return False


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_ipv4_clients_of_a_socket_for_both_versions(small: Path, streaming: Path, tmp_path: Path, kind: str) -> None:
    """Each of them has its own address and its own limits."""
    port, bundle = free_port(), copy_bundle({"wsgi": small, "asgi": streaming}[kind], tmp_path / "place")
    activate = ["systemd-socket-activate", "--listen", str(port), "--setenv=STREAMING_TOKEN=token"]
    options = ("--trusted-proxies", "none", "--workers", "1", "--data-dir", str(tmp_path / "data"))
    with (tmp_path / "log").open("wb") as log, contextlib.ExitStack() as held:
        process = subprocess.Popen([*activate, str(bundle), "serve", *options], env=bare_environment(), stderr=log)
        held.callback(process.wait, 60)
        held.callback(process.terminate)
        wait_until(lambda: "Listening" in (tmp_path / "log").read_text(), "systemd listens")
        assert '["127.0.0.2"' in ask_tcp(port, "127.0.0.2", "GET /heard/")
        clients = [held.enter_context(connect_from("127.0.0.1", port)) for _ in range(2 * MAX_BODIES_PER_CLIENT)]
        for client in clients:
            client.sendall(b"POST /size/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\na")
            client.setblocking(False)
        wait_until(lambda: any(map(is_refused, clients)), "one client has its limit")
        assert " 200 " in ask_tcp(port, "127.0.0.2", "POST /size/", "a")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_rights_of_root_are_left_behind(small: Path) -> None:
    place = Path(tempfile.gettempdir(), f"djbundle-user-{os.getpid()}")  # pytest's own folders are closed to others
    bundle = copy_bundle(small, place)
    place.chmod(0o755)
    bundle.chmod(0o755)
    try:
        port = free_port()
        with Site(bundle, place / "data", bare_environment(), "--bind", f":{port}", "--user", "nobody") as site:
            assert Customer(site.url).get("/").status == 200
            nobody = {each.uids().real for each in tree_of(site)}
            assert nobody == {psutil.Process(site.process.pid).uids().saved} != {0}
            assert {path.owner() for path in (site.data, *site.data.rglob("*"))} == {"nobody"}
            before = site.status()["app"]
            site.process.send_signal(signal.SIGHUP)
            wait_until(lambda: site.status()["app"] != before, "it has reloaded")
            assert Customer(site.url).get("/").status == 200
        os.chown(place / "data", 0, 0)
        refused = Site(bundle, place / "data", bare_environment()).run("serve", "--user", "nobody", check=False)
        assert_refused(refused, 59, "does not belong to nobody")
        assert_refused(site.run("serve", "--user", "nobody-at-all", check=False), 59, "there is no user nobody-at-all")
    finally:
        subprocess.run(["rm", "-rf", place], check=True)
