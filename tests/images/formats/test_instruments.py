"""DICOM, FITS and MRC: stored values, and a copy in which only they are replaced; or how to get what is missing."""

from __future__ import annotations

import io
import sys
from typing import Any

import numpy as np
import pytest

from pellucid.common.errors import PellucidError
from pellucid.images.formats import Limits, Picture, measure, read_picture
from pictures import refusal, written

RNG = np.random.default_rng(0)


def values(dtype: str, shape: tuple[int, ...], bits: int = 0) -> np.ndarray:
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return RNG.normal(size=shape).astype(dtype)
    bits = bits or 8 * kind.itemsize
    low = -(2 ** (bits - 1)) if kind.kind == "i" else 0
    return RNG.integers(low, low + 2**bits, shape, dtype=kind.newbyteorder("=")).astype(dtype)


@pytest.mark.parametrize(
    ("start", "module", "said"),
    [
        (bytes(128) + b"DICM", "pydicom", "DICOM needs the extra pellucid[dicom]"),
        (b"SIMPLE  =                    T", "astropy.io.fits", "FITS needs the extra pellucid[fits]"),
        (bytes(208) + b"MAP ", "mrcfile.dtypes", "MRC needs the extra pellucid[mrc]"),
    ],
)
def test_what_is_not_installed_is_named(start: bytes, module: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    assert refusal(start + bytes(2000)).startswith(f"a.file is not supported: {said}. Install it")


def dicom(
    array: np.ndarray, bits: int = 0, *, interpretation: str = "MONOCHROME2", order: str = "<", **more: Any
) -> bytes:
    pydicom = pytest.importorskip("pydicom")
    from pydicom.dataset import Dataset, FileMetaDataset

    colour = interpretation == "RGB"
    data = Dataset()
    data.file_meta = FileMetaDataset()
    uid = pydicom.uid
    data.file_meta.TransferSyntaxUID = uid.ImplicitVRLittleEndian if order == "<" else uid.ExplicitVRBigEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = uid.CTImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = "1.2.3.4"
    data.PatientName, data.RescaleSlope, data.RescaleIntercept = "A^Nobody", 1, -1024
    frames = array.shape[0] if array.ndim == 3 + colour else 1
    data.Rows, data.Columns = array.shape[-2 - colour : array.ndim - colour]
    if frames > 1:
        data.NumberOfFrames = frames
    data.PhotometricInterpretation, data.SamplesPerPixel = interpretation, 3 if colour else 1
    if colour:
        data.PlanarConfiguration = 0
    data.BitsAllocated = 8 * array.itemsize
    data.BitsStored = bits or data.BitsAllocated
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = int(array.dtype.kind == "i")
    data.add_new(0x00091001, "LO", "private")
    for name, value in more.items():
        setattr(data, name, value)
    raw = array.astype(array.dtype.newbyteorder(order)).tobytes()
    data.PixelData = raw + b"\0" * (len(raw) % 2)
    data["PixelData"].VR = "OB" if array.itemsize == 1 else "OW"
    stream = io.BytesIO()
    data.save_as(stream, implicit_vr=order == "<", little_endian=order == "<", enforce_file_format=True)
    return stream.getvalue()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("dtype", "bits", "shape"),
    [
        ("u1", 8, (9, 7)),
        ("u2", 12, (9, 7)),
        ("u2", 16, (3, 9, 7)),
        ("i2", 12, (9, 7)),
        ("i2", 16, (9, 7)),
        ("u4", 32, (9, 7)),
        ("u1", 8, (9, 7, 3)),
    ],
)
def test_dicom(dtype: str, bits: int, shape: tuple[int, ...], order: str) -> None:
    pydicom = pytest.importorskip("pydicom")
    array = values(dtype, shape, bits)
    data = dicom(array, bits, interpretation="RGB" if shape[-1] == 3 else "MONOCHROME2", order=order)
    picture = read_picture(data)
    pages = array if len(shape) == 3 and shape[-1] != 3 else array[None]
    assert all(page.dtype == dtype for page in picture.pages)
    assert np.array_equal(np.stack(picture.pages), pages)
    new = tuple(np.flip(page, 0) for page in picture.pages)
    result = pydicom.dcmread(io.BytesIO(written(Picture(new, picture.form))))
    before = pydicom.dcmread(io.BytesIO(data))
    assert result.file_meta.TransferSyntaxUID == before.file_meta.TransferSyntaxUID
    assert np.array_equal(result.pixel_array.reshape(np.stack(new).shape), np.stack(new))
    for element in before:
        if element.tag not in (0x7FE00010, 0x00091001):
            assert result[element.tag].value == element.value
    assert 0x00091001 in result
    assert "identifiers of the original" in picture.form.notes[0]
    if len(pages) == 1:
        assert measure(data)[:4] == (9, 7, 3 if shape[-1] == 3 else 1, array.itemsize)


