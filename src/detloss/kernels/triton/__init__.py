"""The Triton backend, for GPUs: generated formulas in kernels that compute values and gradients in one pass.

Triton itself is imported by the first loss that needs it.
"""

from importlib.util import find_spec

from detloss.kernels.interface import Call, Kernel

installed = find_spec("triton") is not None


def kernel_for(call: Call) -> Kernel | None:
    """The kernel that serves a call, None if there is none or the call has no elements."""
    from detloss.kernels.triton import launch

    return launch if launch.serves(call) else None
