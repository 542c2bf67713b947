"""Maps over a cell, and their colours."""
