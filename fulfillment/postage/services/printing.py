"""Print the documents of parcels: labels, packing slips, declarations. Openings of the vault are logged."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from itertools import islice

from django.conf import settings
from django.db.models import Count
from django.urls import reverse

from fulfillment.documents import typesetting, zpl
from fulfillment.documents.parcel_documents import Declaration, DocumentSet, Sheet, Slip
from fulfillment.notices.models import Recipient
from fulfillment.postage.services.label_files import label_name
from fulfillment.postage.services.shipment_request import CannotBeDescribed, describe_shipment
from fulfillment.shipments.errors import MissingLabelFile
from fulfillment.shipments.models import LabelPurchase, ParcelUnit, Shipment
from fulfillment.shipments.rules.states import PurchaseState
from fulfillment.shipments.services.seal_numbers import assign_seals
from fulfillment.vault.errors import Shredded
from fulfillment.vault.services import Purpose, open_address, open_label

# Slips in one file: what a printer handles at once, and what is held in memory.
SLIPS_A_FILE = 200


def print_parcels(
    *, parcels: Collection[str], sheet: Sheet, actor: str, now: datetime, with_declaration: bool = True
) -> bytes:
    """Label, packing slip and (abroad) customs declaration of parcels as one PDF, in the given order.

    Args:   parcels: codes.
    Raises: MissingLabelFile: some have no label file (yet) or a shredded one; it lists them all.
    After:  each label that was opened is in the access log of its claim.
    """
    papers = list(_papers(parcels, actor=actor, now=now, with_declaration=with_declaration))
    return typesetting.as_pdf(papers, sheet=sheet)


def print_parcels_as_zpl(*, parcels: Collection[str], actor: str, now: datetime) -> Iterator[bytes]:
    """Label and slip of parcels for a label printer. Raises: MissingLabelFile, before the first."""
    papers = list(_papers(parcels, actor=actor, now=now, with_declaration=False))
    return zpl.as_zpl(papers)


def print_slips(*, parcels: Iterable[str], sheet: Sheet = Sheet.LABEL) -> Iterator[bytes]:
    """Packing slips without labels: PDF files of 200 slips, yielded as they are ready.

    Does not open the vault: a slip has neither name nor address. Four queries a file.
    """
    for codes in _files_of(parcels):
        slips = [DocumentSet(slip) for slip in _slips(codes).values()]
        if slips:
            yield typesetting.as_pdf(slips, sheet=sheet)


def print_slips_as_zpl(*, parcels: Iterable[str]) -> Iterator[bytes]:
    """Packing slips for a label printer, yielded as they are ready."""
    for codes in _files_of(parcels):
        for slip in _slips(codes).values():
            yield zpl.slip_as_zpl(slip)


def _files_of(parcels: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(parcels)
    while codes := list(islice(rest, SLIPS_A_FILE)):
        yield codes


def codes_of_list(pick_list: str) -> list[str]:
    """The parcels of a pick list in packing order: oldest first."""
    parcels = Shipment.objects.filter(pick_list__code=pick_list).order_by("created_at", "pk")
    return list(parcels.values_list("code", flat=True))


def _slips(codes: Collection[str]) -> dict[str, Slip]:
    """The slips of parcels by code, in the given order; each is assigned its seal number now."""
    parcels = {
        parcel.code: parcel
        for parcel in Shipment.objects.filter(code__in=codes).select_related("claim__campaign")
    }
    assign_seals(parcels.values())
    items: dict[int, list[tuple[int, str]]] = {}
    counted = (
        ParcelUnit.objects.filter(shipment__in=[parcel.pk for parcel in parcels.values()])
        .values_list("shipment_id", "unit__key_model__name")
        .annotate(keys=Count("pk"))
        .order_by("shipment_id", "unit__key_model__name")
    )
    for shipment_id, name, keys in counted:
        items.setdefault(shipment_id, []).append((keys, name))
    accounts = [parcel.claim.account_id for parcel in parcels.values()]
    phrases = dict(
        Recipient.objects.filter(account__in=accounts).exclude(phrase="").values_list("account_id", "phrase")
    )
    return {
        code: Slip(
            parcel=code,
            claim=parcels[code].claim.code,
            campaign=parcels[code].claim.campaign.name,
            items=items.get(parcels[code].pk, []),
            seal_number=parcels[code].seal_number,
            phrase=phrases.get(parcels[code].claim.account_id, ""),
            link=settings.SITE_URL + reverse("claims:claim", args=[parcels[code].claim.code]),
        )
        for code in codes
        if code in parcels
    }


def _papers(
    codes: Collection[str], *, actor: str, now: datetime, with_declaration: bool
) -> Iterator[DocumentSet]:
    bought = (
        LabelPurchase.objects.outbound()
        .filter(shipment__code__in=codes, state=PurchaseState.BOUGHT)
        .exclude(label_sha256="")
        .select_related("shipment__claim", "shipment__warehouse")
    )
    purchases = {purchase.shipment.code: purchase for purchase in bought}
    if missing := [code for code in codes if code not in purchases]:
        raise MissingLabelFile(missing)
    for code, slip in _slips(codes).items():
        purchase = purchases[code]
        try:
            label = open_label(
                subject=purchase.shipment.claim.code,
                name=label_name(purchase),
                purpose=Purpose.PACKING,
                actor=actor,
                now=now,
            )
        except Shredded:
            raise MissingLabelFile([code]) from None
        declaration = (
            declaration_of(purchase, purpose=Purpose.PACKING, actor=actor, now=now)
            if with_declaration
            else None
        )
        yield DocumentSet(slip, label, declaration)


def declaration_of(
    purchase: LabelPurchase, *, purpose: Purpose, actor: str, now: datetime
) -> Declaration | None:
    """The customs declaration, if the parcel needs one; domestic addresses are not opened for it."""
    if not purchase.shipment.has_customs:
        return None
    address = open_address(subject=purchase.shipment.claim.code, purpose=purpose, actor=actor, now=now)
    try:
        described = describe_shipment(purchase, address)
    except CannotBeDescribed:
        return None
    if described.customs is None:
        return None
    # A return is described like the outbound parcel.
    sender, to = (described.from_, described.to)[:: -1 if purchase.is_return else 1]
    return Declaration(
        number=purchase.shipment.code,
        date=f"{now:%Y-%m-%d}",
        sender=sender,
        to=to,
        customs=described.customs,
        is_return=purchase.is_return,
    )
