from django.contrib.gis import admin

from places.models import Place


@admin.register(Place)
class PlaceAdmin(admin.GISModelAdmin):
    list_display = ["name", "at"]
