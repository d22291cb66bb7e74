"""Pure rules of payments: states, and the meaning of the vendor's records."""
