"""What is known about an asset by reading it."""

from apps.library.models import Asset
from apps.reading.models import TextSegment


def text_of(asset: Asset) -> list[TextSegment]:
    """The lines that were read in an asset, in reading order. The asker must be allowed to see the asset."""
    return list(TextSegment.objects.filter(asset=asset).order_by("kind", "position"))
