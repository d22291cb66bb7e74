"""Countries as API responses: whether and on what terms keys are sent there."""

from collections.abc import Sequence

from pydantic import TypeAdapter

from api.regions.schemas import ClosedPartOut, ClosedStatus, RegionOut, RegionStatus
from fulfillment.claims.countries import localized_country_name
from fulfillment.claims.models import Region
from fulfillment.vault.subdivisions import subdivision_name

_REGION_STATUS: TypeAdapter[RegionStatus] = TypeAdapter(RegionStatus)
_CLOSED_STATUS: TypeAdapter[ClosedStatus] = TypeAdapter(ClosedStatus)


def serialize_region(region: Region, *, closed_parts: Sequence[Region]) -> RegionOut:
    """A row of the region table, with the parts of the country that are not served."""
    is_open = region.status == Region.Status.OPEN
    return RegionOut(
        country=region.country,
        name=localized_country_name(region.country),
        status=_REGION_STATUS.validate_python(region.status),
        reason=region.reason,
        source=region.source,
        is_sponsored=region.is_sponsored,
        keys_per_parcel=region.keys_per_parcel,
        phone_required=region.phone_required,
        tax_id_required=region.tax_id_required,
        po_box_allowed=region.po_box_allowed,
        incoterm=region.incoterm,
        promised_days=region.promised_days if is_open else None,
        closed_parts=[_serialize_part(part) for part in closed_parts],
    )


def _serialize_part(part: Region) -> ClosedPartOut:
    return ClosedPartOut(
        subdivision=part.subdivision,
        name=subdivision_name(part.country, part.subdivision),
        status=_CLOSED_STATUS.validate_python(part.status),
        reason=part.reason,
        source=part.source,
    )


def serialize_unserved(country: str) -> RegionOut:
    """A country without a row in the region table, which is not served."""
    return RegionOut(
        country=country,
        name=localized_country_name(country),
        status="blocked",
        reason="We cannot send keys there yet.",
        source="",
        is_sponsored=False,
        keys_per_parcel=0,
        phone_required=False,
        tax_id_required=False,
        po_box_allowed=False,
        incoterm="",
        promised_days=None,
        closed_parts=[],
    )
