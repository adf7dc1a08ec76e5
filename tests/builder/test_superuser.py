"""The crawler makes a superuser in a project that makes users in its own way, or tells in a line why it cannot."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from djbundle.builder.verify.in_bundle_scripts import SITE_FACTS_SCRIPT

SETTINGS = """
SECRET_KEY = "x"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "people"]
AUTH_USER_MODEL = "people.Person"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "people.sqlite3"}}
MIGRATION_MODULES = dict.fromkeys(("auth", "contenttypes", "sessions"))
ROOT_URLCONF = "people.urls"
"""
MODELS = """
from django.contrib.auth.models import AbstractUser, UserManager
from django.db import IntegrityError, models, transaction
from django.db.models.signals import post_save
from django.dispatch import receiver


class Manager(UserManager):
    def create_superuser(self, username, email=None, password=None, **extra):
        {create}
        return super().create_superuser(username, email, password, **extra)


class Person(AbstractUser):
    objects = Manager()


class Card(models.Model):
    person = models.OneToOneField(Person, models.CASCADE)


@receiver(post_save, sender=Person)
def add_card(instance, created, **_):
    {saved}
"""
MIGRATE = """
import django
from django.core.management import call_command
django.setup()
call_command("migrate", run_syncdb=True, verbosity=0)
"""
INSISTS = "if not password: raise ValueError('a password, please')"
CARD_TWICE = """Card.objects.get_or_create(person=instance)
    try:
        Card.objects.create(person=instance)
    except IntegrityError:
        pass
    Card.objects.get(person=instance)
"""


def facts(folder: Path, create: str = "pass", saved: str = "pass") -> dict[str, Any]:
    """Return what the script of the crawler says of a project with this code."""
    (folder / "people").mkdir()
    (folder / "people_settings.py").write_text(SETTINGS)
    (folder / "people" / "__init__.py").touch()
    (folder / "people" / "urls.py").write_text("urlpatterns = []\n")
    (folder / "people" / "models.py").write_text(MODELS.format(create=create, saved=saved))
    variables = os.environ | {"DJANGO_SETTINGS_MODULE": "people_settings", "PYTHONPATH": str(folder)}
    command = [sys.executable, "-c", MIGRATE + SITE_FACTS_SCRIPT]
    output = subprocess.run(command, cwd=folder, env=variables, stdout=subprocess.PIPE, check=True)
    return json.loads(output.stdout)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("create", "saved"),
    [
        ("pass", "pass"),
        (INSISTS, "pass"),
        ("with transaction.atomic(durable=True): pass", "pass"),
        ("pass", CARD_TWICE),
    ],
    ids=[
        "as Django",
        "a password is wanted",
        "no transaction is wanted around it",
        "an error of the database is caught",
    ],
)
def test_superuser_is_made(tmp_path: Path, create: str, saved: str) -> None:
    found = facts(tmp_path, create, saved)
    assert found["no_session"] == ""
    assert len(found["cookies"]) > 1
    assert found["superuser"] == "1"


@pytest.mark.parametrize(
    ("create", "saved", "reason"),
    [
        ("pass", "raise LookupError('there is\\nno card')", "LookupError: there is no card"),
        ("pass", "Card.objects.create()", "IntegrityError: NOT NULL constraint failed: people_card.person_id"),
        ("raise NotImplementedError", "pass", "NotImplementedError"),
        (
            INSISTS,
            "raise LookupError('there is no card')",
            "ValueError: a password, please; and with a password: LookupError: there is no card",
        ),
    ],
)
def test_first_error_is_told(tmp_path: Path, create: str, saved: str, reason: str) -> None:
    """The row of the first attempt would have another error hide it: that the name is taken."""
    found = facts(tmp_path, create, saved)
    assert (found["no_session"], found["cookies"]) == (reason, [])
