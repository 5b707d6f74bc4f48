import django.contrib.auth.validators
import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.AlterField(
            model_name="user",
            name="username",
            field=models.CharField(
                error_messages={"unique": "Somebody has this user name already. Choose another one."},
                max_length=150,
                unique=True,
                validators=[django.contrib.auth.validators.UnicodeUsernameValidator()],
                verbose_name="user name",
            ),
        ),
        migrations.AlterConstraint(
            model_name="user",
            name="user_username_any_case",
            constraint=models.UniqueConstraint(
                django.db.models.functions.text.Lower("username"),
                name="user_username_any_case",
                violation_error_code="username_taken",
                violation_error_message="Somebody has this user name already. Choose another one.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="user",
            name="user_email_any_case",
            constraint=models.UniqueConstraint(
                django.db.models.functions.text.Lower("email"),
                condition=models.Q(("email", ""), _negated=True),
                name="user_email_any_case",
                violation_error_code="email_taken",
                violation_error_message="Somebody has this e-mail address already. Choose another one, or leave it empty.",
            ),
        ),
    ]
