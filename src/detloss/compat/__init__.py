"""The signatures of other libraries over detloss's losses: change the import, keep the calls.

`torchvision`, `torch`, `fvcore` and `mmdet` offer the functions and modules of their namesake whose loss detloss has,
with its names, order of arguments, defaults and reductions. The namesake is never imported (torch apart, which
detloss stands on). Each module says in a table where its numbers differ and why.

Common to all: ``eps`` is accepted and ignored, since nothing here needs one; shapes never broadcast silently; an
argument that does not fit is a ValueError or a TypeError that names detloss's argument.

Example:
    >>> import torch, detloss
    >>> from detloss.compat.torchvision import sigmoid_focal_loss
    >>> sigmoid_focal_loss(torch.zeros(2), torch.tensor([1.0, 0.0]))  # .25, .75 of (1/2)^2 log 2
    tensor([0.0433, 0.1300])
"""

from detloss.compat import fvcore, mmdet, torch, torchvision

__all__ = ["fvcore", "mmdet", "torch", "torchvision"]
