"""The commands of `perennial`, by what they are about; `app.cli` puts them together."""
