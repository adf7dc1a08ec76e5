from django.urls import include, path, re_path, register_converter
from django.views.generic import TemplateView

from framework import pages


class Hexadecimal:
    regex = "[0-9a-f]+"

    def to_python(self, value):
        return int(value, 16)

    def to_url(self, value):
        return f"{value:x}"


register_converter(Hexadecimal, "hex")
app_name = "framework"
urlpatterns = [
    path("hex/<hex:number>/", pages.number, name="number"),
    re_path(r"^old/(?P<word>\w+)/(?:page-(?P<page>\d+)/)?$", pages.words, name="old"),
    path("stream/", pages.stream, name="stream"),
    path("async-stream/", pages.async_stream),
    path("upload/", pages.upload, name="upload"),
    path("session/", pages.session),
    path("message/", pages.message),
    path("error/<str:kind>/", pages.error),
    path("async/", pages.asynchronous),
    path("meta/", pages.meta),
    path("echo/", pages.echo),
    path("raw/<str:kind>/", pages.raw),
    path("template/", TemplateView.as_view(template_name="framework/child.html", extra_context={"name": "n"})),
    path("template-response/", pages.template_response),
    path("file/", pages.file),
    path("any/<path:rest>", pages.any_path),
    path("cached/", pages.cached),
    path("i18n/", include("django.conf.urls.i18n")),
]
