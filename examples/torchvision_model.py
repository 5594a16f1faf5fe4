"""Train a RetinaNet of torchvision with losses of detloss to detect rectangles."""

import torch
from torch import nn
from torchvision.models.detection import RetinaNet
from torchvision.models.detection.anchor_utils import AnchorGenerator

import detloss
from detloss.integrations.torchvision import use_losses


def rectangles(count: int) -> tuple[list[torch.Tensor], list[dict[str, torch.Tensor]]]:
    """Noise images of 64 x 64, each with a rectangle in the color of its class."""
    images, targets = list(torch.rand(count, 3, 64, 64) * 0.3), []
    for image in images:
        x1, y1, width, height = torch.randint(12, 33, (4,)).tolist()
        label = torch.randint(3, (1,))
        image[label, y1 : y1 + height, x1 : x1 + width] = 1.0
        targets.append({"boxes": torch.tensor([[x1, y1, x1 + width, y1 + height]]).float(), "labels": label})
    return images, targets


torch.manual_seed(0)
backbone = nn.Sequential(nn.Conv2d(3, 64, 8, stride=8), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1), nn.ReLU())
backbone.out_channels = 64
anchors = AnchorGenerator(sizes=((16, 24, 32),), aspect_ratios=((0.5, 1.0, 2.0),))
model = RetinaNet(backbone, num_classes=3, anchor_generator=anchors, min_size=64, max_size=64)
use_losses(model, box=detloss.DistanceIoULoss(), classification=detloss.SigmoidFocalLoss(alpha=0.5))

optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(121):
    losses = model(*rectangles(8))
    optimizer.zero_grad()
    sum(losses.values()).backward()
    optimizer.step()
    if step % 20 == 0:
        print(f"step {step:3}", *(f"{name} {loss.item():.3f}" for name, loss in losses.items()), sep="  ")
