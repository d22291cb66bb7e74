"""The pure decisions about parcels, one noun a module. No database, settings, clock or network."""
