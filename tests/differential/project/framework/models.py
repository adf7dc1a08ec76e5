from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models.base import ModelBase


class Registered(ModelBase):
    made = []

    def __new__(mcs, name, bases, namespace, **kw):
        cls = super().__new__(mcs, name, bases, namespace, **kw)
        mcs.made.append(name)
        return cls


class EntryQuerySet(models.QuerySet):
    def titled(self, text):
        return self.filter(title__startswith=text)

    titled.queryset_only = False


class EntryManager(models.Manager.from_queryset(EntryQuerySet)):
    use_in_migrations = True

    def get_queryset(self):
        return super().get_queryset().exclude(title="hidden")


class UpperField(models.CharField):
    def from_db_value(self, value, expression, connection):
        return value and value.upper()

    def deconstruct(self):
        name, path, args, kwargs = super().deconstruct()
        kwargs["max_length"] = self.max_length
        return name, path, args, kwargs


class Tag(models.Model):
    name = models.SlugField()
    content_type = models.ForeignKey(ContentType, models.CASCADE)
    object_id = models.PositiveBigIntegerField()
    target = GenericForeignKey()


class Entry(models.Model, metaclass=Registered):
    class Kind(models.TextChoices):
        PLAIN = "p", "Plain"
        ODD = "o", "Odd one"

    class Meta:
        ordering = ["title"]
        constraints = [models.CheckConstraint(condition=~models.Q(title=""), name="has_title")]
        verbose_name_plural = "entries"

    title = models.CharField(max_length=50)
    upper = UpperField(max_length=20, default="default")
    kind = models.CharField(max_length=1, choices=Kind, default=Kind.PLAIN)
    data = models.JSONField(default=dict)
    created = models.DateTimeField(auto_now_add=True)
    upload = models.FileField(upload_to="entries/%Y", blank=True)
    length = models.GeneratedField(
        expression=models.functions.Length("title"), output_field=models.IntegerField(), db_persist=True
    )
    tags = GenericRelation(Tag)
    objects = EntryManager()
    everything = models.Manager()

    def __str__(self):
        return f"Entry {self.title}"


class EntryProxy(Entry):
    class Meta:
        proxy = True


class AbstractBase(models.Model):
    class Meta:
        abstract = True

    parent = models.ForeignKey("self", models.SET_NULL, null=True, related_name="%(app_label)s_%(class)s_children")


class Leaf(AbstractBase):
    pass


class Child(Leaf):
    extra = models.IntegerField(default=0)
