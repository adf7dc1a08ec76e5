from django.contrib.auth.decorators import login_required
from django.shortcuts import render
from django.urls import path

from .forms import UserForm

app_name = "users"


@login_required
def update(request):
    return render(request, "users/form.html", {"form": UserForm(instance=request.user)})


urlpatterns = [path("~update/", update, name="update")]
