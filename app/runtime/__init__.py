"""Whether the process lives, is ready, and is well."""
