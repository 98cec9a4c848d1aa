"""Moving pictures: clips that are computed, and those that people have."""
