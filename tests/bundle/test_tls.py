"""HTTPS: certificates from an authority, from files, and from the local authority."""

import http.client
import re
import shutil
import socket
import ssl
import stat
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from djbundle.runtime.tls import x509
from djbundle.runtime.tls.keys import generate_key, key_to_pem, read_key
from tests.bundle.pebble import ACCOUNT, Pebble
from tests.bundle.processes import assert_refused, with_role
from tests.bundle.tls_client import Connection, curl, get, serial
from tests.conftest import PROJECTS, NewSite, build
from tests.support.ports import free_port
from tests.support.site import Site, bare_environment
from tests.support.waiting import wait_until

NAMES = ("shop.test", "www.shop.test")
RETRY_TIMEOUT = 90.0  # seconds; an unreachable authority is retried after 5, 10, 20 and 40


def test_certificate_comes_from_an_authority(new_small: NewSite, tmp_path: Path) -> None:
    """This authority rejects half of the nonces, is slow, and demands an external account."""
    with Pebble(tmp_path / "pebble", external_account=True) as pebble:
        kid, key = ACCOUNT
        with by_acme(new_small, pebble, "--hsts", "--acme-eab-kid", kid, "--acme-eab-hmac-key", key) as site:
            wait_for_log(site, "new certificate for shop.test, www.shop.test; valid until ")
            assert site.url.startswith("https://shop.test:")
            for name in NAMES:
                answer = wait_until(partial(try_to_get, site.url, pebble.root(), name), "the site answers")
                assert answer.status == 200
                assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
            assert_private(site.data / "tls")
            first = serial(site.url, pebble.root(), "shop.test")
        with site:  # restart: nothing new is ordered
            assert wait_until(lambda: try_to_get(site.url, pebble.root(), "shop.test"), "the site answers")
            assert serial(site.url, pebble.root(), "shop.test") == first
            assert site.log.read_text().count("new certificate") == 1


def test_authority_that_does_not_answer_is_asked_again(new_small: NewSite, tmp_path: Path) -> None:
    pebble = Pebble(tmp_path / "pebble")
    with by_acme(new_small, pebble) as site:
        wait_for_log(site, f"no certificate for shop.test, www.shop.test: cannot reach {pebble.directory}: ")
        assert "trying again in " in site.log.read_text()
        with pebble:
            wait_for_log(site, "new certificate")
            assert wait_until(lambda: try_to_get(site.url, pebble.root(), "shop.test"), "the site answers")
    assert "Traceback" not in site.log.read_text()


def test_refusal_of_the_authority_is_told(new_small: NewSite, tmp_path: Path) -> None:
    """The authority looks for the challenge where no server listens. The next order comes in an hour, as always."""
    with Pebble(tmp_path / "pebble") as pebble, by_acme(new_small, pebble, http_port=free_port()) as site:
        wait_for_log(site, "no certificate for shop.test, www.shop.test: ")
        line = next(line for line in site.log.read_text().splitlines() if "no certificate" in line)
        assert "shop.test: " in line
        assert "refused" in line
        assert re.search(r'; trying again in (59 min|60 min|1 h)"$', line)


def test_damaged_certificate_is_replaced(new_small: NewSite) -> None:
    site = new_small("--tls", "internal")
    with site:
        before = wait_until(lambda: internal_serial(site), "the site answers")
    for name in ("internal.pem", "authority.pem"):
        path = site.data / "tls" / name
        path.write_bytes(path.read_bytes()[:100])
    (site.data / "tls" / "root.pem").unlink()
    with site:
        assert wait_until(lambda: internal_serial(site), "the site answers") != before


def test_certificate_near_its_end_is_renewed(new_small: NewSite, tmp_path: Path) -> None:
    site = new_small("--tls", "internal")
    (site.data / "tls").mkdir(parents=True)
    old = make_files(tmp_path / "old", age=timedelta(days=80), life=timedelta(days=90))
    (site.data / "tls" / "internal.pem").write_bytes(old[1].read_bytes() + old[0].read_bytes())
    with site:
        assert wait_until(lambda: internal_serial(site), "the new certificate")


def test_http_leads_to_https(new_small: NewSite) -> None:
    port = free_port()
    with new_small("--tls", "internal", "--domain", "shop.test", "--http-bind", f"127.0.0.1:{port}") as site:
        https = f"https://shop.test:{site.url.rpartition(':')[2]}"
        for host, path, location in (
            ("shop.test", "/a%20b/?c=d&e=%2F", f"{https}/a%20b/?c=d&e=%2F"),
            ("evil.example", "/", f"{https}/"),
            ("shop.test", "//evil.example/", f"{https}//evil.example/"),
            ("shop.test", "/%0d%0aSet-Cookie:%20a=b", f"{https}/%0D%0ASet-Cookie%3A%20a%3Db"),
        ):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            connection.request("POST", path, headers={"Host": host})
            answer = connection.getresponse()
            assert (answer.status, answer.headers["Location"]) == (308, location)
            connection.close()
        for path in ("/.well-known/acme-challenge/nothing", "/.well-known/acme-challenge/..%2Finternal.pem"):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            connection.request("GET", path)
            assert connection.getresponse().status == 404
            connection.close()


