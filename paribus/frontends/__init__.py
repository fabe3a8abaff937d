"""Front ends: the command line, and pytest."""
