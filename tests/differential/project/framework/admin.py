from django.contrib import admin

from framework.models import Entry


@admin.register(Entry)
class EntryAdmin(admin.ModelAdmin):
    list_display = ["title", "shout"]
    search_fields = ["title"]

    @admin.display(description="Shouted", ordering="title")
    def shout(self, entry):
        return entry.title.upper()
