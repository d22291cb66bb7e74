"""Refer to the cases of fulfillment.cases, and drop the table they were copied from."""

import django.db.models.deletion
from django.db import migrations, models

COPY_BACK = """
INSERT INTO shipping_case (id, code, shipment_id, reason, cause, detail, owner,
                           opened_at, due_at, closed_at, closed_by, outcome)
SELECT id, code, shipment_id, reason, cause, left(detail, 200), owner,
       opened_at, due_at, closed_at, closed_by, outcome
FROM cases_case WHERE kind = 'shipment';

INSERT INTO shipping_caseentry (case_id, action, actor, at, note, data)
SELECT entry.case_id, entry.action, entry.actor, entry.at, entry.note, entry.data
FROM cases_caseentry AS entry JOIN cases_case ON cases_case.id = entry.case_id
WHERE kind = 'shipment' ORDER BY entry.id;

SELECT setval(pg_get_serial_sequence('shipping_case', 'id'),
              (SELECT coalesce(max(id), 0) + 1 FROM shipping_case), false);

-- A table with constraints still to be checked cannot be altered.
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0002_copy_both_tables"),
        ("shipping", "0013_insurance_claims"),
    ]

    operations = [
        migrations.AlterField(
            model_name="insuranceclaim",
            name="case",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="insurance_claims", to="cases.case"
            ),
        ),
        migrations.RunSQL(migrations.RunSQL.noop, COPY_BACK),
        migrations.DeleteModel(name="CaseEntry"),
        migrations.DeleteModel(name="Case"),
    ]
