"""Other implementations of the losses, written from the published formulas in the style of each project."""