def test_both_versions_of_http(new_small: NewSite) -> None:
    with new_small("--tls", "internal") as site:
        assert wait_until(lambda: internal_serial(site), "the site answers")
        root = str(site.data / "tls" / "root.pem")
        url = site.url.replace("127.0.0.1", "localhost")
        for version, flag in (("2", "--http2"), ("1.1", "--http1.1")):
            written = curl(
                flag, "--cacert", root, "--write-out", "%{http_version} %{http_code}", "-o", "/dev/null", url
            )
            assert written == f"{version} 200"


def test_unfinished_handshakes_hold_up_nobody(new_small: NewSite) -> None:
    with new_small("--tls", "internal", "--workers", "2") as site:
        wait_until(lambda: internal_serial(site), "the site answers")
        address = ("127.0.0.1", int(site.url.rpartition(":")[2]))
        slow = [socket.create_connection(address, timeout=20) for _ in range(2000)]
        try:
            for connection in slow[::2]:
                connection.sendall(b"\x16\x03\x01\x02\x00\x01")  # the beginning of a ClientHello
            root = (site.data / "tls" / "root.pem").read_text()
            assert [get(site.url, root).status for _ in range(10)] == [200] * 10
        finally:
            for connection in slow:
                connection.close()


def test_changed_files_are_taken_up_without_a_lost_request(new_small: NewSite, tmp_path: Path) -> None:
    certificate, key, root = make_files(tmp_path)
    with new_small("--tls-cert", str(certificate), "--tls-key", str(key), "--workers", "2") as site:
        url = site.url.replace("127.0.0.1", "localhost")
        trusted = root.read_text()
        wait_until(lambda: try_to_get(url, trusted), "the site answers")
        first = serial(url, trusted)
        failures: list[str] = []
        answers: Counter[str] = Counter()  # by customer
        done = threading.Event()

        def shop() -> None:
            connection = Connection(url, trusted)
            while not done.is_set():
                try:
                    connection.request("GET", "/static/notes/notes.css")
                    if connection.getresponse().read() == b"":
                        failures.append("an empty answer")
                    answers[threading.current_thread().name] += 1
                except (OSError, http.client.HTTPException) as error:
                    failures.append(repr(error))
            connection.close()

        customers = [threading.Thread(target=shop) for _ in range(8)]
        for customer in customers:
            customer.start()
        key.write_text("damaged")
        wait_for_log(site, "is damaged; the previous certificate stays in use")
        slow = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=20)
        make_files(tmp_path, root=root)
        wait_until(lambda: is_replaced(url, trusted, first), "only the new certificate")
        before = {customer.name: answers[customer.name] for customer in customers}
        wait_until(lambda: all(answers[name] > count + 100 for name, count in before.items()), "more requests")
        assert get_through(slow, trusted).startswith(b"HTTP/1.1 200 ")
        done.set()
        for customer in customers:
            customer.join()
        assert failures == []
        assert len(with_role(site, "web", 2)) == 2


def test_a_web_process_that_starts_beside_damaged_files_has_the_last_certificate(
    new_small: NewSite, tmp_path: Path
) -> None:
    certificate, key, root = make_files(tmp_path)
    with new_small("--tls-cert", str(certificate), "--tls-key", str(key), "--workers", "1") as site:
        url, trusted = site.url.replace("127.0.0.1", "localhost"), root.read_text()
        wait_until(lambda: try_to_get(url, trusted), "the site answers")
        first = serial(url, trusted)
        make_files(tmp_path, root=root)
        wait_until(lambda: is_replaced(url, trusted, first), "the new certificate")
        second = serial(url, trusted)
        key.write_text("damaged")
        wait_for_log(site, "is damaged; the previous certificate stays in use")
        (web,) = with_role(site, "web", 1)
        web.kill()
        wait_until(lambda: with_role(site, "web", 1) not in ([], [web]), "a new web process")
        wait_until(lambda: try_to_get(url, trusted), "the site answers again")
        assert serial(url, trusted) == second
        make_files(tmp_path, root=root)
        wait_until(lambda: is_replaced(url, trusted, second), "the third certificate")


