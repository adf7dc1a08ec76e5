"""An authority that lies, hangs, floods or redirects costs a site neither its certificate nor a week's rate limit."""

import contextlib
import os
import shutil
import signal
import stat
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509 as certificates
from cryptography.x509.oid import ExtendedKeyUsageOID

from djbundle.errors import DataDirectoryError
from djbundle.runtime.options.tls import TlsOptions
from djbundle.runtime.process.heartbeat import Heartbeat
from djbundle.runtime.tls import certificate_manager, deadline
from djbundle.runtime.tls.certificate_manager import CertificateManager
from djbundle.runtime.tls.exchange import MAX_WAIT, AcmeError
from djbundle.runtime.tls.keys import generate_key, key_to_pem
from djbundle.runtime.tls.store import Store
from djbundle.runtime.tls.x509 import find_certificate
from tests.attacks import hostile_ca
from tests.attacks.hostile_ca import DAY, NOW, STEPS, Forge, HostileCA, Page, issue, new_authority, pem

NewManager = Callable[[], CertificateManager]

NAMES = ("shop.test", "www.shop.test")
HOUR = 3600.0
MAY_BE_DUE = 0.89 * HOUR  # the hour, less the time that has passed meanwhile

CA = certificates.BasicConstraints(ca=True, path_length=None), True
FOR_CLIENTS = certificates.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False


@pytest.fixture
def ca(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HostileCA]:
    with HostileCA(tmp_path) as ca:
        monkeypatch.setenv("SSL_CERT_FILE", str(ca.trusted))
        yield ca


@pytest.fixture
def options(ca: HostileCA) -> TlsOptions:
    return TlsOptions(
        source="acme",
        domains=NAMES,
        files=None,
        http_bind=None,
        hsts=None,
        directory=ca.directory,
        email="me@shop.test",
        external_account=None,
    )


@pytest.fixture
def store(tmp_path: Path, options: TlsOptions) -> Store:
    """Make a store with a certificate that is valid for ten more days, and due for renewal."""
    store = Store(tmp_path / "data")
    store.create()
    key, authority = generate_key(), new_authority("before")
    old = issue(key.public_key(), NAMES, authority, NOW - 80 * DAY, NOW + 10 * DAY)
    store.write(store.certificate_name(options), key_to_pem(key) + pem(old))
    return store


