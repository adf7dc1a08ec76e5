"""Certificates and requests for them (RFC 5280, RFC 2986): written for P-256 keys, read from any authority."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from djbundle.runtime.tls.keys import PrivateKey, read_key

# The errors that cryptography raises for data that is damaged or no certificate. Some come only when a part is read.
UNREADABLE = (
    *(ValueError, TypeError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType),
    UnsupportedAlgorithm,
)
UNUSED = dict.fromkeys(
    ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"),
    False,
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """The facts that we need of a certificate: when it is valid, and for which names."""

    begins: datetime
    ends: datetime
    names: frozenset[str]  # domains in lower case, and addresses

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """Read the first certificate of a chain. Raise ValueError if there is none."""
        try:
            first = x509.load_pem_x509_certificate(pem)
            return cls(first.not_valid_before_utc, first.not_valid_after_utc, read_names(first))
        except UNREADABLE as error:
            raise ValueError("not a certificate") from error


def find_certificate(content: bytes | None) -> Certificate | None:
    """Return the first certificate of a file; None if there is none, or it cannot be read."""
    try:
        return Certificate.from_pem(content or b"")
    except ValueError:
        return None


def find_pair(content: bytes | None) -> Certificate | None:
    """Return the certificate of a file that also has its key; None if a server could not use it."""
    certificate = find_certificate(content)
    if content is None or certificate is None:
        return None
    try:
        fits = read_key(content).public_key() == x509.load_pem_x509_certificate(content).public_key()
    except UNREADABLE:
        return None
    return certificate if fits else None


def to_pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def read_names(certificate: x509.Certificate) -> frozenset[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return frozenset()
    domains = extension.value.get_values_for_type(x509.DNSName)
    addresses = extension.value.get_values_for_type(x509.IPAddress)
    return frozenset((*(name.lower() for name in domains), *map(str, addresses)))


def make_request(key: PrivateKey, names: Sequence[str]) -> bytes:
    """Return a certificate signing request in DER. Names belong in the alternative names today, not in the subject."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    request = builder.add_extension(_alternative_names(names), critical=False).sign(key, hashes.SHA256())
    return request.public_bytes(Encoding.DER)


def make_authority(key: PrivateKey, title: str, begins: datetime, ends: datetime) -> str:
    """Return a self-signed certificate that may sign others, in PEM."""
    constraints = x509.BasicConstraints(ca=True, path_length=None)
    usage = x509.KeyUsage(digital_signature=False, key_cert_sign=True, crl_sign=True, **UNUSED)
    builder = _builder(key, key, (_name(title), _name(title)), (begins, ends))
    builder = builder.add_extension(constraints, critical=True).add_extension(usage, critical=True)
    return _signed(builder, key)


def make_certificate(
    key: PrivateKey, names: Sequence[str], authority: tuple[PrivateKey, str], begins: datetime, ends: datetime
) -> str:
    """Return a certificate for `names`, in PEM, signed by `authority`: its key and its certificate."""
    signer, root = authority
    issuer = x509.load_pem_x509_certificate(root.encode()).subject
    usage = x509.KeyUsage(digital_signature=True, key_cert_sign=False, crl_sign=False, **UNUSED)
    builder = _builder(key, signer, (issuer, _name(names[0])), (begins, ends))
    builder = builder.add_extension(usage, critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return _signed(builder.add_extension(_alternative_names(names), critical=False), signer)


def _builder(
    key: PrivateKey, signer: PrivateKey, titles: tuple[x509.Name, x509.Name], validity: tuple[datetime, datetime]
) -> x509.CertificateBuilder:
    """Return what both kinds have in common, such as the key identifiers by which clients build a chain."""
    public, authority = key.public_key(), signer.public_key()
    builder = x509.CertificateBuilder(*titles, public, x509.random_serial_number(), *validity)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    return builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority), critical=False)


def _signed(builder: x509.CertificateBuilder, signer: PrivateKey) -> str:
    return to_pem(builder.sign(signer, hashes.SHA256()))


def _name(common: str) -> x509.Name:
    """Return a name, cut to the 64 characters of its field (RFC 5280). Clients use the alternative names instead."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common[:64])])


def _alternative_names(names: Sequence[str]) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName(map(_general_name, names))


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
