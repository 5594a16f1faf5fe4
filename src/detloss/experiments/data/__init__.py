"""Annotated images: readers of data sets on disk, and synthetic digit scenes."""
