from django.db import models


class Booking(models.Model):
    date = models.DateField()
    text = models.CharField(max_length=100)
    amount = models.DecimalField(max_digits=10, decimal_places=2)
