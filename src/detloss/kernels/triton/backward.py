"""The backward pass: the chain rule's last product."""

import triton
import triton.language as tl

from detloss.kernels.triton.blocks import place
from detloss.kernels.triton.device_primitives import weighted


@triton.jit
def scale(derivative, upstream, result, count, numbers_an_entry, one: tl.constexpr, block: tl.constexpr):
    """The derivative times what comes from above: one factor, of which 1 changes nothing, or one an entry."""
    dtype: tl.constexpr = derivative.dtype.element_ty
    start, lanes = tl.program_id(0).to(tl.int64) * block, tl.arange(0, block)
    inside = lanes < count - start
    if one:
        factor = tl.load(upstream).to(dtype)
        if result is None and factor == 1.0:
            return
    else:
        entry, _ = place(start, lanes, numbers_an_entry)
        factor = tl.load(upstream + entry, mask=inside, other=0.0).to(dtype)
    scaled = weighted(factor, tl.load(derivative + start + lanes, mask=inside, other=0.0))
    if result is None:
        tl.store(derivative + start + lanes, scaled, mask=inside)
    else:
        tl.store(result + start + lanes, scaled, mask=inside)
