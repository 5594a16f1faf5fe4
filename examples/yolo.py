"""Train a YOLO of ultralytics with losses of detloss to detect rectangles, in a custom training loop."""

import torch
from ultralytics.cfg import get_cfg
from ultralytics.nn.tasks import DetectionModel

import detloss
from detloss.integrations.ultralytics import use_losses


def rectangles(count: int) -> dict[str, torch.Tensor]:
    """Noise images of 128 x 128, each with a rectangle in the color of its class, as a batch of ultralytics."""
    images, boxes, classes = torch.rand(count, 3, 128, 128) * 0.3, [], torch.randint(3, (count, 1))
    for image, label in zip(images, classes):
        x1, y1, width, height = torch.randint(16, 64, (4,)).tolist()
        image[label, y1 : y1 + height, x1 : x1 + width] = 1.0
        boxes.append([x1 + width / 2, y1 + height / 2, width, height])
    return {
        "img": images,
        "batch_idx": torch.arange(count),
        "cls": classes.float(),
        "bboxes": torch.tensor(boxes) / 128,
    }


torch.manual_seed(0)
model = DetectionModel("yolov8n.yaml", nc=3, verbose=False)
model.args = get_cfg()  # includes the weights of the loss terms
use_losses(model, box=detloss.DistanceIoULoss(), classification=detloss.SigmoidFocalLoss(alpha=0.5))

optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(41):
    loss, terms = model.loss(rectangles(4))
    optimizer.zero_grad()
    loss.sum().backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step:3}", *(f"{name} {term.item():.3f}" for name, term in terms.items()), sep="  ")
