"""What a person does outside this desk about a case, in plain words.

EasyPost has no call that redirects a parcel: each carrier has its own service. Insurance bought with a label
is claimed from here, with mails and pictures that only people have; what carriers themselves owe is claimed
from them. What came of either is written down here.
"""

from collections.abc import Mapping, Sequence

from fulfillment.cases.rules.playbooks import CaseAction
from fulfillment.shipments.rules.insurance_claims import CaseSubject

# The carriers' services that turn a parcel round or send it elsewhere.
_REDIRECTS: Mapping[str, str] = {
    "USPS": "USPS Package Intercept on usps.com. It works within the US only, and until the parcel is out "
    "for delivery.",
    "UPS": "UPS Delivery Intercept on ups.com, with the account that the label was bought on.",
    "FedEx": "FedEx Delivery Manager on fedex.com, or FedEx's customer service by phone.",
    "DHLExpress": "DHL On Demand Delivery, or DHL Express's customer service by phone.",
}


_RETURN = (
    "Postage is bought, and the maintainer is told by mail that the label can be printed from the claim's "
    "page.",
    "If the parcel is not posted in time, a refund of the label is requested, and a case is opened.",
)
_GIVE_UP = (
    "Take the label off the parcel and destroy it: a carrier would still take a parcel that shows it.",
    "Take the keys out and put them back into their bin. They stay reserved for the claim; should it be "
    "cancelled, they can be claimed by others.",
)


def advice(action: CaseAction, about: CaseSubject | None) -> Sequence[str]:
    """What to do before this action is written down, step by step; none where the desk does it itself."""
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
        "This desk cannot tell a carrier to redirect a parcel; ask the carrier yourself.",
        f"Use {service}",
        f"The tracking code is {about.tracking_code}. The recipient's address is on the claim's page, and "
        "opening it is logged.",
        "Write down below the number that the carrier gives you. The maintainer is then told, and the case "
        "is due again in a week.",
    )


def _file(about: CaseSubject) -> Sequence[str]:
    return (
        f"The parcel is insured with EasyPost for {dollars(about.insured_cents)}. "
        f"The keys are worth {dollars(about.value_cents)}.",
        "Attach what the maintainer or the carrier wrote: the mail saved as a PDF, or a picture of it. For "
        "damage attach a picture of that too. Both go to the insurer and are not kept here.",
        "Cover the maintainer's mail address and whatever else the insurer has no need of: the privacy page "
        "promises that.",
        "A statement of what the keys are worth goes along by itself.",
        "The insurer answers within days. Its answer is written down in this case, and what it pays in the "
        "programme's costs; then decide how the case ends.",
    )


def _insurance(about: CaseSubject) -> Sequence[str]:
    worth = f"The keys are worth {dollars(about.value_cents)}."
    if about.insured_cents:
        return (
            f"The parcel is insured with EasyPost for {dollars(about.insured_cents)}. {worth}",
            "Use this only when the claim cannot be filed from here. In EasyPost's dashboard open Insurance, "
            f"File a claim, and give the tracking code {about.tracking_code} "
            f"(shipment {about.vendor_shipment_id}).",
            "Attach the parcel's customs page or invoice and, for damage, the maintainer's photographs.",
            "Write down below the number of the claim (clm_…) and the amount. The case stays open until it "
            "is paid or refused: then close it.",
        )
    return (
        f"The parcel was not insured with its label: it is worth too little for that. {worth}",
        f"What {about.carrier} itself owes for a lost or damaged parcel is claimed from {about.carrier}, by "
        f"the tracking code {about.tracking_code}. If its service includes nothing, there is nothing to "
        "claim: replace the keys, or write the parcel off.",
        f"Write down below the number that {about.carrier} gives you, and the amount.",
    )


def dollars(cents: int) -> str:
    return f"US$ {cents // 100}.{cents % 100:02d}"
