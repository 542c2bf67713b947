"""Labelled cells of other microscopes, each set read in the layout in which it comes."""
