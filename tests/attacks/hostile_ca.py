"""A certificate authority on loopback that follows RFC 8555 until a test makes one of its pages faulty."""

import base64
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from cryptography import x509 as certificates
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from djbundle.runtime.tls import x509
from djbundle.runtime.tls.keys import PrivateKey, generate_key, key_to_pem

STEPS = ("dir", "nonce", "account", "order", "authorization", "challenge", "orders", "finalize", "certificate")
NOW = datetime.now(UTC)
DAY = timedelta(days=1)

Page = Callable[["Handler"], None]
Forge = Callable[["HostileCA", ec.EllipticCurvePublicKey, list[str]], bytes]


def issue(
    public: Any,
    names: Sequence[str],
    issuer: tuple[PrivateKey, certificates.Certificate],
    begins: datetime = NOW - DAY,
    ends: datetime = NOW + 89 * DAY,
    *extra: tuple[Any, bool],
) -> certificates.Certificate:
    """Return a certificate of any kind; `extra` are extensions, each with whether it is critical."""
    key, authority = issuer
    subject = certificates.Name([certificates.NameAttribute(NameOID.COMMON_NAME, names[0])])
    builder = certificates.CertificateBuilder(
        authority.subject, subject, public, certificates.random_serial_number(), begins, ends
    )
    alternatives = certificates.SubjectAlternativeName(map(certificates.DNSName, names))
    builder = builder.add_extension(alternatives, critical=False)
    for extension, critical in extra:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(key, hashes.SHA256())


def pem(*chain: certificates.Certificate) -> bytes:
    return b"".join(each.public_bytes(Encoding.PEM) for each in chain)


def new_authority(title: str, begins: datetime = NOW - DAY, ends: datetime = NOW + 3650 * DAY) -> Any:
    key = generate_key()
    made = x509.make_authority(key, title, begins, ends)
    return key, certificates.load_pem_x509_certificate(made.encode())


def honest(ca: "HostileCA", public: ec.EllipticCurvePublicKey, names: list[str]) -> bytes:
    return pem(issue(public, names, ca.issuer), ca.issuer[1])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    ca: "HostileCA"

    def setup(self) -> None:
        if "handshake" in self.ca.pages:
            self.ca.stopped.wait(60)
        self.request = self.ca.context.wrap_socket(self.request, server_side=True)
        super().setup()

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            self.request.close()

    def handle_request(self) -> None:
        self.payload = self.read_payload()
        step = self.path.strip("/").partition("/")[0]
        self.ca.steps.append(step)
        page = self.ca.pages.get(step)
        page(self) if page else getattr(self, step)()

    do_GET = do_HEAD = do_POST = handle_request  # noqa: N815

    def read_payload(self) -> dict[str, Any]:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        content = json.loads(body)["payload"] if body else ""
        text = base64.urlsafe_b64decode(content + "=" * (-len(content) % 4))
        return dict(json.loads(text)) if text else {}

    def send(self, content: Any, status: int = 200, **headers: str) -> None:
        """Send JSON, or bytes as they are; the nonce is new unless the test sets one."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        headers = {"Replay_Nonce": "bm9uY2U", "Content_Length": str(len(body)), **headers}
        for name, value in headers.items():
            if value:
                self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    # --- the honest pages ---

    def dir(self) -> None:
        self.send(self.ca.directory_page())

    def nonce(self) -> None:
        self.send(b"")

    def account(self) -> None:
        self.send({"status": "valid"}, 201, Location=f"{self.ca.url}/accounts/1")

    def order(self) -> None:
        self.ca.names = [each["value"] for each in self.payload["identifiers"]]
        self.ca.proven, self.ca.request = 0, b""
        self.send(self.ca.order_page("pending"), 201, Location=f"{self.ca.url}/orders/1")

    def authorization(self) -> None:
        number = int(self.path.rpartition("/")[2])
        status = "valid" if number < self.ca.proven else "pending"
        self.send(self.ca.authorization_page(number, status))

    def challenge(self) -> None:
        self.ca.proven += 1
        self.send({"status": "processing", "type": "http-01"})

    def orders(self) -> None:
        self.send(self.ca.order_page("valid" if self.ca.request else "ready"))

    def finalize(self) -> None:
        text = self.payload["csr"]
        self.ca.request = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        self.send(self.ca.order_page("processing"))

    def certificate(self) -> None:
        request = certificates.load_der_x509_csr(self.ca.request)
        self.send(self.ca.forge(self.ca, request.public_key(), self.ca.names))  # type: ignore[arg-type]

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Ignore errors: the client under attack may hang up."""


