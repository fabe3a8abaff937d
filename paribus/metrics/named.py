"""Scores of torchmetrics by name, each computed once over all samples of a part.

Networks put out logits, which torchmetrics would take for probabilities wherever all of them happen to lie between
0 and 1: here they are always turned into probabilities first. A score that the samples do not define, such as the
area under the ROC curve of one class, is NaN; torchmetrics gives 0 for most of these.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import re
import warnings
from typing import Any, NamedTuple

import torch
from torch import Tensor

from paribus.errors import ParibusError
from paribus.metrics.outputs import Outputs, as_tuple
from paribus.spec import Call

SCORE = "paribus.metrics.named:score"
FORMS = ("Binary", "Multiclass", "Multilabel")


class Named(NamedTuple):
    """One name and what stands behind it.

    Attributes:
        path: class of torchmetrics, of a classification score without the form (``Binary`` and so on).
        higher_is_better: the direction; None where torchmetrics does not say.
        of: ``classes`` or ``values``.
        power: of the target's unit that the score has: 1 for an error, 2 for its square, 0 for a share.
        every_class: whether it is defined only where every class has samples.
        varied: whether it is defined only where the targets differ.
        both_varied: the same of targets and outputs.
        one_positive: whether it is about one class of two, the positive one.
        from_zero: whether it depends on where the target's zero is.
        settings: arguments that the name stands for.
    """

    path: str
    higher_is_better: bool | None
    of: str
    power: int = 0
    every_class: bool = True
    varied: bool = False
    both_varied: bool = False
    one_positive: bool = False
    from_zero: bool = False
    settings: dict[str, Any] = {}  # noqa: RUF012 - never changed


def _classes(stem: str, higher: bool = True, **about: Any) -> Named:
    return Named(f"torchmetrics.classification:{stem}", higher, "classes", **about)


def _values(stem: str, higher: bool = True, **about: Any) -> Named:
    return Named(f"torchmetrics.regression:{stem}", higher, "values", **about)


NAMES = {
    "auroc": _classes("AUROC"),
    "average_precision": _classes("AveragePrecision", one_positive=True),
    "balanced_accuracy": _classes("Accuracy", settings={"average": "macro"}),
    "calibration_error": _classes("CalibrationError", higher=False, every_class=False),
    "cohen_kappa": _classes("CohenKappa"),
    "f1": _classes("F1Score", one_positive=True),
    "fbeta": _classes("FBetaScore", one_positive=True),
    "hamming_distance": _classes("HammingDistance", higher=False, every_class=False),
    "hinge_loss": _classes("HingeLoss", higher=False, every_class=False),
    "jaccard": _classes("JaccardIndex", one_positive=True),
    "mcc": _classes("MatthewsCorrCoef"),
    "precision": _classes("Precision", one_positive=True),
    "recall": _classes("Recall", one_positive=True),
    "specificity": _classes("Specificity", one_positive=True),
    "concordance": _values("ConcordanceCorrCoef", both_varied=True),
    "explained_variance": _values("ExplainedVariance", varied=True),
    "kendall": _values("KendallRankCorrCoef", both_varied=True),
    "mae": _values("MeanAbsoluteError", higher=False, power=1),
    "mape": _values("MeanAbsolutePercentageError", higher=False, from_zero=True),
    "msle": _values("MeanSquaredLogError", higher=False, from_zero=True),
    "pearson": _values("PearsonCorrCoef", both_varied=True),
    "r2": _values("R2Score", varied=True),
    "rmse": _values("MeanSquaredError", higher=False, power=1, settings={"squared": False}),
    "smape": _values("SymmetricMeanAbsolutePercentageError", higher=False, from_zero=True),
    "spearman": _values("SpearmanCorrCoef", both_varied=True),
}
# Means over samples, which need no torchmetrics: function, direction, power of the target's unit.
PER_SAMPLE: dict[str, tuple[str, bool | None, int]] = {
    "accuracy": ("paribus.metrics:accuracy", True, 0),
    "brier": ("paribus.metrics:brier", False, 0),
    "log_loss": ("paribus.metrics:log_loss", False, 0),
    "mse": ("paribus.metrics:squared_error", False, 2),
}


def find(name: str) -> Named:
    """Return what a name, or the import path of a class, stands for.

    Raises:
        ParibusError: there is no such score.
    """
    if name in NAMES:
        return NAMES[name]
    if "." not in name and ":" not in name:
        known = sorted([*NAMES, *PER_SAMPLE])
        near = _near(name.lower())
        raise ParibusError(
            "the name of a metric",
            got=repr(name),
            expected=f"one like {', '.join(near)}" if near else f"one of {', '.join(known)}",
            fix="Name one of these, or give the import path of a torchmetrics class, such as "
            "'torchmetrics.classification:F1Score'.",
        )
    return _of_path(name)


def _near(name: str) -> list[str]:
    """Return the names that a misspelt one may mean, the names of other libraries among them."""
    meant = {n: n for n in (*NAMES, *PER_SAMPLE)} | {"roc_auc": "auroc", "kappa": "cohen_kappa"}
    for own, known in NAMES.items():
        words = re.findall(r"[A-Z]+\d*(?![a-z])|[A-Z][a-z]*\d*", known.path.rpartition(":")[2])
        meant["_".join(words).lower()] = own
    alike = {each: difflib.SequenceMatcher(None, name, each).ratio() for each in meant}
    least = max(0.7, max(alike.values()) - 0.1)
    close = sorted((each for each in alike if alike[each] >= least), key=lambda each: -alike[each])
    return list(dict.fromkeys(meant[each] for each in close))[:3]


def _of_path(path: str) -> Named:
    """Return what a class of torchmetrics, or another of its kind, stands for."""
    module, _, name = path.replace(":", ".").rpartition(".")
    form = next((form for form in FORMS if name.startswith(form)), "")
    stem = name.removeprefix(form)
    for known in NAMES.values():
        if module.startswith("torchmetrics") and known.path.endswith(f":{stem}"):
            return known._replace(path=f"{known.path.partition(':')[0]}:{name}", settings={})
    place = f"{module}:{name}"
    if module.startswith("torchmetrics") and _has("torchmetrics.classification", f"Binary{name}"):
        found = Call(target=f"torchmetrics.classification:Binary{name}").resolve()
        place = f"torchmetrics.classification:{name}"
    else:
        found = Call(target=place).resolve()
    if not all(hasattr(found, part) for part in ("update", "compute")):
        raise ParibusError(
            "the name of a metric",
            got=f"{path!r}, which has no update() and compute()",
            expected="a class of torchmetrics, or one like them",
            fix="Give a function as Metric(name=..., function=call(...), higher_is_better=...).",
        )
    higher = getattr(found, "higher_is_better", None)
    of = "classes" if module.startswith("torchmetrics.classification") else "any"
    of = "values" if module.startswith("torchmetrics.regression") else of
    return Named(place, higher, "classes" if place != f"{module}:{name}" else of)


def _has(module: str, name: str) -> bool:
    return hasattr(importlib.import_module(module), name)


@torch.no_grad()
def score(
    outputs: Outputs,
    *targets: Tensor,
    name: str,
    output: int | None = None,
    target: int | None = None,
    positive: int = 1,
    **arguments: Any,
) -> float:
    """Return a score of torchmetrics over all samples of a part; NaN where they do not define it.

    Args:
        outputs: logits ``(sample, class)``, ``(sample, 1)`` for two classes, ``(sample, label)`` for labels, or values
            ``(sample, ...)``; a tuple where a network has several outputs.
        targets: class numbers ``(sample,)``, labels or values in the shape of the outputs.
        name: a key of `NAMES`, or the import path of a class.
        output: number of the output that is scored, where there are several.
        target: number of the target, likewise.
        positive: number of the class that counts as positive, of two.
        arguments: of the class. The numbers of classes and labels are taken from the outputs; a score of several values
            is the mean of each one's.

    Raises:
        ParibusError: outputs and targets are of another kind than the score, or it is not one number.
    """
    known = find(name)
    predicted, wanted = _picked(name, as_tuple(outputs), targets, output, target)
    arguments = {**known.settings, **arguments}
    if known.of == "values" or (known.of == "any" and wanted.is_floating_point()):
        return _of_values(name, known, predicted, wanted, arguments)
    if (
        wanted.ndim > 1
        and wanted.shape == predicted.shape
        and set(wanted.unique().tolist()) <= {0, 1}
    ):
        probabilities = predicted.double().sigmoid()
        return _of_classes(name, known, "Multilabel", probabilities, wanted.long(), arguments)
    if wanted.is_floating_point() or wanted.ndim != 1 or predicted.ndim != 2:
        raise _other_kind(name, "values to predict", "classes", ("r2", "mae", "rmse"))
    if predicted.shape[1] > 1:
        probabilities = predicted.double().softmax(1)
        return _of_classes(name, known, "Multiclass", probabilities, wanted, arguments)
    probability = predicted.double().sigmoid()[:, 0]
    if not positive:
        probability, wanted = 1 - probability, 1 - wanted
    if "average" in arguments or known.path.rpartition(":")[2].startswith("Multiclass"):
        pair = torch.stack([1 - probability, probability], 1)
        return _of_classes(name, known, "Multiclass", pair, wanted, arguments)
    return _of_classes(name, known, "Binary", probability, wanted, arguments)


def _picked(
    name: str,
    outputs: tuple[Tensor, ...],
    targets: tuple[Tensor, ...],
    output: int | None,
    target: int | None,
) -> tuple[Tensor, Tensor]:
    """Return the output and the target that are meant."""
    if (output is None and len(outputs) > 1) or (target is None and len(targets) > 1):
        raise ParibusError(
            f"metric {name!r}",
            got=f"{len(outputs)} outputs and {len(targets)} targets, and no choice of one",
            expected="output= and target=, the numbers of those that are scored",
            fix=f"Write metric({name!r}, output=0, target=0).",
        )
    return outputs[output or 0], targets[target or 0]


def _other_kind(name: str, got: str, expected: str, others: tuple[str, ...]) -> ParibusError:
    return ParibusError(
        f"metric {name!r}",
        got=got,
        expected=f"{expected}, which it is a score of",
        fix=f"Take one such as {', '.join(others)}.",
    )


def _of_values(
    name: str, known: Named, outputs: Tensor, target: Tensor, arguments: dict[str, Any]
) -> float:
    if not target.is_floating_point() or outputs.shape != target.shape:
        got = "classes" if not target.is_floating_point() else f"outputs {tuple(outputs.shape)}"
        raise _other_kind(name, got, "values to predict", ("f1", "auroc", "balanced_accuracy"))
    predicted, wanted = (x.double().flatten(1) for x in (outputs, target))
    varied = [wanted] * (known.varied or known.both_varied) + [predicted] * known.both_varied
    if any((x == x[:1]).all(0).any() for x in varied):
        return float("nan")
    if predicted.shape[1] == 1:
        predicted, wanted = predicted[:, 0], wanted[:, 0]
    elif _takes(known.path, "num_outputs"):
        arguments = {"num_outputs": predicted.shape[1], **arguments}
    return _computed(name, known.path, predicted, wanted, arguments)


def _of_classes(
    name: str,
    known: Named,
    form: str,
    probabilities: Tensor,
    target: Tensor,
    arguments: dict[str, Any],
) -> float:
    if known.of == "values":
        raise _other_kind(name, "classes", "values to predict", ("f1", "auroc"))
    module, _, stem = known.path.partition(":")
    path = known.path
    if known.of == "classes" and not stem.startswith(FORMS):
        path = f"{module}:{form}{stem}"
    counts = {"Multiclass": "num_classes", "Multilabel": "num_labels"}
    if form in counts and _takes(path, counts[form]):
        arguments = {counts[form]: probabilities.shape[1], **arguments}
    if _lacks_class(known, form, target, probabilities, arguments):
        return float("nan")
    return _computed(name, path, probabilities, target, arguments)


def _lacks_class(
    known: Named, form: str, target: Tensor, probabilities: Tensor, arguments: dict[str, Any]
) -> bool:
    """Return whether a class has no sample, so that a score that speaks of every class is not defined."""
    if not known.every_class or arguments.get("average", "macro") in ("micro", "weighted"):
        return False
    if form == "Multilabel":
        return bool((target == target[:1]).all(0).any())
    count = 2 if form == "Binary" else probabilities.shape[1]
    return bool((torch.bincount(target, minlength=count) == 0).any())


def _takes(path: str, argument: str) -> bool:
    return argument in inspect.signature(Call(target=path).resolve()).parameters


def _computed(
    name: str, path: str, outputs: Tensor, target: Tensor, arguments: dict[str, Any]
) -> float:
    """Return what a class of torchmetrics makes of all samples at once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they warn of is NaN here, or told beforehand
        metric = Call(target=path).resolve()(**arguments)
        if hasattr(metric, "set_dtype"):
            metric.set_dtype(torch.float64)
        metric.to(outputs.device).update(outputs, target)
        found = metric.compute()
    if not isinstance(found, Tensor) or (found.ndim and not _takes(path, "num_outputs")):
        shape = f"shape {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
        raise ParibusError(
            f"metric {name!r}",
            got=f"a result of {shape}",
            expected="one number",
            fix="Choose arguments that give one, such as average='macro', or another metric.",
        )
    return float(found.double().mean())


