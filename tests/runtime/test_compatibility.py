"""Migrations that code of the previous version cannot work with are found."""

from collections.abc import Sequence
from typing import Any

import django
import pytest
from django.apps import apps
from django.conf import settings
from django.db import migrations, models
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ModelState, ProjectState

from djbundle.runtime.database.compatibility import find_hazards

ITEM: "list[tuple[str, models.Field[Any, Any]]]" = [
    ("id", models.AutoField(primary_key=True)),
    ("name", models.CharField(max_length=20)),
    ("note", models.TextField(null=True)),
    ("kept", models.IntegerField(db_column="kept_column")),
    ("count", models.IntegerField(db_default=0)),
    ("price", models.DecimalField(max_digits=6, decimal_places=2)),
    ("shelf", models.ForeignKey("shop.Shelf", models.CASCADE)),
    ("tags", models.ManyToManyField("shop.Tag")),
]


@pytest.fixture
def state() -> ProjectState:
    if not apps.ready:
        settings.configure()
        django.setup()
    state = ProjectState()
    for name, fields, options in (
        ("Shelf", ITEM[:1], {}),
        ("Tag", ITEM[:1], {}),
        ("Item", ITEM, {}),
        ("View", ITEM[:2], {"managed": False}),
    ):
        state.add_model(ModelState("shop", name, fields, options))
    return state


def hazards(state: ProjectState, *operations: Operation) -> list[tuple[str, bool]]:
    migration: Any = migrations.Migration("0002_next", "shop")
    migration.operations = operations
    return [(each.what, each.is_certain) for each in find_hazards([migration], state)]


def alter(name: str, field: "models.Field[Any, Any]") -> Operation:
    return migrations.AlterField("item", name, field)


def add(field: "models.Field[Any, Any]") -> Operation:
    return migrations.AddField("item", "new", field)


NEEDS = "adds shop.Item.new, which needs a value and has no db_default"
NEW_MODEL = migrations.CreateModel("Box", ITEM[:2])


@pytest.mark.parametrize(
    ("operation", "what"),
    [
        (migrations.RemoveField("item", "note"), "removes shop.Item.note"),
        (migrations.RemoveField("item", "tags"), "removes shop.Item.tags"),
        (migrations.DeleteModel("Item"), "deletes shop.Item"),
        (migrations.RenameModel("Item", "Thing"), "renames shop.Item to Thing"),
        (migrations.RenameField("item", "name", "title"), "renames shop.Item.name to title"),
        (migrations.AlterModelTable("item", "things"), "renames the table of shop.Item"),
        (migrations.AlterOrderWithRespectTo("item", "shelf"), "changes the order column of shop.Item"),
        (add(models.IntegerField()), NEEDS),
        (add(models.IntegerField(default=3)), NEEDS),  # Django takes the default from the column again
        (add(models.ForeignKey("shop.Tag", models.CASCADE)), NEEDS),
        (alter("note", models.TextField()), "takes null=True from shop.Item.note"),
        (alter("note", models.IntegerField(null=True)), "changes the type of shop.Item.note"),
        (alter("name", models.CharField(max_length=10)), "takes room from shop.Item.name"),
        (alter("name", models.CharField(max_length=20, db_column="title")), "renames the column of shop.Item.name"),
        (alter("price", models.DecimalField(max_digits=6, decimal_places=3)), "takes room from shop.Item.price"),
        (alter("count", models.IntegerField()), "takes db_default from shop.Item.count"),
        (alter("count", models.SmallIntegerField(db_default=0)), "changes the type of shop.Item.count"),
        (alter("shelf", models.ForeignKey("shop.Tag", models.CASCADE)), "changes the relation shop.Item.shelf"),
        (alter("shelf", models.IntegerField()), "changes the relation shop.Item.shelf"),
        (
            migrations.SeparateDatabaseAndState(database_operations=[migrations.DeleteModel("Tag")]),
            "deletes shop.Tag",
        ),
    ],
)
def test_what_old_code_cannot_work_with(state: ProjectState, operation: Operation, what: str) -> None:
    assert hazards(state, operation) == [(what, True)]


