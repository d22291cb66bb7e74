"""Copy the cases of shipments and of payments, which had a table each, into the one table.

A shipment's case keeps its id, which claims on insurance refer to; a payment's gets one above them all.
"""

from django.db import migrations

COPY = """
INSERT INTO cases_case (id, code, kind, shipment_id, payment_id, about, reason, cause, detail, owner,
                        opened_at, due_at, closed_at, closed_by, outcome)
SELECT id, code, 'shipment', shipment_id, NULL, '', reason, cause, detail, owner,
       opened_at, due_at, closed_at, closed_by, outcome
FROM shipping_case;

INSERT INTO cases_case (id, code, kind, shipment_id, payment_id, about, reason, cause, detail, owner,
                        opened_at, due_at, closed_at, closed_by, outcome)
SELECT (SELECT coalesce(max(id), 0) FROM shipping_case) + row_number() OVER (ORDER BY id),
       code, 'payment', NULL, payment_id, about, reason, 'unknown', detail, owner,
       opened_at, due_at, closed_at, closed_by, outcome
FROM payments_paymentcase;

INSERT INTO cases_caseentry (id, case_id, action, actor, at, note, data)
SELECT id, case_id, action, actor, at, note, data FROM shipping_caseentry;

INSERT INTO cases_caseentry (id, case_id, action, actor, at, note, data)
SELECT (SELECT coalesce(max(id), 0) FROM shipping_caseentry) + row_number() OVER (ORDER BY entry.id),
       now_case.id, entry.action, entry.actor, entry.at, entry.note, entry.data
FROM payments_paymentcaseentry AS entry
JOIN payments_paymentcase AS was_case ON was_case.id = entry.case_id
JOIN cases_case AS now_case ON now_case.code = was_case.code;

SELECT setval(pg_get_serial_sequence('cases_case', 'id'),
              (SELECT coalesce(max(id), 0) + 1 FROM cases_case), false);
SELECT setval(pg_get_serial_sequence('cases_caseentry', 'id'),
              (SELECT coalesce(max(id), 0) + 1 FROM cases_caseentry), false);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0001_initial"),
        ("payments", "0003_money_cases_are_worked"),
        ("shipping", "0013_insurance_claims"),
    ]

    # Backwards, the migrations that drop the old tables fill them again.
    operations = [migrations.RunSQL(COPY, migrations.RunSQL.noop)]
