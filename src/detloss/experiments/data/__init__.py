"""Data sets: readers of annotated images, and generated scenes of digits."""
