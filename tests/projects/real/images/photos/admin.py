from django.contrib import admin
from imagekit.admin import AdminThumbnail

from .models import Photo


@admin.register(Photo)
class PhotoAdmin(admin.ModelAdmin):
    list_display = ["id", "preview"]
    preview = AdminThumbnail(image_field="small")
