"""Fields composed of training cells, whose outlines are known, on grounds of every colour."""