@pytest.mark.parametrize(("dtype", "bits"), [("u2", 12), ("i2", 12), ("u1", 8), ("i2", 16)])
def test_dicom_in_which_0_is_white(dtype: str, bits: int) -> None:
    pydicom = pytest.importorskip("pydicom")
    array = values(dtype, (9, 7), bits)
    picture = read_picture(dicom(array, bits, interpretation="MONOCHROME1"))
    top, low = (2**bits - 1, 0) if dtype[0] == "u" else (2 ** (bits - 1) - 1, -(2 ** (bits - 1)))
    assert np.array_equal(picture.pages[0], (top + low - array.astype(int)))
    assert np.array_equal(pydicom.dcmread(io.BytesIO(written(picture))).pixel_array, array)
    bright = Picture((np.full((9, 7), np.iinfo(dtype).max, dtype),), picture.form)
    assert (pydicom.dcmread(io.BytesIO(written(bright))).pixel_array == low).all()


def test_other_dicom() -> None:
    pydicom = pytest.importorskip("pydicom")
    array = values("u2", (9, 7))
    data = dicom(array)
    assert "not supported: a DICOM whose pixels are YBR_FULL" in refusal(dicom(array, interpretation="YBR_FULL"))
    assert "more than the limit of 62" in refusal(data, limits=Limits(pixels=62))
    assert "more than the limit" in refusal(dicom(array, NumberOfFrames=2**30))
    assert "damaged" in refusal(dicom(array, Rows=10))
    assert "damaged" in refusal(data[:-40])
    packed = pydicom.dcmread(io.BytesIO(data))
    packed.compress(pydicom.uid.RLELossless)
    stream = io.BytesIO()
    packed.save_as(stream)
    assert np.array_equal(read_picture(stream.getvalue()).pages[0], array)
    plain = pydicom.dcmread(io.BytesIO(written(read_picture(stream.getvalue()))))
    assert plain.file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian
    assert np.array_equal(plain.pixel_array, array)
    jpeg = pydicom.dcmread(io.BytesIO(stream.getvalue()))
    jpeg.file_meta.TransferSyntaxUID = pydicom.uid.JPEGLosslessSV1
    stream = io.BytesIO()
    jpeg.save_as(stream)
    assert "not supported: a DICOM compressed as JPEG Lossless" in refusal(stream.getvalue())
    for pages in ((array[1:],), (array.astype(np.float32),), (array, array)):
        with pytest.raises(PellucidError, match="only written as it was read"):
            written(Picture(pages, read_picture(data).form))


def fits_of(array: np.ndarray, **header: Any) -> bytes:
    fits = pytest.importorskip("astropy.io.fits")
    stream = io.BytesIO()
    unit = fits.PrimaryHDU(array)
    unit.header["OBJECT"] = "a star"
    unit.header.update(header)
    table = fits.BinTableHDU.from_columns([fits.Column("a", "J", array=[1, 2, 3])])
    fits.HDUList([unit, table]).writeto(stream, checksum=True)
    return stream.getvalue()


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "u4", "i8", "f4", "f8"])
@pytest.mark.parametrize("shape", [(9, 7), (3, 9, 7), (1, 1, 9, 7)])
def test_fits(dtype: str, shape: tuple[int, ...]) -> None:
    fits = pytest.importorskip("astropy.io.fits")
    array = values(dtype, shape)
    data = fits_of(array)
    picture = read_picture(data)
    assert all(page.dtype == dtype for page in picture.pages)
    assert np.array_equal(np.stack(picture.pages), array.reshape(-1, 9, 7))
    new = tuple(np.flip(page, 1) for page in picture.pages)
    result = written(Picture(new, picture.form))
    assert len(result) == len(data)
    with fits.open(io.BytesIO(result), checksum=True) as units:
        assert units[0].data.dtype.newbyteorder("=") == dtype
        assert np.array_equal(units[0].data, np.flip(array, -1))
        assert units[0].header["OBJECT"] == "a star"
        assert "CHECKSUM" not in units[0].header
        assert "CHECKSUM" in units[1].header
        assert units[1].data["a"].tolist() == [1, 2, 3]