@pytest.fixture
def new_manager(options: TlsOptions, store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[NewManager]:
    """Yield a function that makes the manager, as each start of the process does; with an alarm that rings soon."""
    monkeypatch.setattr(deadline, "BEAT_INTERVAL", 0.1)
    monkeypatch.setattr(certificate_manager, "DEADLINE", 30.0)
    with deadline.Alarm() as alarm:
        yield lambda: CertificateManager("small/1", options, store, alarm)


@pytest.fixture
def impatient(new_manager: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificate_manager, "DEADLINE", 1.5)


def certificate_of(store: Store, options: TlsOptions) -> bytes:
    return store.read(store.certificate_name(options)) or b""


def test_honest_authority(ca: HostileCA, new_manager: NewManager, store: Store, options: TlsOptions) -> None:
    """Check the honest authority, from which all other tests differ in one point."""
    before = certificate_of(store, options)
    assert new_manager().keep() == 1.0
    content = certificate_of(store, options)
    assert content != before
    assert content.count(b"BEGIN CERTIFICATE") == 2
    certificate = find_certificate(content)
    assert certificate is not None
    assert certificate.names == set(NAMES)
    assert new_manager().keep() == HOUR  # until its next check
    assert ca.steps.count("order") == 1
    for path in store.folder.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def forged(*names: str, **dates: datetime) -> Forge:
    return lambda ca, public, _: pem(issue(public, names or NAMES, ca.issuer, **dates), ca.issuer[1])


def with_extension(extension: object, *, critical: bool) -> Forge:
    return lambda ca, public, names: pem(
        issue(public, names, ca.issuer, NOW - DAY, NOW + DAY, (extension, critical)), ca.issuer[1]
    )


def by_expired_issuer(_ca: HostileCA, public: object, names: list[str]) -> bytes:
    authority = new_authority("old", NOW - 10 * DAY, NOW - DAY)
    return pem(issue(public, names, authority), authority[1])


def by_no_authority(ca: HostileCA, public: object, names: list[str]) -> bytes:
    key = generate_key()
    between = issue(key.public_key(), ["another.test"], ca.issuer)
    return pem(issue(public, names, (key, between)), between, ca.issuer[1])


FORGERIES: dict[str, Forge] = {
    "page of HTML": lambda *_: b"<html><body>504 Gateway Time-out</body></html>",
    "nothing": lambda *_: b"",
    "noise": lambda *_: os.urandom(5000),
    "other key": lambda ca, _, names: hostile_ca.honest(ca, generate_key().public_key(), names),
    "other name": forged("evil.test"),
    "one name less": forged(NAMES[0]),
    "wildcard": forged("*.test"),
    "expired": forged(begins=NOW - 91 * DAY, ends=NOW - DAY),
    "not yet valid": forged(begins=NOW + DAY, ends=NOW + 91 * DAY),
    "cut off": lambda *arguments: hostile_ca.honest(*arguments)[:400],
    "issuer cut off": lambda *arguments: hostile_ca.honest(*arguments)[:-200],
    "no issuer": lambda ca, public, names: pem(issue(public, names, ca.issuer)),
    "other issuer": lambda ca, public, names: pem(issue(public, names, ca.issuer), new_authority("issuer")[1]),
    "issuer first": lambda ca, public, names: pem(ca.issuer[1], issue(public, names, ca.issuer)),
    "expired issuer": by_expired_issuer,
    "issuer that is no authority": by_no_authority,
    "authority": with_extension(CA[0], critical=True),
    "for clients": with_extension(FOR_CLIENTS[0], critical=False),
    "long": lambda ca, public, names: pem(issue(public, names, ca.issuer), *[ca.issuer[1]] * 50),
    "with a key": lambda *arguments: hostile_ca.honest(*arguments) + key_to_pem(generate_key()),
    "damaged inside": lambda *arguments: hostile_ca.honest(*arguments).replace(b"A", b"B"),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
def test_certificate_that_does_not_do_replaces_none(
    ca: HostileCA, new_manager: NewManager, store: Store, options: TlsOptions, forge: Forge
) -> None:
    """A bad certificate is not ordered again for an hour, however often the process restarts."""
    ca.forge = forge
    before = certificate_of(store, options)
    process = new_manager()
    assert process.keep() >= MAY_BE_DUE
    for each in (process, new_manager(), new_manager()):
        assert each.keep() >= MAY_BE_DUE
    assert ca.steps.count("order") == 1
    assert certificate_of(store, options) == before


WRONG: dict[str, dict[str, Page]] = {
    "directory is a page": {"dir": hostile_ca.html},
    "directory lacks nonces": {"dir": hostile_ca.with_members("directory_page", without="newNonce")},
    "directory lacks accounts": {"dir": hostile_ca.with_members("directory_page", without="newAccount")},
    "directory lacks orders": {"dir": hostile_ca.with_members("directory_page", without="newOrder")},
    "directory without TLS": {"dir": hostile_ca.with_members("directory_page", newOrder="http://localhost/order")},
    "directory of files": {"dir": hostile_ca.with_members("directory_page", newNonce="file:///etc/passwd")},
    "directory of numbers": {"dir": hostile_ca.with_members("directory_page", newAccount=1, meta=[2])},
    "directory in depth": {"dir": hostile_ca.deep},
    "directory without end": {"dir": hostile_ca.endless},
    "directory leads to HTTP": {"dir": hostile_ca.leads_to("http://localhost/dir")},
    "directory leads to a file": {"dir": hostile_ca.leads_to("file:///etc/passwd")},
    "directory leads nowhere": {"dir": hostile_ca.leads_to("")},
    "directory leads in circles": {"dir": hostile_ca.leads_to_itself},
    "clock of another day": {"dir": hostile_ca.with_clock("Mon, 01 Jan 2024 00:00:00 GMT")},
    "no nonce": dict.fromkeys(("nonce", "account"), hostile_ca.no_nonce),
    "nonce is a page": {"nonce": hostile_ca.leads_to("http://localhost/nonce", 308)},
    "account is nowhere": {"account": lambda handler: handler.send({"status": "valid"})},
    "account without TLS": {"account": lambda handler: handler.send({}, 201, Location="http://localhost/1")},
    "account leads elsewhere": {"account": hostile_ca.leads_to("https://localhost/account", 307)},
    "nonces never do for an account": {"account": hostile_ca.bad_nonce},
    "nonces never do for an order": {"order": hostile_ca.bad_nonce},
    "order is a page": {"order": hostile_ca.html},
    "order is cut off": {"order": hostile_ca.cut_off},
    "order without proofs": {"order": hostile_ca.with_members("order_page", "pending", without="authorizations")},
    "order of ten thousand proofs": {
        "order": hostile_ca.with_members("order_page", "pending", authorizations=["https://localhost/1"] * 10_000)
    },
    "order of numbers": {"order": hostile_ca.with_members("order_page", "pending", authorizations=[1, 2])},
    "order without an end": {"order": hostile_ca.with_members("order_page", "pending", without="finalize")},
    "proof of another name": {
        "authorization": hostile_ca.with_members(
            "authorization_page", 0, "pending", identifier={"type": "dns", "value": "evil.test"}
        )
    },
    "proof without a choice": {
        "authorization": hostile_ca.with_members("authorization_page", 0, "pending", challenges=[])
    },
    "proof by a path": {
        "authorization": hostile_ca.with_members(
            "authorization_page",
            0,
            "pending",
            challenges=[{"type": "http-01", "url": "https://localhost/", "token": "../account"}],
        )
    },
    "challenge leads elsewhere": {"challenge": hostile_ca.leads_to("https://localhost/dir", 303)},
    "order of no known status": {"orders": hostile_ca.with_members("order_page", "astonished")},
    "order without a certificate": {"orders": hostile_ca.with_members("order_page", "valid", without="certificate")},
    "certificate without TLS": {
        "orders": hostile_ca.with_members("order_page", "valid", certificate="http://localhost/certificate")
    },
    "certificate without end": {"certificate": hostile_ca.endless},
    "certificate elsewhere": {"certificate": hostile_ca.leads_to("https://localhost/", 302)},
    "certificate cut off": {"certificate": hostile_ca.cut_off},
}


@pytest.mark.parametrize("pages", WRONG.values(), ids=WRONG.keys())
def test_wrong_answer_costs_no_certificate(
    ca: HostileCA,
    new_manager: NewManager,
    store: Store,
    options: TlsOptions,
    pages: dict[str, Page],
) -> None:
    ca.pages = pages
    before = certificate_of(store, options)
    wait = new_manager().keep()
    assert wait >= (MAY_BE_DUE if "order" in ca.steps else 4.0)  # before an order, no attempt is counted
    for _ in range(3):
        new_manager().keep()
    assert ca.steps.count("order") <= 20  # nonces are retried as often within one order
    if pages.keys() != {"order"}:
        assert ca.steps.count("order") <= 1
    assert certificate_of(store, options) == before
    assert [path.name for path in (store.folder / "challenges").iterdir()] in ([], ["token"])
    assert find_certificate(before) is not None


@pytest.mark.parametrize("step", ["handshake", *STEPS])
def test_order_ends_whatever_hangs(
    ca: HostileCA,
    new_manager: NewManager,
    store: Store,
    options: TlsOptions,
    impatient: None,
    step: str,
) -> None:
    ca.pages[step] = hostile_ca.silence
    assert_ends(ca, new_manager(), store, options)


@pytest.mark.parametrize("page", [hostile_ca.slow_head, hostile_ca.slow_body], ids=["head", "body"])
@pytest.mark.parametrize("step", ["dir", "certificate"])
def test_order_ends_however_slowly_bytes_come(
    ca: HostileCA, new_manager: NewManager, impatient: None, step: str, page: Page
) -> None:
    ca.pages[step] = page
    process = new_manager()
    assert_ends(ca, process, process.store, process.options)


def assert_ends(ca: HostileCA, process: CertificateManager, store: Store, options: TlsOptions) -> None:
    before = certificate_of(store, options)
    assert process.keep() >= (MAY_BE_DUE if "order" in ca.steps else 4.0)
    assert certificate_of(store, options) == before


def test_order_that_is_never_done_ends(ca: HostileCA, new_manager: NewManager, impatient: None) -> None:
    ca.pages["orders"] = lambda handler: handler.send(handler.ca.order_page("processing"), Retry_After="1000000000")
    assert new_manager().keep() >= MAY_BE_DUE
    assert ca.steps.count("order") == 1


@pytest.mark.parametrize("text", ["9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT", "-5", "soon", "0", "Mon, 99 Jan 2024"])
def test_wait_that_is_asked_for_is_a_day_at_most(ca: HostileCA, new_manager: NewManager, text: str) -> None:
    problem = {"type": "urn:ietf:params:acme:error:rateLimited", "detail": "too many"}
    ca.pages["order"] = lambda handler: handler.send(problem, 429, Retry_After=text)
    assert MAY_BE_DUE <= new_manager().keep() <= MAX_WAIT


@pytest.mark.parametrize("moved", [-400 * DAY, 400 * DAY], ids=["back", "ahead"])
def test_clock_that_is_set_makes_no_orders(
    ca: HostileCA, new_manager: NewManager, monkeypatch: pytest.MonkeyPatch, moved: timedelta
) -> None:
    """A running process measures the hour with the monotonic clock; after a restart, the file's hour begins anew."""
    ca.forge = FORGERIES["page of HTML"]
    process = new_manager()
    process.keep()
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + moved.total_seconds())
    assert process.keep() >= MAY_BE_DUE
    if moved < timedelta():
        assert new_manager().keep() >= MAY_BE_DUE
    assert ca.steps.count("order") == 1


@pytest.mark.parametrize("content", [b"", b"nan", b"inf", b"-inf", b"1e400", b"\xff\xfe", b"tomorrow", b"9" * 5000])
def test_note_of_an_order_that_is_damaged_counts_as_new(
    ca: HostileCA, new_manager: NewManager, store: Store, content: bytes
) -> None:
    process = new_manager()
    store.write(process.rate_limit.name, content)
    assert process.keep() >= MAY_BE_DUE
    assert "order" not in ca.steps
    assert abs(float(store.read(process.rate_limit.name) or b"") - time.time()) < HOUR


def test_order_that_cannot_be_noted_is_not_made(
    ca: HostileCA, new_manager: NewManager, store: Store, options: TlsOptions
) -> None:
    """No order is made if it cannot be noted, as on a full disk."""
    process = new_manager()
    (store.folder / process.rate_limit.name).mkdir()
    (store.folder / process.rate_limit.name / "in the way").touch()
    before = certificate_of(store, options)
    assert process.keep() >= 4.0
    assert "order" not in ca.steps
    assert certificate_of(store, options) == before


def test_words_of_an_authority_are_one_line_of_the_log(
    ca: HostileCA, new_manager: NewManager, capfd: pytest.CaptureFixture[str]
) -> None:
    detail = "no\n2026-01-01 root logged in\x1b[2J\u2028" + "x" * 100_000
    ca.pages["order"] = lambda handler: handler.send({"type": "urn:x", "detail": detail}, 403)
    new_manager().keep()
    output = "".join(capfd.readouterr())
    assert "no 2026-01-01 root logged in [2J" in output
    assert "\x1b" not in output
    assert len(output.splitlines()) == 1
    assert len(output) < 1000


@pytest.mark.parametrize("name", ["certificate", "account", "note", "challenge"])
def test_files_are_not_written_through_links(
    ca: HostileCA,
    new_manager: NewManager,
    store: Store,
    options: TlsOptions,
    tmp_path: Path,
    name: str,
) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"of somebody else")
    process = new_manager()
    file = {
        "certificate": store.certificate_name(options),
        "account": f"account-{store.certificate_name(options)[:8]}.pem",
        "note": process.rate_limit.name,
        "challenge": "challenges/token",
    }[name]
    (store.folder / file).unlink(missing_ok=True)
    (store.folder / file).symlink_to(victim)
    assert process.keep() == 1.0
    assert victim.read_bytes() == b"of somebody else"
    assert not (store.folder / file).is_symlink()
    assert find_certificate(certificate_of(store, options)) is not None


