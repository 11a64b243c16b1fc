"""Where images come from: `load(name or path) -> Split(train, validation, test)`."""

from pellucid.datasets.brightness import doubt
from pellucid.datasets.catalogue import NAMED, load, presence
from pellucid.datasets.cleanliness import Cleanliness, cleanliness
from pellucid.datasets.labels import Labels
from pellucid.datasets.official import cache_folder
from pellucid.datasets.pairs import noisy_copies, noisy_copy, with_noise
from pellucid.datasets.pieces import piece
from pellucid.datasets.sampling import SOME, noise_like, read_some
from pellucid.datasets.sources import CACHE_BYTES, ArrayImages, FileImages, Images, evenly, sizes, stack
from pellucid.datasets.split import Split

__all__ = [
    "CACHE_BYTES",
    "NAMED",
    "SOME",
    "ArrayImages",
    "Cleanliness",
    "FileImages",
    "Images",
    "Labels",
    "Split",
    "cache_folder",
    "cleanliness",
    "doubt",
    "evenly",
    "load",
    "noise_like",
    "noisy_copies",
    "noisy_copy",
    "piece",
    "presence",
    "read_some",
    "sizes",
    "stack",
    "with_noise",
]
