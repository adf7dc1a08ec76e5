from django.shortcuts import render

from .models import Photo


def wall(request):
    return render(request, "photos/wall.html", {"photos": Photo.objects.all()})
