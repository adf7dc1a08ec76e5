"""A client of certificate authorities: ACME (RFC 8555) with the HTTP-01 challenge, one method for each resource.

The authority's responses are not trusted: each member is checked when it is read (exchange.py), and the certificate is
checked before it is used (chain.py). josepy does the signing (jose.py).
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from djbundle.runtime.tls import jose, x509
from djbundle.runtime.tls.exchange import BAD_NONCE, AcmeError, Exchange, ProblemError, Resource, Response, retry_after
from djbundle.runtime.tls.keys import PrivateKey

ATTEMPTS = 20  # at one request whose nonce is rejected
ORDER_TIMEOUT = 300.0  # seconds for the authority to check a challenge, and to issue
POLL_INTERVALS = (1.0, 10.0)  # seconds between polls: the first, the longest
MAX_CLOCK_SKEW = 3600.0  # seconds; beyond that a new certificate would seem expired, or not yet valid
UNFINISHED = ("pending", "processing", "ready")  # status of orders and authorizations

Publish = Callable[[str, str], None]  # token, content


@dataclass(frozen=True, slots=True)
class ExternalAccount:
    """The credentials for an authority that has its own accounts (ZeroSSL, Google, Sectigo)."""

    identifier: str
    secret: bytes


class AcmeClient:
    """One account with one authority."""

    def __init__(self, directory: str, key: PrivateKey, user_agent: str) -> None:
        self.directory_url = directory
        self.key = key
        self.exchange = Exchange(user_agent)
        self.account = ""  # its URL, once it is known
        self.nonce = ""

    def register(self, email: str | None, external: ExternalAccount | None) -> None:
        """Create the account, or find it by its key."""
        response = self.exchange.request("GET", self.directory_url)
        self.directory = response.resource()
        check_clock(response.headers)
        for name in ("newAccount", "newNonce", "newOrder"):
            self.directory.link(name)
        meta = self.directory.members.get("meta")
        if isinstance(meta, dict) and meta.get("externalAccountRequired") and external is None:
            raise AcmeError("this authority wants an external account: --acme-eab-kid and --acme-eab-hmac-key")
        url = self.directory.link("newAccount")
        payload: dict[str, Any] = {"termsOfServiceAgreed": True}
        if email:
            payload["contact"] = [f"mailto:{email}"]
        if external:
            payload["externalAccountBinding"] = jose.bind_account(self.key, external.identifier, external.secret, url)
        self.account = self.post(url, payload).location

    def issue(self, names: Sequence[str], key: PrivateKey, publish: Publish) -> bytes:
        """Order a certificate for `names`; return the chain as the authority sends it, the site's certificate first."""
        identifiers = [{"type": "dns", "value": name} for name in names]
        response = self.post(self.directory.link("newOrder"), {"identifiers": identifiers})
        order, url = response.resource(), response.location
        authorizations = order.texts("authorizations")
        if len(authorizations) > len(names):
            raise AcmeError(f"the authority wants {len(authorizations)} proofs for {len(names)} names")
        for authorization in authorizations:
            self.authorize(authorization, names, publish)
        self.wait_for(url, "ready")
        self.post(order.link("finalize"), {"csr": jose.base64url(x509.make_request(key, names))})
        return self.post(self.wait_for(url, "valid").link("certificate"), None).body

    def authorize(self, url: str, names: Sequence[str], publish: Publish) -> None:
        """Prove that we control one name."""
        authorization = self.post(url, None).resource()
        name = authorization.inner("identifier").text("value")
        if name not in names:
            raise AcmeError(f"the authority wants a proof for {name}, which was not asked for")
        if authorization.text("status") == "valid":
            return
        challenges = {each.text("type"): each for each in authorization.list_of("challenges")}
        if "http-01" not in challenges:
            raise AcmeError(f"{name}: the authority offers no http-01 challenge")
        token = challenges["http-01"].text("token")
        publish(token, f"{token}.{jose.thumbprint(self.key)}")
        self.post(challenges["http-01"].link("url"), {})
        self.wait_for(url, "valid")

    def wait_for(self, url: str, status: str) -> Resource:
        """Poll an order or authorization until it has this status, or has passed it; return it."""
        pause, longest = POLL_INTERVALS
        deadline = time.monotonic() + ORDER_TIMEOUT
        while True:
            response = self.post(url, None)
            resource = response.resource()
            current = resource.text("status")
            if current in (status, "valid"):
                return resource
            if current not in UNFINISHED:
                raise order_error(resource)
            if time.monotonic() > deadline:
                raise AcmeError(f"the authority still says {current} after {ORDER_TIMEOUT:.0f} s")
            time.sleep(min(retry_after(response.headers) or pause, longest))
            pause = min(pause * 1.5, longest)

    def post(self, url: str, payload: Mapping[str, Any] | None) -> Response:
        """Send one signed request. Try again if the authority rejects our nonce, which it may have forgotten."""
        owner = {"kid": self.account} if self.account else {}
        for attempt in range(ATTEMPTS):
            header = owner | {"nonce": self.take_nonce(), "url": url}
            body = json.dumps(jose.sign(self.key, header, payload)).encode()
            try:
                response = self.exchange.request("POST", url, body)
            except ProblemError as problem:
                self.keep_nonce(problem.response)
                if problem.kind != BAD_NONCE or attempt == ATTEMPTS - 1:
                    raise
            else:
                self.keep_nonce(response)
                return response
        raise AssertionError

    def take_nonce(self) -> str:
        if not self.nonce:
            self.keep_nonce(self.exchange.request("HEAD", self.directory.link("newNonce")))
        if not self.nonce:
            raise AcmeError("the authority hands out no nonce")
        nonce, self.nonce = self.nonce, ""
        return nonce

    def keep_nonce(self, response: Response) -> None:
        self.nonce = response.headers.get("replay-nonce", "")


def check_clock(headers: Mapping[str, str]) -> None:
    """Raise AcmeError if our clock is wrong: each new certificate would seem expired, so none is ordered."""
    try:
        server_time = parsedate_to_datetime(headers.get("date", "")).timestamp()
    except (ValueError, TypeError, OverflowError):
        return
    if abs(skew := time.time() - server_time) > MAX_CLOCK_SKEW:
        where = "ahead of" if skew > 0 else "behind"
        raise AcmeError(f"the clock of this machine is {abs(skew) / 3600:.0f} h {where} the authority's: set it")


def order_error(resource: Resource) -> AcmeError:
    """Return an error that says why an order or authorization has failed."""
    members = resource.members
    inner = members.get("identifier")
    name = str(inner.get("value", "")) if isinstance(inner, dict) else ""
    challenges = resource.list_of("challenges") if "challenges" in members else []
    errors = [members.get("error"), *(challenge.members.get("error") for challenge in challenges)]
    details = [str(error["detail"]) for error in errors if isinstance(error, dict) and "detail" in error]
    return AcmeError(f"{name}: " * bool(name) + ("; ".join(details) or f"the order is {members['status']}"))
