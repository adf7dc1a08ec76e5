"""Applications, models, signals, checks and commands: what Django finds by name."""

import gc
import io
import json
import weakref

from django.apps import apps
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.core import checks
from django.core.management import call_command, find_commands, get_commands, load_command_class
from django.core.management.base import CommandError
from django.db import connection, models
from django.dispatch import Signal, receiver
from django.urls import get_resolver, resolve, reverse

from framework import models as own
from framework.apps import PREPARED
from framework.parts import receivers


def ready_once():
    return apps.get_app_config("framework").ready_calls


def app_config():
    config = apps.get_app_config("framework")
    return config.verbose_name, config.label, config.module.__name__, config.models_module.__name__, repr(config)


def app_order():
    return [config.label for config in apps.get_app_configs()], apps.get_containing_app_config("framework.x").name


def path_of_app():
    return apps.get_app_config("framework").path


def prepared_models():
    return [each for each in PREPARED if each.startswith("framework")], own.Registered.made


def model_names():
    return [
        (each._meta.label, each._meta.db_table, str(each._meta.verbose_name_plural), each._meta.proxy)
        for each in apps.get_app_config("framework").get_models()
    ]


def model_errors():
    texts = []
    for call in (
        lambda: apps.get_model("framework", "Nope"),
        lambda: apps.get_model("nope.Nope"),
        lambda: apps.get_app_config("Framework"),
        lambda: own.Entry(nope=1),
        lambda: own.Entry.objects.get(title="nope"),
        lambda: own.Entry.objects.filter(nope=1),
        lambda: own.AbstractBase(),
    ):
        try:
            call()
        except Exception as error:
            texts.append(f"{type(error).__name__}: {error}")
    return texts


def exceptions_of_models():
    return own.Entry.DoesNotExist.__qualname__, own.Entry.DoesNotExist.__module__, repr(own.Entry.MultipleObjectsReturned)


def managers():
    return (
        *([each.name for each in own.Entry._meta.managers], type(own.Entry._default_manager).__name__),
        *(own.EntryManager.__name__, own.EntryManager.__module__, own.EntryManager.titled.__name__),
    )


def manager_deconstructs():
    return own.EntryManager().deconstruct()


def field_deconstructs():
    name, path, args, kwargs = own.Entry._meta.get_field("upper").deconstruct()
    return name, path, args, kwargs


def model_made_in_a_function():
    class Made(models.Model):
        class Meta:
            app_label = "framework"
            managed = False

        other = models.ForeignKey("framework.Entry", models.CASCADE, related_name="+")

    try:
        return Made._meta.label, Made.__qualname__, apps.get_model("framework.Made") is Made
    finally:
        del apps.all_models["framework"]["made"]
        apps.clear_cache()


def model_doc():
    return own.Leaf.__doc__, own.EntryProxy.__doc__[:30]


def lazy_foreign_key_hints():
    return own.Leaf._meta.get_field("parent").remote_field.related_name, own.Child._meta.pk.name


def weak_receivers():
    signal = Signal()
    log = []

    class Holder:
        def method(self, **kw):
            log.append("method")

    def function(**kw):
        log.append("function")

    holder = Holder()
    signal.connect(holder.method)
    signal.connect(function)
    signal.connect(lambda **kw: log.append("lambda"))
    signal.connect(lambda **kw: log.append("strong"), weak=False)
    signal.send(None)
    del holder, function
    gc.collect()
    signal.send(None)
    return log


def signal_answers():
    signal = Signal()

    @receiver(signal)
    def good(sender, **kw):
        return kw["value"]

    @receiver(signal)
    def bad(sender, **kw):
        raise ValueError("in a receiver")

    answers = signal.send_robust(sender=None, value=3)
    return [(each.__name__, repr(answer)) for each, answer in answers]


def receiver_without_keywords():
    try:
        Signal().connect(lambda sender: 1)
        return "connected"
    except ValueError as error:
        return str(error)


def async_receivers():
    signal = Signal()

    async def slow(sender, **kw):
        return "async"

    signal.connect(slow)
    return [answer for _, answer in signal.send(None)]


def weak_method():
    class Holder:
        def method(self):
            return 1

    holder = Holder()
    reference = weakref.WeakMethod(holder.method)
    before = reference()()
    del holder
    return before, reference() is None