def test_fits_with_a_scale_is_read_as_it_is_stored() -> None:
    fits = pytest.importorskip("astropy.io.fits")
    unit, stream = fits.ImageHDU(np.arange(63, dtype=np.int16).reshape(9, 7)), io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), unit]).writeto(stream)
    data = stream.getvalue().replace(b"GCOUNT  =                    1", b"BSCALE  =                  0.5")
    picture = read_picture(data)
    assert np.array_equal(picture.pages[0], np.arange(63).reshape(9, 7))
    assert written(picture) == data


def test_other_fits() -> None:
    fits = pytest.importorskip("astropy.io.fits")
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(np.zeros((5, 5))), fits.ImageHDU(np.zeros((5, 5)))]).writeto(stream)
    assert "not supported: FITS with 2 images" in refusal(stream.getvalue())
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(np.zeros((50, 50), np.int16))]).writeto(stream)
    assert "not supported: FITS with" in refusal(stream.getvalue())
    data = fits_of(np.zeros((9, 7)))
    assert "more than the limit of 62" in refusal(data, limits=Limits(pixels=62))
    wide = data.replace(b"NAXIS1  =                    7", b"NAXIS1  =          99999999999")
    assert "more than the limit" in refusal(wide)
    assert "damaged" in refusal(data[:2900])
    with pytest.raises(PellucidError, match="only written as it was read"):
        written(Picture((np.zeros((9, 7)),)), ".fits")


@pytest.mark.parametrize("dtype", ["<i1", "<i2", ">i2", "<u2", "<f2", "<f4", ">f4"])
@pytest.mark.parametrize("shape", [(9, 7), (3, 9, 7)])
def test_mrc(dtype: str, shape: tuple[int, ...], tmp_path: Any) -> None:
    mrcfile = pytest.importorskip("mrcfile")
    array = values(dtype, shape)
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(array)
        file.set_extended_header(np.zeros(3, "V80"))
        file.header.exttyp = b"MRCO"
        file.voxel_size = 1.25
        file.add_label("a label")
    data = (tmp_path / "a.mrc").read_bytes()
    picture = read_picture(data)
    assert all(page.dtype == np.dtype(dtype).newbyteorder("=") for page in picture.pages)
    assert np.array_equal(np.stack(picture.pages), array.reshape(-1, 9, 7))
    new = tuple(page // 2 if page.dtype.kind in "iu" else page / 2 for page in picture.pages)
    (tmp_path / "b.mrc").write_bytes(written(Picture(new, picture.form)))
    assert mrcfile.validate(tmp_path / "b.mrc", print_file=io.StringIO())
    with mrcfile.open(tmp_path / "b.mrc") as file:
        assert np.array_equal(file.data, np.stack(new).reshape(shape))
        assert float(file.voxel_size.x) == 1.25
        assert "a label" in file.get_labels()[-1]
        assert file.header.dmax == np.float32(np.stack(new).max())


def test_other_mrc(tmp_path: Any) -> None:
    mrcfile = pytest.importorskip("mrcfile")
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(np.zeros((9, 7), np.complex64))
    assert "not supported: MRC of mode 4" in refusal((tmp_path / "a.mrc").read_bytes())
    with mrcfile.new(tmp_path / "b.mrc") as file:
        file.set_data(np.zeros((9, 7), np.int16))
    data = bytearray((tmp_path / "b.mrc").read_bytes())
    assert "damaged" in refusal(bytes(data[:-1]))
    assert "damaged" in refusal(bytes(data[:900]))
    assert "more than the limit of 62" in refusal(bytes(data), limits=Limits(pixels=62))
    data[208 + 4 : 208 + 8] = bytes(4)  # no machine stamp
    assert read_picture(bytes(data)).pages[0].shape == (9, 7)
    data[92:96] = b"\xff\xff\xff\xff"
    assert "damaged" in refusal(bytes(data))
