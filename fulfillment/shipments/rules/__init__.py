"""Pure rules about parcels: no database, settings, clock or network."""
