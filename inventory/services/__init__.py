"""The verbs of the stock ledger: receiving, reserving and releasing, moving."""
