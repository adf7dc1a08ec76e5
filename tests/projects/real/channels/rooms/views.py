from django.shortcuts import render


def room(request):
    return render(request, "rooms/room.html", {"name": "lobby"})
