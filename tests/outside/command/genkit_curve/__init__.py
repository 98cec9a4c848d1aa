"""A command from outside."""
