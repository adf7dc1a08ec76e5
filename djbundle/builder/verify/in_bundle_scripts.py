"""Scripts that collect facts about a site before the crawl. They run in the bundle, by ``./shop -c``, and print JSON.

The ``shell`` command would not do, because a project may replace it with its own.
"""

CHECK_OUTPUT_START = '{"engines": '  # the start of the output of CHECK_SCRIPT

# Load and print the database engines and the cache servers, and run Django's checks.
CHECK_SCRIPT = '''
import json
from importlib import import_module
import django
from django.conf import settings
from django.core.management import call_command
from django.utils.module_loading import import_string
from djbundle.contract import verification

def backends():
    engines = getattr(settings, verification.ENGINES) - {"", "django.db.backends.dummy"}
    return {"engines": sorted(engines), "caches": [each["BACKEND"] for each in getattr(settings, verification.CACHES)]}

def load(cache):
    """Have it import what it needs, and make its client."""
    backend_class = import_string(cache.pop("BACKEND"))
    try:
        backend = backend_class(cache.pop("LOCATION", ""), cache)
        for name in ("_cache", "client"):
            getattr(backend, name, None)
    except ImportError:
        raise
    except Exception:
        pass  # it may want its server

try:
    django.setup()
    for engine in backends()["engines"]:
        import_module(f"{engine}.base")
    for cache in getattr(settings, verification.CACHES):
        load(dict(cache))
    call_command("check")
finally:
    if settings.configured:  # else they are what fails
        print(json.dumps(backends()))
'''

# Print what there is to crawl, with the cookies of a new superuser.
SITE_FACTS_SCRIPT = '''
import datetime
import json
import secrets
import uuid
import django
from django.apps import apps
from django.conf import settings
from django.db import router, transaction
from django.urls import get_resolver
from django.urls.resolvers import LocalePrefixPattern, RegexPattern, RoutePattern
from django.utils import timezone
django.setup()

def plain(pattern):
    """Its text; None where it wants an argument, or is no plain text."""
    if isinstance(pattern, LocalePrefixPattern):
        return pattern.language_prefix
    if isinstance(pattern, RoutePattern):
        return None if pattern.converters else str(pattern).replace("%%", "%")
    if isinstance(pattern, RegexPattern) and not pattern.regex.groups:
        text = str(pattern).removeprefix("^").removesuffix("$").removesuffix(chr(92) + "Z").replace(chr(92), "")
        return None if set("()[]{}*+?|^$") & set(text) else text
    return None

def paths(resolver, prefix="/"):
    for each in resolver.url_patterns:
        text = plain(each.pattern)
        if text is None:
            continue
        if hasattr(each, "url_patterns"):
            yield from paths(each, prefix + text)
        else:
            yield prefix + text

def value_for(field):
    """Something that it takes."""
    if field.choices:
        return field.flatchoices[0][0]
    kind = field.get_internal_type()
    if kind.endswith("IntegerField") or kind in ("DecimalField", "FloatField", "BooleanField"):
        return 1
    known = {"DateField": datetime.date(2000, 1, 1), "DateTimeField": timezone.now(), "UUIDField": uuid.uuid4()}
    return known.get(kind, "verify@djbundle.example"[: getattr(field, "max_length", None)])

def host(allowed):
    """A host name that the site answers to. A pattern is not a name, and an IPv6 address matches no request."""
    return next((each.removeprefix(".") for each in allowed if not set("*:") & set(each)), "localhost")

def one_line(error):
    """The error, and its class."""
    return " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")

class SuperuserError(Exception):
    """Says what fails, with its class."""

def superuser(user_model, fields):
    """A new superuser, or SuperuserError."""
    create = user_model._default_manager.create_superuser
    try:
        with transaction.atomic(router.db_for_write(user_model)):  # no row stays in the way of the next call
            return create(**fields, password=None)
    except Exception as error:  # of a manager that insists, or wants no transaction around it
        first = one_line(error)
    try:
        return create(**fields, password=secrets.token_hex())
    except Exception as error:
        then = one_line(error)
        raise SuperuserError(first if then == first else f"{first}; and with a password: {then}") from None

SESSIONS = 8  # of one superuser: a page may end the one that it is asked with

def sessions():
    """Cookies of a superuser, who is made for them."""
    if not (apps.is_installed("django.contrib.auth") and apps.is_installed("django.contrib.sessions")):
        return []
    from importlib import import_module
    from django.contrib.auth import get_user_model, load_backend, login
    from django.http import HttpRequest
    user_model = get_user_model()
    names = {user_model.USERNAME_FIELD, *user_model.REQUIRED_FIELDS}
    fields = {name: value_for(user_model._meta.get_field(name)) for name in names}
    user = superuser(user_model, fields)
    with_users = (name for name in settings.AUTHENTICATION_BACKENDS if hasattr(load_backend(name), "get_user"))
    backend = next(with_users)  # some only refuse
    cookies = []
    for _ in range(SESSIONS):
        request = HttpRequest()
        request.session = import_module(settings.SESSION_ENGINE).SessionStore()
        login(request, user, backend=backend)
        request.session.save()
        cookies.append(f"{settings.SESSION_COOKIE_NAME}={request.session.session_key}")
    facts["superuser"] = str(user.pk)
    return cookies

def task():
    """The number of a task that the worker is to run."""
    if not apps.is_installed("djbundle.tasks"):
        return None
    from djbundle.tasks import trial
    return trial.enqueue()

facts = {
    "host": host(settings.ALLOWED_HOSTS),
    "redirects_to_https": bool(settings.SECURE_SSL_REDIRECT),
    "static_url": settings.STATIC_URL or "",
    "databases": {alias: str(entry.get("NAME", "")) for alias, entry in settings.DATABASES.items()},
    "superuser": "",
    "paths": sorted(set(paths(get_resolver()))),
    "task": task(),
}
try:
    facts["cookies"] = sessions()
    facts["no_session"] = ""
except Exception as error:
    facts["cookies"] = []
    facts["no_session"] = str(error) if type(error) is SuperuserError else one_line(error)
print(json.dumps(facts))
'''
