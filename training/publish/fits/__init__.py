"""What is fitted to a checkpoint, or measured for a fit: each file one thing, none knows another room of publishing."""
