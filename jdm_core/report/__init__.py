"""What a person takes away: words, pictures, sheets and JSON."""
