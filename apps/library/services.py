"""Libraries, who is in them, and the one way that bytes become an asset."""

import contextlib
import errno
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Count, Q
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.scope import Scope
from apps.jobs import faults
from apps.library import storage
from apps.library.clock import household_clock, household_now
from apps.library.models import Asset, File, Library, Membership
from apps.library.names import clean_name, suffix_of


# -- Libraries --------------------------------------------------------------------------------------------------------
def home_of(user: User) -> Library:
    """A person's own library; made when they first need it."""
    member = Membership.objects.filter(user=user, is_home=True).select_related("library").first()
    if member:
        home: Library = member.library
        return home
    try:
        with transaction.atomic():
            library = Library.objects.create(name=str(user), kind=Library.Kind.PERSONAL)
            Membership.objects.create(library=library, user=user, role=Membership.Role.OWNER, is_home=True)
            return library
    except IntegrityError:  # somebody else made it in the same moment
        return home_of(user)


@transaction.atomic
def create_library(user_id: int, name: str) -> Library:
    """A library to share; its maker owns it."""
    library = Library.objects.create(name=name.strip()[:150] or _("Shared"), kind=Library.Kind.SHARED)
    Membership.objects.create(library=library, user_id=user_id, role=Membership.Role.OWNER)
    return library


def add_folder(user_id: int, root: Path, name: str = "") -> Library:
    """Registers a folder that is read and never written. The same folder again is the same library, for its owner only.

    Raises ValidationError when it cannot be read, holds our own data, or belongs to somebody else already.
    """
    root = root.expanduser().resolve()
    known = Library.objects.filter(root=str(root)).first()
    if known:  # even while its disk is away: a scan says what to do then
        if not Membership.objects.filter(library=known, user_id=user_id, role=Membership.Role.OWNER).exists():
            raise ValidationError(_("%(path)s is already the library of somebody else.") % {"path": root})
        return known
    if not root.is_dir() or not os.access(root, os.R_OK | os.X_OK):
        raise ValidationError(_("%(path)s is not a folder that can be read.") % {"path": root})
    own = Path(settings.DATA_DIR).resolve()
    if root == own or own in root.parents or root in own.parents:
        raise ValidationError(_("%(path)s holds MediaHub's own data. Choose another folder.") % {"path": root})
    with transaction.atomic():
        library = Library.objects.create(name=(name or root.name)[:150], kind=Library.Kind.FOLDER, root=str(root))
        Membership.objects.create(library=library, user_id=user_id, role=Membership.Role.OWNER)
    return library


def rename_library(scope: Scope, library_id: int, name: str) -> Library:
    """Raises Library.DoesNotExist when it is not the asker's."""
    library = Library.objects.owned_by(scope).get(pk=library_id)
    library.name = name.strip()[:150] or library.name
    library.save(update_fields=["name"])
    return library


def share(scope: Scope, library_id: int, username: str, role: str) -> Membership:
    """Lets a person into a library, or changes their role. Raises Library.DoesNotExist, User.DoesNotExist."""
    library = Library.objects.owned_by(scope).get(pk=library_id)
    if library.kind == Library.Kind.PERSONAL:
        raise PermissionDenied(_("Your personal library is yours alone. Make a shared library to share pictures."))
    user = User.objects.filter(is_active=True).get(username__iexact=username)
    if user.pk == scope.user_id:
        raise PermissionDenied(_("You own this library already."))
    member, _made = Membership.objects.update_or_create(library=library, user=user, defaults={"role": role})
    user.raise_access_epoch()
    return member


def unshare(scope: Scope, library_id: int, user_id: int) -> None:
    """Takes a person out of a library; from their next request on they see nothing of it. An owner may take anybody
    out, everybody may leave. The last owner stays."""
    mine = library_id in scope.owned or (user_id == scope.user_id and library_id in scope.readable)
    if not mine:
        raise Library.DoesNotExist
    with transaction.atomic():
        members = Membership.objects.select_for_update().filter(library_id=library_id)
        member = members.get(user_id=user_id)
        if member.role == Membership.Role.OWNER and members.filter(role=Membership.Role.OWNER).count() == 1:
            raise PermissionDenied(_("A library needs an owner. Make somebody else its owner first."))
        member.delete()
        member.user.raise_access_epoch()


def members_of(library_ids: frozenset[int] | set[int]) -> dict[int, list[int]]:
    """The people who may see each library: who is told when something in it moves."""
    members: dict[int, list[int]] = {}
    for library_id, user_id in Membership.objects.filter(library__in=library_ids).values_list("library_id", "user_id"):
        members.setdefault(library_id, []).append(user_id)
    return members