class HostileCA:
    """A hostile authority; it answers while the context manager is open. `steps` lists the steps in order."""

    def __init__(self, folder: Path) -> None:
        self.root, self.issuer = new_authority("root"), new_authority("issuer")
        self.pages: dict[str, Page] = {}
        self.forge: Forge = honest
        self.steps: list[str] = []
        self.names: list[str] = []
        self.request, self.proven = b"", 0
        self.stopped = threading.Event()
        self.trusted, own = folder / "trusted.pem", folder / "server.pem"
        key = generate_key()
        root = pem(self.root[1]).decode()
        self.trusted.write_text(root)
        site = x509.make_certificate(key, ["localhost"], (self.root[0], root), NOW - DAY, NOW + DAY)
        own.write_bytes(key_to_pem(key) + site.encode())
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(own)

    def __enter__(self) -> Self:
        handler = type("OwnHandler", (Handler,), {"ca": self})
        self.server = Server(("127.0.0.1", 0), handler)
        self.url = f"https://localhost:{self.server.server_address[1]}"
        self.directory = f"{self.url}/dir"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self.server.shutdown()
        self.server.server_close()

    def directory_page(self) -> dict[str, Any]:
        return {f"new{name.capitalize()}": f"{self.url}/{name}" for name in ("nonce", "account", "order")}

    def order_page(self, status: str) -> dict[str, Any]:
        authorizations = [f"{self.url}/authorization/{number}" for number in range(len(self.names))]
        links = {"finalize": f"{self.url}/finalize", "certificate": f"{self.url}/certificate"}
        return {"status": status, "authorizations": authorizations, **links}

    def authorization_page(self, number: int, status: str) -> dict[str, Any]:
        challenge = {"type": "http-01", "url": f"{self.url}/challenge/{number}", "token": "token", "status": status}
        identifier = {"type": "dns", "value": self.names[number]}
        return {"status": status, "identifier": identifier, "challenges": [challenge]}


# --- faults that any page may have ---


def silence(handler: Handler) -> None:
    handler.ca.stopped.wait(60)


def slow_head(handler: Handler) -> None:
    drip(handler, b"HTTP/1.1 200 OK\r\nX-Long: ")


def slow_body(handler: Handler) -> None:
    drip(handler, b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")


def drip(handler: Handler, beginning: bytes) -> None:
    """Send a byte now and then, so that no time limit of a single read is ever reached."""
    handler.wfile.write(beginning)
    while not handler.ca.stopped.wait(0.05):
        handler.wfile.write(b"x")


def endless(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while not handler.ca.stopped.is_set():
        handler.wfile.write(b"-----BEGIN CERTIFICATE-----\n" * 1000)


def html(handler: Handler) -> None:
    handler.send(b"<html><body>Welcome to the hotel's network</body></html>", Content_Type="text/html")


def cut_off(handler: Handler) -> None:
    """Send fewer bytes than the header promised."""
    handler.send(b'{"status": "valid"}', Content_Length="5000", Connection="close")
    handler.request.shutdown(socket.SHUT_RDWR)


def deep(handler: Handler) -> None:
    handler.send(b"[" * 500_000)


def bad_nonce(handler: Handler) -> None:
    handler.send({"type": "urn:ietf:params:acme:error:badNonce", "detail": "once more"}, 400)


def no_nonce(handler: Handler) -> None:
    handler.send(b"", Replay_Nonce="")


def leads_to(url: str, status: int = 302) -> Page:
    return lambda handler: handler.send(b"", status, Location=url)


def leads_to_itself(handler: Handler) -> None:
    time.sleep(0.01)
    handler.send(b"", 307, Location=handler.path)


def with_clock(moment: str) -> Page:
    def page(handler: Handler) -> None:
        handler.date_time_string = lambda *_: moment  # type: ignore[method-assign]
        handler.dir()

    return page


def with_members(method: str, *arguments: Any, without: str = "", **members: Any) -> Page:
    """Return the honest page without one member, or with other members."""

    def page(handler: Handler) -> None:
        content = getattr(handler.ca, method)(*arguments) | members
        content.pop(without, None)
        handler.send(content, 201, Location=f"{handler.ca.url}/orders/1")

    return page
