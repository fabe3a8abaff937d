"""Results, verdicts and claims from the scores of runs."""
