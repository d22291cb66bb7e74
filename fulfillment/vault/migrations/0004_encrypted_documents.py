"""Rename SealedDocument to EncryptedDocument. The table and its column keep their names, so no SQL runs."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('vault', '0003_openings_by_time'),
    ]

    operations = [
        migrations.AlterModelTable(name='sealeddocument', table='vault_sealeddocument'),
        migrations.RenameModel(old_name='SealedDocument', new_name='EncryptedDocument'),
        migrations.AlterField(
            model_name='encrypteddocument',
            name='sealed_at',
            field=models.DateTimeField(db_column='sealed_at'),
        ),
        migrations.RenameField(model_name='encrypteddocument', old_name='sealed_at', new_name='encrypted_at'),
        migrations.AlterField(
            model_name='encrypteddocument',
            name='name',
            field=models.CharField(blank=True, help_text='Distinguishes several labels of a claim.', max_length=60),
        ),
    ]
