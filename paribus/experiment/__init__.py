"""Declarations: tasks, recipes, factors, claims, comparisons and suites."""
