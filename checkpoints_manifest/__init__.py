"""The checkpoints that ship: manifest.json, and the weights that it names, each with its size and digest."""
