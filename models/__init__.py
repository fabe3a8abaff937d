"""Networks that are compared: plain torch, built from plain settings.

Every network takes ``inputs``, the shape of one sample without the batch axis, ``outputs``, how many numbers it
puts out, and settings that are text, numbers, lists or mappings. It returns ``(batch, output)``. One that has several
inputs or outputs takes and returns a tuple of these.
"""

from .autoencoders import Autoencoder, ConvAutoencoder
from .auxiliary import AuxiliaryCNN
from .branches import TwoInputs, TwoOutputs
from .cnn import CNN
from .mlp import MLP, sequential_mlp
from .recurrent import Recurrent
from .sequences import EncoderDecoder, SequenceToSequence, VectorToSequence

__all__ = [
    "CNN",
    "MLP",
    "Autoencoder",
    "AuxiliaryCNN",
    "ConvAutoencoder",
    "EncoderDecoder",
    "Recurrent",
    "SequenceToSequence",
    "TwoInputs",
    "TwoOutputs",
    "VectorToSequence",
    "sequential_mlp",
]
