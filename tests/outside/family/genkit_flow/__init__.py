"""A family from outside: a class, its knobs, its configuration."""
