"""Publish price lists with the period they are in force. A published list never changes."""

from collections.abc import Mapping
from datetime import datetime

from django.db import IntegrityError, transaction

from common.errors import InputError, InputErrors
from fulfillment.claims.models import Campaign, PriceList
from fulfillment.claims.rules.price_documents import parse_prices


def publish_prices(
    *,
    campaign: Campaign,
    document: object,
    actor: str,
    now: datetime,
    source: str = "price list",
) -> PriceList:
    """Publish a price list; the previous one ends when it begins. Quotes already given do not change.

    Publishing the same document under the same version again changes nothing.

    Raises: InputErrors: naming every field that is not valid, or that the list would begin in the past.
    Locks:  the campaign's row, so that two lists are published one after the other.
    """
    published, problems = parse_prices(document)
    if published is None:
        raise InputErrors(source, problems)
    assert isinstance(document, Mapping), "a document that could be parsed is an object"
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
                f"Price list {version} already exists with different content.",
                field="version",
                remedy="Use another version.",
            )
        if published.valid_from < now:
            raise InputError(
                source,
                "The start must not be in the past.",
                field="valid_from",
                remedy=f"Enter {now.isoformat()} or later.",
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
                "Another price list begins at this time, or is open-ended after it.",
                field="valid_from",
                remedy="Publish price lists in the order in which they begin.",
            ) from None
