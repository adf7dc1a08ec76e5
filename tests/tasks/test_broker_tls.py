"""No password goes to a server whose certificate is not valid for the host in the URL."""

import datetime
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from djbundle.common.broker_url import BrokerUrl
from djbundle.tasks.engine import broker as broker_module
from djbundle.tasks.engine.broker import Broker

SCHEMES = ["rediss", "valkeys", "amqps"]


class TlsServer:
    """Notes what a client sends after the handshake, and hangs up."""

    def __init__(self, folder: Path, host: str) -> None:
        self.certificate, key_file = folder / "cert.pem", folder / "key.pem"
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        builder = builder.serial_number(1).not_valid_before(now - datetime.timedelta(days=1))
        builder = builder.not_valid_after(now + datetime.timedelta(days=1))
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        self.certificate.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.certificate, key_file)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.received = b""
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
                with client, self.context.wrap_socket(client, server_side=True) as secured:
                    secured.settimeout(5)
                    self.received += secured.recv(4096)
            except (OSError, ValueError):
                if self.listener.fileno() < 0:
                    return


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[TlsServer]:
    server = TlsServer(tmp_path, request.param)
    yield server
    server.listener.close()


def received(server: TlsServer, scheme: str, query: str, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Return what the server gets when a message is sent to it."""
    monkeypatch.setattr(broker_module, "CONNECT_TIMEOUT", 2.0)
    broker = Broker(BrokerUrl.parse(f"{scheme}://user:SECRET@localhost:{server.port}/?{query}"))
    with pytest.raises(broker.errors):
        broker.publish("default", [1])
    broker.close()
    return server.received


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("server", ["localhost"], indirect=True)
def test_an_unknown_authority_is_refused(server: TlsServer, scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not received(server, scheme, "", monkeypatch)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("server", ["other.example"], indirect=True)
def test_a_certificate_of_another_host_is_refused(
    server: TlsServer, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not received(server, scheme, f"ssl_ca_certs={server.certificate}", monkeypatch)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("server", "query"), [("localhost", ""), ("other.example", "none")], indirect=["server"])
def test_a_valid_one_is_accepted_and_any_on_demand(
    server: TlsServer, scheme: str, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = "ssl_cert_reqs=none" if query else f"ssl_ca_certs={server.certificate}"
    assert received(server, scheme, checks, monkeypatch)
