"""Runs: keys, results, fingerprints and the store."""
