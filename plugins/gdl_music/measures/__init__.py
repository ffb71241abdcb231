"""Numbers about models of music, each beside its baselines; one measure a file."""
