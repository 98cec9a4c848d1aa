"""From a configuration to a trained run: the trainer, its callbacks, checkpoints, loggers and processes."""
