from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jobs", "0002_queue_index")]

    operations = [
        migrations.AlterModelOptions(name="job", options={"ordering": ["-created_at", "-id"]}),
        migrations.AddField(model_name="job", name="lease", field=models.UUIDField(null=True)),
    ]
