"""DETRs of transformers, made small, with a batch, and a step of training to compare."""

from collections.abc import Callable

import torch
import transformers as hf
from torch import Tensor, nn

import detloss

CLASSES = 3
RESNET = {"embedding_size": 8, "hidden_sizes": [8, 8, 16, 16], "depths": [1] * 4, "layer_type": "basic"}
THREE_LEVELS = {**RESNET, "out_features": ["stage2", "stage3", "stage4"]}
SMALL = {
    "num_labels": CLASSES,
    "num_queries": 10,
    "d_model": 32,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 32,
    "dropout": 0.0,
    "auxiliary_loss": True,
}
DETR = {**SMALL, "encoder_layers": 1, "use_timm_backbone": False}
RT_DETR = {
    **SMALL,
    "encoder_hidden_dim": 32,
    "encoder_in_channels": [8, 16, 16],
    "decoder_in_channels": [32, 32, 32],
    "hidden_expansion": 0.5,
    "num_denoising": 10,
}


def detr() -> nn.Module:
    backbone = hf.ResNetConfig(**RESNET, out_features=["stage4"])
    return hf.DetrForObjectDetection(hf.DetrConfig(**DETR, backbone_config=backbone))


def deformable_detr() -> nn.Module:
    backbone = hf.ResNetConfig(**THREE_LEVELS)
    config = hf.DeformableDetrConfig(**DETR, backbone_config=backbone, num_feature_levels=3)
    return hf.DeformableDetrForObjectDetection(config)


def rt_detr() -> nn.Module:
    backbone = hf.RTDetrResNetConfig(**THREE_LEVELS)
    return hf.RTDetrForObjectDetection(hf.RTDetrConfig(**RT_DETR, backbone_config=backbone))


def d_fine() -> nn.Module:
    backbone = hf.RTDetrResNetConfig(**THREE_LEVELS)
    return hf.DFineForObjectDetection(hf.DFineConfig(**RT_DETR, backbone_config=backbone))


def yolos() -> nn.Module:
    config = hf.YolosConfig(
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        image_size=[64, 64],
        num_detection_tokens=10,
        hidden_dropout_prob=0.0,
        num_labels=CLASSES,
    )
    return hf.YolosForObjectDetection(config)


def conditional_detr() -> nn.Module:
    backbone = hf.ResNetConfig(**RESNET, out_features=["stage4"])
    return hf.ConditionalDetrForObjectDetection(hf.ConditionalDetrConfig(**DETR, backbone_config=backbone))


def rt_detr_v2() -> nn.Module:
    backbone = hf.RTDetrResNetConfig(**THREE_LEVELS)
    return hf.RTDetrV2ForObjectDetection(hf.RTDetrV2Config(**RT_DETR, backbone_config=backbone))


def lw_detr() -> nn.Module:
    backbone = hf.LwDetrViTConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=64,
        patch_size=16,
        pretrain_image_size=64,
        window_block_indices=[0],
        out_indices=[2],
        dropout_prob=0.0,
    )
    config = hf.LwDetrConfig(
        **{name: value for name, value in SMALL.items() if not name.startswith("encoder")},
        backbone_config=backbone,
        group_detr=2,
        projector_scale_factors=[1.0],
    )
    return hf.LwDetrForObjectDetection(config)


MODELS = [detr, deformable_detr, rt_detr, d_fine, lw_detr]
# Our versions of the framework's losses; varifocal class losses differ for matches whose boxes do not overlap.
OWN_CLASS_LOSS = {
    **dict.fromkeys((detr, yolos), detloss.CrossEntropyLoss()),
    **dict.fromkeys((deformable_detr, conditional_detr), detloss.SigmoidFocalLoss(alpha=0.25, gamma=2.0)),
    lw_detr: detloss.IoUAwareCrossEntropyLoss(alpha=0.25),
}


def own_losses(made: Callable[[], nn.Module]) -> dict[str, nn.Module]:
    losses = {"box": detloss.GeneralizedIoULoss(), "distance": detloss.L1Loss(reduction="none")}
    return {**losses, **({"classification": OWN_CLASS_LOSS[made]} if made in OWN_CLASS_LOSS else {})}


def other_losses(made: Callable[[], nn.Module]) -> dict[str, nn.Module]:
    """Losses that are not the framework's, one with a buffer."""
    classification = (
        detloss.SoftmaxFocalLoss(class_weight=[1.0] * CLASSES + [2.0])
        if made is detr
        else detloss.SigmoidFocalLoss(alpha=[0.3] * CLASSES)
    )
    return {"box": detloss.DistanceIoULoss(), "distance": detloss.L2Loss(), "classification": classification}


def network(made: Callable[[], nn.Module], seed: int) -> nn.Module:
    torch.manual_seed(seed)
    model = made()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.0
    return model.train()


def batch(seed: int, objects: tuple[int, ...] = (2, 0, 3)) -> dict[str, object]:
    """Random images and objects, so many in each image."""
    generator = torch.Generator().manual_seed(seed)
    labels = []
    for number in objects:
        size = torch.rand(number, 2, generator=generator) * 0.7 + 0.1
        center = size / 2 + torch.rand(number, 2, generator=generator) * (1 - size)
        classes = torch.randint(CLASSES, (number,), generator=generator)
        labels.append({"class_labels": classes, "boxes": torch.cat([center, size], 1)})
    return {"pixel_values": torch.rand(len(objects), 3, 64, 64, generator=generator), "labels": labels}


Step = tuple[dict[str, Tensor], dict[str, Tensor]]


def step(model: nn.Module, data: dict[str, object]) -> Step:
    """The loss and its terms, and the gradient by every parameter."""
    torch.manual_seed(0)  # of the noise that RT-DETR learns to remove
    model.zero_grad()
    output = model(**data)
    output.loss.backward()
    gradients = {name: each.grad for name, each in model.named_parameters() if each.grad is not None}
    terms = {name: term.detach() for name, term in output.loss_dict.items()}
    return {"loss": output.loss.detach(), **terms}, gradients


def assert_equal_but_for_rounding(ours: Step, theirs: Step) -> None:
    torch.testing.assert_close(ours[0], theirs[0], rtol=1e-5, atol=1e-6)
    assert ours[1].keys() == theirs[1].keys()
    largest = max(gradient.norm() for gradient in theirs[1].values())
    for name, gradient in theirs[
        1
    ].items():  # gradients that are 0 up to rounding, as before a norm, are 0 relative to the others
        assert (ours[1][name] - gradient).norm() <= 1e-3 * gradient.norm() + 1e-6 * largest, name


def assert_same_bits(ours: Step, theirs: Step) -> None:
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
