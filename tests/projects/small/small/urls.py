from django.conf import settings
from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.urls import path
from django.views.static import serve
from notes import targets, views

urlpatterns = [
    path("", views.index),
    path("slow/", views.slow),
    path("count/", views.count),
    path("write/", views.write),
    path("whoami/", views.whoami),
    path("heard/", views.heard),
    path("media/private/<path:name>", views.guarded),
    path("media/slashed/<str:name>/", views.guarded),
    path("media/members/<path:path>", login_required(serve), {"document_root": settings.MEDIA_ROOT}),
    path("media/open/<path:path>", serve, {"document_root": settings.MEDIA_ROOT / "open"}),
    path("size/", views.size),
    path("large/", targets.large),
    path("stream/", targets.stream),
    path("reflected/<value>/", targets.reflected),
    path("echo/", targets.echo),
    path("echo/<path:rest>", targets.echo),
    path("leave_transaction/", targets.leave_transaction),
    path("exit/", targets.leave),
    path("fails/", targets.fail),
    path("odd/", targets.odd),
    path("admin/", admin.site.urls),
]
