import json
import os
from importlib import import_module

from django.db import migrations

initial = import_module("framework.migrations.0001_initial")


def seed(apps, schema_editor):
    Entry = apps.get_model("framework", "Entry")
    with open(os.path.join(os.path.dirname(os.path.dirname(__file__)), "texts", "seed.json")) as file:
        rows = json.load(file)
    with open(os.path.join(os.path.dirname(__file__), "rows.txt")) as file:
        rows.append(file.read().strip())
    for row in rows:
        Entry.objects.create(
            title=f"seed {row}",
            data=[Entry.__module__, schema_editor.connection.alias, initial.Migration.__module__, __name__],
        )


class Migration(migrations.Migration):
    dependencies = [("framework", initial.__name__.rpartition(".")[2])]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop, elidable=True), migrations.RunSQL("SELECT 1", "")]
