from collections.abc import Mapping
from typing import Any, ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.accounts.scope import Scope
from apps.library.clock import household_now
from apps.library.querysets import ScopedQuerySet


class LibraryQuerySet(ScopedQuerySet["Library"]):
    library_path: ClassVar[str] = "id"

    def owned_by(self, scope: Scope) -> Self:
        return self.filter(id__in=scope.owned)


class Library(models.Model):
    """A shelf: what is in it is seen by its members and by nobody else.

    `root` is set for a folder that the owner pointed at. Such a folder is read, never written.
    """

    class Kind(models.TextChoices):
        PERSONAL = "personal", _("Personal")
        SHARED = "shared", _("Shared")
        FOLDER = "folder", _("Folder")

    name = models.CharField(max_length=150)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    root = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    scanned_at = models.DateTimeField(null=True)
    unreachable_since = models.DateTimeField(null=True)  # the folder vanished; what was found in it is kept
    members = models.ManyToManyField(User, through="Membership", related_name="+")

    objects = LibraryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "libraries"
        constraints = [models.UniqueConstraint("root", name="library_root", condition=~Q(root=""))]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    class Role(models.TextChoices):
        VIEWER = "viewer", _("Viewer")
        EDITOR = "editor", _("Editor")
        OWNER = "owner", _("Owner")

    library = models.ForeignKey(Library, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    role = models.CharField(max_length=8, choices=Role.choices)
    # The one library that is this person's own: where their uploads go when they name none.
    is_home = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint("library", "user", name="membership_once"),
            models.UniqueConstraint("user", name="membership_one_home", condition=Q(is_home=True)),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.library}: {self.role}"


class AssetQuerySet(ScopedQuerySet["Asset"]):
    library_path: ClassVar[str] = "library_id"


class Asset(models.Model):
    """One thing a person sees: a photo with all its files. `revision` grows when its content changes."""

    class Kind(models.TextChoices):
        PHOTO = "photo", _("Photo")

    class TakenSource(models.TextChoices):
        EXIF = "exif", _("Camera")
        GPS = "gps", _("GPS")
        XMP = "xmp", _("Embedded notes")
        NAME = "name", _("File name")
        FILE = "file", _("File time")

    library = models.ForeignKey(Library, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.PHOTO)
    revision = models.PositiveIntegerField(default=1)
    name = models.CharField(max_length=255)  # the owner's file name, shown and searched
    added_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    added_at = models.DateTimeField(default=timezone.now)
    # Where the picture stands in the timeline: when it was taken, else when its file was last changed. It is the clock
    # on the wall, kept as if it were UTC, so that a picture stands on the day that its people had.
    sort_at = models.DateTimeField(default=household_now)

    format = models.CharField(max_length=16, blank=True)
    width = models.PositiveIntegerField(default=0)  # after its orientation was applied; 0: not yet known
    height = models.PositiveIntegerField(default=0)
    thumbhash = models.BinaryField(max_length=32, default=b"")

    taken_local = models.DateTimeField(null=True)  # the clock on the wall where it was taken, kept as if it were UTC
    taken_offset = models.SmallIntegerField(null=True)  # minutes east of Greenwich; None: not known
    taken_source = models.CharField(max_length=8, choices=TakenSource.choices, blank=True)
    latitude = models.FloatField(null=True)
    longitude = models.FloatField(null=True)
    altitude = models.FloatField(null=True)
    city = models.CharField(max_length=100, blank=True)
    region = models.CharField(max_length=100, blank=True)
    country = models.CharField(max_length=2, blank=True)

    camera_make = models.CharField(max_length=100, blank=True)
    camera_model = models.CharField(max_length=100, blank=True)
    lens = models.CharField(max_length=150, blank=True)
    exposure_time = models.FloatField(null=True)  # seconds
    f_number = models.FloatField(null=True)
    iso = models.PositiveIntegerField(null=True)
    focal_length = models.FloatField(null=True)  # millimetres

    title = models.CharField(max_length=500, blank=True)
    description = models.TextField(blank=True)
    rating = models.PositiveSmallIntegerField(null=True)
    keywords = ArrayField(models.CharField(max_length=200), default=list)
    edited = ArrayField(models.CharField(max_length=20), default=list)  # fields that a person wrote; the file's lose

    objects = AssetQuerySet.as_manager()

    class Meta:
        indexes = [
            # the timeline of one library, page after page
            models.Index(fields=["library", "-sort_at", "-id"], name="asset_timeline"),
            models.Index(fields=["library", "-added_at", "-id"], name="asset_added"),
        ]

    def __str__(self) -> str:
        return self.name

    def edit(self, words: Mapping[str, Any]) -> None:
        """Writes what a person says of it; it stays when the file is read again. Nothing else is written: others may
        work on it at this moment."""
        for name, value in words.items():
            setattr(self, name, value)
        self.edited = sorted({*self.edited, *words})
        self.save(update_fields=[*words, "edited"])


