"""From bytes to pixels: reading within limits, finding the cell, and the model's input."""
