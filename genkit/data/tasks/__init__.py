"""tasks: questions with answers that are made by rule from a seed, and can be judged exactly."""
