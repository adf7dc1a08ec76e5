from django.db import models


class Fruit(models.Model):
    name = models.CharField(max_length=30)
    weight = models.DecimalField(max_digits=6, decimal_places=2)
