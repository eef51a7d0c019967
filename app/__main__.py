"""`python -m app` is the `perennial` command."""

from app.commands.main import main

if __name__ == "__main__":
    main()
