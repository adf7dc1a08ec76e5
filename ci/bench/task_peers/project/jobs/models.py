"""The row that a request writes beside its task."""

from django.db import models


class Row(models.Model):
    text = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.text
