"""The step writes the tags of a batch, again and again without leaving old ones behind."""

import pytest

from apps.library.models import Asset, Inspection, Library
from apps.tagging.models import AssetTag, QualityScore, Tag
from apps.tagging.services import quality_of, tag_names, tags_of
from apps.tagging.steps import tag_facts
from media.results import to_plain
from tests.batches import batch_of
from tests.tagging.test_describe import DECENT

pytestmark = pytest.mark.django_db


@pytest.fixture
def asset() -> Asset:
    library = Library.objects.create(name="Home", kind=Library.Kind.PERSONAL)
    asset = Asset.objects.create(library=library, name="a.jpg", width=400, height=300, format="jpeg")
    Inspection.objects.create(
        asset=asset, revision=1, average_colour="#000000", pdq=[], pdq_quality=100, quality=to_plain(DECENT)
    )
    return asset


def test_an_asset_gets_its_tags_by_family_and_its_score(asset: Asset) -> None:
    tag_facts(batch_of(asset), None)
    found = {family: [tag.tag.name for tag in tags] for family, tags in tags_of(asset).items()}
    assert found == {"quality": ["average_quality"], "technical": ["low_resolution"], "format": ["landscape", "jpeg"]}
    quality = quality_of(asset)
    assert quality is not None
    assert quality.score is not None
    assert quality.parts["sharpness"] == 62


def test_done_again_the_old_tags_are_gone_and_those_of_others_stay(asset: Asset) -> None:
    person = AssetTag.objects.create(asset=asset, tag=Tag.objects.create(family="mood", name="calm"), source="person")
    tag_facts(batch_of(asset), None)
    Asset.objects.filter(pk=asset.pk).update(width=300, height=400)
    tag_facts(batch_of(asset), None)
    names = tag_names([asset.pk])[asset.pk]
    assert ("format", "portrait") in names
    assert ("format", "landscape") not in names
    assert AssetTag.objects.filter(pk=person.pk).exists()
    assert QualityScore.objects.count() == 1


def test_the_same_tag_on_two_assets_is_one_row(asset: Asset) -> None:
    inspection = Inspection.objects.get()
    other = Asset.objects.create(library=asset.library, name="b.jpg", width=400, height=300, format="jpeg")
    inspection.pk = other.pk
    inspection.save(force_insert=True)
    tag_facts(batch_of(asset, other), None)
    assert Tag.objects.filter(family="format", name="landscape").count() == 1
    assert AssetTag.objects.filter(tag__name="landscape").count() == 2


def test_an_asset_that_was_not_opened_fails_and_the_others_do_not(asset: Asset) -> None:
    new = Asset.objects.create(library=asset.library, name="new.jpg")
    batch = batch_of(new, asset)
    tag_facts(batch, None)
    assert list(batch.failures) == [new.pk]
    assert tags_of(asset)
