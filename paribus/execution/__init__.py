"""Execution of comparisons: settings, cases, engines, workers and sessions."""
