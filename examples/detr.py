"""Train a small RT-DETR of transformers with losses of detloss to detect rectangles."""

import torch
from transformers import RTDetrConfig, RTDetrForObjectDetection, RTDetrResNetConfig

import detloss
from detloss.integrations.transformers import use_losses


def rectangles(count: int) -> tuple[torch.Tensor, list[dict[str, torch.Tensor]]]:
    """Noise images of 128 x 128, each with a rectangle in the color of its class; boxes relative to the image size."""
    images, labels = torch.rand(count, 3, 128, 128) * 0.3, []
    for image in images:
        x1, y1, width, height = torch.randint(16, 64, (4,)).tolist()
        label = torch.randint(3, (1,))
        image[label, y1 : y1 + height, x1 : x1 + width] = 1.0
        box = torch.tensor([[x1 + width / 2, y1 + height / 2, width, height]]) / 128
        labels.append({"class_labels": label, "boxes": box})
    return images, labels


torch.manual_seed(0)
levels = {"hidden_sizes": [16, 32, 32, 64], "depths": [1] * 4, "out_features": ["stage2", "stage3", "stage4"]}
backbone = RTDetrResNetConfig(embedding_size=16, layer_type="basic", **levels)
size = {"d_model": 64, "encoder_hidden_dim": 64, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "decoder_layers": 2}
channels = {"encoder_in_channels": [32, 32, 64], "decoder_in_channels": [64] * 3}
config = RTDetrConfig(backbone_config=backbone, num_labels=3, num_queries=20, num_denoising=20, **size, **channels)
model = RTDetrForObjectDetection(config)
use_losses(model, box=detloss.DistanceIoULoss(), classification=detloss.SigmoidFocalLoss(alpha=0.5))

optimizer = torch.optim.AdamW(model.parameters(), lr=5e-4)
for step in range(81):
    images, labels = rectangles(8)
    outputs = model(pixel_values=images, labels=labels)
    optimizer.zero_grad()
    outputs.loss.backward()
    optimizer.step()
    if step % 20 == 0:
        terms = {name: outputs.loss_dict[name].item() for name in ("loss_vfl", "loss_bbox", "loss_giou")}
        print(f"step {step:3}", *(f"{name} {term:.3f}" for name, term in terms.items()), sep="  ")
