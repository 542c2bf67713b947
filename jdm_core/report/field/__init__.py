"""What a person takes away of fields: marked pictures, tables, GeoJSON, ROIs, crops, a PDF and the readings."""
