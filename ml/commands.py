"""What the command line asks of the off-line side."""
