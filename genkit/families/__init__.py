"""The families: one file each, reached by name through `genkit.core.registry`."""
