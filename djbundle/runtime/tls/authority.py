"""The local authority of ``--tls internal``, for tests: a client trusts it only if it is set up to."""

from datetime import UTC, datetime, timedelta

from cryptography import x509 as certificates

from djbundle.runtime.tls import x509
from djbundle.runtime.tls.keys import PrivateKey, generate_key, key_to_pem, stored_key
from djbundle.runtime.tls.store import Store

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
AUTHORITY_LIFE = timedelta(days=3650)
CERTIFICATE_LIFE = timedelta(days=90)
SKEW = timedelta(hours=1)  # by which a client's clock may be wrong
ROOT = "root.pem"


def issue_internal(store: Store, site: str, domains: tuple[str, ...]) -> str:
    """Return key and chain for `domains` and this machine's own names, in PEM."""
    now = datetime.now(UTC)
    signer = stored_key(store, "authority.pem")
    root = kept_root(store, signer, now)
    if root is None:
        root = x509.make_authority(signer, f"{site} local authority", now - SKEW, now + AUTHORITY_LIFE)
        store.write(ROOT, root.encode())
    key = generate_key()
    names = tuple(dict.fromkeys((*domains, *LOCAL_NAMES)))
    certificate = x509.make_certificate(key, names, (signer, root), now - SKEW, now + CERTIFICATE_LIFE)
    return key_to_pem(key).decode() + certificate


def kept_root(store: Store, signer: PrivateKey, now: datetime) -> str | None:
    """Return the authority's certificate in PEM; None if a new one is needed, above all if it is for another key."""
    try:
        root = certificates.load_pem_x509_certificate(store.read(ROOT) or b"")
        fits = root.public_key() == signer.public_key() and root.not_valid_before_utc <= now
    except x509.UNREADABLE:
        return None
    is_lasting = root.not_valid_after_utc - CERTIFICATE_LIFE > now
    return x509.to_pem(root) if fits and is_lasting else None
