"""Runs and what is known of them: keys, results, fingerprints and the store."""
