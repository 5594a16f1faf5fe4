"""Trials: a detector trained with one pair of losses and evaluated on the validation set."""
