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


class PaymentCaseError(PaymentsError):
    """Something that cannot be done about a case about money."""

    code = "payment_case"


class UnknownPaymentCase(PaymentCaseError):
    code = "unknown_payment_case"

    def __init__(self, code: str) -> None:
        super().__init__(
            f"There is no open case {code}. It may have been closed meanwhile; look at the list."
        )


class PaymentCaseTaken(PaymentCaseError):
    code = "payment_case_taken"

    def __init__(self, code: str, owner: str) -> None:
        self.owner = owner
        super().__init__(f"{owner} works case {code}. Leave it to them, or take it over.")


class NotOffered(PaymentCaseError):
    """The playbook has no such action for cases of this reason."""

    code = "not_offered"

    def __init__(self, code: str, action: str, reason: str) -> None:
        super().__init__(
            f"Case {code} is there because {reason}; “{action}” is nothing that helps with that."
        )


class BadMoneyData(PaymentCaseError):
    """Something an action on a case needs is missing or cannot be right."""

    code = "bad_money_data"

    def __init__(self, field: str, remedy: str) -> None:
        self.field = field
        super().__init__(remedy)
