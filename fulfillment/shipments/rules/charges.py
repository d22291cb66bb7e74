"""Money that moves for a parcel after its label was bought."""

from common.choices import Choices


class ChargeKind(Choices):
    """What it was for. What came back is negative, everything else may be either."""

    LABEL_REFUND = "label_refund", "postage of an unused label, back"
    DUTY = "duty", "duties, import tax, and the carrier's fee for paying them"
    ADJUSTMENT = "adjustment", "the carrier weighed or measured again"
    COMPENSATION = "compensation", "the insurer or the carrier paid for a loss"


# What a carrier's bill may hold; the refund of a label is written down when the vendor grants it.
BILLED = frozenset({ChargeKind.DUTY, ChargeKind.ADJUSTMENT, ChargeKind.COMPENSATION})
BACK = frozenset({ChargeKind.LABEL_REFUND, ChargeKind.COMPENSATION})
