"""Libraries as their keepers see them: who is in them and how large they are. Read only: an administrator who could add
a member could add themselves, and see what is private."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import BigIntegerField, Count, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext_lazy as _

from apps.library.models import Asset, File, Library, Membership

if TYPE_CHECKING:
    LibraryModelAdmin = admin.ModelAdmin[Library]
    MembershipTable = admin.TabularInline[Membership, Library]
else:
    LibraryModelAdmin, MembershipTable = admin.ModelAdmin, admin.TabularInline


class Members(MembershipTable):
    model = Membership
    readonly_fields = ("user", "role", "is_home")
    fields = readonly_fields
    extra = 0
    verbose_name_plural = _("members")

    def has_add_permission(self, request: HttpRequest, obj: Library | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Library | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Library | None = None) -> bool:
        return False


@admin.register(Library)
class LibraryAdmin(LibraryModelAdmin):
    list_display = ["name", "kind", "members_count", "assets_count", "size", "scanned_at", "unreachable_since"]
    list_filter = ["kind"]
    search_fields = ["name"]
    ordering = ["name"]
    readonly_fields = ("name", "kind", "created_at", "assets_count", "size", "scanned_at", "unreachable_since")
    fields = readonly_fields
    inlines = [Members]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Library]:
        return (
            super()
            .get_queryset(request)
            .annotate(
                members_total=_of_library(Membership, Count("pk")),
                assets_total=_of_library(Asset, Count("pk")),
                bytes_total=_of_library(File, Sum("size")),
            )
        )

    @admin.display(description=_("members"), ordering="members_total")
    def members_count(self, library: Library) -> int:
        return int(getattr(library, "members_total", 0))

    @admin.display(description=_("items"), ordering="assets_total")
    def assets_count(self, library: Library) -> int:
        return int(getattr(library, "assets_total", 0))

    @admin.display(description=_("size"), ordering="bytes_total")
    def size(self, library: Library) -> str:
        return filesizeformat(getattr(library, "bytes_total", 0))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Library | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Library | None = None) -> bool:
        return False


def _of_library(model: type[Membership] | type[Asset] | type[File], aggregate: Count | Sum) -> Coalesce:
    """A number of rows of one library. A subquery each: joined together they would multiply one another."""
    rows = model._default_manager.filter(library=OuterRef("pk")).order_by().values("library").annotate(n=aggregate)
    return Coalesce(Subquery(rows.values("n")), 0, output_field=BigIntegerField())
