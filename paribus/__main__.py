"""Run the command line: ``python -m paribus`` does what ``paribus`` does."""

import sys

from paribus.frontends.cli import main

if __name__ == "__main__":
    if not sys.flags.safe_path:
        del sys.path[
            0
        ]  # the working directory, whose packages may have the names of those beside a suite's file
    main()
