"""The table between parcels and units becomes a model of its own, with what the scans say of each key."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("inventory", "0005_reserve_any"),
        ("shipping", "0001_initial"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="ParcelUnit",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "shipment",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="contents",
                                to="shipping.shipment",
                            ),
                        ),
                        (
                            "unit",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="inventory.unit",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "shipping_shipment_units",
                        "unique_together": {("shipment", "unit")},
                    },
                ),
                migrations.AlterField(
                    model_name="shipment",
                    name="units",
                    field=models.ManyToManyField(
                        related_name="shipments", through="shipping.ParcelUnit", to="inventory.unit"
                    ),
                ),
            ],
            database_operations=[],
        ),
        migrations.AlterUniqueTogether(name="parcelunit", unique_together=set()),
    ]
