"""Charges and refunds for a parcel after its label was bought."""

from common.choices import Choices


class ChargeKind(Choices):
    """The kind of a charge. Refunds and compensation are negative, duties positive, adjustments either."""

    LABEL_REFUND = "label_refund", "refund of an unused label"
    DUTY = "duty", "duties, import tax, and the carrier's fee for paying them"
    ADJUSTMENT = "adjustment", "adjustment of weight or size by the carrier"
    COMPENSATION = "compensation", "compensation for a loss"


# Kinds on a carrier invoice; a label refund is recorded when the vendor grants it.
BILLED = frozenset({ChargeKind.DUTY, ChargeKind.ADJUSTMENT, ChargeKind.COMPENSATION})
BACK = frozenset({ChargeKind.LABEL_REFUND, ChargeKind.COMPENSATION})
