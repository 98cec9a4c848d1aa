"""What a person relies on when machines stop, disks fill and files come from strangers: trials, one table.

`python -m tools.reliability` (or `make reliability`) runs all; a share of each runs with the other tests.
"""
