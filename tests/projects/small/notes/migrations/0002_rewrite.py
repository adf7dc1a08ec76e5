import os

from django.db import migrations


def rewrite(apps, _schema_editor):
    """Changes every note, then fails where the test asks for it; not atomic, so that the change would stay."""
    apps.get_model("notes", "Note").objects.update(text="rewritten")
    if "SMALL_BROKEN_MIGRATION" in os.environ:
        raise ValueError("this migration is broken")


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("notes", "0001_initial")]
    operations = [migrations.RunPython(rewrite, migrations.RunPython.noop)]
