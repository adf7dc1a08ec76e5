"""The certificates of certificate authorities are found."""

import os
from pathlib import Path

import pytest

from djbundle.runtime.core import authorities
from djbundle.runtime.core.authorities import FILE_VARIABLE, FOLDER_VARIABLE, find_authorities

PEM = "# Some Authority\n-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let a folder stand for the root of the file system."""
    for name in (FILE_VARIABLE, FOLDER_VARIABLE):
        monkeypatch.setenv(name, "")  # so that monkeypatch restores it
        monkeypatch.delenv(name)
    for name in ("FILES", "FOLDERS"):
        monkeypatch.setattr(authorities, name, tuple(f"{tmp_path}{each}" for each in getattr(authorities, name)))
    return tmp_path


def write(path: Path, text: str = PEM) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def find(machine: Path) -> tuple[str | None, str | None]:
    """Return both variables afterwards. The machine's OpenSSL looks in /usr/lib/ssl."""
    find_authorities(f"{machine}/usr/lib/ssl/cert.pem", f"{machine}/usr/lib/ssl/certs", "carried")
    return os.environ.get(FILE_VARIABLE), os.environ.get(FOLDER_VARIABLE)


def test_nothing_is_there(machine: Path) -> None:
    assert find(machine) == ("carried", None)


def test_openssl_finds_them_itself(machine: Path) -> None:
    write(machine / "etc/ssl/cert.pem")
    write(machine / "usr/lib/ssl/certs/0123abcd.0")
    assert find(machine) == (None, None)


@pytest.mark.parametrize("text", ["", "nothing", "-----BEGIN PRIVATE KEY-----\n"])
def test_file_without_a_certificate_is_none(machine: Path, text: str) -> None:
    write(machine / "etc/ssl/cert.pem", text)
    write(machine / "etc/ssl/certs/README", text)
    assert find(machine) == ("carried", None)


def test_folder_and_file(machine: Path) -> None:
    """Some systems have only their own certificates in the folder, others have all."""
    folder = write(machine / "etc/ssl/certs/0123abcd.0").parent
    file = write(machine / "etc/pki/tls/certs/ca-bundle.crt", PEM.replace(" CERT", " TRUSTED CERT"))
    assert find(machine) == (str(file), str(folder))


@pytest.mark.parametrize("name", [FILE_VARIABLE, FOLDER_VARIABLE])
def test_what_somebody_has_named_stays(machine: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write(machine / "etc/ssl/cert.pem")
    monkeypatch.setenv(name, "/mine")
    assert set(find(machine)) == {"/mine", None}


def test_links_that_lead_nowhere_are_no_certificates(machine: Path) -> None:
    file = write(machine / "etc/ssl/certs/ca-certificates.crt")
    file.with_name("0123abcd.0").symlink_to(machine / "usr/share/ca-certificates/some.crt")
    (machine / "usr/lib/ssl").mkdir(parents=True)
    (machine / "usr/lib/ssl/certs").symlink_to(file.parent)
    assert find(machine) == (str(file), None)


@pytest.mark.parametrize("name", [FILE_VARIABLE, FOLDER_VARIABLE])
def test_an_empty_variable_names_nothing(machine: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "")
    assert find(machine) == ("carried", None)
    write(machine / "usr/lib/ssl/certs/0123abcd.0")
    for each in (FILE_VARIABLE, FOLDER_VARIABLE):
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv(name, "")
    assert find(machine) == (None, None)
