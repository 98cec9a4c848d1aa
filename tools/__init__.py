"""Programs about the project: trials of its reliability, and what is compared across a change."""
