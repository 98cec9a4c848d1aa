"""Networks and losses that families share: plain torch, no Lightning, no configuration."""
