"""Strangers who want other users' uploads, or want their own to run in the site's name."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import NewSite
from tests.support.customer import Customer
from tests.support.site import Site, bare_environment


@pytest.fixture(scope="module")
def site(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Start a site with routes in front of some uploads, and with links that lead out of the upload folder."""
    data = tmp_path_factory.mktemp("uploads") / "data"
    with Site(small, data, bare_environment(), "--workers", "1", "--no-worker") as site:
        media = data / "media"
        for folder in ("private", "slashed", "members", "open", ".git"):
            (media / folder).mkdir(parents=True, exist_ok=True)
            (media / folder / "a.txt").write_text(f"of {folder}")
        (media / "a.txt").write_text("mine")
        (media / "a.txt.gz").write_text("of somebody else")
        (media / "key.txt").symlink_to("../secret_key")
        (media / "data").symlink_to("..")
        yield site


@pytest.mark.parametrize("name", ["private/a.txt", "slashed/a.txt", "members/a.txt"])
@pytest.mark.parametrize("path", ["/media/{}", "/media//{}", "/media/./{}", "/media/%2e/{}", "/media/open/../{}"])
def test_login_is_not_passed_by(site: Site, name: str, path: str) -> None:
    answer = Customer(site.url).get(path.format(name))
    assert b"of " not in answer.content


@pytest.mark.parametrize("name", ["key.txt", "data/secret_key", "data/db.sqlite3", ".git/a.txt", "../secret_key"])
def test_nothing_else_is_reached(site: Site, name: str) -> None:
    assert Customer(site.url).get(f"/media/{name}").status == 404


def test_what_is_public_is_served(site: Site) -> None:
    """The server itself sends it where there is no route, and where Django's own view would send it."""
    for name, content in (("a.txt", b"mine"), ("open/a.txt", b"of open"), ("a.txt.gz", b"of somebody else")):
        answer = Customer(site.url).get(f"/media/{name}", Accept_Encoding="gzip")
        assert (answer.status, answer.content) == (200, content)


def test_parts_are_of_one_file(site: Site) -> None:
    film, customer = site.data / "media" / "film.mp4", Customer(site.url)
    film.write_bytes(bytes(range(200)))
    tag = customer.get("/media/film.mp4").headers["ETag"] or ""
    answer = customer.get("/media/film.mp4", Range="bytes=0-9,100-109", If_Range=tag)
    assert answer.status == 206
    assert (answer.headers["Content-Type"] or "").startswith("multipart/byteranges; boundary=")
    assert bytes(range(100, 110)) in answer.content
    assert len(answer.content) == int(answer.headers["Content-Length"] or "")
    film.write_bytes(bytes(200))
    answer = customer.get("/media/film.mp4", Range="bytes=0-9", If_Range=tag)
    assert (answer.status, answer.content) == (200, bytes(200))


def test_no_media(new_small: NewSite) -> None:
    with new_small("--workers", "1", "--no-worker", "--no-media") as site:
        (site.data / "media").mkdir()
        (site.data / "media" / "a.txt").write_text("mine")
        assert Customer(site.url).get("/media/a.txt").status == 404


def test_config_says_that_they_are_public(new_small: NewSite) -> None:
    site = new_small()
    output = site.run("config").stdout
    assert f"uploads          public: {site.data / 'media'} is served at /media/" in output
