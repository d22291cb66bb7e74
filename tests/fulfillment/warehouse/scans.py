"""Labelled parcels of several people, for the packing table. Labels are written down, not bought."""

from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path

from fulfillment.claims.models import Campaign, Claim
from fulfillment.claims.services.submission import submit_claim
from fulfillment.postage.services.purchase_transitions import record_bought
from fulfillment.postage.services.shipment_planning import ship_claim
from fulfillment.shipments.carrier_values import BoughtLabel
from fulfillment.shipments.models import LabelPurchase, ParcelUnit, Shipment
from fulfillment.vault.addresses import PostalAddress
from tests.conftest import import_roster

PACKER, OTHER = "staff:ada", "staff:ben"
_numbers = count(1)


def people(directory: Path, number: int, *, now: datetime) -> list[str]:
    """So many owners of the critical project, imported as a roster; their names."""
    names = [f"m-{each:03}" for each in range(number)]
    accounts = "username,email,email_verified,joined_at,has_totp,has_webauthn,is_organization\n" + "".join(
        f"{name},{name}@example.org,true,2014-02-03T00:00:00Z,false,false,false\n" for name in names
    )
    roles = "project,username,role,since\n" + "".join(
        f"keystone-lib,{name},Owner,2014-03-01\n" for name in names
    )
    import_roster(directory, now=now, accounts=accounts, roles=roles)
    return names


@dataclass
class Floor:
    """Makes labelled parcels."""

    campaign: Campaign
    now: datetime

    def claim(self, name: str, address: PostalAddress) -> Claim:
        return submit_claim(
            campaign=self.campaign, username=name, items=[], address=address, actor="staff", now=self.now
        )

    def label(self, claim: Claim, *, carrier: str = "USPS", service: str = "First") -> Shipment:
        """Plan the parcel of a claim and write its label down as bought."""
        purchase = ship_claim(claim_id=claim.pk, now=self.now)
        assert purchase is not None
        return self.record_label(purchase, carrier=carrier, service=service)

    def record_label(
        self, purchase: LabelPurchase, *, carrier: str = "USPS", service: str = "First"
    ) -> Shipment:
        number = next(_numbers)
        vendor_id = f"shp_{number:032x}"
        LabelPurchase.objects.filter(pk=purchase.pk).update(state="created", vendor_shipment_id=vendor_id)
        label = BoughtLabel(
            shipment_id=vendor_id,
            label_id=f"pl_{number:032x}",
            label_url="https://example.org/label.png",
            tracking_code=f"9400100{number:015d}",
            tracker_id=f"trk_{number:032x}",
            rate_id=f"rate_{number:032x}",
            carrier=carrier,
            service=service,
            rate_cents=407,
            cost_cents=407,
            currency="USD",
        )
        record_bought(purchase, label=label, now=self.now)
        return Shipment.objects.get(pk=purchase.shipment_id)


def serials(parcel: Shipment) -> list[str]:
    """The keys that a parcel wants, by model."""
    rows = ParcelUnit.objects.filter(shipment=parcel).order_by("unit__key_model__sku", "pk")
    return list(rows.values_list("unit__serial", flat=True))


def tracking_code(parcel: Shipment) -> str:
    return LabelPurchase.objects.get(shipment=parcel, state="bought").tracking_code
