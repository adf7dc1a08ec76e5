"""Queries, transactions, fields and files of models."""

import datetime
import decimal
import pickle

from django.core import serializers
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import IntegrityError, connection, models, transaction
from django.db.models import F, Q, Value
from django.db.models.functions import Concat, Upper
from django.db.utils import OperationalError
from django.forms import modelform_factory
from django.utils import timezone

from framework.models import Child, Entry, EntryProxy, Leaf, Tag


def _rolled_back(work):
    with transaction.atomic():
        result = work()
        transaction.set_rollback(True)
    return result


def queries():
    def work():
        Entry.objects.create(title="qa", data={"k": [1, {"x": "ä"}]})
        Entry.objects.create(title="qb", kind=Entry.Kind.ODD)
        Entry.objects.create(title="hidden")
        found = Entry.objects.titled("q")
        return (
            [str(each) for each in found],
            list(found.filter(data__k__1__x="ä").values_list("title", "length", "upper")),
            list(found.annotate(u=Concat(Upper("title"), Value("!"))).values_list("u", flat=True)),
            found.aggregate(n=models.Count("id"), most=models.Max("length")),
            Entry.everything.filter(title="hidden").exists(),
            [each.get_kind_display() for each in found],
            repr(found),
        )

    return _rolled_back(work)


def query_text():
    return str(Entry.objects.filter(Q(title="x") | ~Q(kind="o")).order_by(F("title").desc()).query)


def query_pickled():
    query = pickle.loads(pickle.dumps(Entry.objects.filter(title__in=["a"]).query))
    return str(query) == str(Entry.objects.filter(title__in=["a"]).query)


def model_pickled():
    entry = Entry(title="p", data={"a": 1})
    return pickle.loads(pickle.dumps(entry)).title, repr(pickle.loads(pickle.dumps(EntryProxy(title="q"))))


def constraint():
    try:
        with transaction.atomic():
            Entry.objects.create(title="")
    except IntegrityError as error:
        return str(error), type(error.__cause__).__module__


def validation():
    try:
        Entry(title="", kind="z").full_clean()
    except ValidationError as error:
        return error.message_dict


def forms():
    form = modelform_factory(Entry, fields=["title", "kind"])({"title": "", "kind": "q"})
    return form.errors.get_json_data(), str(form["kind"]), str(form.as_p())[:200]


def generic_relations():
    def work():
        entry = Entry.objects.create(title="tagged")
        entry.tags.create(name="red")
        return [each.target.title for each in Tag.objects.filter(name="red")], entry.tags.get().content_type.model

    return _rolled_back(work)


def inheritance():
    def work():
        parent = Leaf.objects.create()
        child = Child.objects.create(parent=parent, extra=3)
        return child.leaf_ptr.child.extra, parent.framework_leaf_children.count(), Child.__mro__[1].__name__

    return _rolled_back(work)


def nested_transactions():
    log = []
    try:
        with transaction.atomic():
            transaction.on_commit(lambda: log.append("never"))
            with transaction.atomic():
                transaction.on_commit(lambda: log.append("neither"))
            raise KeyError("x")
    except KeyError:
        log.append(connection.in_atomic_block)
    with transaction.atomic():
        transaction.on_commit(lambda: log.append("committed"))
    return log


def raw_sql():
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s, django_date_trunc('month', '2024-05-06', NULL, NULL), REGEXP('a.c', 'abc')", [3])
        return cursor.fetchone(), [each[0] for each in cursor.description]


def raw_errors():
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT nope FROM nowhere")
    except OperationalError as error:
        return str(error), type(error.__cause__).__name__


def serialized():
    entry = Entry(pk=1, title="s", created=datetime.datetime(2024, 5, 6, 7, 8, tzinfo=datetime.UTC))
    text = serializers.serialize("json", [entry])
    xml = serializers.serialize("xml", [entry], fields=["title"])
    return text, xml, [each.object.title for each in serializers.deserialize("json", text)], serializers.get_serializer_formats()


def default_storage_of_media():
    name = default_storage.save("odd/ä file (1).txt", ContentFile(b"text"))
    try:
        again = default_storage.get_available_name("odd/ä file (1).txt")
        with default_storage.open(name) as file:
            content = file.read().decode()
        return (
            *(name, content, default_storage.url(name), default_storage.size(name), again != name),
            *(default_storage.listdir("odd"), isinstance(default_storage, FileSystemStorage)),
            timezone.is_aware(default_storage.get_created_time(name)),
        )
    finally:
        default_storage.delete(name)


def storage_refuses():
    texts = []
    for name in ("../outside.txt", "/etc/passwd", ""):
        try:
            default_storage.save(name, ContentFile(b"x"))
            texts.append("saved")
        except Exception as error:
            texts.append(type(error).__name__)
    return texts


def file_field():
    def work():
        entry = Entry.objects.create(title="with file")
        entry.upload.save("a b.txt", ContentFile("content"))
        try:
            return (
                *(entry.upload.name.partition("/")[0], entry.upload.url.rpartition("/")[2], entry.upload.size),
                *(entry.upload.path.endswith(entry.upload.name), bool(Entry().upload), entry.upload.open().read().decode()),
            )
        finally:
            entry.upload.delete(save=False)

    return _rolled_back(work)


def missing_upload():
    try:
        Entry().upload.url
    except ValueError as error:
        text = str(error)
    try:
        default_storage.open("nope/nope.txt")
    except FileNotFoundError as error:
        return text, error.errno


def iterators():
    return [each.title for each in Entry.objects.filter(title="from post_migrate").iterator(chunk_size=1)]


def explain():
    return Entry.objects.filter(pk=1).explain().partition("SEARCH")[2]


def features():
    return connection.vendor, connection.features.supports_json_field, connection.features.can_return_columns_from_insert


def bulk():
    def work():
        made = Entry.objects.bulk_create([Entry(title=f"bulk{i}") for i in range(300)])
        made[0].title = "changed"
        Entry.objects.bulk_update(made[:2], ["title"])
        return Entry.objects.titled("bulk").update(kind="o"), made[5].pk is not None, Entry.objects.titled("bulk").delete()[1]

    return _rolled_back(work)


def decimals():
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1.10, CAST(2 AS REAL), 9223372036854775807, x'00ff', NULL")
        return repr(cursor.fetchone()), str(decimal.Decimal("1.10") + 1)


def dates():
    def work():
        entry = Entry.objects.create(title="dated")
        Entry.objects.filter(pk=entry.pk).update(created=datetime.datetime(2024, 1, 1, 3, tzinfo=datetime.UTC))
        entry.refresh_from_db()
        return str(entry.created), str(timezone.localtime(entry.created)), [
            str(each) for each in Entry.objects.filter(pk=entry.pk).dates("created", "month")
        ]

    return _rolled_back(work)
