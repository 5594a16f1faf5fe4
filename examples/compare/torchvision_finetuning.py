"""Fine-tune RetinaNet of torchvision from a weights file, for detloss compare; --steps are epochs."""

import json
import sys
from functools import partial

import torch
from torchvision import io, models, ops

from detloss.experiments import trial
from detloss.integrations.torchvision import use_losses

device = "cuda" if torch.cuda.is_available() else "cpu"
read = partial(io.decode_image, mode="RGB", apply_exif_orientation=True)
train, validation = (json.loads(file.read_text()) for file in (trial.train, trial.validation))
classes, targets = [category["id"] for category in train["categories"]], []
for image in train["images"]:
    rows = [one for one in train["annotations"] if one["image_id"] == image["id"]]
    boxes = torch.tensor([one["bbox"] for one in rows]).reshape(-1, 4)
    labels = torch.tensor([classes.index(one["category_id"]) for one in rows], dtype=torch.int64).to(device)
    targets.append({"boxes": ops.box_convert(boxes, "xywh", "xyxy").to(device), "labels": labels})
torch.manual_seed(trial.seed)
model = models.detection.retinanet_resnet50_fpn_v2(num_classes=len(classes), min_size=int(sys.argv[2])).to(device)
weights = torch.load(sys.argv[1], weights_only=True)  # for COCO or other classes: the layer of the classes is new
model.load_state_dict({name: one for name, one in weights.items() if "cls_logits" not in name}, strict=False)
use_losses(model, box=trial.box, classification=trial.cls, box_weight=trial.weight)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
for step in range(trial.steps):
    for batch in torch.randperm(len(targets)).split(4):
        images = [read(train["images"][index]["file_name"]).to(device) / 255 for index in batch]
        sum(model(images, [targets[index] for index in batch]).values()).backward()
        optimizer.step(), optimizer.zero_grad()
    print("step", step + 1)
results = []
for image in validation["images"]:
    found = model.eval()([read(image["file_name"]).to(device) / 255])[0]
    for (x1, y1, x2, y2), score, label in zip(*(found[name].tolist() for name in ("boxes", "scores", "labels"))):
        row = {"image_id": image["id"], "bbox": [x1, y1, x2 - x1, y2 - y1], "score": score}
        results.append(row | {"category_id": classes[label]})
(trial.out / "predictions.json").write_text(json.dumps(results))
