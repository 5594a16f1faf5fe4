"""Default backbone of UnitBox: a small feature pyramid."""

from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate

CHANNELS_PER_GROUP = 16


class SmallPyramid(nn.Module):
    """Feature pyramid with output at a quarter of the image's resolution and a large receptive field.

    Four downsampling steps and two upsampling steps with skip connections. Levels of high resolution have few channels.
    Group normalization keeps predictions independent of the other images of the batch.

    When to choose it: small images and short trainings; it has 210 thousand parameters.

    Attributes:
        out_channels: Channels of the features, 48.
        stride: Pixels per cell, 4.

    Example:
        >>> import torch
        >>> SmallPyramid()(torch.zeros(1, 3, 61, 64)).shape
        torch.Size([1, 48, 16, 16])

    Sources:
        Lin et al., Feature Pyramid Networks for Object Detection (2017), https://arxiv.org/abs/1612.03144; Wu and He,
        Group Normalization (2018), https://arxiv.org/abs/1803.08494
    """

    out_channels = 48
    stride = 4

    def __init__(self) -> None:
        super().__init__()
        self.halves = convolution(3, 16, stride=2)
        self.quarters = convolution(16, 32, stride=2)
        self.eighths = nn.Sequential(convolution(32, 64, stride=2), convolution(64, 64))
        self.sixteenths = nn.Sequential(convolution(64, 96, stride=2), convolution(96, 96))
        self.from_sixteenths = nn.Conv2d(96, 64, 1)
        self.from_eighths = nn.Conv2d(64, self.out_channels, 1)
        self.from_quarters = nn.Conv2d(32, self.out_channels, 1)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] to (B, out_channels, H / 4, W / 4), both rounded up."""
        quarters = self.quarters(self.halves(2 * images - 1))
        eighths = self.eighths(quarters)
        sixteenths = self.from_sixteenths(self.sixteenths(eighths))
        joined = self.from_eighths(eighths + interpolate(sixteenths, size=eighths.shape[-2:]))
        features: Tensor = self.from_quarters(quarters)
        return features.add_(interpolate(joined, size=quarters.shape[-2:]))


class CenteredConv2d(nn.Conv2d):
    """Convolution with filters of mean 0, which remove the common part of their inputs.

    After a ReLU, inputs are positive and their common part would dominate every output. This is the first half of
    weight standardization; the second half, division by the standard deviation, is canceled by the normalization that
    follows.

    Sources:
        Qiao et al., Micro-Batch Training with Batch-Channel Normalization and Weight Standardization (2019),
        https://arxiv.org/abs/1903.10520
    """

    def forward(self, features: Tensor) -> Tensor:
        """(B, in_channels, H, W) to (B, out_channels, H', W')."""
        weight = self.weight - self.weight.mean(dim=(1, 2, 3), keepdim=True)
        return conv2d(features, weight, self.bias, self.stride, self.padding)


def convolution(channels: int, out_channels: int, *, size: int = 3, stride: int = 1) -> nn.Sequential:
    """Build a convolution with centered filters, group normalization and a ReLU.

    Args:
        channels: Input channels.
        out_channels: Output channels.
        size: Size of the filters, odd.
        stride: 2 halves the resolution, rounded up.

    Example:
        >>> import torch
        >>> convolution(3, 48, stride=2)(torch.zeros(1, 3, 9, 8)).shape
        torch.Size([1, 48, 5, 4])
    """
    return nn.Sequential(
        CenteredConv2d(channels, out_channels, size, stride, padding=size // 2, bias=False),
        nn.GroupNorm(max(1, out_channels // CHANNELS_PER_GROUP), out_channels),
        nn.ReLU(inplace=True),
    )


def separable_convolution(channels: int) -> nn.Sequential:
    """Build a depthwise 3 x 3 convolution and a 1 x 1 `convolution`, at a quarter of the cost of a full convolution.

    Args:
        channels: Input and output channels.

    Example:
        >>> import torch
        >>> separable_convolution(48)(torch.zeros(1, 48, 9, 8)).shape
        torch.Size([1, 48, 9, 8])
    """
    depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
    return nn.Sequential(depthwise, convolution(channels, channels, size=1))
