"""WHAT: key models, lots, units and the stock ledger. Knows nothing of claims: a holder is a text."""
