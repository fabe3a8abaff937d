"""S10: images changed at random while training, by changes that keep the class and by some that do not."""

from __future__ import annotations

from paribus import Budget, Claim, Comparison, Factor, Recipe, Suite, call
from paribus.suites.tasks.images import IMAGES

V2 = "torchvision.transforms.v2"
FLIP = call(f"{V2}:RandomHorizontalFlip", p=0.5)
ROTATION = call(f"{V2}:RandomRotation", degrees=45)
AUTOCONTRAST = call(f"{V2}:RandomAutocontrast", p=0.5)

SUITE = Suite(
    name="augmentation",
    title="Augmentation",
    system="S10",
    comparisons=(
        Comparison(
            name="augmentation",
            question="Which random changes of training images help to tell digits, and which hurt?",
            task=IMAGES.model_copy(
                update={"source": call("paribus.suites.tasks.images:digits", levels=255)}
            ),
            recipe=Recipe(
                model=call("paribus.models.cnn:CNN"), optimizer=call("torch.optim:Adam", lr=0.001)
            ),
            factor=Factor(
                "recipe.augment",
                {
                    "unchanged": [],
                    "flip": [FLIP],
                    "rotation": [ROTATION],
                    "autocontrast": [AUTOCONTRAST],
                    "all three": [FLIP, ROTATION, AUTOCONTRAST],
                    "crop": [call("paribus.suites.components.transforms:crop")],
                    "vertical flip": [call(f"{V2}:RandomVerticalFlip", p=0.5)],
                    "colour jitter": [call(f"{V2}:ColorJitter", brightness=0.5, contrast=0.5)],
                },
            ),
            baseline="unchanged",
            budgets={"quick": Budget(10, 165, 28), "full": Budget(12, 1000, 289)},
            claims=(
                Claim(
                    name="C24",
                    text="Augmentation hurts where it does not match the task: flipped digits.",
                    variant="flip",
                    relation="worse",
                    source="course notes",
                ),
                Claim(
                    name="C24",
                    text="And so do digits upside down.",
                    variant="vertical flip",
                    relation="worse",
                    source="course notes",
                ),
                Claim(
                    name="C24",
                    text="It helps where it matches the task: a digit shifted by a pixel is the same digit.",
                    variant="crop",
                    relation="better",
                    source="course notes",
                ),
                Claim(
                    name="C24",
                    text="And a digit in another contrast is the same digit.",
                    variant="autocontrast",
                    relation="better",
                    source="course notes",
                ),
            ),
            notes=(
                "Training images alone are changed, as they were read, anew at every step; they are then prepared by "
                "the statistics of the unchanged ones.",
                "Nearly all digits hold both black and white, so that autocontrast finds little to change in them.",
            ),
        ),
    ),
)
