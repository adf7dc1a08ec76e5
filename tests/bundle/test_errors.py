"""The errors of a site are kept in groups, hurt no page, and a wrong host is none of them."""

import http.client
import json
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.conftest import NewSite
from tests.support.customer import Customer
from tests.support.site import Site
from tests.support.waiting import wait_until


def errors(site: Site) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = json.loads(site.run("errors", "--json").stdout)
    return groups


def test_errors_are_kept_in_groups(new_small: NewSite) -> None:
    site = new_small("--workers", "2")
    assert "no errors" in site.run("errors").stdout
    with site:
        for number in range(5):
            assert Customer(site.url).get(f"/fails/?why={number}&password=hunter2", User_Agent="a robot").status == 500
        (group,) = errors(site)
        assert (group["kind"], group["count"], group["method"], group["path"]) == ("ValueError", 5, "GET", "/fails/")
        assert group["place"].startswith("notes.targets:")
        assert (group["message"], group["agent"], bool(group["version"])) == ("the cart is gone: 4", "a robot", True)
        site.shell("from notes.tasks import say; say.enqueue(text=1, wrong=2)")
        wait_until(lambda: len(errors(site)) == 2, "the failed task is kept")
        assert errors(site)[0]["kind"] == "TypeError"
        shown = site.run("errors", str(group["id"])).stdout
        assert "Traceback (most recent call last)" in shown
        assert "the cart is gone" in shown
        assert "the cart is gone" in site.run("errors").stdout
        assert "hunter2" not in shown
        (site.data / "errors.sqlite3").write_bytes(b"damaged" * 1000)
        assert errors(site) == []
        for _ in range(2):
            assert Customer(site.url).get("/fails/").status == 500
        assert [each["count"] for each in errors(site)] == [1]
        site.run("errors", "clear")
        assert errors(site) == []
    assert site.run("errors", "7", check=False).returncode == 2
    assert (site.data / "errors.sqlite3").exists() is False


def test_a_wrong_host(new_small: NewSite) -> None:
    with new_small("--workers", "1") as site:
        address = urlsplit(site.url).netloc

        def status_for(host: str) -> int:
            connection = http.client.HTTPConnection(address)
            connection.request("GET", "/", headers={"Host": host})
            status = connection.getresponse().status
            connection.close()
            return status

        assert [status_for(host) for host in ("evil.example", "evil.example", "a_b..c/", "localhost")] == [
            421,
            421,
            400,
            200,
        ]
        assert errors(site) == []
    log = site.log.read_text()
    assert log.count("ALLOWED_HOSTS does not have evil.example") == 1
    assert "level=error" not in log


def test_a_mail_server_that_is_down(new_small: NewSite) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # it does not listen
        with new_small(SMALL_MAIL_PORT=str(closed.getsockname()[1])) as site:
            answer = Customer(site.url).get("/fails/")
            assert (answer.status, "Server Error" in answer.text) == (500, True)


@pytest.mark.slow
def test_a_mail_server_that_hangs(new_small: NewSite) -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    with silent, new_small(SMALL_MAIL_PORT=str(silent.getsockname()[1])) as site:
        answer = Customer(site.url).get("/fails/")
        assert (answer.status, "Server Error" in answer.text) == (500, True)
        assert len(errors(site)) == 1