class FileQuerySet(ScopedQuerySet["File"]):
    library_path: ClassVar[str] = "library_id"


class File(models.Model):
    """Bytes that belong to an asset. `path` is relative: to the store, or to the root of a folder library."""

    class Role(models.TextChoices):
        ORIGINAL = "original", _("Original")
        COPY = "copy", _("Same content at another place")
        SIDECAR = "sidecar", _("Sidecar")

    library = models.ForeignKey(Library, on_delete=models.PROTECT, related_name="+")
    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="files")
    role = models.CharField(max_length=8, choices=Role.choices, default=Role.ORIGINAL)
    path = models.TextField()
    size = models.PositiveBigIntegerField()
    modified_ns = models.BigIntegerField(default=0)
    sha256_uploaded = models.BinaryField(max_length=32)
    sha256_now = models.BinaryField(max_length=32)
    missing_since = models.DateTimeField(null=True)  # a scan did not find it; nothing is forgotten for that

    objects = FileQuerySet.as_manager()

    class Meta:
        constraints = [
            # the same content twice in a library is one asset
            models.UniqueConstraint(
                "library", "sha256_uploaded", name="file_content_once", condition=Q(role="original")
            ),
            models.UniqueConstraint("library", "path", name="file_path_once"),
        ]

    def __str__(self) -> str:
        return self.path


class RenditionQuerySet(ScopedQuerySet["Rendition"]):
    library_path: ClassVar[str] = "asset__library_id"


class Rendition(models.Model):
    """A picture that we made of an asset's revision; it can always be made again."""

    class Kind(models.TextChoices):
        THUMBNAIL = "thumbnail", _("Thumbnail")
        PREVIEW = "preview", _("Preview")
        DETAIL = "detail", _("Detail")

    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="renditions")
    kind = models.CharField(max_length=9, choices=Kind.choices)
    revision = models.PositiveIntegerField()
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    size = models.PositiveIntegerField()

    objects = RenditionQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint("asset", "kind", name="rendition_once")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.asset_id}"


class Inspection(models.Model):
    """What the one decode of an asset told besides its pictures. Tags and hashes are derived from it, as often as
    needed, without opening the picture."""

    asset = models.OneToOneField(Asset, on_delete=models.CASCADE, primary_key=True, related_name="inspection")
    revision = models.PositiveIntegerField()
    made_at = models.DateTimeField(default=timezone.now)
    frames = models.PositiveIntegerField(default=1)
    has_alpha = models.BooleanField(default=False)
    average_colour = models.CharField(max_length=7)
    pdq = ArrayField(models.BinaryField(max_length=32), size=8)  # the eight forms: see media.pdq for their order
    pdq_quality = models.PositiveSmallIntegerField()
    quality = models.JSONField(default=dict)  # media's Quality
    colours = models.JSONField(default=list)
    metadata = models.JSONField(default=dict)

    objects = models.Manager["Inspection"]()

    def __str__(self) -> str:
        return f"inspection of {self.asset_id}"


class Change(models.Model):
    """Something about an asset is new: what is derived from it further up must be made again, and deletes the row."""

    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"change of {self.asset_id}"
