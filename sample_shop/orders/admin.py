"""Orders in the admin."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from orders.models import Order, OrderLine


class OrderLineInline(admin.TabularInline):
    model = OrderLine
    fields = readonly_fields = ["product", "name", "price", "quantity"]
    extra = 0
    can_delete = False

    def has_add_permission(self, _request: HttpRequest, _order: Order | None = None) -> bool:
        return False


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin):
    list_display = ["number", "name", "email", "total", "status", "created_at", "mailed_at"]
    list_filter = ["status", "created_at", "language"]
    search_fields = ["email", "name", "token"]
    date_hierarchy = "created_at"
    readonly_fields = ["total", "charge_id", "mailed_at", "language"]
    inlines = [OrderLineInline]
    actions = ["mark_shipped"]

    @admin.action(description=_("Mark as shipped"))
    def mark_shipped(self, _request: HttpRequest, orders: QuerySet[Order]) -> None:
        orders.filter(status=Order.Status.PAID).update(status=Order.Status.SHIPPED)

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False
