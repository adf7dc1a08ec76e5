"""Certificates and requests for them (RFC 5280, RFC 2986): written for P-256 keys, read from any authority."""

import hashlib
import ipaddress
import secrets
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from djbundle.runtime.openssl import PrivateKey
from djbundle.runtime.tls import der

ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2"
COMMON_NAME = "2.5.4.3"
EXTENSION_REQUEST = "1.2.840.113549.1.9.14"
SUBJECT_ALTERNATIVE_NAME, BASIC_CONSTRAINTS = "2.5.29.17", "2.5.29.19"
SUBJECT_KEY, AUTHORITY_KEY = "2.5.29.14", "2.5.29.35"
KEY_USAGE, EXTENDED_KEY_USAGE, SERVER_AUTHENTICATION = "2.5.29.15", "2.5.29.37", "1.3.6.1.5.5.7.3.1"
DNS_NAME, IP_ADDRESS = 2, 7  # GeneralName
CERT_SIGN = b"\x03\x02\x01\x06"  # keyCertSign and cRLSign
DIGITAL_SIGNATURE = b"\x03\x02\x07\x80"
END_OF_CERTIFICATE = "-----END CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class Certificate:
    """What must be known of one: when it is valid and for whom."""

    begins: datetime
    ends: datetime
    names: frozenset[str]  # domains in lower case, and addresses

    @classmethod
    def from_pem(cls, pem: str) -> Self:
        """Of the first one in a chain. Raises ValueError for what is none."""
        start = pem.find("-----BEGIN CERTIFICATE-----")
        end = pem.find(END_OF_CERTIFICATE, start)
        if start < 0 or end < 0:
            raise ValueError("no certificate")
        return cls.from_der(ssl.PEM_cert_to_DER_cert(pem[start : end + len(END_OF_CERTIFICATE)]))

    @classmethod
    def from_der(cls, data: bytes) -> Self:
        try:
            body = der.children(der.children(next(der.read(data)))[0])
            fields = body[1:] if body[0].tag == 0xA0 else body  # behind the version
            begins, ends = map(_read_time, der.children(fields[3]))
            extensions = next((der.children(field) for field in fields if field.tag == 0xA3), [])
            return cls(begins, ends, _read_names(extensions))
        except (IndexError, StopIteration) as error:
            raise ValueError("not a certificate") from error


def _read_time(element: der.Element) -> datetime:
    digits = element.content.decode("ascii")
    if element.tag == der.UTC_TIME:  # of 1950 to 2049
        digits = ("19" if digits >= "50" else "20") + digits
    return datetime.strptime(digits, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _read_names(extensions: list[der.Element]) -> frozenset[str]:
    wanted = next(der.read(der.object_identifier(SUBJECT_ALTERNATIVE_NAME))).content
    names = set()
    for extension in der.children(extensions[0]) if extensions else []:
        identifier, *_, value = der.children(extension)
        if identifier.content == wanted:
            for name in der.children(next(der.read(value.content))):
                if name.tag == 0x80 | DNS_NAME:
                    names.add(name.content.decode("ascii").lower())
                elif name.tag == 0x80 | IP_ADDRESS:
                    names.add(str(ipaddress.ip_address(name.content)))
    return frozenset(names)


def make_request(key: PrivateKey, names: Sequence[str]) -> bytes:
    """A certificate signing request in DER, with the names where they belong today: not in the subject."""
    extensions = der.sequence(_alternative_names(names))
    attribute = der.sequence(der.object_identifier(EXTENSION_REQUEST), der.encode(der.SET, extensions))
    return _signed(key, der.sequence(der.integer(0), der.sequence(), key.public_der(), der.context(0, attribute)))


def make_authority(key: PrivateKey, title: str, begins: datetime, ends: datetime) -> str:
    """A certificate that signs itself and may sign others; PEM."""
    constraints = _extension(BASIC_CONSTRAINTS, der.sequence(der.BOOLEAN_TRUE), critical=True)
    usage = _extension(KEY_USAGE, CERT_SIGN, critical=True)
    return _certificate(key, key, (title, title), (begins, ends), [constraints, usage])


def make_certificate(
    key: PrivateKey, names: Sequence[str], authority: tuple[PrivateKey, str], begins: datetime, ends: datetime
) -> str:
    """A certificate for `names` by `authority`, its key and title; PEM."""
    signer, title = authority
    extensions = [
        _extension(KEY_USAGE, DIGITAL_SIGNATURE, critical=True),
        _extension(EXTENDED_KEY_USAGE, der.sequence(der.object_identifier(SERVER_AUTHENTICATION))),
        _alternative_names(names),
    ]
    return _certificate(key, signer, (title, names[0]), (begins, ends), extensions)


def _certificate(
    key: PrivateKey,
    signer: PrivateKey,
    titles: tuple[str, str],
    validity: tuple[datetime, datetime],
    extensions: Sequence[bytes],
) -> str:
    issuer, subject = map(_name, titles)
    body = der.sequence(
        der.context(0, der.integer(2)),  # version 3
        der.integer(secrets.randbits(127) + 1),
        der.sequence(der.object_identifier(ECDSA_WITH_SHA256)),
        issuer,
        der.sequence(*map(_time, validity)),
        subject,
        key.public_der(),
        der.context(3, der.sequence(*extensions, *_key_identifiers(key, signer))),
    )
    return ssl.DER_cert_to_PEM_cert(_signed(signer, body))


def _key_identifiers(key: PrivateKey, signer: PrivateKey) -> tuple[bytes, bytes]:
    """By which a chain is put together; Python itself refuses certificates without them."""
    own, other = (hashlib.sha1(b"\x04" + b"".join(each.public_point())).digest() for each in (key, signer))  # noqa: S324
    subject = _extension(SUBJECT_KEY, der.encode(der.OCTET_STRING, own))
    return subject, _extension(AUTHORITY_KEY, der.sequence(der.context(0, other, constructed=False)))


def _signed(key: PrivateKey, body: bytes) -> bytes:
    algorithm = der.sequence(der.object_identifier(ECDSA_WITH_SHA256))
    return der.sequence(body, algorithm, der.bits(key.sign(body)))


def _name(common: str) -> bytes:
    attribute = der.sequence(der.object_identifier(COMMON_NAME), der.encode(der.UTF8_STRING, common.encode()))
    return der.sequence(der.encode(der.SET, attribute))


def _time(moment: datetime) -> bytes:
    if moment.year < 2050:
        return der.encode(der.UTC_TIME, f"{moment:%y%m%d%H%M%SZ}".encode())
    return der.encode(der.GENERALIZED_TIME, f"{moment:%Y%m%d%H%M%SZ}".encode())


def _alternative_names(names: Sequence[str]) -> bytes:
    return _extension(SUBJECT_ALTERNATIVE_NAME, der.sequence(*map(_general_name, names)))


def _general_name(name: str) -> bytes:
    try:
        return der.context(IP_ADDRESS, ipaddress.ip_address(name).packed, constructed=False)
    except ValueError:
        return der.context(DNS_NAME, name.encode("ascii"), constructed=False)


def _extension(identifier: str, value: bytes, *, critical: bool = False) -> bytes:
    flag = [der.BOOLEAN_TRUE] if critical else []
    return der.sequence(der.object_identifier(identifier), *flag, der.encode(der.OCTET_STRING, value))
