"""Job that emails the published report to its subscribers each month."""

from procrastinate.contrib.django import app

from common import clock


# Also on the second and third, as a retry: no subscriber gets it twice.
@app.periodic(cron="10 6 1-3 * *")
@app.task(name="reports.mail_monthly_report", pass_context=False)
def mail_monthly_report(timestamp: int) -> None:
    from reports.public import mailing

    mailing.mail_monthly_report(now=clock.now())
