"""Metrics: each sees tensors, texts or numbers, and nothing of runs, files or families."""
