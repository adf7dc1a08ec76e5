"""A site that starts without a person makes its first superuser from Django's variables, once."""

from pathlib import Path

from tests.conftest import NewSite
from tests.support.site import Site

USERS = "from django.contrib.auth.models import User; print(*User.objects.values_list('username', flat=True))"
LOGIN = "from django.contrib.auth import authenticate as a; print(bool(a(username='ada', password={password!r})))"
NAMES = {"DJANGO_SUPERUSER_USERNAME": "ada", "DJANGO_SUPERUSER_EMAIL": "ada@shop.example"}
PASSWORD = "corr3ct horse"


def test_by_a_file(new_small: NewSite, tmp_path: Path) -> None:
    (secret := tmp_path / "password").write_text(f"{PASSWORD}\n")
    site: Site = new_small(**NAMES, DJANGO_SUPERUSER_PASSWORD_FILE=str(secret))
    with site:
        assert site.shell(LOGIN.format(password=PASSWORD)) == "True"
    site.environment["DJANGO_SUPERUSER_USERNAME"] = "mallory"
    with site:
        assert site.shell(USERS) == "ada", "there is one already"
    log = site.log.read_text()
    assert "made the first superuser, ada" in log
    assert PASSWORD not in log


def test_a_failure_keeps_the_site_up(new_small: NewSite) -> None:
    with new_small(DJANGO_SUPERUSER_PASSWORD=PASSWORD) as site:
        assert site.shell(USERS) == ""
    assert "the first superuser cannot be made" in site.log.read_text()
    with new_small(**NAMES, DJANGO_SUPERUSER_PASSWORD_FILE="/nowhere") as site:
        assert site.shell(USERS) == ""