@pytest.mark.parametrize(
    "operation",
    [
        NEW_MODEL,
        add(models.IntegerField(null=True)),
        add(models.IntegerField(db_default=3)),
        add(models.ManyToManyField("shop.Tag")),
        add(
            models.GeneratedField(expression=models.F("count") + 1, output_field=models.IntegerField(), db_persist=True)
        ),
        alter("name", models.CharField(max_length=30)),
        alter("name", models.SlugField(max_length=20)),
        alter("name", models.TextField(null=True)),
        alter("count", models.BigIntegerField(db_default=0)),
        alter("price", models.DecimalField(max_digits=8, decimal_places=3)),
        alter("shelf", models.ForeignKey("shop.Shelf", models.PROTECT, related_name="items")),
        alter("tags", models.ManyToManyField("shop.Tag", blank=True)),
        migrations.RenameField("item", "kept", "renamed"),
        migrations.AlterModelTable("item", None),
        migrations.AddIndex("item", models.Index(fields=["name"], name="by_name")),
        migrations.AlterModelOptions("item", {"ordering": ["name"]}),
        migrations.AlterUniqueTogether("item", set()),
        migrations.RunPython(migrations.RunPython.noop),
        migrations.RunSQL(migrations.RunSQL.noop),
        migrations.DeleteModel("View"),
        migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveField("item", "note")]),
    ],
    ids=lambda operation: operation.describe(),
)
def test_what_old_code_does_not_notice(state: ProjectState, operation: Operation) -> None:
    assert hazards(state, operation) == []


class Reindex(Operation):
    """An operation of a package, of which nothing is known."""

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        pass


@pytest.mark.parametrize(
    ("operation", "what"),
    [
        (migrations.RunPython(lambda _apps, _editor: None), "runs Python code"),
        (migrations.RunSQL("ALTER TABLE shop_item DROP COLUMN note"), "runs SQL"),
        (Reindex(), "runs Reindex"),
        (alter("name", models.CharField(max_length=20, unique=True)), "requires unique values in shop.Item.name"),
        (migrations.AlterUniqueTogether("item", {("name", "shelf")}), "requires unique values in shop.Item"),
        (
            migrations.AddConstraint("item", models.UniqueConstraint(fields=["name"], name="one_name")),
            "adds the constraint one_name",
        ),
    ],
)
def test_what_nobody_can_know(state: ProjectState, operation: Operation, what: str) -> None:
    assert hazards(state, operation) == [(what, False)]


@pytest.mark.parametrize(
    "operations",
    [
        (NEW_MODEL, migrations.RemoveField("box", "name"), migrations.RenameModel("Box", "Crate")),
        (NEW_MODEL, migrations.RenameModel("Box", "Crate"), migrations.DeleteModel("Crate")),
        (add(models.IntegerField(null=True)), migrations.RenameField("item", "new", "newer")),
        (add(models.IntegerField(null=True)), migrations.RemoveField("item", "new")),
    ],
)
def test_what_the_plan_itself_has_added_is_not_missed(state: ProjectState, operations: Sequence[Operation]) -> None:
    assert hazards(state, *operations) == []


def test_a_new_field_that_is_required_in_a_second_step(state: ProjectState) -> None:
    steps = (add(models.IntegerField(null=True)), migrations.AlterField("item", "new", models.IntegerField()))
    assert hazards(state, *steps) == [("makes shop.Item.new need a value, and it has no db_default", True)]


def test_sql_that_says_what_it_does(state: ProjectState) -> None:
    sql = migrations.RunSQL("...", state_operations=[migrations.RemoveField("item", "note")])
    assert hazards(state, sql) == [("removes shop.Item.note", True), ("runs SQL", False)]


def test_each_migration_is_named(state: ProjectState) -> None:
    plan = []
    for number, name in enumerate(("note", "count")):
        migration: Any = migrations.Migration(f"000{number}_drop", "shop")
        migration.operations = [migrations.RemoveField("item", name)]
        plan.append(migration)
    assert [str(each) for each in find_hazards(plan, state)] == [
        "shop.0000_drop removes shop.Item.note",
        "shop.0001_drop removes shop.Item.count",
    ]
    assert "note" in state.models["shop", "item"].fields
