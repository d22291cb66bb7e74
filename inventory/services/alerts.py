"""Low-stock alerts: opened once when a key model runs low, closed when it no longer is."""

from datetime import datetime

from django.db import transaction

from inventory.models import KeyModel, StockAlert
from inventory.selectors import outlook

THRESHOLD_DAYS = 14


def watch_stock(*, now: datetime, threshold_days: int = THRESHOLD_DAYS) -> list[StockAlert]:
    """Open an alert for each key model below the threshold, and close those that ended.

    Returns: the alerts that are new. A key model has one open alert, however often this is called.
    """
    raised: list[StockAlert] = []
    with transaction.atomic():
        models = {
            model.sku: model for model in KeyModel.objects.order_by("pk").select_for_update(no_key=True)
        }
        open_ones = {alert.key_model_id for alert in StockAlert.objects.filter(cleared_at=None)}
        for sku, expected in outlook(now=now).items():
            model, days_left = models[sku], expected.days_left
            if days_left is None or not expected.is_low(threshold_days):
                StockAlert.objects.filter(key_model=model, cleared_at=None).update(cleared_at=now)
            elif model.pk not in open_ones:
                raised.append(
                    StockAlert.objects.create(
                        key_model=model,
                        raised_at=now,
                        available=expected.available,
                        per_day=expected.per_day,
                        days_left=days_left,
                        threshold_days=threshold_days,
                    )
                )
    return raised
