"""Tasks of the suites: embedded data, each with the reader that puts a user's own in its place."""
