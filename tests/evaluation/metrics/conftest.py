"""torch-fidelity, an oracle of these tests, imports torchvision, whose operators may need a hand first."""

from paragone.data import torchvision_compat

torchvision_compat.import_torchvision()
