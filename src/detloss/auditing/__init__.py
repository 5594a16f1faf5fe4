"""Audit: checks of any implementation of a loss against exact results."""
