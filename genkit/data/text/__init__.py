"""Texts: streams of pieces, tokenisers, token arrays."""