def get_through(connection: socket.socket, trusted: str) -> bytes:
    """Send a request over an open connection that has not been used yet."""
    with ssl.create_default_context(cadata=trusted).wrap_socket(connection, server_hostname="localhost") as secure:
        secure.sendall(b"GET /static/notes/notes.css HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return secure.recv(1024)


@pytest.mark.parametrize("fault", ["missing", "no certificate", "other key", "expired", "half"])
def test_files_that_do_not_do_are_refused(new_small: NewSite, tmp_path: Path, fault: str) -> None:
    certificate, key, _ = make_files(tmp_path)
    causes = {
        "missing": f"cannot read {key}: No such file or directory",
        "no certificate": f"{certificate} holds no certificate",
        "other key": f"the key in {key} does not belong to the certificate in {certificate}",
        "expired": f"the certificate in {certificate} has expired on ",
        "half": f"{key} or {certificate} is damaged",
    }
    if fault == "missing":
        key.unlink()
    elif fault == "no certificate":
        certificate.write_text("nothing")
    elif fault == "other key":
        key.write_bytes(key_to_pem(generate_key()))
    elif fault == "expired":
        make_files(tmp_path, age=timedelta(days=91), life=timedelta(days=90))
    else:
        key.write_bytes(key.read_bytes()[:100])
    site = new_small()
    result = site.run("serve", "--tls-cert", str(certificate), "--tls-key", str(key), "--bind", ":0", check=False)
    assert_refused(result, 51, causes[fault])
    assert not (site.data / "db.sqlite3").exists()


@pytest.fixture(scope="session")
def behind_a_proxy(bundles: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the small project without TLS, and with a signer."""
    project = Path(shutil.copytree(PROJECTS / "small", tmp_path_factory.mktemp("proxy") / "small"))
    (project / "pyproject.toml").write_text('[tool.djbundle]\ntls = false\nsigner = "deploy.pub"\n')
    public = generate_key().public_key()
    (project / "deploy.pub").write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return build(project, bundles / "proxy" / "small")


@pytest.mark.parametrize("words", [("serve", "--domain", "a.test"), ("install", "--print", "--tls", "internal")])
def test_bundle_without_tls_says_so(behind_a_proxy: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    site = Site(behind_a_proxy, tmp_path / "data", bare_environment())
    result = site.run(*words, check=False)
    assert_refused(result, 52, f"this bundle was built with `tls = false`, so {' '.join(words[-2:]).split(' a.')[0]}")
    assert not site.data.exists()


def test_bundle_without_tls_serves_with_files_and_checks_signatures(behind_a_proxy: Path, tmp_path: Path) -> None:
    certificate, key, root = make_files(tmp_path)
    options = ("--tls-cert", str(certificate), "--tls-key", str(key))
    with Site(behind_a_proxy, tmp_path / "data", bare_environment(), *options) as site:
        url = site.url.replace("127.0.0.1", "localhost")
        assert wait_until(lambda: try_to_get(url, root.read_text()), "the site answers").status == 200
        signature = tmp_path / "new.sig"
        signature.write_bytes(b"by a stranger")
        result = site.run("upgrade", str(behind_a_proxy), "--signature", str(signature), check=False)
        assert_refused(result, 55, "does not sign")


def by_acme(new_small: NewSite, pebble: Pebble, *options: str, http_port: int = 0) -> Site:
    return new_small(
        *(item for name in NAMES for item in ("--domain", name)),
        *("--acme-directory", pebble.directory, "--http-bind", f"127.0.0.1:{http_port or pebble.http_port}"),
        *options,
        SSL_CERT_FILE=str(pebble.ca),
    )


def wait_for_log(site: Site, text: str) -> None:
    wait_until(lambda: text in site.log.read_text(), f"the log says: {text}", seconds=RETRY_TIMEOUT)


def try_to_get(url: str, root: str, name: str | None = None) -> http.client.HTTPResponse | None:
    try:
        return get(url, root, name)
    except OSError:
        return None


def internal_serial(site: Site) -> str | None:
    """Return the serial number that a client of the local authority sees; None while there is none."""
    try:
        return serial(site.url, (site.data / "tls" / "root.pem").read_text())
    except OSError:
        return None


def is_replaced(url: str, root: str, before: str) -> bool:
    """Return whether new connections get another certificate; a stopping server cuts off handshakes (docs/tls.md)."""
    try:
        return before not in {serial(url, root) for _ in range(20)}
    except OSError:
        return False


def make_files(
    folder: Path, *, age: timedelta = timedelta(), life: timedelta = timedelta(days=90), root: Path | None = None
) -> tuple[Path, Path, Path]:
    """Write a certificate for localhost, its key and its root; each file is replaced atomically, the key first."""
    folder.mkdir(exist_ok=True)
    certificate, key, authority = folder / "site.pem", folder / "site.key", folder / "authority.key"
    begins = datetime.now(UTC) - age - timedelta(minutes=5)
    if root is None:
        root = folder / "root.pem"
        authority.write_bytes(key_to_pem(generate_key()))
        signer = read_key(authority.read_bytes())
        root.write_text(x509.make_authority(signer, "tests", begins, begins + timedelta(days=3650)))
    signer, own = read_key(authority.read_bytes()), generate_key()
    replace(key, key_to_pem(own))
    chain = x509.make_certificate(own, ["localhost", "127.0.0.1"], (signer, root.read_text()), begins, begins + life)
    replace(certificate, chain.encode())
    return certificate, key, root


def replace(path: Path, content: bytes) -> None:
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.replace(path)


def assert_private(folder: Path) -> None:
    """Check that only the owner can read any of it."""
    for path in (folder, *folder.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
