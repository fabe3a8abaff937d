"""Recurrent layers of many replicates at once, equal to torch's own, which `torch.vmap` refuses."""

from paribus.training.recurrent.choice import FORMS, form_for, only
from paribus.training.recurrent.module import make_stackable, refusal

__all__ = ["FORMS", "form_for", "make_stackable", "only", "refusal"]
