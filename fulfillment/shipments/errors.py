"""Errors of shipments, postage, packing, tracking and insurance."""

from collections.abc import Sequence

from common.errors import KeydeskError
from fulfillment.cases.errors import CaseError
from fulfillment.shipments.rules.manifests import ExcludedParcel
from inventory.errors import shorten


class ShippingError(KeydeskError):
    code = "shipping"


class LabelNotRefundable(ShippingError):
    """There is no label to refund, or its parcel has left or is on a manifest."""

    code = "not_refundable"

    def __init__(self, code: str, *, manifest: str = "") -> None:
        super().__init__(
            f"Shipment {code} is on manifest {manifest}. Take it off the manifest and out of the bag first."
            if manifest
            else f"Shipment {code} has no bought label that is still here."
        )


class ScanError(ShippingError):
    """A rejected scan. Nothing has changed; the message says what to do instead."""

    code = "floor"


class UnknownLabel(ScanError):
    """No parcel has this label."""

    code = "unknown_label"

    def __init__(self, scanned: str) -> None:
        self.scanned = scanned
        super().__init__(
            f"No parcel has the label {shorten(scanned)}. Scan the bar code of the label or of the slip."
        )


class WrongScanKind(ScanError):
    """A key was scanned where a label was expected, or the reverse."""

    code = "wrong_thing"

    def __init__(self, scanned: str, *, is_a: str, due: str) -> None:
        self.scanned, self.is_a, self.due = scanned, is_a, due
        super().__init__(f"{shorten(scanned)} is a {is_a}, but a {due} is expected. Scan the {due}.")


class NotToPack(ScanError):
    """The parcel must not be packed."""

    code = "not_to_pack"

    def __init__(self, parcel: str, why: str) -> None:
        self.parcel = parcel
        super().__init__(f"Do not pack parcel {parcel}: {why}.")


class ParcelTaken(ScanError):
    """Another person is packing this parcel."""

    code = "parcel_taken"

    def __init__(self, parcel: str, packer: str) -> None:
        self.parcel, self.packer = parcel, packer
        super().__init__(f"{packer} is packing parcel {parcel}. Take another parcel, or take this one over.")


class WrongKey(ScanError):
    """This key does not belong in this parcel and cannot be swapped for one that does."""

    code = "wrong_key"

    def __init__(self, serial: str, parcel: str, why: str) -> None:
        self.serial, self.parcel = serial, parcel
        super().__init__(f"Do not put key {serial} into {parcel}: {why}")


class AlreadyDone(ScanError):
    """The scanned item is already in its place."""

    code = "already_done"

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} already. Continue with the next one.")


class ParcelIncomplete(ScanError):
    """Keys are missing from the parcel; `missing` lists them."""

    code = "parcel_incomplete"

    def __init__(self, parcel: str, missing: Sequence[str]) -> None:
        self.parcel, self.missing = parcel, list(missing)
        super().__init__(f"Missing from parcel {parcel}: {', '.join(missing)}. Pack that first.")


class WrongSeal(ScanError):
    """The seal does not match the slip in the parcel, or is on another parcel."""

    code = "wrong_seal"

    def __init__(self, scanned: str, parcel: str, why: str) -> None:
        self.scanned, self.parcel = scanned, parcel
        super().__init__(f"Do not use seal {shorten(scanned)} on parcel {parcel}: {why}")


class ScanKeyReused(ScanError):
    """Two different scans were sent with the same key."""

    code = "scan_key_reused"

    def __init__(self, key: str) -> None:
        super().__init__(
            f"The scan key {shorten(key)} was used for another scan. Send each scan with a new key."
        )


class BadScanKey(ScanError):
    code = "bad_scan_key"

    def __init__(self) -> None:
        super().__init__(
            "A scan key has 8 to 80 letters, digits, dashes and dots. Create a new one for each scan."
        )


class UnknownScan(ScanError):
    """There is no such scan, or it was undone already."""

    code = "unknown_scan"

    def __init__(self, key: str) -> None:
        super().__init__(f"There is no scan {shorten(key)} to undo. Open the parcel again.")


class TooLateToUndo(ScanError):
    """A later action depends on this scan."""

    code = "too_late_to_undo"

    def __init__(self, why: str) -> None:
        super().__init__(f"This cannot be undone: {why}")


class MovedMeanwhile(ScanError):
    """Another person changed the same key or parcel at the same time."""

    code = "moved_meanwhile"

    def __init__(self) -> None:
        super().__init__("Someone else moved this at the same time. Scan it again to see its state.")


