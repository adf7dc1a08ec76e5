"""``doctor`` sees what is wrong with a machine, a data directory, a site, and its settings, and says how to mend it."""

import json
import os
from typing import Any

import pytest

from tests.conftest import NewSite
from tests.support.site import Site


def findings(site: Site, code: int = 0) -> dict[str, dict[str, Any]]:
    result = site.run("doctor", "--json", check=False)
    assert result.returncode == code, result.stdout + result.stderr
    return {each["name"]: each for each in json.loads(result.stdout)}


def test_a_site_that_serves(new_small: NewSite) -> None:
    with new_small() as site:
        found = findings(site)
        text = site.run("doctor").stdout
    assert {each["level"] for each in found.values()} <= {"ok", "warning"}
    assert all(each["fix"] for each in found.values() if each["level"] != "ok")
    assert site.url in found["service"]["text"]
    assert found["database default"]["level"] == found["debug"]["level"] == "ok"
    for each in found.values():
        assert each["text"] in text


def test_before_the_first_start_nothing_is_made(new_small: NewSite) -> None:
    site = new_small()
    found = findings(site)
    assert found["service"]["level"] == "warning"
    assert "serve" in found["service"]["fix"]
    assert not site.data.exists()


def test_a_database_without_its_migrations(new_small: NewSite) -> None:
    site = new_small()
    site.run("migrate")
    site.run("migrate", "notes", "0001")
    found = findings(site, code=53)
    assert found["database default"]["level"] == "error"
    assert "notes.0002" in found["database default"]["text"]
    assert "migrate" in found["database default"]["fix"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user(new_small: NewSite) -> None:
    site = new_small()
    site.run("migrate")
    (site.data / "media").mkdir(exist_ok=True)
    (foreign := site.data / "media" / "foreign.png").write_bytes(b"")
    os.chown(foreign, 4242, 4242)
    found = findings(site, code=53)
    assert str(foreign) in found["owner"]["text"]
    assert found["owner"]["fix"].startswith("chown -hR")


def test_a_mail_server_that_does_not_answer(new_small: NewSite) -> None:
    found = findings(new_small())
    assert found["mail"]["level"] == "warning"
    assert "does not answer" in found["mail"]["text"]


def test_a_site_that_does_not_load(new_small: NewSite) -> None:
    """The machine is looked at all the same."""
    site = new_small()
    site.environment["DATABASE_URL"] = "postgres://me:tops3cret@127.0.0.1:1/none"
    found = findings(site, code=53)
    assert found["room"]["level"] == "ok"
    assert "error" in {each["level"] for each in found.values()}
    assert "tops3cret" not in json.dumps(found)
