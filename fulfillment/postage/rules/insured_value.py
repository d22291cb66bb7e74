"""Insured value of a parcel: its full value above a threshold, else none."""


def insured_cents(value_cents: int, *, from_cents: int) -> int:
    """The value to insure; 0 for none.

    A pair of keys is worth less than what asking for the money costs a person, so the desk carries that
    risk itself; parcels of many keys, or of dear ones, are insured for what they are worth.

    Args: from_cents: the least value that is insured; 0 insures nothing.
    """
    return value_cents if from_cents and value_cents >= from_cents else 0
