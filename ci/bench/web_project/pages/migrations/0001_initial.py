import django.db.models.deletion
from django.db import migrations, models


def fill(apps, _schema_editor):
    author, book = apps.get_model("pages", "Author"), apps.get_model("pages", "Book")
    authors = author.objects.bulk_create(author(name=f"Author {number}") for number in range(20))
    book.objects.bulk_create(
        book(title=f"Book {number}", price=f"{number % 50}.90", author=authors[number % 20]) for number in range(2000)
    )


class Migration(migrations.Migration):
    operations = [
        migrations.CreateModel(
            "Author", [("id", models.BigAutoField(primary_key=True)), ("name", models.CharField(max_length=50))]
        ),
        migrations.CreateModel(
            "Book",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("title", models.CharField(max_length=100)),
                ("price", models.DecimalField(max_digits=6, decimal_places=2)),
                ("author", models.ForeignKey("pages.Author", django.db.models.deletion.CASCADE)),
            ],
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
