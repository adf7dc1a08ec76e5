"""One file outgrows one machine: variables move it to servers, and no line of the project changes."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest

from tests.conftest import NewSite
from tests.support.customer import Customer
from tests.support.mariadb import MariaDB
from tests.support.postgres import PASSWORD, Postgres
from tests.support.redis import Redis
from tests.support.servers import running
from tests.support.site import Site, bare_environment
from tests.support.waiting import wait_until

ZONES = "mariadb-tzinfo-to-sql /usr/share/zoneinfo | mariadb mysql"
KEY = "a-key-for-all-machines-0123456789-0123456789-abcdef"


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    with running(Redis) as server:
        yield server


def front_page(site: Site) -> str:
    return str(Customer(site.url).get("/").text)


def command_lines(site: Site) -> str:
    """Return the command lines of all processes of a site."""
    first = psutil.Process(site.process.pid)
    return "\n".join(" ".join(each.cmdline()) for each in (first, *first.children(recursive=True)))


@contextmanager
def written_by_a_task(site: Site, text: str) -> Iterator[None]:
    with site:
        Customer(site.url).get(f"/write/?text={text}")
        wait_until(lambda: text in front_page(site), "the worker writes the note")
        yield


def test_one_file_on_sqlite_then_on_postgres(small: Path, tmp_path: Path, postgres: Postgres) -> None:
    with written_by_a_task(Site(small, tmp_path / "first", bare_environment()), "alone"):
        pass
    environment = bare_environment(DATABASE_URL=postgres.url_of("small"), SECRET_KEY=KEY)
    sites = [Site(small, tmp_path / name, environment) for name in ("second", "third")]
    sites[0].run("migrate")
    with written_by_a_task(sites[0], "shared"), sites[1]:
        assert "shared" in front_page(sites[1])
        assert "alone" not in front_page(sites[1])
        seen = command_lines(sites[0]) + sites[0].run("config").stdout + sites[0].run("check").stderr
    seen += sites[0].log.read_text()
    assert "DATABASES  # DATABASE_URL" in seen
    assert PASSWORD not in seen
    assert quote(PASSWORD, safe="") not in seen
    assert not list(tmp_path.glob("second/*.sqlite3*"))


def test_each_process_has_a_pool(new_small: NewSite, postgres: Postgres) -> None:
    """The pool is for processes that serve. It is made after they are forked, since its threads do not survive that.

    When the server has crashed, no page meets a connection that is gone.
    """
    code = "from django.conf import settings; print(settings.DATABASES['default']['OPTIONS'].get('pool'))"
    site = new_small("--blocking-threads", "3", DATABASE_URL=postgres.url_of("small") + "?pool=7")
    assert site.shell(code) == "None"
    site.run("migrate")
    with written_by_a_task(site, "pooled"):
        assert all(Customer(site.url).get("/").status == 200 for _ in range(20))
        assert "psycopg.pool" not in site.log.read_text()
        postgres.restart()
        assert all(Customer(site.url).get("/").status == 200 for _ in range(20))


@pytest.mark.parametrize("command", [("serve", "--bind", "127.0.0.1:0"), ("migrate",), ("worker", "--drain")])
def test_wrong_password(new_small: NewSite, postgres: Postgres, command: tuple[str, ...]) -> None:
    result = new_small(DATABASE_URL=postgres.url_of("small", "wr0ng-passw0rd")).run(*command, check=False)
    assert result.returncode == 48
    cause, fix = result.stderr.splitlines()
    assert cause.startswith('error: the database "default" does not answer')
    assert "password authentication failed" in cause
    assert fix == "  fix: start it, or correct DATABASE_URL"
    assert "wr0ng-passw0rd" not in result.stderr + result.stdout


def test_wrong_password_of_a_cache(new_small: NewSite, redis: Redis) -> None:
    redis.create_user("ann", "right-passw0rd")
    url = redis.url.replace("redis://", "redis://ann:wr0ng-passw0rd@")
    result = new_small(CACHE_URL=url).run("serve", "--bind", "127.0.0.1:0", check=False)
    assert result.returncode == 48
    cause, fix = result.stderr.splitlines()
    assert cause.startswith('error: the cache "default" does not answer: AuthenticationError')
    assert fix == "  fix: start it, or correct CACHE_URL"
    assert "wr0ng-passw0rd" not in result.stderr + result.stdout


def test_mariadb(small: Path, tmp_path: Path) -> None:
    with running(MariaDB) as server:
        server.create_database("small")
        url = f"mariadb://{server.owner}@/small?unix_socket={server.socket}"
        site = Site(small, tmp_path / "data", bare_environment(DATABASE_URL=url))
        site.run("migrate")
        with site:
            assert ZONES in site.log.read_text()
        site.log.unlink()
        server.load_time_zones()
        with written_by_a_task(site, "in-mariadb"):
            assert "WARNING" not in site.log.read_text().upper()
    assert not list(site.data.glob("*.sqlite3*"))


def test_machines_share_a_cache(small: Path, tmp_path: Path, redis: Redis) -> None:
    environment = bare_environment(CACHE_URL=redis.url)
    one, other = (Site(small, tmp_path / name, environment) for name in ("one", "other"))
    one.shell("from django.core.cache import cache; cache.set('greeting', 'hello')")
    assert other.shell("from django.core.cache import cache; print(cache.get('greeting'))") == "hello"
    assert (
        Site(small, tmp_path / "alone", bare_environment()).shell(
            "from django.core.cache import cache; print(cache.get('greeting'))"
        )
        == "None"
    )
    with one:
        assert Customer(one.url).get("/").status == 200


@pytest.mark.parametrize(
    ("variables", "code", "cause", "fix"),
    [
        ({"DATABASE_URL": "oracle://u:s3cretpass@h/x"}, 12, 'DATABASE_URL has the unknown scheme "oracle"', "postgres"),
        ({"DATABASE_URL": "postgres://u:s3cretpass@h"}, 12, "DATABASE_URL names no database", "postgres://user"),
        ({"DATABASE_URL": "postgres://u:s3cret/pass@h/x"}, 12, "DATABASE_URL is not a valid URL", "%-encode"),
        ({"DATABASE_URL": "sqlite:///x"}, 12, "DATABASE_URL names SQLite", "unset DATABASE_URL"),
        ({"CACHE_URL": "memcached://u:s3cretpass@h"}, 12, 'CACHE_URL has the unknown scheme "memcached"', "redis"),
        ({"CACHE_URL": "redis://:s3cretpass@127.0.0.1:1/0"}, 48, 'the cache "default" does not answer', "CACHE_URL"),
        ({"MEDIA_URL": "ftp://u:s3cretpass@h"}, 12, 'MEDIA_URL has the unknown scheme "ftp"', "s3://bucket"),
        ({"MEDIA_URL": "s3://u:s3cretpass@bucket"}, 12, "MEDIA_URL has keys in it", "AWS_ACCESS_KEY_ID"),
        ({"MEDIA_URL": "s3://bucket"}, 12, "needs the package django-storages, which is not in", "djbundle[s3]"),
    ],
)
def test_bad_input(small: Path, tmp_path: Path, variables: dict[str, str], code: int, cause: str, fix: str) -> None:
    site = Site(small, tmp_path / "data", bare_environment(**variables))
    result = site.run("serve", "--bind", "127.0.0.1:0", check=False)
    assert result.returncode == code
    first, second = result.stderr.splitlines()
    assert cause in first
    assert fix in second
    assert not re.search("s3cret", result.stderr + result.stdout)
    assert not (site.data / "db.sqlite3").exists()


def test_check_tells_what_is_left(new_small: NewSite, postgres: Postgres, redis: Redis) -> None:
    site = new_small()
    before = site.run("check").stderr
    assert 'small/settings.py:53 ties the site to one machine: the database "default" is a file of SQLite' in before
    assert "set DATABASE_URL=postgres://..." in before
    assert "4 issues" in before
    site.environment |= {"DATABASE_URL": postgres.url_of("small"), "CACHE_URL": redis.url, "SECRET_KEY": KEY}
    after = site.run("check").stderr
    assert "1 issue " in after
    assert 'uploads of the storage "default" are files' in after
    assert "ties the site" not in site.run("migrate").stderr
