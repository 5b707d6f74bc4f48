import django.contrib.postgres.fields
from django.conf import settings
from django.db import migrations, models

import apps.library.clock

# What was kept as a moment becomes the clock on the wall, as `apps.library.steps` writes it now.
ON_THE_WALL = """
    UPDATE library_asset SET sort_at = CASE
        WHEN taken_source IN ('exif', 'xmp', 'name') THEN taken_local
        WHEN taken_source = 'gps' AND longitude IS NOT NULL THEN taken_local + longitude / 15 * interval '1 hour'
        ELSE (sort_at AT TIME ZONE %(zone)s) AT TIME ZONE 'UTC'
    END
"""
# Words that differ from the file's were written by a person.
EDITED = """
    UPDATE library_asset a SET edited = array_remove(ARRAY[
        CASE WHEN a.description <> coalesce(i.metadata ->> 'description', '') THEN 'description' END,
        CASE WHEN a.rating IS DISTINCT FROM (i.metadata ->> 'rating')::int THEN 'rating' END,
        CASE WHEN a.title <> left(coalesce(i.metadata ->> 'title', ''), 500) THEN 'title' END
    ], NULL) FROM library_inspection i WHERE i.asset_id = a.id
"""
FIND_AGAIN = "INSERT INTO library_change (asset_id, at) SELECT id, now() FROM library_asset"


def convert(apps, editor):  # type: ignore[no-untyped-def]
    with editor.connection.cursor() as cursor:
        cursor.execute(ON_THE_WALL, {"zone": settings.TIME_ZONE})
        cursor.execute(EDITED)
        cursor.execute(FIND_AGAIN)


class Migration(migrations.Migration):
    dependencies = [("library", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="asset",
            name="edited",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=20), default=list, size=None
            ),
        ),
        migrations.AlterField(
            model_name="asset",
            name="sort_at",
            field=models.DateTimeField(default=apps.library.clock.household_now),
        ),
        migrations.RunPython(convert, migrations.RunPython.noop),
    ]
