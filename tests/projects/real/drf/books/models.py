from django.db import models


class Author(models.Model):
    name = models.CharField(max_length=100)

    def __str__(self):
        return self.name


class Book(models.Model):
    title = models.CharField(max_length=200)
    year = models.PositiveIntegerField()
    authors = models.ManyToManyField(Author, blank=True)

    class Meta:
        ordering = ["title"]

    def __str__(self):
        return self.title
