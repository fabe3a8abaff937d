"""The networks that are compared: plain torch, built from plain settings.

Every network takes ``inputs``, the shape of one sample without the batch axis, ``outputs``, how many numbers it
puts out, and settings that are text, numbers, lists or mappings. It returns ``(batch, output)``.
"""

from models.cnn import CNN
from models.mlp import MLP, sequential_mlp
from models.recurrent import Recurrent

__all__ = ["CNN", "MLP", "Recurrent", "sequential_mlp"]
