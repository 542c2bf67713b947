"""What a checkpoint records, and the verified way from a manifest or folder to a network."""
