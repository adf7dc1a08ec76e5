"""A client of certificate authorities: ACME (RFC 8555) with the HTTP-01 challenge, one method for each resource."""

import http.client
import json
import random
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from djbundle.runtime.openssl import PrivateKey
from djbundle.runtime.tls import jose, x509

ATTEMPTS = 20  # of one request whose nonce is refused
TIMEOUT = 30.0  # seconds for one answer
PATIENCE = 300.0  # seconds for the authority to look at a challenge, and to issue
POLL = (1.0, 10.0)  # seconds between looks: the first, the longest
BAD_NONCE = "urn:ietf:params:acme:error:badNonce"
PROBLEM_PREFIX = "urn:ietf:params:acme:error:"
PASSING = (BAD_NONCE, PROBLEM_PREFIX + "serverInternal")  # troubles of the authority, which say nothing of our order


class AcmeError(Exception):
    """What the authority said, in one line."""

    def __init__(self, message: str, *, kind: str = "", retry_after: float = 0.0, unreachable: bool = False) -> None:
        super().__init__(" ".join(message.split()))
        self.kind = kind
        self.retry_after = retry_after  # seconds; 0: not told
        self.passing = unreachable or kind in PASSING  # it is no answer to what we asked for


@dataclass(frozen=True, slots=True)
class ExternalAccount:
    """What an authority with accounts of its own hands out (ZeroSSL, Google, Sectigo)."""

    identifier: str
    secret: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)  # type: ignore[no-any-return]

    @property
    def location(self) -> str:
        return self.headers.get("Location") or ""


Publish = Callable[[str, str], None]  # token, content


class Client:
    """One account with one authority. Certificates of the authority's own server are checked as Python does it."""

    def __init__(self, directory: str, key: PrivateKey, user_agent: str) -> None:
        self.directory_url = directory
        self.key = key
        self.user_agent = user_agent
        self.account = ""  # its URL, once it is known
        self.nonce = ""

    def register(self, email: str | None, external: ExternalAccount | None) -> None:
        """Make the account, or find it by its key."""
        self.directory: dict[str, Any] = self.request("GET", self.directory_url).json
        if self.directory.get("meta", {}).get("externalAccountRequired") and external is None:
            raise AcmeError("this authority wants an external account: --acme-eab-kid and --acme-eab-hmac-key")
        url = self.directory["newAccount"]
        payload: dict[str, Any] = {"termsOfServiceAgreed": True}
        if email:
            payload["contact"] = [f"mailto:{email}"]
        if external:
            payload["externalAccountBinding"] = jose.bind_account(self.key, external.identifier, external.secret, url)
        self.account = self.post(url, payload).location

    def issue(self, names: Sequence[str], key: PrivateKey, publish: Publish) -> str:
        """Get a certificate for `names`; the chain in PEM, the site's own first."""
        identifiers = [{"type": "dns", "value": name} for name in names]
        order = self.post(self.directory["newOrder"], {"identifiers": identifiers})
        for authorization in order.json["authorizations"]:
            self.authorize(authorization, publish)
        self.wait_for(order.location, "ready")
        self.post(order.json["finalize"], {"csr": jose.base64url(x509.make_request(key, names))})
        issued = self.wait_for(order.location, "valid")
        return self.post(issued["certificate"], None).body.decode("ascii")

    def authorize(self, url: str, publish: Publish) -> None:
        """Prove that one name is ours."""
        authorization = self.post(url, None).json
        if authorization["status"] == "valid":
            return
        offered = {challenge["type"]: challenge for challenge in authorization["challenges"]}
        if "http-01" not in offered:
            raise AcmeError(f"{authorization['identifier']['value']}: the authority offers no http-01 challenge")
        challenge = offered["http-01"]
        publish(challenge["token"], f"{challenge['token']}.{jose.thumbprint(self.key)}")
        self.post(challenge["url"], {})
        self.wait_for(url, "valid")

    def wait_for(self, url: str, status: str) -> dict[str, Any]:
        """Look at an order or authorization until it is `status`, or has got beyond."""
        pause, longest = POLL
        end = time.monotonic() + PATIENCE
        while True:
            answer = self.post(url, None)
            found = answer.json
            if found["status"] in (status, "valid"):
                return found
            if found["status"] not in ("pending", "processing", "ready"):
                raise refusal(found)
            if time.monotonic() > end:
                raise AcmeError(f"the authority still says {found['status']} after {PATIENCE:.0f} s")
            time.sleep(min(retry_after(answer.headers) or pause, longest))
            pause = min(pause * 1.5, longest)

    def post(self, url: str, payload: Mapping[str, Any] | None) -> Answer:
        """One signed request; tried again when the authority has forgotten our nonce, as it may."""
        owner = {"kid": self.account} if self.account else {"jwk": jose.public_key(self.key)}
        for attempt in range(ATTEMPTS):
            header = owner | {"nonce": self.take_nonce(), "url": url}
            try:
                return self.request("POST", url, json.dumps(jose.sign(self.key, header, payload)).encode())
            except AcmeError as error:
                if error.kind != BAD_NONCE or attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError

    def take_nonce(self) -> str:
        if not self.nonce:
            self.request("HEAD", self.directory["newNonce"])
        nonce, self.nonce = self.nonce, ""
        return nonce

    def request(self, method: str, url: str, body: bytes | None = None) -> Answer:
        """One exchange. Raises AcmeError for a problem, and for an authority that cannot be reached."""
        if not url.startswith("https://"):
            raise AcmeError(f"{url} is not https")
        headers = {"Content-Type": "application/jose+json", "User-Agent": self.user_agent}
        request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310 - https, see above
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as response:  # noqa: S310
                answer = Answer(response.headers, response.read())
        except urllib.error.HTTPError as error:
            self.nonce = error.headers.get("Replay-Nonce") or ""
            raise problem(error) from error
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise AcmeError(f"cannot reach {url}: {reason}", unreachable=True) from error
        self.nonce = answer.headers.get("Replay-Nonce") or ""
        return answer


def problem(error: urllib.error.HTTPError) -> AcmeError:
    """An error as the authority words it (RFC 7807)."""
    try:
        said = json.loads(error.read())
        kind = str(said["type"])
        detail = "; ".join(str(item.get("detail")) for item in (said, *said.get("subproblems", [])))
    except (ValueError, KeyError, TypeError, AttributeError):
        kind, detail = "", f"{error.url} answers {error.code}"
    return AcmeError(
        f"{detail} ({kind.removeprefix(PROBLEM_PREFIX)})" if kind else detail,
        kind=kind,
        retry_after=retry_after(dict(error.headers)),
    )


def refusal(resource: dict[str, Any]) -> AcmeError:
    """Why an order or authorization has failed."""
    name = resource.get("identifier", {}).get("value", "")
    errors = [resource.get("error"), *(challenge.get("error") for challenge in resource.get("challenges", []))]
    details = [str(error["detail"]) for error in errors if error and "detail" in error]
    return AcmeError(f"{name}: " * bool(name) + ("; ".join(details) or f"the order is {resource['status']}"))


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that the authority asks us to wait; 0 when it does not."""
    value = headers.get("Retry-After") or ""
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return 0.0


def jittered(seconds: float) -> float:
    """A tenth more or less, so that sites started together do not come together."""
    return seconds * random.uniform(0.9, 1.1)  # noqa: S311 - no secret
