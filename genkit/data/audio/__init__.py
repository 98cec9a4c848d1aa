"""Recordings: opened, brought to one rate and one length, packed as clips."""