@dataclass(frozen=True, slots=True)
class LibrarySummary:
    """A library as one of its members sees it."""

    library: Library
    role: str
    assets: int
    is_home: bool

    @property
    def may_add(self) -> bool:
        return self.role != Membership.Role.VIEWER and self.library.kind != Library.Kind.FOLDER

    @property
    def shown_root(self) -> str:
        """Where a folder lies on the machine concerns its owners only."""
        return self.library.root if self.role == Membership.Role.OWNER else ""


def libraries_of(scope: Scope) -> list[LibrarySummary]:
    """The asker's libraries, their own first, with their role and the number of assets in each."""
    if scope.user_id is not None:
        home_of(User.objects.get(pk=scope.user_id))
    counts = dict(Asset.objects.visible_to(scope).values_list("library").annotate(n=Count("id")))
    members = (
        Membership.objects.filter(user=scope.user_id or 0)
        .select_related("library")
        .order_by("-is_home", "library__name", "library_id")
    )
    return [
        LibrarySummary(member.library, member.role, counts.get(member.library_id, 0), member.is_home)
        for member in members
    ]


def people_in(scope: Scope, library_id: int) -> list[Membership]:
    """Who is in a library. Raises Library.DoesNotExist for one that the asker does not see."""
    library = Library.objects.visible_to(scope).get(pk=library_id)
    members = Membership.objects.filter(library=library).select_related("user")
    return list(members.order_by("user__name", "user__username"))


# -- Bytes ------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class NewFile:
    """Bytes that lie complete and synced at `path`, on the file system of the store."""

    path: Path
    name: str
    size: int
    sha256: bytes
    modified_at: datetime | None = None


def add_file(library: Library, file: NewFile, *, added_by_id: int | None) -> tuple[Asset, bool]:
    """Links the bytes to their final place, which is never replaced, and writes the rows. Returns (asset, made); the
    same content twice in a library is one asset. The bytes stay at `file.path` too: the caller lets go of them after
    its commit."""
    known = find_content(library.pk, file.sha256)
    if known:
        return known, False
    relative = storage.original_path(library.pk, file.sha256, suffix_of(file.name))
    target = Path(settings.ORIGINALS_DIR) / relative
    _make_folder(target.parent)
    # It exists when a process died between this link and its row: the place is named by the content, so it is the same.
    with contextlib.suppress(FileExistsError):
        os.link(file.path, target)
    faults.reached("upload.link")
    storage.sync_folder(target.parent)
    faults.reached("upload.folder")
    try:
        with transaction.atomic():
            asset = Asset.objects.create(
                library=library,
                name=clean_name(file.name),
                added_by_id=added_by_id,
                sort_at=household_clock(file.modified_at) if file.modified_at else household_now(),
            )
            File.objects.create(
                library=library,
                asset=asset,
                path=relative,
                size=file.size,
                modified_ns=int(file.modified_at.timestamp() * 1e9) if file.modified_at else 0,
                sha256_uploaded=file.sha256,
                sha256_now=file.sha256,
            )
            faults.reached("upload.row")
            return asset, True
    except IntegrityError:  # the same content arrived twice in the same moment
        known = find_content(library.pk, file.sha256)
        if known is None:
            raise
        return known, False


def _make_folder(folder: Path) -> None:
    """Makes a folder and makes its name durable, up to the first one that was there."""
    missing = [folder]
    while not missing[-1].parent.exists():
        missing.append(missing[-1].parent)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for made in reversed(missing):
        storage.sync_folder(made.parent)


def find_content(library_id: int, sha256: bytes) -> Asset | None:
    file = (
        File.objects.filter(library_id=library_id, sha256_uploaded=sha256, role=File.Role.ORIGINAL)
        .select_related("asset")
        .first()
    )
    return file.asset if file else None


def place_of(file: File) -> Path:
    """Where the bytes of a file are. Raises FileNotFoundError for a path that leaves its library: whoever may write
    into a folder could put a link there that shows them any other file."""
    library = file.library
    root = Path(library.root) if library.root else Path(settings.ORIGINALS_DIR)
    place = root / file.path
    if not place.resolve().is_relative_to(root.resolve()):
        raise FileNotFoundError(errno.ENOENT, "outside of its library", place)
    return place


def originals_of(asset_ids: list[int]) -> dict[int, File]:
    """The file that stands for each asset; a copy when the original is not where it was."""
    files: dict[int, File] = {}
    rows = (
        File.objects.filter(Q(role=File.Role.ORIGINAL) | Q(role=File.Role.COPY), asset__in=asset_ids)
        .select_related("library")
        .order_by("missing_since", "-role", "id")
    )
    for file in rows:
        best = files.get(file.asset_id)
        if best is None or (best.missing_since is not None and file.missing_since is None):
            files[file.asset_id] = file
    return files


def sidecars_of(asset_ids: list[int]) -> dict[int, File]:
    rows = File.objects.filter(role=File.Role.SIDECAR, asset__in=asset_ids, missing_since=None).select_related(
        "library"
    )
    return {file.asset_id: file for file in rows.select_related("library")}
