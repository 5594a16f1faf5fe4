"""Fine-tune RT-DETR with the Trainer of transformers, for detloss compare; --steps are steps of the optimizer."""

import json
import sys

from PIL import Image, ImageOps
from transformers import RTDetrForObjectDetection, RTDetrImageProcessor, Trainer, TrainingArguments

from detloss.experiments import trial
from detloss.integrations.transformers import use_losses


def pixels(image: dict) -> Image.Image:
    return ImageOps.exif_transpose(Image.open(image["file_name"])).convert("RGB")


def collate(images: list[dict]) -> dict:
    of_images = [[row for row in rows if row["image_id"] == image["id"]] for image in images]
    annotations = [{"image_id": 0, "annotations": of_image} for of_image in of_images]
    return {**processor([pixels(image) for image in images], annotations, return_tensors="pt")}


train, validation = (json.loads(file.read_text()) for file in (trial.train, trial.validation))
classes = [category["id"] for category in train["categories"]]
rows = [row | {"category_id": classes.index(row["category_id"])} for row in train["annotations"]]
processor = RTDetrImageProcessor.from_pretrained(sys.argv[1])
model = RTDetrForObjectDetection.from_pretrained(sys.argv[1], num_labels=len(classes), ignore_mismatched_sizes=True)
use_losses(model, box=trial.box, classification=trial.cls, box_weight=trial.weight)
settings = {"max_steps": trial.steps, "seed": trial.seed, "report_to": "none", "remove_unused_columns": False}
Trainer(model, TrainingArguments(trial.out, **settings), collate, train["images"]).train()
results, _ = [], model.eval().requires_grad_(False)
for image in validation["images"]:
    outputs = model(**processor(pixels(image), return_tensors="pt").to(model.device))
    sizes = [(image["height"], image["width"])]
    found = processor.post_process_object_detection(outputs, threshold=0.01, target_sizes=sizes)[0]
    for (x1, y1, x2, y2), score, label in zip(*(found[name].tolist() for name in ("boxes", "scores", "labels"))):
        box = [x1, y1, x2 - x1, y2 - y1]
        results.append({"image_id": image["id"], "category_id": classes[label], "bbox": box, "score": score})
(trial.out / "predictions.json").write_text(json.dumps(results))
