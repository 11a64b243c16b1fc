"""Image files of the usual formats: read, and written back as they came."""

from pellucid.images.formats.npy import read_array
from pellucid.images.formats.picture import Form, Limits, Picture, Size
from pellucid.images.formats.reading import measure, measure_pages, probe, read_image, read_picture
from pellucid.images.formats.source import holds_zarr, is_zarr
from pellucid.images.formats.writing import SUFFIXES, WRITTEN_AS, write_image, write_picture

__all__ = [
    "SUFFIXES",
    "WRITTEN_AS",
    "Form",
    "Limits",
    "Picture",
    "Size",
    "holds_zarr",
    "is_zarr",
    "measure",
    "measure_pages",
    "probe",
    "read_array",
    "read_image",
    "read_picture",
    "write_image",
    "write_picture",
]
