"""The stock ledger as a frame."""

from datetime import datetime

import pandas as pd

from reports.database import TIME, WHOLE, WORD, copy


def movements(as_of: datetime) -> pd.DataFrame:
    """Movements of the stock ledger, by unit and then in order.

    One row: one unit moved from one account to another.

    unit          int64     key of the unit
    sku           category  its key model
    from_account  category  `supplier` before it was received
    to_account    category
    claim         int64     key of the claim it moved for; 0 for none
    moved_at      datetime  never before the unit's previous move
    """
    return copy(
        """
        SELECT movement.unit_id, key_model.sku, movement.from_account, movement.to_account,
               coalesce(claim.id, 0), movement.moved_at
        FROM inventory_movement AS movement
        JOIN inventory_unit AS unit ON unit.id = movement.unit_id
        JOIN inventory_keymodel AS key_model ON key_model.id = unit.key_model_id
        LEFT JOIN claims_claim AS claim ON claim.code = movement.reference
        WHERE movement.moved_at <= {as_of}
        ORDER BY movement.unit_id, movement.sequence
        """,
        {
            "unit": WHOLE,
            "sku": WORD,
            "from_account": WORD,
            "to_account": WORD,
            "claim": WHOLE,
            "moved_at": TIME,
        },
        as_of=as_of,
    )
