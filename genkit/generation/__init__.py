"""Token by token: how sequences are drawn from a network that predicts the next token."""
