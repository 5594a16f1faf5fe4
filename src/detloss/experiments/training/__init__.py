"""Trials: training of a detector with one pair of losses, and its evaluation on the validation set."""
