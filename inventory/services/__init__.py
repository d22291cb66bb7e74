"""Services of the stock ledger: receiving, reserving, releasing and moving units."""
