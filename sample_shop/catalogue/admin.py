"""The catalogue in the admin."""

from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from catalogue.models import Category, Product, StockImport
from catalogue.tasks import import_stock

REFRESH = "2"  # seconds between reloads of the page of a running import


@admin.register(Category)
class CategoryAdmin(admin.ModelAdmin):
    list_display = ["name", "name_de", "position"]
    list_editable = ["position"]
    prepopulated_fields = {"slug": ["name"]}


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):
    list_display = ["thumbnail", "name", "sku", "category", "price", "stock", "active"]
    list_display_links = ["thumbnail", "name"]
    list_editable = ["price", "stock", "active"]
    list_filter = ["category", "active", "featured"]
    list_select_related = ["category"]
    search_fields = ["name", "name_de", "sku"]
    prepopulated_fields = {"slug": ["name"]}

    @admin.display(description="")
    def thumbnail(self, product: Product) -> str:
        if not product.image:
            return "–"
        return format_html('<img src="{}" width="40" height="40" alt="">', product.image.url)


@admin.register(StockImport)
class StockImportAdmin(admin.ModelAdmin):
    list_display = ["created_at", "file", "status", "progress", "created_by"]
    fields = ["file", "status", "progress", "problems"]
    readonly_fields = ["status", "progress", "problems"]

    @admin.display(description=_("progress"))
    def progress(self, job: StockImport) -> str:
        bar = '<progress max="100" value="{}"></progress> {} / {}'
        return format_html(bar, job.percent, job.rows_done, job.rows)

    def get_readonly_fields(self, _request: HttpRequest, job: StockImport | None = None) -> list[str]:
        return [*self.readonly_fields, "file"] if job else [*self.readonly_fields]

    def save_model(self, request: HttpRequest, job: StockImport, form: ModelForm, change: bool) -> None:
        job.created_by = request.user
        super().save_model(request, job, form, change)
        if not change:
            import_stock.enqueue(job.pk)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response = super().changelist_view(request, extra_context)
        return self._refresh_while_running(response)

    def _refresh_while_running(self, response: HttpResponse) -> HttpResponse:
        over = [StockImport.Status.DONE, StockImport.Status.FAILED]
        if response.status_code == 200 and StockImport.objects.exclude(status__in=over).exists():
            response["Refresh"] = REFRESH
        return response
