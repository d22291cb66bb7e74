"""Periodic jobs of the queue, run in this process at the rehearsal's own time.

A worker runs them by the wall clock; the days of a rehearsal pass in seconds. They are known here by their
names in the queue only.
"""

from procrastinate.contrib.django import app

RESOLVE_PURCHASES = "shipping.resolve_purchases"
# Each asks the vendor about every shipment concerned, so a rehearsal runs them once a week.
WEEKLY = ("shipping.sweep", RESOLVE_PURCHASES, "shipping.ask_vendor", "shipping.open_silent_cases")


def run_periodic_job(name: str) -> None:
    """Run a job to its end, here and now."""
    app.perform_import_paths()  # type: ignore[no-untyped-call]  # procrastinate has no annotation here
    app.tasks[name](timestamp=0)
