"""The comparisons: tables of cases, with the claims that are made before anything runs."""
