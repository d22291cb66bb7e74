"""Plan and take "any" keys in one round trip."""

from importlib import import_module

from django.db import migrations

SETTINGS = import_module("inventory.migrations.0002_take_units").SETTINGS

# The first attempt of a reservation: rules.plan_allocation, and inventory_take_units after it, without the way
# back to Python in between. No rows means "not like this": the caller plans again, with locks, and says what is
# short. tests/inventory/test_reservations.py holds this plan and that of rules.py together.
RESERVE_ANY = f"""
CREATE FUNCTION inventory_reserve_any(
    named bigint[], quantities integer[], anything integer, choice bigint[],
    holder text, mover text, moment timestamptz
) RETURNS SETOF inventory_unit LANGUAGE plpgsql
{SETTINGS}
AS $$
DECLARE
    models bigint[];
    connectors text[];
    stock integer[];
    ages timestamptz[];
    taken integer[];
    by_connector integer;
    best integer;
    least integer;
BEGIN
    SELECT array_agg(found.key_model_id), array_agg(found.connector), array_agg(found.available),
           array_agg(found.oldest_received_at),
           array_agg(coalesce(quantities[array_position(named, found.key_model_id)], 0))
    INTO models, connectors, stock, ages, taken
    FROM inventory_stock_for(
        named, choice, anything + coalesce((SELECT sum(quantity) FROM unnest(quantities) AS quantity), 0)::integer
    ) AS found;
    IF models IS NULL OR NOT models @> named THEN
        RETURN;
    END IF;
    FOR wanted IN 1 .. anything LOOP
        best := NULL;
        FOR place IN 1 .. cardinality(models) LOOP
            CONTINUE WHEN stock[place] <= taken[place];
            by_connector := 0;
            FOR other IN 1 .. cardinality(models) LOOP
                IF connectors[other] = connectors[place] THEN
                    by_connector := by_connector + taken[other];
                END IF;
            END LOOP;
            IF best IS NULL
                OR (by_connector, ages[place], models[place]) < (least, ages[best], models[best]) THEN
                best := place;
                least := by_connector;
            END IF;
        END LOOP;
        IF best IS NULL THEN
            RETURN;
        END IF;
        taken[best] := taken[best] + 1;
    END LOOP;
    -- In the order of the models, as all requests lock.
    SELECT array_agg(plan.model ORDER BY plan.model), array_agg(plan.quantity ORDER BY plan.model)
    INTO models, taken
    FROM unnest(models, taken) AS plan (model, quantity) WHERE plan.quantity > 0;
    RETURN QUERY SELECT * FROM inventory_take_units(models, taken, holder, mover, moment, false);
END;
$$
"""


class Migration(migrations.Migration):
    dependencies = [("inventory", "0004_places_counts_recalls")]

    operations = [
        migrations.RunSQL(
            sql=RESERVE_ANY,
            reverse_sql="DROP FUNCTION inventory_reserve_any("
            "bigint[], integer[], integer, bigint[], text, text, timestamptz)",
        ),
    ]
