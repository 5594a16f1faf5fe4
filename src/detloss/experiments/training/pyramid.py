"""Features of several resolutions, for detectors that look for small and large objects in different places."""

from torch import Tensor, nn

from detloss.detectors.backbone import SmallPyramid, convolution


class FeatureLevels(nn.Module):
    """UnitBox's small pyramid, with coarser levels on top: strides 4, 8, 16 and 32."""

    out_channels = 64  # a multiple of the 32 groups in which FCOS's head normalises
    strides = (4, 8, 16, 32)

    def __init__(self) -> None:
        super().__init__()
        self.pyramid = SmallPyramid()
        self.levels = nn.ModuleList([convolution(self.pyramid.out_channels, self.out_channels)])
        self.levels.extend(convolution(self.out_channels, self.out_channels, stride=2) for _ in self.strides[1:])

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """(B, 3, H, W) in [0, 1] to a level by the name of its stride, the finest first."""
        features: Tensor = self.pyramid(images)
        found = {}
        for stride, level in zip(self.strides, self.levels):
            features = level(features)
            found[str(stride)] = features
        return found
