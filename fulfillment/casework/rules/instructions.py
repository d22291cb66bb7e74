"""Instructions for case actions that staff carry out outside the desk.

EasyPost's API cannot redirect a parcel; each carrier has its own service. Claims on insurance bought with a
label are filed here, with attachments from staff; claims against a carrier are filed with the carrier and
recorded here.
"""

from collections.abc import Mapping, Sequence

from fulfillment.cases.rules.playbooks import CaseAction
from fulfillment.shipments.rules.insurance_claims import CaseSubject

# The carriers' services for intercepting or redirecting a parcel.
_REDIRECTS: Mapping[str, str] = {
    "USPS": "USPS Package Intercept on usps.com. It works within the US only, and until the parcel is out "
    "for delivery.",
    "UPS": "UPS Delivery Intercept on ups.com, with the account that the label was bought on.",
    "FedEx": "FedEx Delivery Manager on fedex.com, or FedEx's customer service by phone.",
    "DHLExpress": "DHL On Demand Delivery, or DHL Express's customer service by phone.",
}


_RETURN = (
    "The label is bought, and an email tells the maintainer to print it from the claim's page.",
    "If the parcel is not posted in time, a refund of the label is requested, and a case is opened.",
)
_GIVE_UP = (
    "Remove the label from the parcel and destroy it, because a carrier would still accept the parcel.",
    "Take the keys out and put them back into their bin. They stay reserved for the claim; if it is "
    "cancelled, others can claim them.",
)


def instructions_for(action: CaseAction, about: CaseSubject | None) -> Sequence[str]:
    """Steps to take before recording this action; empty for actions that the desk carries out itself."""
    if action is CaseAction.RETURN_LABEL:
        return _RETURN
    if action is CaseAction.GIVE_UP_LABEL:
        return _GIVE_UP
    if about is None:
        return ()
    if action is CaseAction.REDIRECT:
        return _redirect(about)
    if action is CaseAction.FILE_CLAIM:
        return _file(about)
    return _insurance(about) if action is CaseAction.CLAIM_INSURANCE else ()


def _redirect(about: CaseSubject) -> Sequence[str]:
    service = _REDIRECTS.get(about.carrier, f"{about.carrier}'s customer service.")
    return (
        "A parcel cannot be redirected from here. Ask the carrier.",
        f"Use {service}",
        f"The tracking code is {about.tracking_code}. The recipient's address is on the claim's page, and "
        "opening it is logged.",
        "Enter the carrier's reference number below. The maintainer is then notified, and the case is due "
        "again in a week.",
    )


def _file(about: CaseSubject) -> Sequence[str]:
    return (
        f"The parcel is insured with EasyPost for {dollars(about.insured_cents)}. "
        f"The keys are worth {dollars(about.value_cents)}.",
        "Attach a message of the maintainer or the carrier: the email as a PDF, or a picture of it. For "
        "damage, attach a picture of that too. Attachments are sent to the insurer and not stored here.",
        "Redact the maintainer's email address and anything else that the insurer does not need. The privacy "
        "page promises this.",
        "A statement of value is attached automatically.",
        "The insurer answers within days. Its answer is recorded in this case, and any payment in the "
        "programme's costs. Then close the case.",
    )


def _insurance(about: CaseSubject) -> Sequence[str]:
    worth = f"The keys are worth {dollars(about.value_cents)}."
    if about.insured_cents:
        return (
            f"The parcel is insured with EasyPost for {dollars(about.insured_cents)}. {worth}",
            "Use this only if the claim cannot be filed from here. In EasyPost's dashboard open Insurance, "
            f"File a claim, and enter the tracking code {about.tracking_code} "
            f"(shipment {about.vendor_shipment_id}).",
            "Attach the parcel's customs page or invoice and, for damage, the maintainer's photographs.",
            "Enter the claim's id (clm_…) and the amount below. The case stays open until the claim is paid "
            "or refused; then close it.",
        )
    return (
        f"The parcel was not insured with its label, because its value is too low. {worth}",
        f"File a claim with {about.carrier} for the tracking code {about.tracking_code}. If the service does "
        "not include any compensation, replace the keys or write the parcel off.",
        f"Enter {about.carrier}'s reference number and the amount below.",
    )


def dollars(cents: int) -> str:
    return f"US$ {cents // 100}.{cents % 100:02d}"
