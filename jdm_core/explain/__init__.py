"""Verdicts, scores, evidence and edits; `explainer` is the way in."""
