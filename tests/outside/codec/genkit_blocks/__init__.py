"""A codec from outside: a class, its knobs, its configuration."""
