
import django.db.models.deletion
import django.db.models.functions.text
import framework.models
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('contenttypes', '0002_remove_content_type_name'),
    ]

    operations = [
        migrations.CreateModel(
            name='Leaf',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('parent', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='%(app_label)s_%(class)s_children', to='framework.leaf')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Child',
            fields=[
                ('leaf_ptr', models.OneToOneField(auto_created=True, on_delete=django.db.models.deletion.CASCADE, parent_link=True, primary_key=True, serialize=False, to='framework.leaf')),
                ('extra', models.IntegerField(default=0)),
            ],
            options={
                'abstract': False,
            },
            bases=('framework.leaf',),
        ),
        migrations.CreateModel(
            name='Entry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('title', models.CharField(max_length=50)),
                ('upper', framework.models.UpperField(default='default', max_length=20)),
                ('kind', models.CharField(choices=[('p', 'Plain'), ('o', 'Odd one')], default='p', max_length=1)),
                ('data', models.JSONField(default=dict)),
                ('created', models.DateTimeField(auto_now_add=True)),
                ('upload', models.FileField(blank=True, upload_to='entries/%Y')),
                ('length', models.GeneratedField(db_persist=True, expression=django.db.models.functions.text.Length('title'), output_field=models.IntegerField())),
            ],
            options={
                'verbose_name_plural': 'entries',
                'ordering': ['title'],
                'constraints': [models.CheckConstraint(condition=models.Q(('title', ''), _negated=True), name='has_title')],
            },
            managers=[
                ('objects', framework.models.EntryManager()),
            ],
        ),
        migrations.CreateModel(
            name='EntryProxy',
            fields=[
            ],
            options={
                'proxy': True,
                'indexes': [],
                'constraints': [],
            },
            bases=('framework.entry',),
            managers=[
                ('objects', framework.models.EntryManager()),
            ],
        ),
        migrations.CreateModel(
            name='Tag',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.SlugField()),
                ('object_id', models.PositiveBigIntegerField()),
                ('content_type', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='contenttypes.contenttype')),
            ],
        ),
    ]
