"""The commands of `perennial`, by what they are about; `app.commands.main` puts them together."""
