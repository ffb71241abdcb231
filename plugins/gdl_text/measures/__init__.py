"""Numbers about models of texts, each beside its baselines; one measure a file."""
