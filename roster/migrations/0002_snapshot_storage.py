from django.db import migrations


class Migration(migrations.Migration):
    """Keep download tables as they are: they are compressed already, and trying again costs time."""

    dependencies = [("roster", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE roster_snapshot ALTER COLUMN content SET STORAGE EXTERNAL",
            "ALTER TABLE roster_snapshot ALTER COLUMN content SET STORAGE EXTENDED",
        )
    ]
