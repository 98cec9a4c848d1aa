"""`python -m genkit`."""

from genkit.cli import script

if __name__ == "__main__":
    script()
