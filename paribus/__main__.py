"""Run the command line: ``python -m paribus``."""

from paribus.frontends.cli import main

if __name__ == "__main__":
    main()
