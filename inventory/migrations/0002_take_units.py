"""The functions that look at and take stock, and the vacuuming that keeps them fast."""

from django.db import migrations

# A session plans a function's queries once, which saves more than half of the time these take; the settings
# keep a plan made on an empty table from sorting a full one.
SETTINGS = "SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_hashjoin = off"

# What "any key model" may become. It counts no further than the number wanted: a million units must not be
# counted to take two. `choice` null stands for all active key models; `named` ones are counted in any case.
STOCK_FOR = f"""
CREATE FUNCTION inventory_stock_for(named bigint[], choice bigint[], at_most integer)
RETURNS TABLE (key_model_id bigint, connector text, available integer, oldest_received_at timestamptz)
LANGUAGE plpgsql STABLE {SETTINGS}
AS $$
BEGIN
    RETURN QUERY
    SELECT model.id, model.connector::text, cardinality(ages), ages[1]
    FROM inventory_keymodel AS model
    CROSS JOIN LATERAL (SELECT ARRAY(
        SELECT unit.received_at FROM inventory_unit AS unit
        WHERE unit.account = 'available' AND unit.key_model_id = model.id
        ORDER BY unit.received_at, unit.id LIMIT at_most
    ) AS ages) AS oldest
    WHERE cardinality(ages) > 0
      AND (model.id = ANY (named) OR (model.is_active AND (choice IS NULL OR model.id = ANY (choice))));
END;
$$
"""

# All of a request or nothing, in one round trip. The block with the exception is a
# subtransaction: when the pick comes out short, leaving it gives the row locks back, so that a request
# that goes on to wait for others holds nothing they may want (services/reservations.py tells the story).
# NO KEY is the lock that an update takes; foreign keys to a unit can still be checked meanwhile.
TAKE_UNITS = f"""
CREATE FUNCTION inventory_take_units(
    models bigint[], quantities integer[], holder text, mover text, moment timestamptz, may_wait boolean
) RETURNS SETOF inventory_unit LANGUAGE plpgsql
{SETTINGS}
AS $$
DECLARE
    picked bigint[] := ARRAY[]::bigint[];
    of_model bigint[];
BEGIN
    FOR wanted IN 1 .. cardinality(models) LOOP
        IF may_wait THEN
            of_model := ARRAY(
                SELECT id FROM inventory_unit
                WHERE account = 'available' AND key_model_id = models[wanted]
                ORDER BY received_at, id LIMIT quantities[wanted]
                FOR NO KEY UPDATE);
        ELSE
            of_model := ARRAY(
                SELECT id FROM inventory_unit
                WHERE account = 'available' AND key_model_id = models[wanted]
                ORDER BY received_at, id LIMIT quantities[wanted]
                FOR NO KEY UPDATE SKIP LOCKED);
        END IF;
        IF cardinality(of_model) < quantities[wanted] THEN
            RAISE EXCEPTION 'short of units' USING ERRCODE = 'KD001';
        END IF;
        picked := picked || of_model;
    END LOOP;
    INSERT INTO inventory_movement (unit_id, from_account, to_account, reason, reference, actor, moved_at)
    SELECT id, 'available', 'reserved', 'reserve', holder, mover, moment FROM unnest(picked) AS id;
    RETURN QUERY SELECT * FROM inventory_unit WHERE id = ANY (picked);
EXCEPTION WHEN SQLSTATE 'KD001' THEN
    RETURN;
END;
$$
"""


class Migration(migrations.Migration):
    dependencies = [("inventory", "0001_initial")]

    operations = [
        migrations.RunSQL(
            sql=STOCK_FOR, reverse_sql="DROP FUNCTION inventory_stock_for(bigint[], bigint[], integer)"
        ),
        migrations.RunSQL(
            sql=TAKE_UNITS,
            reverse_sql="DROP FUNCTION inventory_take_units(bigint[], integer[], text, text, timestamptz, boolean)",
        ),
        # Draining stock leaves dead entries at the front of the index that picking walks. The default, a
        # fifth of the table, would let 200,000 of them pile up at a million units.
        migrations.RunSQL(
            sql="ALTER TABLE inventory_unit SET"
            " (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000)",
            reverse_sql="ALTER TABLE inventory_unit RESET"
            " (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold)",
        ),
    ]
