"""A family from outside."""
