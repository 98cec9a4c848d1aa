"""A page to draw from runs: what is declared of them as controls, what they draw as their medium shows it."""
