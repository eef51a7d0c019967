"""`python -m app` is the `perennial` command."""

from app.cli import main

if __name__ == "__main__":
    main()
