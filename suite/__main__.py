"""`python -m suite` is `carrousel`."""

from suite.cli import main

if __name__ == "__main__":
    main()
