"""The first step of every asset: its one decode, in the sandbox."""

import atexit
import shutil
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

import media
from apps.library import storage
from apps.library.batch import Batch, Item, StepFailure
from apps.library.clock import household_clock, sun_clock
from apps.library.models import Asset, File, Inspection, Rendition
from apps.library.services import originals_of, place_of, sidecars_of
from media import places

_sandbox: media.Sandbox | None = None


def sandbox() -> media.Sandbox:
    """This process's sandbox, made at its first use and ended with the process."""
    global _sandbox
    if _sandbox is None:
        _sandbox = media.Sandbox(children=settings.SANDBOX_CHILDREN)
        atexit.register(_sandbox.close)
    return _sandbox


def facts() -> dict[str, Any]:
    """What the sandbox of this machine holds, tried out; for the row of the worker."""
    with media.Sandbox(children=settings.SANDBOX_CHILDREN) as tried:
        try:
            layers = tried.report().layers
        except media.SandboxUnavailable as error:
            return {"sandbox": {"available": False, "why": {"available": str(error)}}}
    holds: dict[str, Any] = {name: layer.holds for name, layer in layers.items()}
    return {"sandbox": holds | {"why": {name: layer.why for name, layer in layers.items()}}}


def inspect(batch: Batch, runtime: object) -> None:
    """Decodes each original once: renditions, metadata, hashes, quality and colours come back together."""
    ids = [item.asset.pk for item in batch.items]
    originals, sidecars = originals_of(ids), sidecars_of(ids)
    items = {str(item.asset.pk): item for item in batch.items}
    drafts: dict[int, Path] = {}

    def wishes() -> "list[media.Wish]":
        made = []
        for item in batch.items:
            file = originals.get(item.asset.pk)
            if file is None:
                batch.fail(item, StepFailure("missing", "This picture has no file any more."))
                continue
            draft = storage.rendition_draft(item.asset.pk, item.asset.revision, uuid.uuid4().hex)
            draft.mkdir(parents=True)
            drafts[item.asset.pk] = draft
            try:
                made.append(_wish(item, file, sidecars.get(item.asset.pk), draft))
            except OSError:
                batch.fail(item, StepFailure("missing", "The file is not there any more. Put it back, then try again."))
        return made

    found: dict[int, media.Inspection] = {}
    try:
        for answer in sandbox().inspect(wishes()):
            item = items[answer.key]
            batch.beat()
            if isinstance(answer, media.Refusal):
                transient = answer.kind in ("disk_full",)
                batch.fail(item, StepFailure(answer.kind, answer.reason, deadly=answer.deadly, transient=transient))
            else:
                found[item.asset.pk] = answer
        located = _places(found)
        with batch.commit() as committed:
            kept = [item for item in committed if item.asset.pk in found]
            for item in kept:
                storage.publish_renditions(drafts[item.asset.pk], item.asset.pk, item.asset.revision)
            _write(kept, found, located, originals)
    finally:
        for draft in drafts.values():
            shutil.rmtree(draft, ignore_errors=True)


def _wish(item: Item, file: File, sidecar: File | None, draft: Path) -> media.Wish:
    return media.Wish(
        key=str(item.asset.pk),
        source=place_of(file),
        sidecar=place_of(sidecar) if sidecar else None,
        folder=draft,
        name=item.asset.name,
        modified_at=file.modified_ns / 1e9 if file.modified_ns else item.asset.added_at.timestamp(),
        thumbnail_side=settings.THUMBNAIL_SIZE,
        preview_side=settings.PREVIEW_SIZE,
        detail_side=settings.DETAIL_SIZE,
    )


def _places(found: dict[int, media.Inspection]) -> dict[int, places.Place]:
    """The nearest town of each picture that knows where it was taken."""
    keys = [key for key, inspection in found.items() if inspection.metadata.latitude is not None]
    nearest = places.nearest(
        [found[key].metadata.latitude or 0.0 for key in keys], [found[key].metadata.longitude or 0.0 for key in keys]
    )
    return {key: place for key, place in zip(keys, nearest, strict=True) if place is not None}


