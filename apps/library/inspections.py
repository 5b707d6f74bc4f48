"""What the one decode of a picture told, for the steps that derive something from it."""

from apps.library.batch import Batch, StepFailure
from apps.library.models import Inspection


def inspections_of(batch: Batch) -> dict[int, Inspection]:
    """The inspections of the remaining items, by asset. An item without one of its own revision has failed."""
    found = {row.pk: row for row in Inspection.objects.filter(asset__in=[item.asset.pk for item in batch.remaining])}
    for item in batch.remaining:
        inspection = found.get(item.asset.pk)
        if inspection is None or inspection.revision != item.asset.revision:
            found.pop(item.asset.pk, None)
            batch.fail(item, StepFailure("no_inspection", "The picture was not opened yet. Inspect it again."))
    return found
