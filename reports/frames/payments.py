"""Balance transactions of the payment vendor as a frame."""

from datetime import datetime

import pandas as pd

from reports.database import TIME, WHOLE, WORD, copy


def book_entries(as_of: datetime) -> pd.DataFrame:
    """Balance transactions fetched by `as_of`, dated by when we recorded them: what is fetched later must not
    change an earlier report.

    One row: one line.

    claim        int64     key of the claim it belongs to; 0 for none
    category     category  charge, refund, dispute and so on, in the vendor's terms
    amount       int64     minor units of `currency`; negative when paid out
    fee          int64     kept by the vendor
    net          int64     amount less fee
    currency     category  ISO 4217, of the settlement
    recorded_at  datetime
    """
    return copy(
        """
        SELECT coalesce(payment.claim_id, refunded.claim_id, disputed.claim_id, 0), entry.category,
               entry.amount, entry.fee, entry.net, entry.currency, entry.recorded_at
        FROM payments_bookentry AS entry
        LEFT JOIN payments_payment AS payment ON payment.charge_id = entry.source_id
        LEFT JOIN payments_refund AS refund ON refund.vendor_id = entry.source_id
        LEFT JOIN payments_payment AS refunded ON refunded.id = refund.payment_id
        LEFT JOIN payments_dispute AS dispute ON dispute.vendor_id = entry.source_id
        LEFT JOIN payments_payment AS disputed ON disputed.id = dispute.payment_id
        WHERE entry.recorded_at <= {as_of}
        ORDER BY entry.id
        """,
        {
            "claim": WHOLE,
            "category": WORD,
            "amount": WHOLE,
            "fee": WHOLE,
            "net": WHOLE,
            "currency": WORD,
            "recorded_at": TIME,
        },
        as_of=as_of,
    )
