from django.db import models


class Station(models.Model):
    name = models.CharField(max_length=100, unique=True)
    height = models.FloatField(default=0)
