"""Recurrent layers of many replicates at once, equal to torch's own, which `torch.vmap` refuses."""

from paribus.engines.rnn.modules import make_stackable, refusal
from paribus.engines.rnn.native import kernel_status
from paribus.engines.rnn.operator import KernelForm
from paribus.engines.rnn.selection import FORMS, better_alone, form_for, only

__all__ = [
    "FORMS",
    "KernelForm",
    "better_alone",
    "form_for",
    "kernel_status",
    "make_stackable",
    "only",
    "refusal",
]
