"""Using a trained run: loading it, scoring with it, asking it about latents and observations."""
