"""Drop-in replacements: losses of detloss with the signatures of other libraries. Change the import, keep the calls.

`torchvision`, `torch`, `fvcore` and `mmdet` have functions and modules of the library of the same name, with its names,
order of arguments, defaults and reductions. The library itself is not imported (except torch). Each module documents in
a table the cases with different results, and the reason.

In all modules ``eps`` is accepted and ignored, because no loss needs it; shapes are never broadcast; an invalid
argument raises a ValueError or a TypeError that names the argument of detloss.

Example:
    >>> import torch, detloss
    >>> from detloss.compat.torchvision import sigmoid_focal_loss
    >>> sigmoid_focal_loss(torch.zeros(2), torch.tensor([1.0, 0.0]))  # .25, .75 of (1/2)^2 log 2
    tensor([0.0433, 0.1300])
"""

from detloss.compat import fvcore, mmdet, torch, torchvision

__all__ = ["fvcore", "mmdet", "torch", "torchvision"]
