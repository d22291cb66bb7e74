"""An index for the jobs that Today and Health show; those that went well stay in the queue's table."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("desk", "0004_audit_as_one_stream"), ("procrastinate", "0041_post_retry_failed_job")]
    operations = [
        migrations.RunSQL(
            "CREATE INDEX desk_jobs_that_failed ON procrastinate_jobs (id) WHERE status = 'failed'",
            "DROP INDEX desk_jobs_that_failed",
        )
    ]