def saved_signal():
    del receivers.SAVED[:]
    entry = own.Entry.objects.create(title="signalled")
    entry.save()
    entry.delete()
    return receivers.SAVED


def post_migrate_ran():
    return own.Entry.objects.filter(title="from post_migrate").count()


def own_check():
    return [(each.id, each.msg, each.hint, str(each)) for each in checks.run_checks(tags=["framework"])]


def checks_of_all():
    return sorted({each.id for each in checks.run_checks() if not each.id.startswith("djbundle")})


def commands():
    found = get_commands()
    return found["odd-name"], found["check"], "_private" in found, sorted(find_commands(apps.get_app_config("framework").path + "/management"))


def odd_command():
    out, err = io.StringIO(), io.StringIO()
    result = call_command("odd-name", "a", "b", "--times=2", stdout=out, stderr=err)
    return result, out.getvalue(), err.getvalue()


def command_with_options():
    out = io.StringIO()
    call_command("odd-name", "x", times=3, stdout=out, stderr=io.StringIO(), no_color=True)
    return out.getvalue()


def command_refuses():
    texts = []
    for call in (
        lambda: call_command("fails"),
        lambda: call_command("nope"),
        lambda: call_command("odd-name", nope=1),
        lambda: call_command("odd-name", "--times=x"),
    ):
        try:
            call()
        except CommandError as error:
            texts.append((str(error), error.returncode))
        except TypeError as error:
            texts.append(str(error))
    return texts


def replaced_command():
    command = load_command_class("framework", "check")
    return command.help, type(command).__module__


def command_help():
    out = io.StringIO()
    load_command_class("framework", "odd-name").create_parser("manage.py", "odd-name").print_help(out)
    return out.getvalue().splitlines()[:6]


def commands_in_a_view():
    out = io.StringIO()
    call_command("showmigrations", "framework", stdout=out, no_color=True)
    data = io.StringIO()
    call_command("dumpdata", "framework.entry", stdout=data, natural_foreign=True)
    call_command("sqlmigrate", "framework", "0001", stdout=io.StringIO())
    return out.getvalue(), [each["model"] for each in json.loads(data.getvalue())][:1]


def no_changes_of_models():
    out = io.StringIO()
    try:
        call_command("makemigrations", check=True, dry_run=True, stdout=out)
    except SystemExit as error:
        return "exit", error.code, out.getvalue()
    return out.getvalue()


def inspectdb():
    out = io.StringIO()
    call_command("inspectdb", "framework_entry", stdout=out)
    return [line for line in out.getvalue().splitlines() if "class" in line or "=" in line][:12]


def diffsettings():
    out = io.StringIO()
    call_command("diffsettings", stdout=out)
    return [line for line in out.getvalue().splitlines() if line.startswith(("USE_", "LANG", "TIME", "ROOT", "STATICFILES_F"))]


def content_types():
    kind = ContentType.objects.get_for_model(own.EntryProxy, for_concrete_model=False)
    return kind.natural_key(), kind.model_class() is own.EntryProxy, str(kind)


def admin_found():
    return own.Entry in admin.site._registry, repr(admin.site._registry[own.Entry]), reverse("admin:framework_entry_changelist")


def url_names():
    match = resolve("/framework/hex/ff/")
    return (
        *(reverse("framework:number", args=[255]), reverse("framework:old", kwargs={"word": "a", "page": 3})),
        *(match.kwargs, match._func_path, match.app_names, match.view_name, repr(match)),
        sorted(str(each) for each in get_resolver().namespace_dict),
    )


def url_errors():
    texts = []
    for call in (lambda: reverse("nope"), lambda: reverse("framework:number"), lambda: resolve("/nope/nope/nope")):
        try:
            call()
        except Exception as error:
            texts.append((type(error).__name__, str(error)[:60]))
    return texts


def migrations_on_disk():
    from django.db.migrations.loader import MigrationLoader

    loader = MigrationLoader(connection)
    return sorted(name for app, name in loader.disk_migrations if app == "framework"), sorted(loader.migrated_apps)


def migration_state():
    from django.db.migrations.loader import MigrationLoader

    state = MigrationLoader(connection).project_state()
    model = state.apps.get_model("framework", "Entry")
    return model.__module__, [name for name, _ in state.models["framework", "entry"].managers], model.objects.titled("x").count()


def seeded_by_migration():
    return [(each.title, each.data) for each in own.Entry.objects.titled("seed")]
