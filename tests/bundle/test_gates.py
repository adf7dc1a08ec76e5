"""A password before a staging site, and rates of requests that count for all its processes."""

import base64
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import CANARY, NewSite
from tests.support.customer import Customer
from tests.support.site import Site, bare_environment

PASSWORD = "grün & rot: ja"


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def line_for(site: Site, name: str, password: str) -> str:
    command = [str(site.bundle), "basic-auth", name]
    return subprocess.run(command, input=password, text=True, capture_output=True, check=True).stdout


def password_file(site: Site, folder: Path) -> Path:
    file = folder / "staging"
    file.touch(0o600)
    file.write_text("# of staging\n\n" + line_for(site, "ada", PASSWORD))
    return file


def test_a_password_for_pages_and_files(new_small: NewSite, tmp_path: Path) -> None:
    site = new_small()
    site.options = ("--basic-auth", str(password_file(site, tmp_path)))
    with site:
        customer, right = Customer(site.url), basic("ada", PASSWORD)
        refused = customer.get("/")
        assert (refused.status, refused.headers["WWW-Authenticate"]) == (
            401,
            'Basic realm="Restricted", charset="UTF-8"',
        )
        assert customer.get("/static/notes/notes.css").status == 401
        for _ in range(3):
            assert customer.get("/", Authorization=right).status == 200
            assert customer.get("/static/notes/notes.css", Authorization=right).status == 200
        for wrong in (basic("ada", "x"), basic("eve", PASSWORD), "Basic ???", "Bearer a", basic("", "")):
            assert customer.get("/", Authorization=wrong).status == 401
        assert customer.get("/up").status == 200
        assert customer.get("/.well-known/acme-challenge/a-token").status == 404
    assert PASSWORD not in site.log.read_text()


def test_guesses_of_a_stranger(new_small: NewSite, tmp_path: Path) -> None:
    site = new_small("--workers", "1")
    site.options += ("--basic-auth", str(password_file(site, tmp_path)))
    with site:
        customer = Customer(site.url)
        stranger, right = {"X_Forwarded_For": "203.0.113.7"}, basic("ada", PASSWORD)
        guesses = [
            customer.get("/", **stranger, Authorization=basic("ada", f"guess {each}")).status for each in range(12)
        ]
        assert guesses == [401] * 10 + [429] * 2
        assert customer.get("/", X_Forwarded_For="203.0.113.8", Authorization=right).status == 200
        assert customer.get("/", **stranger, Authorization=right).status == 200, "it was remembered by another's use"


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [("ada:$apr1$x$y", 0o600, "line 1"), ("", 0o600, "no names"), ("ada:x", 0o666, "other users"), (None, 0, "read")],
)
def test_a_file_that_cannot_be_used(
    new_small: NewSite, tmp_path: Path, content: str | None, mode: int, message: str
) -> None:
    file = tmp_path / "staging"
    if content is not None:
        file.write_text(content)
        file.chmod(mode)
    result = new_small().run("serve", "--basic-auth", str(file), check=False)
    assert (result.returncode, message in result.stderr) == (2, True)
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("preload", ["auto", "never"])
def test_a_rate_counts_for_all_processes(new_small: NewSite, preload: str) -> None:
    options = ("--rate-limit", "/admin=3/h", "--rate-limit-exempt", "198.51.100.0/24", "--access-log")
    with new_small(*options, "--workers", "3", "--preload", preload) as site:
        statuses = Counter(Customer(site.url).get("/admin/", X_Forwarded_For="2001:db8::7").status for _ in range(12))
        assert statuses == {200: 1, 429: 11}  # the login page is the second request of the first
        refused = Customer(site.url).get("/admin/", X_Forwarded_For="2001:db8::8")
        assert (refused.status, int(refused.headers["Retry-After"]) > 60) == (429, True), "of the same network"
        for other in ("203.0.113.7", "198.51.100.1"):
            assert Customer(site.url).get("/admin/", X_Forwarded_For=other).status == 200
        for _ in range(5):
            assert Customer(site.url).get("/admin/login/", X_Forwarded_For="198.51.100.1").status == 200
            assert Customer(site.url).get("/", X_Forwarded_For="2001:db8::7").status == 200
    log = site.log.read_text()
    assert log.count("429 by --rate-limit /admin=3/h") == 1
    assert " 429 " in log


def test_an_asgi_site(streaming: Path, tmp_path: Path) -> None:
    site = Site(streaming, tmp_path / "data", bare_environment(STREAMING_TOKEN=CANARY))
    site.options = ("--basic-auth", str(password_file(site, tmp_path)), "--rate-limit", "/=4/h")
    with site:
        customer, right = Customer(site.url), basic("ada", PASSWORD)
        stranger = {"X_Forwarded_For": "203.0.113.7"}
        assert [customer.get("/none", **stranger).status for _ in range(6)] == [401] * 6
        statuses = [customer.get("/none", **stranger, Authorization=right).status for _ in range(6)]
        assert statuses == [404] * 4 + [429] * 2
        assert customer.get("/up").status == 200
