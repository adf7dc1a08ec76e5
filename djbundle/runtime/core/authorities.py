"""The certificate authorities that a bundle trusts: those of the machine it runs on, wherever that machine keeps them.

OpenSSL looks in the folder of the machine that built Python: ``/usr/lib/ssl`` on Debian, which Fedora, Alpine and Arch
do not have. bootstrap.py calls `find_authorities` when ``ssl`` is imported, so this module imports few others.
"""

import os
import re

FILE, FOLDER = "SSL_CERT_FILE", "SSL_CERT_DIR"
# Where Go looks (crypto/x509, root_linux.go).
FILES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Gentoo, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/pki/tls/cacert.pem",  # OpenELEC
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # RHEL
    "/etc/ssl/cert.pem",  # Alpine
)
FOLDERS = ("/etc/ssl/certs", "/etc/pki/tls/certs")
HASHED = re.compile(r"[0-9a-f]{8}\.\d+")  # openssl-rehash(1); OpenSSL looks for no other name in a folder


def find_authorities(openssl_file: str, openssl_folder: str, carried: str) -> None:
    """Set the variables that name the authorities, for this process and its children, unless one is set already.

    `openssl_file` and `openssl_folder` are where OpenSSL looks by itself. If certificates are there, nothing is set:
    OpenSSL reads a folder only as needed, but reads a file for each connection. `carried` is the bundle's own file.
    """
    if FILE in os.environ or FOLDER in os.environ or has_file(openssl_file) or has_folder(openssl_folder):
        return
    file, folder = next(filter(has_file, FILES), None), next(filter(has_folder, FOLDERS), None)
    if folder:
        os.environ[FOLDER] = folder
    if file or not folder:
        os.environ[FILE] = file or carried


def has_file(path: str) -> bool:
    """Return whether the file at `path` contains a certificate."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib may not be loaded
            return any(b"-----BEGIN " in line and b"CERTIFICATE-----" in line for line in file)
    except OSError:
        return False


def has_folder(path: str) -> bool:
    try:
        return any(map(HASHED.fullmatch, os.listdir(path)))  # noqa: PTH208 - likewise
    except OSError:
        return False
