"""People and pictures as rows: for tests that ask who sees what, not how it came in."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.scope import ACTIONS
from apps.accounts.services import make_key
from apps.duplicates.models import DuplicatePair, PictureHash
from apps.ingest.models import StepRun
from apps.ingest.steps import STEPS
from apps.jobs.models import Job
from apps.library import storage
from apps.library.models import Asset, Change, File, Inspection, Library, Membership, Rendition
from apps.library.services import home_of
from apps.reading.models import TextSegment
from apps.search import indexing
from apps.tagging.models import AssetTag, QualityScore
from apps.tagging.steps import tag_ids

PASSWORD = "a-long-enough-password"
NUMBERS = count(1)

READ = tuple(action for action in ACTIONS if action.endswith(".read"))
WRITE = tuple(action for action in ACTIONS if not action.endswith(".read"))


def person(username: str, *, is_administrator: bool = False) -> User:
    return User.objects.create_user(
        username,
        PASSWORD,
        name=username.capitalize(),
        email=f"{username}@example.org",
        is_staff=is_administrator,
        is_superuser=is_administrator,
    )


def signed_in(user: User) -> Client:
    client = Client(enforce_csrf_checks=False)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def with_key(user: User, *actions: str) -> Client:
    _key, secret = make_key(user, "a program", actions)
    return Client(headers={"authorization": f"Bearer {secret}"})


def shared_library(owner: User, name: str = "Shared", **members: User) -> Library:
    """`viewer=bob` or `editor=bob` lets Bob in."""
    library = Library.objects.create(name=name, kind=Library.Kind.SHARED)
    Membership.objects.create(library=library, user=owner, role=Membership.Role.OWNER)
    for role, user in members.items():
        Membership.objects.create(library=library, user=user, role=role)
    return library


@dataclass(frozen=True)
class Words:
    """What is unique about a picture: wherever one of these shows up, the picture was seen."""

    name: str = "zanzibarquokka.jpg"
    title: str = "Umbrellaphant"
    description: str = "Crocodilophone at noon"
    text: str = "Wombatstrudel invoice"
    keyword: str = "Lemurlasagne"
    tag: str = "ocelotopera"
    city: str = "Narwhalville"
    camera: str = "Pangolinpix"

    def __iter__(self):  # type: ignore[no-untyped-def]  # the words, each alone
        for value in vars(self).values():
            yield value.split()[0].removesuffix(".jpg").lower()


WORDS = Words()


def picture(
    library: Library, words: Words | None = None, *, added_by: User | None = None, steps: str = "done"
) -> Asset:
    """An asset as the pipeline leaves it: files, renditions, inspection, text, tags, hash and step runs; it is
    found after `indexing.refresh`. `steps` is the state of its steps."""
    number = next(NUMBERS)
    words = words or Words(*(f"{kind}{number}" for kind in vars(WORDS)))
    asset = Asset.objects.create(
        library=library,
        name=words.name,
        title=words.title,
        description=words.description,
        keywords=[words.keyword],
        city=words.city,
        country="TZ",
        latitude=-6.1,
        longitude=39.2,
        camera_make=words.camera,
        camera_model=f"{words.camera} 9000",
        added_by=added_by,
        format="jpeg",
        width=400,
        height=300,
        taken_local=datetime(2023, 5, 17, 12, tzinfo=UTC),
        taken_source=Asset.TakenSource.EXIF,
        sort_at=datetime(2023, 5, 17, 12, tzinfo=UTC),
        thumbhash=b"12345",
    )
    sha256 = number.to_bytes(32, "big")
    File.objects.create(
        library=library,
        asset=asset,
        path=storage.original_path(library.pk, sha256, ".jpg"),
        size=123,
        sha256_uploaded=sha256,
        sha256_now=sha256,
    )
    for kind in Rendition.Kind.values:
        path = storage.rendition_path(asset.pk, 1, kind)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(words.name.encode())
        Rendition.objects.create(asset=asset, kind=kind, revision=1, width=400, height=300, size=len(words.name))
    Inspection.objects.create(
        asset=asset, revision=1, average_colour="#123456", pdq=[sha256] * 8, pdq_quality=100, metadata={}
    )
    TextSegment.objects.create(asset=asset, kind="ocr", position=0, text=words.text, score=1.0, model="fake")
    for tag_id in tag_ids([("scene", words.tag)]).values():
        AssetTag.objects.create(asset=asset, tag_id=tag_id, source="facts")
    QualityScore.objects.create(asset=asset, score=77)
    PictureHash.objects.create(asset=asset, bits="01" * 128, quality=100)
    trouble = {"failure": "unreadable", "error": f"{words.name} cannot be read."} if steps == "failed" else {}
    StepRun.objects.bulk_create(
        StepRun(
            asset=asset,
            library=library,
            step=step.name,
            lane=step.lane,
            state=steps,
            finished_at=timezone.now(),
            duration_ms=5,
            **trouble,
        )
        for step in STEPS
    )
    Change.objects.create(asset=asset)
    return asset


@dataclass(frozen=True)
class House:
    """Alice owns a home, a folder, and a library that Bob may look at and Dora may add to. Charlie and the
    administrator have nothing to do with any of it. What is Alice's alone has WORDS all over it."""

    alice: User = field(default_factory=lambda: person("alice"))
    bob: User = field(default_factory=lambda: person("bob"))
    dora: User = field(default_factory=lambda: person("dora"))
    charlie: User = field(default_factory=lambda: person("charlie"))
    admin: User = field(default_factory=lambda: person("admin", is_administrator=True))

    def __post_init__(self) -> None:
        home = home_of(self.alice)
        for other in (self.bob, self.charlie, self.admin, self.dora):
            home_of(other)
        canary, twin = picture(home, WORDS, added_by=self.alice), picture(home, WORDS, added_by=self.alice)
        DuplicatePair.objects.create(first=canary, second=twin, distance=4)
        failed = picture(home, WORDS, added_by=self.alice, steps="failed")
        shared = shared_library(self.alice, "Holidays", viewer=self.bob, editor=self.dora)
        folder = Library.objects.create(name="Folder", kind=Library.Kind.FOLDER, root="/zanzibarquokka")
        Membership.objects.create(library=folder, user=self.alice, role=Membership.Role.OWNER)
        job = Job.objects.create(kind="scan", title="Zanzibarquokka", started_by=self.alice, target=str(home.pk))
        things = {"home": home, "canary": canary, "twin": twin, "failed": failed, "shared": shared, "job": job}
        things["folder"] = folder
        things["seen_by_bob"] = picture(shared, added_by=self.alice)
        indexing.refresh()
        for name, thing in things.items():
            object.__setattr__(self, name, thing)

    home: Library = field(init=False)
    shared: Library = field(init=False)
    folder: Library = field(init=False)
    canary: Asset = field(init=False)
    twin: Asset = field(init=False)
    failed: Asset = field(init=False)
    seen_by_bob: Asset = field(init=False)
    job: Job = field(init=False)
