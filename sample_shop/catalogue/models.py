"""Categories, products, and imports of stock lists."""

from django.contrib.auth import get_user_model
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _


class Translated(models.Model):
    """Has a name in both languages. The English name replaces a missing German one."""

    name = models.CharField(_("name"), max_length=120)
    name_de = models.CharField(_("name in German"), max_length=120, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.title

    @property
    def title(self) -> str:
        return self.in_language("name")

    def in_language(self, field: str) -> str:
        german = getattr(self, f"{field}_de") if (get_language() or "").startswith("de") else ""
        return german or getattr(self, field)


class Category(Translated):
    slug = models.SlugField(unique=True)
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        ordering = ["position", "name"]

    def get_absolute_url(self) -> str:
        return reverse("category", args=[self.slug])


class ProductQuerySet(models.QuerySet["Product"]):
    def on_sale(self) -> "ProductQuerySet":
        return self.filter(active=True).select_related("category")

    def search(self, words: str) -> "ProductQuerySet":
        """Return the products on sale that contain every word, in either language."""
        matches = self.on_sale()
        for word in words.split()[:8]:
            fields = ("name", "name_de", "description", "description_de", "sku")
            matches = matches.filter(Q(*((f"{field}__icontains", word) for field in fields), _connector=Q.OR))
        return matches


class Product(Translated):
    sku = models.CharField(_("SKU"), max_length=32, unique=True)
    slug = models.SlugField(unique=True)
    category = models.ForeignKey(Category, models.PROTECT, related_name="products", verbose_name=_("category"))
    description = models.TextField(_("description"), blank=True)
    description_de = models.TextField(_("description in German"), blank=True)
    price = models.DecimalField(_("price"), max_digits=8, decimal_places=2)
    stock = models.PositiveIntegerField(_("stock"), default=0)
    image = models.ImageField(_("image"), upload_to="products", blank=True)
    featured = models.BooleanField(_("on the front page"), default=False)
    active = models.BooleanField(_("on sale"), default=True)

    objects = ProductQuerySet.as_manager()

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        ordering = ["name"]
        constraints = [models.CheckConstraint(condition=Q(price__gte=0), name="price_not_negative")]

    def get_absolute_url(self) -> str:
        return reverse("product", args=[self.slug])

    @property
    def text(self) -> str:
        return self.in_language("description")


class StockImport(models.Model):
    """An uploaded CSV file with the columns sku, stock and, optionally, price. A task imports it."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    file = models.FileField(_("CSV file"), upload_to="imports")
    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.WAITING, editable=False)
    rows = models.PositiveIntegerField(_("rows"), default=0, editable=False)
    rows_done = models.PositiveIntegerField(_("rows done"), default=0, editable=False)
    problems = models.TextField(_("problems"), blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    created_by = models.ForeignKey(get_user_model(), models.SET_NULL, null=True, editable=False)

    class Meta:
        verbose_name = _("stock import")
        verbose_name_plural = _("stock imports")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.file.name} ({self.get_status_display()})"

    @property
    def is_over(self) -> bool:
        return self.status in (self.Status.DONE, self.Status.FAILED)

    @property
    def percent(self) -> int:
        return 100 * self.rows_done // self.rows if self.rows else 0
