"""Templates, static files, translations, formats and mail."""

import datetime
import io
import os

from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core import mail
from django.core.mail.backends.console import EmailBackend as ConsoleBackend
from django.core.mail.backends.filebased import EmailBackend as FileBackend
from django.template import Context, Engine, Template, TemplateDoesNotExist, TemplateSyntaxError, engines
from django.template.loader import get_template, render_to_string, select_template
from django.templatetags.static import static
from django.utils import dateformat, formats, timezone, translation
from django.utils.html import format_html
from django.utils.translation import gettext, gettext_lazy, ngettext, npgettext, pgettext


def child_template():
    return render_to_string("framework/child.html", {"name": "<n>"})


def custom_tags():
    text = (
        "{% load odd_tags %}{{ 'ab'|double }} {{ 'x'|double:'3' }} {% whole 1 a='b' as w %}{{ w }} {% included x=4 %} "
        "{% repeat 3 %}{{ forloop }}r{% endrepeat %} {% shout %}quiet{% endshout %}"
    )
    return Template(text).render(Context({"name": "outer"}))


def odd_filter_name():
    try:
        return Template("{% load odd_tags %}{{ 1|with-odd_name }}").render(Context())
    except TemplateSyntaxError as error:
        return str(error)


def invented_template():
    template = get_template("invented/x.html")
    return template.render(), template.origin.name, type(template.origin.loader).__name__


def memory_template():
    return select_template(["nope.html", "in-memory.html"]).render()


def missing_template():
    try:
        get_template("nope/nope.html")
    except TemplateDoesNotExist as error:
        return str(error), [(origin.name, reason) for origin, reason in error.tried if "django" not in origin.name], len(error.tried)


def broken_template():
    try:
        get_template("framework/broken.html")
    except TemplateSyntaxError as error:
        return str(error), getattr(error, "template_debug", None)


def engine_facts():
    engine = engines["django"].engine
    return sorted(engine.libraries), engine.string_if_invalid, engine.debug, len(engine.template_loaders)


def template_origin():
    return get_template("framework/base.html").origin.name, os.path.isfile(get_template("framework/base.html").origin.name)


def template_errors():
    class Bomb:
        def explode(self):
            raise ValueError("boom")

    try:
        render_to_string("framework/raises.html", {"name": Bomb()})
    except ValueError as error:
        return str(error), hasattr(error, "template_debug")


def callables_in_templates():
    def plain():
        return "called"

    class Table:
        def rows(self):
            return [1, 2]

        def dangerous(self):
            return "no"

        dangerous.alters_data = True

    class Kind:
        do_not_call_in_templates = True
        name = "kind"

    text = "{{ f }}|{{ t.rows.1 }}|{{ t.dangerous }}|{{ k.name }}|{{ g }}|{{ d.items.0 }}"
    return Template(text).render(Context({"f": plain, "t": Table(), "k": Kind, "g": lambda: "lambda", "d": {"items": "k"}}))


def lambda_that_needs_arguments():
    return Template("[{{ f }}]").render(Context({"f": lambda x: x}))


def built_in_filters():
    text = "{{ n|floatformat:2 }} {{ n|intcomma }} {{ s|truncatewords:2 }} {{ d|date:'D d M Y e' }} {{ l|unordered_list }} {{ x|default_if_none:'no' }}"
    now = datetime.datetime(2024, 5, 6, 7, 8, tzinfo=datetime.UTC)
    try:
        return Template(text).render(Context({"n": 12345.678, "s": "a b c", "d": now, "l": [1, [2]], "x": None}))
    except TemplateSyntaxError as error:
        return str(error)[:60]


def debug_of_nodes():
    engine = Engine(debug=True, libraries={"odd_tags": "framework.templatetags.odd_tags"})
    try:
        engine.from_string("a\n{% load odd_tags %}{{ x|double:'q' }}").render(Context({"x": 1}))
    except ValueError as error:
        debug = error.template_debug
        return debug["line"], debug["during"], debug["message"], debug["name"]


