"""Whole fields of thin smears: their cells found, and what follows from how many of them look infected."""
