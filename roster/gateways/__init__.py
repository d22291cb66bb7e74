"""Where rosters come from over the network."""
