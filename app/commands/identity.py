"""`perennial identity-key`: rotate, forget."""

import typer

from app.commands.progress import say
from app.foundation.settings import Settings
from app.ingest.identity_key import forget_former, rotate

commands = typer.Typer()
identity = typer.Typer(help="The secret that keys the hashes of identifiers.", no_args_is_help=True)
commands.add_typer(identity, name="identity-key")


@identity.command(name="rotate")
def rotate_command() -> None:
    """Make a new key, by which identifiers are hashed from now on; who is known by the former one is still found."""
    settings = Settings.from_environment()
    rotate(settings)
    say(f"There is a new key in {settings.home}. Start every service anew, and back the directory up.")


@identity.command(name="forget")
def forget_command() -> None:
    """Forget former keys: whoever was not told of by phone or e-mail since is not recognised by them any more."""
    say(f"{forget_former(Settings.from_environment())} former keys are forgotten. Start every service anew.")
