"""Parts of recipes that are neither suites nor networks: scores, transforms, training by hand, searches."""
