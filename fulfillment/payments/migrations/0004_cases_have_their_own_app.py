"""Drop the table that the cases of payments were copied from into fulfillment.cases."""

from django.db import migrations

COPY_BACK = """
INSERT INTO payments_paymentcase (code, payment_id, about, reason, detail, owner,
                                  opened_at, due_at, closed_at, closed_by, outcome)
SELECT code, payment_id, about, reason, detail, owner, opened_at, due_at, closed_at, closed_by, outcome
FROM cases_case WHERE kind = 'payment' ORDER BY id;

INSERT INTO payments_paymentcaseentry (case_id, action, actor, at, note, data)
SELECT was_case.id, entry.action, entry.actor, entry.at, entry.note, entry.data
FROM cases_caseentry AS entry
JOIN cases_case AS now_case ON now_case.id = entry.case_id
JOIN payments_paymentcase AS was_case ON was_case.code = now_case.code
WHERE now_case.kind = 'payment' ORDER BY entry.id;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0002_copy_both_tables"),
        ("payments", "0003_money_cases_are_worked"),
    ]

    operations = [
        migrations.RunSQL(migrations.RunSQL.noop, COPY_BACK),
        migrations.DeleteModel(name="PaymentCaseEntry"),
        migrations.DeleteModel(name="PaymentCase"),
    ]
