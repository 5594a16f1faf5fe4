"""Measured facts, and speed and memory of the losses compared with other implementations."""
