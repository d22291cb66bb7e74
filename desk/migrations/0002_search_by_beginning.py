"""Indexes for names by their beginning, which only the desk asks for (desk/selectors/search.py)."""

from django.db import migrations

_INDEXES = {
    "desk_people_by_beginning": "roster_account (lower(username) text_pattern_ops)",
    "desk_projects_by_beginning": "roster_project (normalized_name text_pattern_ops)",
}


class Migration(migrations.Migration):
    dependencies = [("desk", "0001_initial"), ("roster", "0001_initial")]
    operations = [
        migrations.RunSQL(f"CREATE INDEX {name} ON {columns}", f"DROP INDEX {name}")
        for name, columns in _INDEXES.items()
    ]
