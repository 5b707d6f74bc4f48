from django.db import migrations


class Migration(migrations.Migration):
    """A number that grows with every change of the documents. A sequence is read and raised without waiting for anybody."""

    dependencies = [("search", "0001_initial")]

    operations = [
        migrations.RunSQL("CREATE SEQUENCE search_version", "DROP SEQUENCE search_version"),
    ]
