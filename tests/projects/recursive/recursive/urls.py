from deep import views
from django.urls import path

urlpatterns = [
    path("names/<name>/", views.names),
    path("fail/<name>/", views.fail),
    path("run/<name>/", views.run),
    path("walk/", views.walk),
    path("wait/", views.wait),
    path("stop/", views.stop),
    path("enqueue/<name>/", views.enqueue),
    path("result/<task>/", views.result),
]
