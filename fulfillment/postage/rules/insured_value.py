"""Insured value of a parcel: its full value above a threshold, else none."""


def insured_cents(value_cents: int, *, from_cents: int) -> int:
    """The value to insure; 0 for none.

    A pair of keys is worth less than the work of an insurance claim, so small parcels are not insured;
    parcels of many or expensive keys are insured at their value.

    Args: from_cents: the lowest value that is insured; 0 turns insurance off.
    """
    return value_cents if from_cents and value_cents >= from_cents else 0
