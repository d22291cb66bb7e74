"""Each month the published report goes to its subscribers."""

from procrastinate.contrib.django import app

from common import clock


# On the second and third as well: who got it on the first gets nothing more.
@app.periodic(cron="10 6 1-3 * *")
@app.task(name="reports.mail_monthly_report", pass_context=False)
def mail_monthly_report(timestamp: int) -> None:
    from reports.public import mailing

    mailing.mail_monthly_report(now=clock.now())
