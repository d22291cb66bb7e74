"""Key models, lots, units and the stock ledger. Independent of claims: a holder is a text."""
