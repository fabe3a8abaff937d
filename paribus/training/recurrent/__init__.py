"""Recurrent layers of many replicates at once, equal to torch's own, which `torch.vmap` refuses."""

from paribus.training.recurrent.module import make_stackable, refusal

__all__ = ["make_stackable", "refusal"]
