"""Rename Standing to Admission. The table keeps its name, so no SQL runs."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('claims', '0008_held_claims'),
    ]

    operations = [
        migrations.AlterModelTable(name='standing', table='claims_standing'),
        migrations.RenameModel(old_name='Standing', new_name='Admission'),
        migrations.AlterField(
            model_name='admission',
            name='account',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='admissions', to='roster.account'),
        ),
        migrations.AlterField(
            model_name='admission',
            name='campaign',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='admissions', to='claims.campaign'),
        ),
    ]
