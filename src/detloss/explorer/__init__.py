"""Explorer: an interactive page of all losses, written as one HTML file."""
