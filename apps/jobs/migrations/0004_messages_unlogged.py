from django.db import migrations


class Migration(migrations.Migration):
    """Messages live for a minute: a crash may lose them, and the journal need not carry them."""

    dependencies = [("jobs", "0003_job_lease")]

    operations = [
        migrations.RunSQL("ALTER TABLE jobs_message SET UNLOGGED", "ALTER TABLE jobs_message SET LOGGED"),
    ]
