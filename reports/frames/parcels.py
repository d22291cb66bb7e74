"""Labels, parcel charges, tracking updates and cases, as frames."""

from datetime import datetime

import pandas as pd

from reports.database import TEXT, TIME, WHOLE, WORD, copy


def labels(as_of: datetime) -> pd.DataFrame:
    """Labels bought, from the claims' events.

    One row: one purchase.

    claim          int64     key of the claim it was bought for
    carrier        category  empty where the event has none
    cost_cents     int64     charged by the vendor, in minor units of `currency`
    premium_cents  int64     of this, insurance
    currency       category  ISO 4217
    at             datetime  when it was bought
    """
    return copy(
        """
        SELECT claim_id, coalesce(data ->> 'carrier', ''), (data ->> 'cost_cents')::bigint,
               coalesce((data ->> 'premium_cents')::bigint, 0), data ->> 'currency', at
        FROM claims_claimevent
        WHERE at <= {as_of} AND name = 'label_bought'
        ORDER BY id
        """,
        {
            "claim": WHOLE,
            "carrier": WORD,
            "cost_cents": WHOLE,
            "premium_cents": WHOLE,
            "currency": WORD,
            "at": TIME,
        },
        as_of=as_of,
    )


def charges(as_of: datetime) -> pd.DataFrame:
    """Charges and refunds for parcels besides their labels, in the order they were recorded.

    One row: one amount.

    claim     int64     key of the claim whose parcel it is; 0 for stray labels
    kind      category  label_refund, duty, adjustment, compensation; stray, stray_refund
    cents     int64     minor units of `currency`; negative when received back
    currency  category  ISO 4217
    at        datetime  when it was recorded
    """
    return copy(
        """
        SELECT shipment.claim_id, charge.kind, charge.cents, charge.currency, charge.recorded_at, charge.id
        FROM shipping_parcelcharge AS charge
        JOIN shipping_labelpurchase AS purchase ON purchase.id = charge.purchase_id
        JOIN shipping_shipment AS shipment ON shipment.id = purchase.shipment_id
        WHERE charge.recorded_at <= {as_of}
        UNION ALL
        SELECT 0, 'stray', cost_cents, 'USD', found_at, id FROM shipping_straylabel
        WHERE found_at <= {as_of} AND cost_cents > 0
        UNION ALL
        SELECT 0, 'stray_refund', -cost_cents, 'USD', settled_at, id FROM shipping_straylabel
        WHERE settled_at <= {as_of} AND cost_cents > 0
        ORDER BY 5, 2, 6
        """,
        {"claim": WHOLE, "kind": WORD, "cents": WHOLE, "currency": WORD, "at": TIME, "id": WHOLE},
        as_of=as_of,
    ).drop(columns="id")


def tracking(as_of: datetime) -> pd.DataFrame:
    """Tracking updates, in the order they were recorded.

    One row: one tracking update of an outbound parcel; return labels have their own trackers.

    claim        int64     key of the claim whose parcel it is
    status       category  the vendor's status
    recorded_at  datetime  when we received it
    """
    return copy(
        """
        SELECT shipment.claim_id, update.status, update.recorded_at
        FROM shipping_trackingupdate AS update
        JOIN shipping_labelpurchase AS purchase ON purchase.id = update.purchase_id
        JOIN shipping_shipment AS shipment ON shipment.id = purchase.shipment_id
        WHERE update.recorded_at <= {as_of} AND NOT purchase.is_return
        ORDER BY update.id
        """,
        {"claim": WHOLE, "status": WORD, "recorded_at": TIME},
        as_of=as_of,
    )


def cases(as_of: datetime) -> pd.DataFrame:
    """Cases opened by `as_of`, with their outcome by then.

    One row: one case.

    claim      int64     key of the claim whose parcel it is about
    reason     category
    opened_at  datetime
    due_at     datetime  due time
    closed_at  datetime  missing while it was open
    outcome    str       how it ended; empty while it was open
    """
    return copy(
        """
        SELECT shipment.claim_id, reason, opened_at, due_at,
               CASE WHEN closed_at <= {as_of} THEN closed_at END,
               CASE WHEN closed_at <= {as_of} THEN outcome ELSE '' END
        FROM cases_case
        JOIN shipping_shipment AS shipment ON shipment.id = shipment_id
        WHERE kind = 'shipment' AND opened_at <= {as_of}
        ORDER BY cases_case.id
        """,
        {
            "claim": WHOLE,
            "reason": WORD,
            "opened_at": TIME,
            "due_at": TIME,
            "closed_at": TIME,
            "outcome": TEXT,
        },
        as_of=as_of,
    )
