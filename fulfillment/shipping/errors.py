"""What the shipping room can refuse."""

from config.errors import KeydeskError


class ShippingError(KeydeskError):
    code = "shipping"


class NotRefundable(ShippingError):
    """There is no label whose money could be asked back, or the parcel is under way."""

    code = "not_refundable"

    def __init__(self, code: str) -> None:
        super().__init__(f"Shipment {code} has no bought label that is still here.")
