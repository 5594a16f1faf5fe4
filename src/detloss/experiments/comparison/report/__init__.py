"""Report of a comparison: one HTML file without scripts or network access."""
