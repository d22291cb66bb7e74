"""Price lists: published with the time they hold, and never changed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from common.errors import InputError, InputErrors
from fulfillment.claims.models import Campaign, PriceList
from fulfillment.claims.rules.price_documents import parse_prices


def publish_prices(
    *,
    campaign: Campaign,
    document: Mapping[str, Any],
    actor: str,
    now: datetime,
    source: str = "price list",
) -> PriceList:
    """Publish a price list; the one before it ends where it begins. Quotes given stay as they are.

    The same document under the same version again is no error and changes nothing.

    Raises: InputErrors: naming every field that cannot be used, or that the list would change the past.
    Locks:  the campaign's row, so that two lists are published one after the other.
    """
    published, problems = parse_prices(document)
    if published is None:
        raise InputErrors(source, problems)
    version = published.prices.version
    with transaction.atomic():
        Campaign.objects.select_for_update(no_key=True).get(pk=campaign.pk)
        lists = PriceList.objects.filter(campaign=campaign)
        same = lists.filter(version=version).first()
        if same is not None:
            if same.document == dict(document):
                return same
            raise InputError(
                source,
                f"There is a price list {version} already, and it says something else.",
                field="version",
                remedy="Give the new one a version of its own.",
            )
        if published.valid_from < now:
            raise InputError(
                source,
                "It would begin in the past.",
                field="valid_from",
                remedy=f"Give {now.isoformat()} or later.",
            )
        lists.filter(valid_from__lt=published.valid_from).exclude(
            valid_until__lte=published.valid_from
        ).update(valid_until=published.valid_from)
        try:
            with transaction.atomic():
                return PriceList.objects.create(
                    campaign=campaign,
                    version=version,
                    document=dict(document),
                    valid_from=published.valid_from,
                    valid_until=published.valid_until,
                    published_at=now,
                    published_by=actor,
                )
        except IntegrityError:
            raise InputError(
                source,
                "Another price list begins at that moment, or is open-ended after it.",
                field="valid_from",
                remedy="Publish lists in the order they begin.",
            ) from None
