"""Errors of payments."""

from common.errors import KeydeskError


class PaymentsError(KeydeskError):
    code = "payments"


class NothingToPay(PaymentsError):
    """The claim is free, paid, or can no longer be paid."""

    code = "nothing_to_pay"

    def __init__(self, claim_code: str) -> None:
        super().__init__(f"There is nothing to pay for claim {claim_code}.")


class CheckoutNotReady(PaymentsError):
    """The vendor could not be reached or did not respond. Nothing is charged; a retry is safe."""

    code = "checkout_not_ready"

    def __init__(self) -> None:
        super().__init__(
            "The payment page could not be opened just now, and nothing was charged. Try again in a minute."
        )


class PaymentNotRefundable(PaymentsError):
    code = "not_refundable"

    def __init__(self, claim_code: str, why: str) -> None:
        super().__init__(f"Claim {claim_code} cannot be refunded: {why}.")
