from rest_framework import serializers, viewsets

from .models import Book


class BookSerializer(serializers.HyperlinkedModelSerializer):
    authors = serializers.StringRelatedField(many=True, read_only=True)

    class Meta:
        model = Book
        fields = ["url", "title", "year", "authors"]


class BookViewSet(viewsets.ModelViewSet):
    queryset = Book.objects.prefetch_related("authors")
    serializer_class = BookSerializer
    filterset_fields = ["year"]
