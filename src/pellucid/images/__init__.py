"""Images and their files: the contract, geometry, rows, finding, formats, figures."""

from pellucid.images.contract import Image, from_unit, range_in_unit, scale_batch, to_unit
from pellucid.images.depths import camera_white, largest
from pellucid.images.figures import gallery, save_figure
from pellucid.images.finding import MARK, find, find_images
from pellucid.images.formats import (
    SUFFIXES,
    Form,
    Limits,
    Picture,
    probe,
    read_array,
    read_image,
    read_picture,
    write_image,
    write_picture,
)
from pellucid.images.geometry import as_channels, middle, turned, turned_back
from pellucid.images.rows import NpyRows, Rows, TiffRows

__all__ = [
    "MARK",
    "SUFFIXES",
    "Form",
    "Image",
    "Limits",
    "NpyRows",
    "Picture",
    "Rows",
    "TiffRows",
    "as_channels",
    "camera_white",
    "find",
    "find_images",
    "from_unit",
    "gallery",
    "largest",
    "middle",
    "probe",
    "range_in_unit",
    "read_array",
    "read_image",
    "read_picture",
    "save_figure",
    "scale_batch",
    "to_unit",
    "turned",
    "turned_back",
    "write_image",
    "write_picture",
]