def _write(
    items: Sequence[Item],
    found: dict[int, media.Inspection],
    located: dict[int, places.Place],
    originals: dict[int, File],
) -> None:
    written = Asset.objects.select_for_update().only(*WRITTEN, "edited").in_bulk([item.asset.pk for item in items])
    assets: list[Asset] = []
    inspections: list[Inspection] = []
    renditions: list[Rendition] = []
    for item in items:
        asset, inspection = item.asset, found[item.asset.pk]
        _describe(asset, inspection, located.get(asset.pk))
        _keep_words(asset, written[asset.pk], inspection.metadata)
        assets.append(asset)
        plain = inspection.to_dict()
        inspections.append(
            Inspection(
                asset=asset,
                revision=asset.revision,
                made_at=timezone.now(),
                frames=inspection.frames,
                has_alpha=inspection.has_alpha,
                average_colour=inspection.average_colour,
                pdq=[bytes.fromhex(form) for form in inspection.pdq.forms],
                pdq_quality=inspection.pdq.quality,
                quality=plain["quality"],
                colours=plain["colours"],
                metadata=plain["metadata"],
            )
        )
        renditions.extend(
            Rendition(
                asset=asset,
                kind=rendition.kind,
                revision=asset.revision,
                width=rendition.width,
                height=rendition.height,
                size=rendition.bytes,
            )
            for rendition in inspection.renditions
        )
    Asset.objects.bulk_update(assets, DESCRIBED)
    Rendition.objects.filter(asset__in=assets).delete()
    Rendition.objects.bulk_create(renditions)
    Inspection.objects.filter(asset__in=assets).delete()
    Inspection.objects.bulk_create(inspections)


DESCRIBED = [
    "format", "width", "height", "thumbhash", "sort_at", "taken_local", "taken_offset", "taken_source",
    "latitude", "longitude", "altitude", "city", "region", "country", "camera_make", "camera_model", "lens",
    "exposure_time", "f_number", "iso", "focal_length", "title", "description", "rating", "keywords",
]  # fmt: skip


WRITTEN = ("title", "description", "rating")


def _keep_words(asset: Asset, now: Asset, metadata: media.Metadata) -> None:
    """The file's words, but for what a person wrote, perhaps while the file was being read."""
    says = {"title": (metadata.title or "")[:500], "description": metadata.description or "", "rating": metadata.rating}
    for name in WRITTEN:
        setattr(asset, name, getattr(now, name) if name in now.edited else says[name])


def _describe(asset: Asset, inspection: media.Inspection, place: places.Place | None) -> None:
    """What the file says goes into the asset's own columns."""
    metadata = inspection.metadata
    asset.format, asset.width, asset.height = inspection.format, inspection.width, inspection.height
    asset.thumbhash = inspection.thumbhash
    asset.latitude, asset.longitude, asset.altitude = metadata.latitude, metadata.longitude, metadata.altitude
    _date(asset, metadata.taken)
    asset.city = place.city[:100] if place else ""
    asset.region = place.region[:100] if place else ""
    asset.country = place.country_code if place else ""
    asset.camera_make = (metadata.make or "")[:100]
    asset.camera_model = (metadata.model or "")[:100]
    asset.lens = (metadata.lens or "")[:150]
    asset.exposure_time, asset.f_number = metadata.exposure_time, metadata.f_number
    asset.iso, asset.focal_length = metadata.iso, metadata.focal_length
    asset.keywords = [keyword[:200] for keyword in metadata.keywords]


def _date(asset: Asset, taken: media.Taken | None) -> None:
    """Without a date the asset stays where it came into the timeline."""
    if taken is None:
        asset.taken_local, asset.taken_offset, asset.taken_source = None, None, ""
        return
    local = datetime.fromisoformat(taken.local).replace(tzinfo=UTC)
    asset.taken_local, asset.taken_offset, asset.taken_source = local, taken.offset_minutes, taken.source
    if taken.source == "gps" and asset.longitude is not None:  # satellites say UTC
        asset.sort_at = sun_clock(local, asset.longitude)
    elif taken.source in ("gps", "file"):
        asset.sort_at = household_clock(local)
    else:
        asset.sort_at = local
