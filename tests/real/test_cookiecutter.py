"""A project as cookiecutter-django makes it: split settings, a user model, Celery, Sentry, Redis, S3, ..."""

import subprocess
from pathlib import Path

from tests.real.in_browser import test_pages_in_a_browser  # noqa: F401 - a test of this project too
from tests.real.recipe import Recipe
from tests.support.customer import Customer
from tests.support.redis import Redis
from tests.support.site import Site
from tests.support.waiting import wait_until

RECIPE = Recipe(
    "cookie",
    (
        *("django>=5.2,<6", "django-environ", "django-allauth[mfa]", "django-crispy-forms", "crispy-bootstrap5"),
        *("django-anymail[mailgun]", "django-redis", "celery[redis]", "django-celery-beat", "hiredis"),
        *("psycopg[binary]", "argon2-cffi", "whitenoise", "gunicorn", "sentry-sdk", "django-storages[s3]"),
    ),
    apps=("users",),
    environment={
        "DJANGO_SECRET_KEY": "only-a-test",
        "DJANGO_ADMIN_URL": "admin/",
        "DJANGO_SECURE_SSL_REDIRECT": "0",
        "MAILGUN_API_KEY": "none",
        "MAILGUN_DOMAIN": "mail.example",
    },
)


def test_pages(visitor: Customer) -> None:
    page = visitor.get("/")
    assert "Use this page as your home" in page.text
    assert visitor.get("/accounts/login/").status == 200


def test_driver_of_another_database_is_there(site: Site) -> None:
    """On the server, DATABASE_URL may name PostgreSQL."""
    assert site.shell("import psycopg; print(psycopg.pq.__impl__)") == "binary"
    site.environment["DATABASE_URL"] = "postgres://nobody@127.0.0.1:1/none"
    assert "Connection refused" in site.run("migrate", check=False).stderr
    del site.environment["DATABASE_URL"]


def test_worker_of_celery_runs_a_task(site: Site, tmp_path: Path) -> None:
    """The worker runs from the bundle, in its own process, on a real Redis."""
    with Redis(tmp_path / "redis") as redis:
        site.environment["REDIS_URL"] = f"redis+socket://{redis.socket}"
        log = tmp_path / "worker.log"
        command = [str(site.bundle), "-m", "celery", "-A", "config", "worker", "--loglevel=info", "--concurrency=2"]
        environment = site.environment | {"DJBUNDLE_DATA_DIR": str(site.data)}
        with log.open("wb") as output:
            worker = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        try:
            site.shell("from notebook.users.tasks import get_users_count; get_users_count.delay()")
            wait_until(
                lambda: "get_users_count" in log.read_text() and "succeeded" in log.read_text(), "a task is done"
            )
        finally:
            worker.terminate()
            worker.wait(30)
            del site.environment["REDIS_URL"]
