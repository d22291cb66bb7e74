"""Requirements of a destination: customs papers, and carriers that deliver there."""

from fulfillment.vault.addresses import PostalAddress, is_po_box

US_TERRITORIES = frozenset({"AS", "GU", "MP", "PR", "VI"})
US_MILITARY = frozenset({"AA", "AE", "AP"})
# The only carrier that delivers to PO boxes, bases and territories (docs/vendors.md § 7, case 18).
POSTAL_CARRIERS = frozenset({"USPS"})


def is_remote_us(address: PostalAddress) -> bool:
    """Whether it is a US territory or military post office, written as a state or as a country."""
    if address.country in US_TERRITORIES:
        return True
    return address.country == "US" and address.state.strip().upper() in US_TERRITORIES | US_MILITARY


def needs_customs(*, to: PostalAddress, from_country: str) -> bool:
    """Whether a customs declaration is needed: abroad, and for US territories and military mail."""
    return to.country != from_country or is_remote_us(to)


def allowed_carriers(to: PostalAddress) -> frozenset[str] | None:
    """The carriers that can deliver there; None when any can."""
    return POSTAL_CARRIERS if is_po_box(to) or is_remote_us(to) else None
