"""A metric from outside."""
