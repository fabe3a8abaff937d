"""Recurrent layers of many replicates at once, equal to torch's own, which `torch.vmap` refuses."""

from paribus.training.recurrent.choice import FORMS, better_alone, form_for, only
from paribus.training.recurrent.kernel import kernel_status
from paribus.training.recurrent.module import make_stackable, refusal

__all__ = [
    "FORMS",
    "better_alone",
    "form_for",
    "kernel_status",
    "make_stackable",
    "only",
    "refusal",
]
