"""Writes a large Django project: applications of the usual kind, and a module that imports packages."""

from collections.abc import Iterator, Sequence
from pathlib import Path

MODULES_OF_APP = 10  # with the package itself
MANAGE = """\
import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_.settings")
from django.core.management import execute_from_command_line

execute_from_command_line(sys.argv)
"""
SETTINGS = """\
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "django-insecure-large"
DEBUG = True
ROOT_URLCONF = "site_.urls"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    {apps}
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {{
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {{
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        }},
    }}
]
DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}}}
WSGI_APPLICATION = "site_.wsgi.application"
STATIC_URL = "static/"
"""
URLS = """\
from django.urls import include, path

urlpatterns = [
    {urls}
]
"""
WSGI = """\
from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
"""
PACKAGES = """\
import importlib

for name in {names}:
    try:
        importlib.import_module(name)
    except ImportError:
        pass
"""
MODELS = """\
from django.db import models
from django.utils import timezone


class {name}(models.Model):
    title = models.CharField(max_length=100)
    slug = models.SlugField(unique=True)
    amount = models.DecimalField(max_digits=9, decimal_places=2, default=0)
    created = models.DateTimeField(default=timezone.now)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE, related_name="children")

    class Meta:
        ordering = ["-created"]

    def __str__(self):
        return self.title

    def ancestors(self):
        found, current = [], self.parent
        while current is not None and current not in found:
            found.append(current)
            current = current.parent
        return found

    @property
    def total(self):
        return self.amount + sum([child.total for child in self.children.all()])


class {name}Line(models.Model):
    owner = models.ForeignKey({name}, on_delete=models.CASCADE, related_name="lines")
    text = models.TextField()
    position = models.PositiveIntegerField(default=0)

    def move(self, by):
        self.position = max(0, self.position + by)
        self.save(update_fields=["position"])
"""
VIEWS = """\
from django.db.models import Count, Q, Sum
from django.http import JsonResponse
from django.shortcuts import get_object_or_404, redirect, render

from {app}.forms import {name}Form
from {app}.models import {name}
from {app}.services import by_month, summary


def index(request):
    query = request.GET.get("q", "").strip()
    found = {name}.objects.annotate(count=Count("lines"))
    if query:
        found = found.filter(Q(title__icontains=query) | Q(slug__startswith=query))
    return JsonResponse({{"items": [item.title for item in found[:20]], "total": summary(found)}})


def detail(request, slug):
    item = get_object_or_404({name}, slug=slug)
    if request.method == "POST":
        form = {name}Form(request.POST, instance=item)
        if form.is_valid():
            form.save()
            return redirect("{app}-index")
    else:
        form = {name}Form(instance=item)
    return render(request, "{app}/detail.html", {{"item": item, "form": form}})


def months(request):
    sums = {name}.objects.aggregate(total=Sum("amount"))
    return JsonResponse({{"months": by_month({name}.objects.all()), "total": str(sums["total"] or 0)}})
"""
FORMS = """\
from django import forms

from {app}.models import {name}


class {name}Form(forms.ModelForm):
    class Meta:
        model = {name}
        fields = ["title", "slug", "amount", "parent"]

    def clean(self):
        data = super().clean()
        parent = data.get("parent")
        if parent and parent.pk == self.instance.pk:
            raise forms.ValidationError("it is its own parent")
        if data.get("amount") is not None and data["amount"] < 0:
            self.add_error("amount", "it is negative")
        return data
"""
ADMIN = """\
from django.contrib import admin

from {app}.models import {name}, {name}Line


class LineInline(admin.TabularInline):
    model = {name}Line
    extra = 1


@admin.register({name})
class {name}Admin(admin.ModelAdmin):
    list_display = ["title", "slug", "amount", "depth"]
    search_fields = ["title", "slug"]
    inlines = [LineInline]

    @admin.display(description="depth")
    def depth(self, item):
        return len(item.ancestors())
"""
APP_URLS = """\
from django.urls import path

from {app} import views

urlpatterns = [
    path("", views.index, name="{app}-index"),
    path("months/", views.months, name="{app}-months"),
    path("<slug:slug>/", views.detail, name="{app}-detail"),
]
"""
SERVICES = """\
import datetime
from collections import defaultdict
from decimal import Decimal


def summary(items):
    amounts = [item.amount for item in items]
    if not amounts:
        return {{"count": 0, "sum": "0", "mean": None}}
    total = sum(amounts, Decimal(0))
    return {{"count": len(amounts), "sum": str(total), "mean": str(total / len(amounts))}}


def by_month(items):
    groups = defaultdict(list)
    for item in items:
        groups[(item.created.year, item.created.month)].append(item)
    return [
        {{"month": f"{{year}}-{{month:02}}", **summary(members)}}
        for (year, month), members in sorted(groups.items())
    ]


def next_working_day(day, holidays=()):
    day += datetime.timedelta(days=1)
    while day.weekday() > 4 or day in holidays:
        day += datetime.timedelta(days=1)
    return day


class Ledger:
    number = {number}

    def __init__(self):
        self.entries = []

    def add(self, label, amount):
        try:
            amount = Decimal(amount)
        except ArithmeticError:
            return False
        self.entries.append((label, amount))
        return True

    def balance(self):
        return sum([amount for _, amount in self.entries], Decimal(0))

    def lines(self):
        running, found = Decimal(0), []
        for label, amount in self.entries:
            running += amount
            found.append(f"{{label:20}}{{amount:>12}}{{running:>12}}")
        return found
"""
SIGNALS = """\
from django.db.models.signals import post_save, pre_delete
from django.dispatch import receiver

from {app}.models import {name}

changed, deleted = [], []


@receiver(post_save, sender={name})
def note_change(sender, instance, created, **kwargs):
    changed.append((instance.pk, "new" if created else "changed"))
    del changed[:-100]


@receiver(pre_delete, sender={name})
def note_delete(sender, instance, **kwargs):
    deleted.append(instance.pk)
    del deleted[:-100]
"""
PARTS = {"models": MODELS, "views": VIEWS, "forms": FORMS, "admin": ADMIN, "urls": APP_URLS, "signals": SIGNALS}


def write_project(folder: Path, modules: int, packages: Sequence[str] = ()) -> None:
    """Write a project of about `modules` modules. One of them imports `packages`, if they are installed."""
    apps = [f"app{number}" for number in range(modules // MODULES_OF_APP)]
    _write(folder / "manage.py", MANAGE)
    _write(folder / "site_" / "__init__.py", "")
    _write(folder / "site_" / "settings.py", SETTINGS.format(apps="\n    ".join(f'"{app}",' for app in apps)))
    urls = "\n    ".join(f'path("{app}/", include("{app}.urls")),' for app in apps)
    _write(folder / "site_" / "urls.py", "import site_.packages\n" + URLS.format(urls=urls))
    _write(folder / "site_" / "wsgi.py", WSGI)
    _write(folder / "site_" / "packages.py", PACKAGES.format(names=[*packages]))
    for number, app in enumerate(apps):
        for name, text in _modules(number, app):
            _write(folder / app / f"{name}.py", text)
        _write(folder / app / "migrations" / "__init__.py", "")
        _write(folder / app / "templates" / app / "detail.html", "{{ item }}{{ form }}")


def _modules(number: int, app: str) -> Iterator[tuple[str, str]]:
    yield "__init__", ""
    for name, text in PARTS.items():
        yield name, text.format(app=app, name=f"Item{number}")
    for name, extra in (("services", 0), ("reports", 1), ("exports", 2)):
        yield name, SERVICES.format(number=10 * number + extra)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
