"""Errors of shipping: shipments, postage, packing, tracking and insurance."""

from collections.abc import Sequence

from common.errors import KeydeskError
from fulfillment.cases.errors import CaseError
from fulfillment.shipments.rules.manifests import LeftOut
from inventory.errors import shorten


class ShippingError(KeydeskError):
    code = "shipping"


class LabelNotRefundable(ShippingError):
    """There is no label whose money could be asked back, or its parcel is under way or about to leave."""

    code = "not_refundable"

    def __init__(self, code: str, *, manifest: str = "") -> None:
        super().__init__(
            f"Shipment {code} is on manifest {manifest}. Take it off the manifest and out of the bag first."
            if manifest
            else f"Shipment {code} has no bought label that is still here."
        )


class FloorError(ShippingError):
    """A scan that cannot take effect. Nothing has changed; the message says what to do instead."""

    code = "floor"


class UnknownLabel(FloorError):
    """No parcel of ours has this label."""

    code = "unknown_label"

    def __init__(self, scanned: str) -> None:
        self.scanned = scanned
        super().__init__(
            f"No parcel has the label {shorten(scanned)}. Scan the bar code of the label or of the slip."
        )


class WrongThing(FloorError):
    """A key was scanned where a label was due, or the reverse."""

    code = "wrong_thing"

    def __init__(self, scanned: str, *, is_a: str, due: str) -> None:
        self.scanned, self.is_a, self.due = scanned, is_a, due
        super().__init__(f"{shorten(scanned)} is a {is_a}, and a {due} is due. Scan the {due}.")


class NotToPack(FloorError):
    """The parcel is not one that is being packed."""

    code = "not_to_pack"

    def __init__(self, parcel: str, why: str) -> None:
        self.parcel = parcel
        super().__init__(f"Parcel {parcel} is not to be packed: {why}.")


class ParcelTaken(FloorError):
    """Somebody else is packing this parcel."""

    code = "parcel_taken"

    def __init__(self, parcel: str, packer: str) -> None:
        self.parcel, self.packer = parcel, packer
        super().__init__(f"{packer} is packing parcel {parcel}. Leave it to them, or take it over.")


class WrongKey(FloorError):
    """This key does not belong into this parcel, and cannot take the place of one that does."""

    code = "wrong_key"

    def __init__(self, serial: str, parcel: str, why: str) -> None:
        self.serial, self.parcel = serial, parcel
        super().__init__(f"Key {serial} does not go into {parcel}: {why}")


class AlreadyDone(FloorError):
    """What was scanned is where it belongs already."""

    code = "already_done"

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} already. Nothing to do; continue with the next one.")


class ParcelIncomplete(FloorError):
    """The parcel lacks keys; `missing` says which."""

    code = "parcel_incomplete"

    def __init__(self, parcel: str, missing: Sequence[str]) -> None:
        self.parcel, self.missing = parcel, list(missing)
        super().__init__(f"Parcel {parcel} still lacks {', '.join(missing)}. Pack that first.")


class WrongSeal(FloorError):
    """The seal is not the one that the slip inside names, or is on another parcel."""

    code = "wrong_seal"

    def __init__(self, scanned: str, parcel: str, why: str) -> None:
        self.scanned, self.parcel = scanned, parcel
        super().__init__(f"Seal {shorten(scanned)} does not go on parcel {parcel}: {why}")


class ScanKeyReused(FloorError):
    """Two different scans came under one key."""

    code = "scan_key_reused"

    def __init__(self, key: str) -> None:
        super().__init__(
            f"The scan key {shorten(key)} came with another scan. Send each scan with a new key."
        )


class BadScanKey(FloorError):
    code = "bad_scan_key"

    def __init__(self) -> None:
        super().__init__("A scan key has 8 to 80 letters, digits, dashes and dots. Make a new one per scan.")


class UnknownScan(FloorError):
    """There is no such scan to take back, or it was taken back."""

    code = "unknown_scan"

    def __init__(self, key: str) -> None:
        super().__init__(f"There is no scan {shorten(key)} that could be undone. Look at the parcel again.")


class TooLateToUndo(FloorError):
    """Something later rests on this scan."""

    code = "too_late_to_undo"

    def __init__(self, why: str) -> None:
        super().__init__(f"This cannot be undone: {why}")


class MovedMeanwhile(FloorError):
    """Somebody else did something to the same key or parcel at the same moment."""

    code = "moved_meanwhile"

    def __init__(self) -> None:
        super().__init__("Someone else moved this at the same moment. Scan it again to see its state.")


class UnknownPickList(FloorError):
    code = "unknown_pick_list"

    def __init__(self, code: str) -> None:
        super().__init__(f"There is no open pick list {shorten(code)}. Take one from the list, or make one.")


