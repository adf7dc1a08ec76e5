"""Keys and certificates on disk: current ones, and those that djbundle 0.1 wrote with its own DER code."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509 as certificates
from cryptography.x509.oid import ExtendedKeyUsageOID

from djbundle.errors import CertificateError
from djbundle.runtime.tls import x509
from djbundle.runtime.tls.authority import CERTIFICATE_LIFE, issue_internal
from djbundle.runtime.tls.certificate_manager import seconds_left
from djbundle.runtime.tls.keys import generate_key, key_to_pem, read_key, stored_key
from djbundle.runtime.tls.pair import CertificatePair
from djbundle.runtime.tls.store import Store
from djbundle.runtime.tls.x509 import find_certificate, find_pair
from tests.attacks.hostile_ca import issue, new_authority, pem
from tests.support.tls_files import AUTHORITY, ROOT, SITE

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    store.create()
    return store


def test_files_of_an_older_version_are_used(store: Store) -> None:
    """An account's key has the same format as the authority's."""
    store.write("authority.pem", AUTHORITY)
    store.write("root.pem", ROOT)
    content = issue_internal(store, "another name", ("shop.test",))
    assert store.read("authority.pem") == AUTHORITY
    assert store.read("root.pem") == ROOT
    assert issued_by(content, ROOT)
    certificate = find_certificate(SITE)
    assert certificate is not None
    assert certificate.names == {"localhost", "127.0.0.1", "::1"}
    assert certificate.ends - certificate.begins == CERTIFICATE_LIFE + HOUR
    assert seconds_left(certificate, ("localhost", "::1"), certificate.begins) > 0
    assert SITE.startswith(key_to_pem(read_key(SITE)))


def test_authority_that_lost_its_key_is_made_anew(store: Store) -> None:
    """With another key, it would issue certificates that do not chain to its own, and so are useless."""
    store.write("authority.pem", AUTHORITY[:100])
    store.write("root.pem", ROOT)
    content = issue_internal(store, "small", ())
    assert store.read("authority.damaged") == AUTHORITY[:100]
    assert issued_by(content, store.read("root.pem") or b"")


@pytest.mark.parametrize("domain", [f"{'a' * 63}.{'b' * 63}.test", "xn--mnchen-3ya.test", "_a.test"])
def test_names_that_are_odd(store: Store, domain: str) -> None:
    pair = find_pair(issue_internal(store, "s" * 200, (domain,)).encode())
    assert pair is not None
    assert pair.names == {domain, "localhost", "127.0.0.1", "::1"}


@pytest.mark.parametrize(
    "content",
    [b"", b"noise", AUTHORITY[:50], AUTHORITY.replace(b"I", b"J"), ROOT, b"\0" * 5000],
    ids=["empty", "noise", "half", "damaged", "no key", "zeros"],
)
def test_key_that_is_none_is_put_aside(store: Store, content: bytes) -> None:
    store.write("account.pem", content)
    key = stored_key(store, "account.pem")
    assert key_to_pem(key) == store.read("account.pem")
    assert store.read("account.damaged") == content
    assert key_to_pem(stored_key(store, "account.pem")) == key_to_pem(key)


def test_pair_tells_its_end(tmp_path: Path) -> None:
    file = tmp_path / "pair.pem"
    key, authority = generate_key(), generate_key()
    root = x509.make_authority(authority, "tests", NOW - HOUR, NOW + HOUR)
    ends = (NOW + HOUR).replace(microsecond=0)
    file.write_bytes(key_to_pem(key) + x509.make_certificate(key, ["a.test"], (authority, root), NOW, ends).encode())
    pair = CertificatePair(file, file)
    pair.check()
    assert pair.ends() == ends
    file.write_bytes(file.read_bytes()[:300])
    assert pair.ends() is None
    with pytest.raises(CertificateError):
        pair.check()


def test_certificate_that_is_not_for_servers(tmp_path: Path) -> None:
    file = tmp_path / "pair.pem"
    key, usage = generate_key(), certificates.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    made = issue(key.public_key(), ["a.test"], new_authority("tests"), NOW - HOUR, NOW + HOUR, (usage, False))
    file.write_bytes(key_to_pem(key) + pem(made))
    with pytest.raises(CertificateError, match="is not for servers"):
        CertificatePair(file, file).check()


def issued_by(content: str, root: bytes) -> bool:
    issuer = certificates.load_pem_x509_certificate(root)
    certificates.load_pem_x509_certificate(content.encode()).verify_directly_issued_by(issuer)
    return True
