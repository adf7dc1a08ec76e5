"""The certificate authorities that a bundle trusts: those of the machine it runs on, wherever that machine keeps them.

OpenSSL looks in the folder of the machine that built Python: ``/usr/lib/ssl`` on Debian, which Fedora, Alpine and Arch
do not have. bootstrap.py calls `find_authorities` when ``ssl`` is imported, so this module imports few others.
"""

import os
import re

FILE_VARIABLE, FOLDER_VARIABLE = "SSL_CERT_FILE", "SSL_CERT_DIR"
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
HASHED_NAME = re.compile(r"[0-9a-f]{8}\.\d+")  # openssl-rehash(1); OpenSSL looks for no other name in a folder


def find_authorities(openssl_file: str, openssl_folder: str, bundled_file: str) -> None:
    """Set the variables that name the authorities, for this process and its children, unless one is set already.

    An empty variable names nothing, but OpenSSL would trust nobody then.
    `openssl_file` and `openssl_folder` are where OpenSSL looks by itself. If certificates are there, nothing is set:
    OpenSSL reads a folder only as needed, but reads a file for each connection. `bundled_file` is the bundle's own.
    """
    for name in (FILE_VARIABLE, FOLDER_VARIABLE):
        if os.environ.get(name) == "":
            del os.environ[name]
    if (
        FILE_VARIABLE in os.environ
        or FOLDER_VARIABLE in os.environ
        or is_certificate_file(openssl_file)
        or is_certificate_folder(openssl_folder)
    ):
        return
    file, folder = next(filter(is_certificate_file, FILES), None), next(filter(is_certificate_folder, FOLDERS), None)
    if folder:
        os.environ[FOLDER_VARIABLE] = folder
    if file or not folder:
        os.environ[FILE_VARIABLE] = file or bundled_file


def is_certificate_file(path: str) -> bool:
    """Return whether the file at `path` contains a certificate."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib may not be loaded
            return any(b"-----BEGIN " in line and b"CERTIFICATE-----" in line for line in file)
    except OSError:
        return False


def is_certificate_folder(path: str) -> bool:
    """Return whether OpenSSL finds a certificate in a folder.

    Its entries are links. They lead nowhere in a container to which only the folder was mounted.
    """
    try:
        return any(HASHED_NAME.fullmatch(name) and os.access(f"{path}/{name}", os.R_OK) for name in os.listdir(path))  # noqa: PTH208 - likewise
    except OSError:
        return False
