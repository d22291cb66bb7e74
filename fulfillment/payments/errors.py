"""What the payments room can refuse."""

from common.errors import KeydeskError


class PaymentsError(KeydeskError):
    code = "payments"


class NothingToPay(PaymentsError):
    """The claim is free, paid, or past paying."""

    code = "nothing_to_pay"

    def __init__(self, claim_code: str) -> None:
        super().__init__(f"There is nothing to pay for claim {claim_code} now.")


class CheckoutNotReady(PaymentsError):
    """The vendor could not be asked, or has not answered; nothing is charged. Trying again is safe."""

    code = "checkout_not_ready"

    def __init__(self) -> None:
        super().__init__(
            "The payment page could not be opened just now, and nothing was charged. Try again in a minute."
        )


class PaymentNotRefundable(PaymentsError):
    code = "not_refundable"

    def __init__(self, claim_code: str, why: str) -> None:
        super().__init__(f"Nothing can be refunded for claim {claim_code}: {why}.")