def static_urls():
    return static("framework/a.css"), staticfiles_storage.url("found.txt"), settings.STATIC_URL


def static_finders():
    return (
        *((finders.find("framework/a.css") or "none").rpartition("/")[2], finders.find("found.txt"), finders.find("nope.css")),
        sorted({path for finder in finders.get_finders() for path, _ in finder.list(["*.svg"]) if not path.startswith("admin")}),
    )


def static_locations():
    finders.find("nope", find_all=True)
    return [str(each) for each in finders.searched_locations if "django/contrib" not in str(each)]


def translated():
    with translation.override("de"):
        return (
            *(gettext("an odd text"), pgettext("month", "May"), ngettext("%(n)s odd thing", "%(n)s odd things", 2) % {"n": 2}),
            *(gettext("Yes"), str(gettext_lazy("an odd text")), translation.get_language(), npgettext("x", "a", "b", 2)),
            *(formats.number_format(1234567.891, 2), formats.date_format(datetime.date(2024, 3, 4), "DATE_FORMAT")),
        )


def other_languages():
    texts = []
    for language in ("ar", "pl", "de-at", "xx"):
        with translation.override(language):
            texts.append((gettext("Yes"), translation.get_language_bidi(), ngettext("%d hour", "%d hours", 5), gettext("Monday")))
    return texts


def language_facts():
    return (
        *(translation.get_language_info("de")["name_local"], translation.get_supported_language_variant("de-at")),
        *(translation.check_for_language("de"), translation.check_for_language("xx"), translation.to_locale("de-at")),
    )


def compiled_at_run_time():
    import gettext as library
    import shutil
    import subprocess
    import tempfile

    if not shutil.which("msgfmt"):
        return "no msgfmt"
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "x.po")
        with open(source, "w") as file:
            file.write('msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\nmsgid "a"\nmsgstr "ä"\n')
        subprocess.run(["msgfmt", "-o", os.path.join(folder, "x.mo"), source], check=True)
        with open(os.path.join(folder, "x.mo"), "rb") as file:
            return library.GNUTranslations(file).gettext("a")


def lazy_texts():
    text = gettext_lazy("an odd text")
    with translation.override("de"):
        german = f"{text}", text.upper(), text + "!", repr(format_html("<b>{}</b>", text))
    return german, str(text), type(text).__name__, text == "an odd text"


def time_zones():
    now = datetime.datetime(2024, 7, 1, 12, tzinfo=datetime.UTC)
    with timezone.override("Asia/Kathmandu"):
        local = str(timezone.localtime(now))
    return local, str(timezone.localtime(now)), timezone.get_current_timezone_name(), dateformat.format(timezone.localtime(now), "T O c")


def mail_text():
    message = mail.EmailMultiAlternatives("Betreff ä", "body\nline", "a@example.com", ["b@example.com"], headers={"X-Odd": "1", "Message-ID": "<1@x>", "Date": "now"})
    message.attach_alternative("<p>ä</p>", "text/html")
    message.attach("ä.txt", "attached", "text/plain")
    parts = message.message()
    return parts["Subject"], parts["X-Odd"], [each.get_content_type() for each in parts.walk()], message.recipients()


def mail_written():
    import tempfile

    out = io.StringIO()
    message = mail.EmailMessage("s", "b", "a@example.com", ["b@example.com"], headers={"Message-ID": "<1@x>", "Date": "now"})
    ConsoleBackend(stream=out).send_messages([message])
    with tempfile.TemporaryDirectory() as folder:
        FileBackend(file_path=folder).send_messages([message])
        return out.getvalue().splitlines()[:9], len(os.listdir(folder))


def mail_header_injection():
    try:
        mail.EmailMessage("a\nb", "b", "a@example.com", ["b@example.com"]).message()
    except ValueError as error:
        return type(error).__name__, str(error)
