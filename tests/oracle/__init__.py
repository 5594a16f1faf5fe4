"""The exact answers: every loss for one entry, from its definition, in exact fractions or 60 digits."""
