from django.contrib.gis.db.models.functions import Distance
from django.contrib.gis.geos import Point
from django.core.serializers import serialize
from django.http import HttpResponse, JsonResponse

from places.models import Place

HERE = Point(13.4, 52.5, srid=4326)


def near(request):
    """Kilometres to each place, nearest first; the database counts them."""
    found = Place.objects.annotate(away=Distance("at", HERE)).order_by("away")
    return JsonResponse({place.name: round(place.away.km) for place in found})


def web_mercator(request):
    """GDAL and PROJ, with the data that they come with."""
    return JsonResponse(
        {place.name: [round(n) for n in place.at.transform(3857, clone=True)] for place in Place.objects.all()}
    )


def features(request):
    return HttpResponse(serialize("geojson", Place.objects.all(), geometry_field="at"), "application/geo+json")
