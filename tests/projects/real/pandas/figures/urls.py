from django.contrib import admin
from django.urls import path
from sales.views import report

urlpatterns = [path("admin/", admin.site.urls), path("", report)]
