"""Sources of rosters over the network."""
