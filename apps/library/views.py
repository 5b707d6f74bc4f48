"""The bytes of pictures: every one of them asks for permission."""

import logging

from asgiref.sync import sync_to_async
from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe
from rest_framework.exceptions import AuthenticationFailed

from apps.accounts.api import recognise_program
from apps.library import storage
from apps.library.access import scope_of
from apps.library.delivery import send_file
from apps.library.models import Asset, Rendition
from apps.library.services import originals_of, place_of

log = logging.getLogger("mediahub.media")

RENDITION_TYPES = {"thumbnail": "image/webp", "preview": "image/jpeg", "detail": "image/jpeg"}
ORIGINAL_TYPES = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
    "bmp": "image/bmp",
    "tiff": "image/tiff",
    "heic": "image/heic",
    "avif": "image/avif",
}


@require_safe
async def media(request: HttpRequest, asset_id: int, revision: int, kind: str) -> HttpResponseBase:
    """A rendition or the original of one revision. What the asker may not see does not exist."""
    return await sync_to_async(_media)(request, asset_id, revision, kind)


def _media(request: HttpRequest, asset_id: int, revision: int, kind: str) -> HttpResponseBase:
    try:
        recognise_program(request)
    except AuthenticationFailed as error:
        raise Http404 from error
    scope = scope_of(request)
    if not scope.allows("asset.read"):
        raise Http404
    asset = Asset.objects.visible_to(scope).filter(pk=asset_id, revision=revision).first()
    if asset is None:
        raise Http404
    try:
        response = _original(request, asset) if kind == "original" else _rendition(request, asset, kind)
    except OSError as error:  # its disk is away, or it may not be read: never the reader's fault
        log.warning("file cannot be read", extra={"asset": asset.pk, "kind": kind, "reason": error.strerror})
        raise Http404 from error
    patch_vary_headers(response, ["Cookie", "Authorization", "X-Session-Token"])
    return response


def _rendition(request: HttpRequest, asset: Asset, kind: str) -> HttpResponseBase:
    if not Rendition.objects.filter(asset=asset, kind=kind, revision=asset.revision).exists():
        raise Http404
    return send_file(
        request,
        storage.rendition_path(asset.pk, asset.revision, kind),
        content_type=RENDITION_TYPES[kind],
        etag=f'"{asset.pk}-{asset.revision}-{kind}"',
        cache="private, max-age=600",
    )


def _original(request: HttpRequest, asset: Asset) -> HttpResponseBase:
    """Shown by the browser only when it is a picture that browsers open; everything else is a download."""
    file = originals_of([asset.pk]).get(asset.pk)
    if file is None:
        raise Http404
    content_type = ORIGINAL_TYPES.get(asset.format, "application/octet-stream")
    return send_file(
        request,
        place_of(file),
        content_type=content_type,
        etag=f'"{bytes(file.sha256_now).hex()}"',
        cache="private, no-cache",
        name=asset.name,
        inline=content_type != "application/octet-stream" and "download" not in request.GET,
    )
