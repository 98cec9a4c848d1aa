"""A dataset from outside: a function that makes it, its knobs, its configuration."""
