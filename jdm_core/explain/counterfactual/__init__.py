"""The search for an edit: its region, its candidates, their check, and the detail of the upload."""
