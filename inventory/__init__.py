"""Key models, lots, units and the stock ledger. Independent of claims: holders are plain strings."""