class PickListTaken(FloorError):
    code = "pick_list_taken"

    def __init__(self, code: str, picker: str) -> None:
        self.picker = picker
        who = f"{picker} has this list" if picker else "Not assigned"
        remedy = "Take another, or take it over." if picker else "Take it first."
        super().__init__(f"{who} with pick list {code}. {remedy}")


class NothingToPick(FloorError):
    code = "nothing_to_pick"

    def __init__(self) -> None:
        super().__init__("No labelled parcel waits to be picked. Labels are bought as claims are accepted.")


class ManifestError(ShippingError):
    """A manifest that cannot be made or changed as asked."""

    code = "manifest"


class NothingToHandOver(ManifestError):
    """No parcel can go onto this manifest; `left_out` says why of each that was looked at."""

    code = "nothing_to_hand_over"

    def __init__(self, left_out: Sequence[LeftOut]) -> None:
        self.left_out = list(left_out)
        reasons = "; ".join(f"{one.parcel}: {one.why}" for one in self.left_out[:5])
        super().__init__(f"No parcel is ready to be handed over. {reasons}".strip())


class HeldBack(ManifestError):
    """Parcels that are about to leave belong to claims that are held back."""

    code = "held_back"

    def __init__(self, parcels: Sequence[str]) -> None:
        self.parcels = list(parcels)
        named = ", ".join(self.parcels[:5]) + ("" if len(self.parcels) <= 5 else ", …")
        super().__init__(
            f"Do not hand over {named}: the payment is disputed. Take it off the manifest and keep it here."
        )


class UnknownManifest(ManifestError):
    code = "unknown_manifest"

    def __init__(self, code: str) -> None:
        super().__init__(f"There is no manifest {shorten(code)}.")


class ManifestNotReady(ManifestError):
    code = "manifest_not_ready"

    def __init__(self, code: str, state: str) -> None:
        self.state = state
        super().__init__(
            f"Manifest {code} is {state}. Only a manifest that is ready can be handed over or changed."
        )


class NoPapers(FloorError):
    """Parcels without a label file: not bought, not fetched yet, or shredded with the address."""

    code = "no_papers"

    def __init__(self, parcels: Sequence[str]) -> None:
        self.parcels = list(parcels)
        named = ", ".join(self.parcels[:10]) + (" and others" if len(self.parcels) > 10 else "")
        super().__init__(
            f"No label file for {named}. A label just bought arrives within a minute; if it does not, "
            "look at the parcel's case."
        )


class NotInsured(CaseError):
    """Nothing was insured with the parcel's label."""

    code = "not_insured"

    def __init__(self, parcel: str) -> None:
        super().__init__(
            f"Parcel {parcel} was not insured with its label. Claim from its carrier, and write that down."
        )


class ClaimedAlready(CaseError):
    """The insurer has a claim for the parcel, or has paid it."""

    code = "claimed_already"

    def __init__(self, parcel: str) -> None:
        super().__init__(
            f"The insured value of parcel {parcel} is claimed already. What came of it is written down in "
            "the case it was claimed for."
        )


class InsurerRefused(CaseError):
    """The insurer did not take a claim. That it was tried is written down."""

    code = "insurer_refused"

    def __init__(self, case: str, why: str) -> None:
        super().__init__(
            f"EasyPost did not take the claim of case {case} ({why}). Look at what you attached and file it "
            "again, or file it in EasyPost's dashboard and write that down."
        )


class InsurerSilent(CaseError):
    """Whether the insurer has a claim is being found out."""

    code = "insurer_silent"

    def __init__(self, case: str) -> None:
        super().__init__(
            f"EasyPost did not answer, so it may have the claim of case {case} or not. Do not file another: "
            "within the hour the case says which."
        )


class ReturnUnderWay(CaseError):
    """The maintainer has a return label, or one is being bought."""

    code = "return_under_way"

    def __init__(self, parcel: str) -> None:
        super().__init__(
            f"A return label for parcel {parcel} is there already, or being bought. The maintainer finds it "
            "on the claim's page."
        )


class NoReturnLabel(ShippingError):
    """There is no return label to print: none was given, it is used or refunded, or the address is erased."""

    code = "no_return_label"

    def __init__(self, claim: str) -> None:
        super().__init__(
            f"There is no return label to print for claim {claim}. Report a problem on the claim's page."
        )


class NotExpectedBack(ShippingError):
    """The parcel is still here by the books."""

    code = "not_expected_back"

    def __init__(self, parcel: str, state: str) -> None:
        super().__init__(
            f"Parcel {parcel} cannot come back: it is {state}. If its label is not used, refund it instead."
        )


class UnknownShipment(ShippingError):
    code = "unknown_shipment"

    def __init__(self, code: str) -> None:
        super().__init__(f"There is no parcel {shorten(code)}, or it has no label.")


class NotToLabel(ShippingError):
    """The parcel is cancelled, gone, or its claim is not to be sent."""

    code = "not_to_label"

    def __init__(self, code: str, why: str) -> None:
        super().__init__(f"No label is bought for parcel {code}: {why}.")