def unit_of_error(function: Call, squares: str) -> str:
    """Return the unit of a score, given that of the squared error; nothing where the score has none.

    >>> mae = Call(target=SCORE, kwargs={"name": "mae"})
    >>> unit_of_error(mae, "variances of the training part")
    'standard deviations of the training part'
    """
    known = NAMES.get(function.kwargs.get("name", "")) if function.target == SCORE else None
    power = known.power if known else 0
    if function.target == PER_SAMPLE["mse"][0] and not function.kwargs:
        power = 2
    if power != 1:
        return squares if power else ""
    return squares.replace("variances", "standard deviations").replace("squared units", "units")


def known_perfect(function: Call) -> float | None:
    """Return the best score that there is by a score's name, None where the name does not say.

    >>> known_perfect(Call(target=SCORE, kwargs={"name": "f1"})), known_perfect(Call(target="paribus.metrics:log_loss"))
    (1.0, 0.0)
    """
    if function.target == SCORE:
        known = NAMES.get(function.kwargs.get("name", ""))
        return None if known is None else float(bool(known.higher_is_better))
    module, _, name = function.target.partition(":")
    if module.startswith("paribus.metrics"):
        if name.endswith(("log_loss", "squared_error", "brier")):
            return 0.0
        return 1.0 if name.endswith("accuracy") else None
    return None


def depends_on_zero(name: str, **arguments: Any) -> bool:
    """Return whether a score of values changes when outputs and targets are shifted alike.

    Such a score, a percentage of the target among them, says nothing of standardised targets.
    """
    known = find(name)
    if known.of == "classes" or name in NAMES:
        return known.from_zero  # known without loading torchmetrics
    return shift_changes(name, **arguments)


def shift_changes(name: str, **arguments: Any) -> bool:
    """Return whether five values score otherwise when they are shifted."""
    target = torch.tensor([[1.0], [2.0], [4.0], [3.5], [7.0]])
    output = target + torch.tensor([[0.5], [-0.25], [0.125], [1.0], [-0.5]])
    first, second = (score(output + by, target + by, name=name, **arguments) for by in (0.0, 8.0))
    return not abs(first - second) <= 1e-5 * (1 + abs(first))
