"""A medium from outside, points in the plane, and a dataset of it."""
