"""Where images come from: `load(name or path) -> Split(train, validation, test)`."""

from pellucid.datasets.catalogue import NAMED, load
from pellucid.datasets.sources import ArrayImages, Images
from pellucid.datasets.split import Split

__all__ = ["NAMED", "ArrayImages", "Images", "Split", "load"]
