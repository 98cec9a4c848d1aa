"""What Python calls: the commands, on objects in hand.  Nothing here imports torch before it is needed."""
