from django.core.signals import request_started
from django.db.models.signals import post_save
from django.dispatch import receiver

SAVED = []
MIGRATED = []


@receiver(post_save, sender="framework.Entry", dispatch_uid="saved")
def saved(sender, instance, created, **kw):
    SAVED.append((instance.title, created))


def after_migrate(sender, verbosity, **kw):
    sender.get_model("Entry").objects.get_or_create(title="from post_migrate")
