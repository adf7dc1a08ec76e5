"""The local authority of ``--tls internal``: no stranger trusts it, whoever tests can."""

from datetime import UTC, datetime, timedelta

from djbundle.runtime.openssl import PrivateKey
from djbundle.runtime.tls import x509
from djbundle.runtime.tls.store import Store, read_certificate

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
AUTHORITY_LIFE = timedelta(days=3650)
CERTIFICATE_LIFE = timedelta(days=90)
SKEW = timedelta(hours=1)  # of a client's clock


def issue_internal(store: Store, site: str, domains: tuple[str, ...]) -> str:
    """Key and chain for `domains` and this machine's own names; PEM."""
    title = f"{site} local authority"
    now = datetime.now(UTC)
    signer = store.key("authority.pem")
    root = store.folder / "root.pem"
    found = read_certificate(root)
    if found is None or found.ends - CERTIFICATE_LIFE < now:
        store.write(root, x509.make_authority(signer, title, now - SKEW, now + AUTHORITY_LIFE).encode())
    key = PrivateKey.generate()
    names = tuple(dict.fromkeys((*domains, *LOCAL_NAMES)))
    certificate = x509.make_certificate(key, names, (signer, title), now - SKEW, now + CERTIFICATE_LIFE)
    return key.to_pem().decode() + certificate
