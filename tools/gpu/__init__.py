"""Checks of the losses on the GPU of this machine: accuracy, launches, graphs, compilation, speed, trials and DDP."""
