"""What stands below everything: errors, signals, files, processes, the terminal.  Imports nothing of ours."""
