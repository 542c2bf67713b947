"""Damaged and hostile input through all that reads what strangers send, within a budget of time and memory for each."""
