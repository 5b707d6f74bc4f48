"""Reading: words in pictures."""

from collections.abc import Iterator

from django.conf import settings

from apps.library.batch import Batch, Item, Picture, StepFailure
from apps.library.models import Inspection
from apps.reading.models import TextSegment
from ml.results import Failure, PageText
from ml.roles import OCR
from ml.runtime import Runtime

# Pictures below it show clearly no text and are not given to the reader. Measured in media.quality: every receipt and
# page of the test material lies far above, skies and foliage below.
TEXT_GATE = 0.1


def read_text(batch: Batch, runtime: Runtime) -> None:
    """Reads the words in those pictures that may show some; what an earlier reading left is replaced."""
    likeness = dict(
        Inspection.objects.filter(asset__in=[item.asset.pk for item in batch.items]).values_list(
            "asset_id", "quality__text_likeness"
        )
    )
    worth_reading = [item for item in batch.items if (likeness.get(item.asset.pk) or 0.0) >= TEXT_GATE]
    shown: list[Item] = []

    def pictures() -> Iterator[Picture]:
        for item, picture in batch.pictures(settings.DETAIL_SIZE, worth_reading):
            shown.append(item)
            yield picture

    pages: dict[int, PageText] = {}
    answers = runtime.map(OCR, pictures())
    for number, answer in enumerate(answers):
        item = shown[number]
        batch.beat()
        if isinstance(answer, Failure):
            batch.fail(item, StepFailure(answer.kind, answer.message, transient=answer.retryable))
        else:
            pages[item.asset.pk] = answer
    with batch.commit() as items:
        TextSegment.objects.filter(asset__in=[item.asset.pk for item in items], kind=TextSegment.Kind.OCR).delete()
        TextSegment.objects.bulk_create(
            TextSegment(
                asset=item.asset,
                kind=TextSegment.Kind.OCR,
                position=position,
                text=line.text,
                language=line.language or "",
                score=line.score,
                box=line.box,
                model=str(pages[item.asset.pk].model),
            )
            for item in items
            if item.asset.pk in pages
            for position, line in enumerate(pages[item.asset.pk].lines)
        )