@pytest.mark.parametrize("name", ["tls", "tls/challenges"])
def test_folder_that_is_a_link_is_refused(tmp_path: Path, name: str) -> None:
    data, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    (data / name).parent.mkdir(parents=True)
    (data / name).symlink_to(elsewhere)
    with pytest.raises(DataDirectoryError):
        Store(data).create()
    assert list(elsewhere.iterdir()) == []
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o755


def test_file_is_whole_or_not_there(store: Store, options: TlsOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a process is killed between any two steps, the previous file stays."""
    name, before = store.certificate_name(options), certificate_of(store, options)
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        store.write(name, b"half of it")
    assert store.read(name) == before
    assert {path.name for path in store.folder.iterdir()} == {"challenges", name}


@pytest.mark.parametrize("damage", ["no key", "key cut off", "other key", "nothing", "zeros"])
def test_damaged_file_is_replaced(new_manager: NewManager, store: Store, options: TlsOptions, damage: str) -> None:
    """A file is replaced even if its certificate is whole, as long as the site cannot use the file."""
    name = store.certificate_name(options)
    fresh = issue((key := generate_key()).public_key(), NAMES, new_authority("before"))
    content = {
        "no key": pem(fresh),
        "key cut off": key_to_pem(key)[:100] + pem(fresh),
        "other key": key_to_pem(generate_key()) + pem(fresh),
        "nothing": b"",
        "zeros": bytes(2000),
    }[damage]
    store.write(name, content)
    assert new_manager().keep() == 1.0
    assert certificate_of(store, options) != content
    store.write(name, key_to_pem(key) + pem(fresh))
    assert new_manager().keep() == HOUR  # until its next check


def test_folder_that_is_removed_is_made_anew(new_manager: NewManager, store: Store, options: TlsOptions) -> None:
    process = new_manager()
    shutil.rmtree(store.folder)
    assert store.challenge("token") is None
    assert process.keep() == 1.0
    assert find_certificate(certificate_of(store, options)) is not None


def test_alarm_ends_what_swallows_exceptions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The alarm rings again until the code stops, and the heartbeat goes on meanwhile."""
    monkeypatch.setattr(deadline, "BEAT_INTERVAL", 0.1)
    heartbeat = Heartbeat(5)

    def deaf() -> None:
        for _ in range(3):
            with contextlib.suppress(AcmeError):
                time.sleep(60)
        time.sleep(60)

    with deadline.Alarm(heartbeat) as alarm, alarm.limit(0.01), pytest.raises(AcmeError, match="not done"):
        deaf()
    assert not heartbeat.is_stale(0)
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL


def test_clean_leaves_what_another_process_waits_for(store: Store) -> None:
    """Cleaning keeps recent files: during an upgrade, both versions may be ordering a certificate."""
    for name in ("new", "old"):
        store.publish(name, name)
        store.write(f".internal.pem.{name.encode().hex():0>16}", b"half")
    ago = datetime.now(UTC).timestamp() - 2 * 24 * HOUR
    for path in (*(store.folder / "challenges").glob("old"), *store.folder.glob(f".*{b'old'.hex()}")):
        os.utime(path, (ago, ago))
    store.clean()
    assert store.challenge("new") == b"new"
    assert store.challenge("old") is None
    assert len(list(store.folder.glob(".internal*"))) == 1
