"""The networks that are compared: plain torch, built from plain settings.

Every network takes ``inputs``, the shape of one sample without the batch axis, ``outputs``, how many numbers it
puts out, and settings that are text, numbers, lists or mappings. It returns ``(batch, output)``. One that has several
inputs or outputs takes and returns a tuple of these.
"""

from models.autoencoders import Autoencoder, ConvAutoencoder
from models.auxiliary import AuxiliaryCNN
from models.branches import TwoInputs, TwoOutputs
from models.cnn import CNN
from models.mlp import MLP, sequential_mlp
from models.recurrent import Recurrent
from models.sequences import EncoderDecoder, SequenceToSequence, VectorToSequence

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
