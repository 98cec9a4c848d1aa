"""Pictures as arrays: read, sized, scaled, packed, treated."""
