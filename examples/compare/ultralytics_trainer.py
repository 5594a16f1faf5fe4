"""Train a YOLO with the trainer of ultralytics, from a local or a hub checkpoint, for detloss compare.

DATA is the data.yaml of a YOLO data set; --steps are epochs.
"""

import sys

from ultralytics import YOLO

from detloss.experiments import trial
from detloss.integrations.ultralytics import use_losses

settings = {"data": trial.data, "imgsz": int(sys.argv[2]), "project": trial.out, "plots": False}
model = YOLO(sys.argv[1])
use_losses(model, box=trial.box, classification=trial.cls, box_weight=trial.weight)
model.add_callback("on_train_epoch_end", lambda trainer: print("step", trainer.epoch + 1))
model.train(epochs=trial.steps, seed=trial.seed, val=False, name="train", **settings)
model.val(save_json=True, name="val", **settings)

predictions = trial.out / "val" / "predictions.json"
if not predictions.exists():  # ultralytics writes no file if it detects nothing
    predictions.write_text("[]")