class UnknownPickList(ScanError):
    code = "unknown_pick_list"

    def __init__(self, code: str) -> None:
        super().__init__(
            f"There is no open pick list {shorten(code)}. Take one from the list, or create one."
        )


class PickListTaken(ScanError):
    code = "pick_list_taken"

    def __init__(self, code: str, picker: str) -> None:
        self.picker = picker
        super().__init__(
            f"{picker} has pick list {code}. Take another, or take it over."
            if picker
            else f"Pick list {code} is not assigned. Take it first."
        )


class NothingToPick(ScanError):
    code = "nothing_to_pick"

    def __init__(self) -> None:
        super().__init__("No parcels to pick. A parcel can be picked once its label is bought.")


class ManifestError(ShippingError):
    """A manifest could not be created or changed."""

    code = "manifest"


class NothingToHandOver(ManifestError):
    """No parcel can go on this manifest; `left_out` gives the reason for each parcel."""

    code = "nothing_to_hand_over"

    def __init__(self, left_out: Sequence[ExcludedParcel]) -> None:
        self.left_out = list(left_out)
        reasons = "; ".join(f"{one.parcel}: {one.why}" for one in self.left_out[:5])
        super().__init__(f"No parcel is ready to be handed over. {reasons}".strip())


class ClaimsOnHold(ManifestError):
    """The manifest has parcels of claims that are on hold."""

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
        super().__init__(f"Manifest {code} is {state}. Only a ready manifest can be handed over or changed.")


class MissingLabelFile(ScanError):
    """Parcels without a label file: not bought, not fetched yet, or shredded with the address."""

    code = "no_papers"

    def __init__(self, parcels: Sequence[str]) -> None:
        self.parcels = list(parcels)
        named = ", ".join(self.parcels[:10]) + (" and others" if len(self.parcels) > 10 else "")
        super().__init__(
            f"No label file for {named}. The file of a new label arrives within a minute; if it does not, "
            "check the parcel's case."
        )


class NotInsured(CaseError):
    """The parcel's label was bought without insurance."""

    code = "not_insured"

    def __init__(self, parcel: str) -> None:
        super().__init__(
            f"Parcel {parcel} was not insured with its label. File a claim with its carrier and record it."
        )


class ClaimedAlready(CaseError):
    """A claim for the parcel is with the insurer, or was paid."""

    code = "claimed_already"

    def __init__(self, parcel: str) -> None:
        super().__init__(
            f"A claim for the insured value of parcel {parcel} exists already. Its outcome is recorded in "
            "the case it was filed for."
        )


class InsurerRefused(CaseError):
    """The insurer rejected a claim as filed. The attempt is recorded in the case."""

    code = "insurer_refused"

    def __init__(self, case: str, why: str) -> None:
        super().__init__(
            f"EasyPost did not accept the claim of case {case} ({why}). Check the attachments and file it "
            "again, or file it in EasyPost's dashboard and record that here."
        )


class InsurerSilent(CaseError):
    """It is not yet known whether the insurer received the claim."""

    code = "insurer_silent"

    def __init__(self, case: str) -> None:
        super().__init__(
            f"EasyPost did not respond, so it may or may not have the claim of case {case}. "
            "Do not file another: the case shows the result within an hour."
        )


class ReturnUnderWay(CaseError):
    """The maintainer has a return label, or one is being bought."""

    code = "return_under_way"

    def __init__(self, parcel: str) -> None:
        super().__init__(
            f"Parcel {parcel} has a return label already, or one is being bought. The maintainer finds it "
            "on the claim's page."
        )


class NoReturnLabel(ShippingError):
    """No return label to print: none was bought, it is used or refunded, or the address was erased."""

    code = "no_return_label"

    def __init__(self, claim: str) -> None:
        super().__init__(
            f"There is no return label to print for claim {claim}. Report a problem on the claim's page."
        )


class NotExpectedBack(ShippingError):
    """By our records the parcel has not left."""

    code = "not_expected_back"

    def __init__(self, parcel: str, state: str) -> None:
        super().__init__(
            f"Parcel {parcel} cannot be returned: it is {state}. If its label is unused, refund it instead."
        )


class UnknownShipment(ShippingError):
    code = "unknown_shipment"

    def __init__(self, code: str) -> None:
        super().__init__(f"There is no parcel {shorten(code)}, or it has no label.")


class NotToLabel(ShippingError):
    """The parcel is cancelled or has left, or its claim must not be sent."""

    code = "not_to_label"

    def __init__(self, code: str, why: str) -> None:
        super().__init__(f"Cannot buy a label for parcel {code}: {why}.")
