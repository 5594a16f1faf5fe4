"""Exact definitions of the losses, written from their papers, for comparison with any implementation of them.

They import mpmath alone. Arguments are plain numbers or lists of them; results have the caller's working precision.
"""
