"""Checks that an authority has sent the certificate that was ordered, before it replaces a good one."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from djbundle.runtime.tls.keys import PrivateKey
from djbundle.runtime.tls.x509 import UNREADABLE, read_names, to_pem

BEGIN, END = b"-----BEGIN ", b"-----END "
CERTIFICATE = b"CERTIFICATE-----"
MAX_CHAIN_LENGTH = 10  # certificates
SHOWN = 5  # names


class ChainError(Exception):
    """The reason why a chain is unusable, in one line."""


def check_chain(pem: bytes, key: PrivateKey, names: Sequence[str], now: datetime) -> str:
    """Return the chain in PEM, and nothing else. Raise ChainError if a site with `key` cannot use it.

    Whether clients trust the last issuer is not checked: that is between them and the authority.
    """
    chain = _parse(pem)
    leaf = chain[0]
    if _public(leaf) != key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo):
        raise ChainError("the certificate is for another key")
    try:
        if missing := sorted(set(names) - read_names(leaf)):
            raise ChainError(f"the certificate is not for {', '.join(missing[:SHOWN])}")
        _check_purpose(leaf)
        for certificate in chain:
            _check_dates(certificate, now)
        for certificate, issuer in pairwise(chain):
            _check_issued(certificate, issuer)
    except UNREADABLE as error:
        raise ChainError(f"the certificate is malformed: {error}") from error
    return "".join(map(to_pem, chain))


def _parse(pem: bytes) -> list[x509.Certificate]:
    """Return the certificates. Each block must be complete, and a certificate: a truncated chain is an error."""
    begun, ended = pem.count(BEGIN), pem.count(END)
    if not begun or begun != ended or begun != pem.count(BEGIN + CERTIFICATE):
        raise ChainError("the answer is not a whole chain of certificates")
    if begun > MAX_CHAIN_LENGTH:
        raise ChainError(f"the chain has {begun} certificates")
    try:
        chain = x509.load_pem_x509_certificates(pem)
    except UNREADABLE as error:
        raise ChainError("the answer is not a whole chain of certificates") from error
    if len(chain) != begun:
        raise ChainError("the answer is not a whole chain of certificates")
    if len(chain) == 1:
        raise ChainError("the chain lacks the issuer of the certificate")
    return chain


def _public(certificate: x509.Certificate) -> bytes:
    try:
        return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except UNREADABLE as error:
        raise ChainError("the key of a certificate cannot be read") from error


def _check_purpose(leaf: x509.Certificate) -> None:
    if _may_issue(leaf):
        raise ChainError("the certificate is an authority's")
    try:
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(usage):
        raise ChainError("the certificate is not for servers")


def _may_issue(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _check_dates(certificate: x509.Certificate, now: datetime) -> None:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not begins <= now < ends:
        raise ChainError(
            f"a certificate is valid from {begins:%Y-%m-%d %H:%M} to {ends:%Y-%m-%d %H:%M} UTC, and the clock says "
            f"{now:%Y-%m-%d %H:%M}"
        )


def _check_issued(certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    if not _may_issue(issuer):
        raise ChainError("a certificate of the chain was issued by one that may not")
    try:
        certificate.verify_directly_issued_by(issuer)
    except (*UNREADABLE, InvalidSignature) as error:
        raise ChainError("the chain does not lead from the certificate to its issuer") from error
