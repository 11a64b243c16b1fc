"""Images and their files: the contract, geometry, rows, finding, formats, figures."""

from pellucid.images.contract import (
    Image,
    Layout,
    ValueRange,
    check_range,
    from_unit,
    layout_of,
    scale_batch,
    to_unit,
)
from pellucid.images.depths import camera_white, largest
from pellucid.images.figures import gallery, save_figure
from pellucid.images.finding import MARK, find_images, other_files
from pellucid.images.formats import (
    SUFFIXES,
    WRITTEN_AS,
    Form,
    Limits,
    Picture,
    Size,
    measure,
    probe,
    read_array,
    read_image,
    read_picture,
    write_image,
    write_picture,
)
from pellucid.images.geometry import as_channels, middle, turned, turned_back
from pellucid.images.rows import Rows, TiffRows, open_rows

__all__ = [
    "MARK",
    "SUFFIXES",
    "WRITTEN_AS",
    "Form",
    "Image",
    "Layout",
    "Limits",
    "Picture",
    "Rows",
    "Size",
    "TiffRows",
    "ValueRange",
    "as_channels",
    "camera_white",
    "check_range",
    "find_images",
    "from_unit",
    "gallery",
    "largest",
    "layout_of",
    "measure",
    "middle",
    "open_rows",
    "other_files",
    "probe",
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
