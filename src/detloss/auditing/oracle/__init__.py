"""Oracle: exact results of every loss for one row, from its definition, in fractions or 60 digits."""
