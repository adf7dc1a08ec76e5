"""In maintenance a site answers 503, but not to those who work on it; files and ``/up`` are answered as always."""

import json

from tests.conftest import NewSite
from tests.support.customer import Customer
from tests.support.site import Site
from tests.support.waiting import wait_until


def front_page_becomes(site: Site, status: int, **headers: str) -> Customer:
    """Wait until all processes answer with this status: each looks by itself."""
    customer = Customer(site.url)

    def statuses() -> set[int]:
        return {customer.get("/", **headers).status for _ in range(20)}

    wait_until(lambda: statuses() == {status}, f"the front page is answered {status}")
    return customer


def test_on_and_off(new_small: NewSite) -> None:
    site = new_small()
    with site:
        front_page_becomes(site, 200)
        assert "503" in site.run("maintenance", "on", "--retry-after", "60").stdout
        customer = front_page_becomes(site, 503)
        answer = customer.get("/")
        assert (answer.headers["Retry-After"], "Back soon" in answer.text) == ("60", True)
        assert customer.get("/static/notes/notes.css").status == 200
        assert json.loads(customer.get("/up").text)["ready"]
        assert "THE SITE IS in maintenance" in site.run("status").stdout
        assert site.status()["maintenance"]["retry_after"] == 60
    with site:
        front_page_becomes(site, 503)  # it outlasts a restart
        site.run("maintenance", "off")
        front_page_becomes(site, 200)


def test_those_who_work_on_it_get_the_site(new_small: NewSite) -> None:
    with new_small() as site:
        site.run("maintenance", "on", "--allow", "127.0.0.0/8")
        site.run("maintenance")
        front_page_becomes(site, 503, X_Forwarded_For="203.0.113.7")
        front_page_becomes(site, 200)


def test_a_wrong_network_changes_nothing(new_small: NewSite) -> None:
    site = new_small()
    result = site.run("maintenance", "on", "--allow", "everybody", check=False)
    assert (result.returncode, "everybody" in result.stderr) == (2, True)
    assert "not in maintenance" in site.run("maintenance").stdout
