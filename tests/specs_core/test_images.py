"""Images as people send them: damaged, disguised, animated, turned, huge, and in every colour mode."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from specs_core.errors import ConfigError, ImageError
from specs_core.images import FORMATS, MAX_PIXELS, load_image, read_image, seen_region

RED, BLUE = (250, 10, 20), (10, 20, 250)


def two_colours(width: int = 40, height: int = 20) -> Image.Image:
    """Left half red, right half blue."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height))
    return image


def saved(image: Image.Image, image_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_header(width: int, height: int) -> bytes:
    """A small PNG whose header promises width x height pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", zlib.compress(b"\0" * 100_000))
        + png_chunk(b"IEND", b"")
    )


def close_to(
    image: Image.Image, place: tuple[int, int], colour: tuple[int, int, int], within: int = 12
) -> bool:
    found = image.getpixel(place)
    return bool(np.abs(np.array(found) - colour).max() <= within)


def complaint_about(data: bytes) -> str | None:
    """What is said about an image; None where it can be read."""
    try:
        read_image(data)
    except ImageError as error:
        return str(error)
    return None


@pytest.mark.parametrize("image_format", FORMATS)
def test_read_image_of_each_format_gives_its_pixels_as_rgb(image_format: str) -> None:
    loaded = load_image(saved(two_colours(), image_format, quality=95))
    assert loaded.format == image_format
    assert loaded.image.mode == "RGB"
    assert loaded.image.size == (40, 20)
    assert close_to(loaded.image, (5, 10), RED)
    assert close_to(loaded.image, (35, 10), BLUE)
    assert loaded.notes == ()


@pytest.mark.parametrize("lossless", [True, False])
def test_load_image_of_webp_with_and_without_loss_reads_its_header(lossless: bool) -> None:
    assert load_image(saved(two_colours(37, 21), "WEBP", lossless=lossless)).image.size == (37, 21)


@pytest.mark.parametrize("image_format", FORMATS)
def test_read_image_of_any_truncation_is_an_image_or_one_plain_sentence(image_format: str) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (12, 12, 3), dtype=np.uint8))
    data = saved(noise, image_format)
    for length in range(len(data) - 12):
        complaint = complaint_about(data[:length])
        assert complaint is None or (complaint.endswith(".") and "\n" not in complaint)
    with pytest.raises(ImageError, match="damaged or cut short"):
        read_image(data[: len(data) // 2])


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(FORMATS), st.data())
def test_read_image_with_flipped_bytes_never_raises_anything_but_an_image_error(
    image_format: str, data: st.DataObject
) -> None:
    content = bytearray(saved(two_colours(), image_format, exif=exif(6)))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    complaint = complaint_about(bytes(content))
    assert complaint is None or complaint.endswith(".")


def test_read_image_of_no_bytes_says_that_it_is_empty(tmp_path: Path) -> None:
    empty = tmp_path / "empty.png"
    empty.touch()
    for source in (b"", empty):
        with pytest.raises(ImageError, match=r"empty \(0 bytes\)"):
            read_image(source)


def test_read_image_of_a_missing_file_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"gone\.png cannot be read: No such file"):
        read_image(tmp_path / "gone.png")


def test_read_image_of_a_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="cannot be read: Is a directory"):
        read_image(tmp_path)


def test_read_image_with_another_formats_ending_goes_by_the_content(tmp_path: Path) -> None:
    renamed = tmp_path / "photo.jpg"
    renamed.write_bytes(saved(two_colours(), "PNG"))
    assert load_image(renamed).format == "PNG"


@pytest.mark.parametrize(("image_format", "found"), [("GIF", "a GIF"), ("BMP", "a BMP"), ("TIFF", "a TIFF")])
def test_read_image_of_another_format_renamed_says_what_it_is(
    tmp_path: Path, image_format: str, found: str
) -> None:
    renamed = tmp_path / "photo.png"
    renamed.write_bytes(saved(two_colours(), image_format))
    with pytest.raises(ImageError, match=f"not a JPEG, PNG or WEBP image but {found} file"):
        read_image(renamed)


@pytest.mark.parametrize("content", [b"hello, this is text", b"<svg onload='x'/>", b"\0" * 500])
def test_read_image_of_something_else_is_refused(content: bytes) -> None:
    with pytest.raises(ImageError, match="not a JPEG, PNG or WEBP"):
        read_image(content)


@pytest.mark.parametrize("image_format", ["PNG", "WEBP"])
def test_read_image_of_an_animation_gives_its_first_frame_and_says_so(image_format: str) -> None:
    frames = [Image.new("RGB", (16, 16), RED), Image.new("RGB", (16, 16), BLUE)]
    data = saved(frames[0], image_format, save_all=True, append_images=frames[1:], duration=50)
    loaded = load_image(data)
    assert close_to(loaded.image, (8, 8), RED)
    assert loaded.notes == ("The image is an animation of 2 frames; only the first is used.",)


def test_read_image_of_cmyk_gives_the_same_colours() -> None:
    image = read_image(saved(two_colours().convert("CMYK"), "JPEG", quality=98))
    assert image.mode == "RGB"
    assert close_to(image, (5, 10), RED)
    assert close_to(image, (35, 10), BLUE)


def test_read_image_of_sixteen_bit_grey_keeps_its_shades() -> None:
    shades = np.array([[0, 64, 128, 255]], dtype=np.uint16) * 257  # 8-bit shades on the 16-bit scale
    image = read_image(saved(Image.fromarray(shades), "PNG"))
    np.testing.assert_array_equal(np.asarray(image)[0, :, 0], [0, 64, 128, 255])


def test_read_image_of_sixteen_bit_colour_keeps_its_colours() -> None:
    rows = b"\0" + struct.pack(">6H", 65535, 0, 32896, 257, 257, 257)
    data = (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0))
        + png_chunk(b"IDAT", zlib.compress(rows))
        + png_chunk(b"IEND", b"")
    )
    np.testing.assert_array_equal(np.asarray(read_image(data))[0], [[255, 0, 128], [1, 1, 1]])


def test_read_image_of_a_palette_gives_its_colours() -> None:
    image = read_image(saved(two_colours().quantize(8), "PNG"))
    assert close_to(image, (5, 10), RED)
    assert close_to(image, (35, 10), BLUE)


def test_read_image_of_grey_and_of_one_bit_gives_rgb() -> None:
    for mode in ("L", "1"):
        assert read_image(saved(two_colours().convert(mode), "PNG")).mode == "RGB"


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_read_image_with_transparent_parts_lays_them_on_white(mode: str) -> None:
    image = Image.new(mode, (8, 8), 0)  # transparent black
    np.testing.assert_array_equal(np.asarray(read_image(saved(image, "PNG"))), 255)


def test_read_image_of_a_palette_with_a_transparent_colour_lays_it_on_white() -> None:
    palette = two_colours().quantize(4)
    data = saved(palette, "PNG", transparency=palette.getpixel((0, 0)))
    image = read_image(data)
    assert image.getpixel((5, 10)) == (255, 255, 255)
    assert close_to(image, (35, 10), BLUE)


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x010E] = "a description that nobody should see"
    tags.get_ifd(0x8825)[1] = "N"  # a GPS tag
    return tags


@pytest.mark.parametrize("image_format", FORMATS)
def test_read_image_with_a_turned_orientation_is_upright(image_format: str) -> None:
    # Orientation 6: the camera was turned, the viewer turns the picture a quarter clockwise.
    image = read_image(saved(two_colours(), image_format, exif=exif(6), quality=95))
    assert image.size == (20, 40)
    assert close_to(image, (10, 5), RED)
    assert close_to(image, (10, 35), BLUE)


@pytest.mark.parametrize("image_format", FORMATS)
def test_read_image_with_metadata_drops_all_of_it(image_format: str) -> None:
    profile = b"not a real colour profile"
    image = read_image(saved(two_colours(), image_format, exif=exif(1), icc_profile=profile))
    assert image.info == {}
    assert len(image.getexif()) == 0


def test_read_image_with_a_damaged_orientation_tag_is_used_as_it_lies() -> None:
    data = saved(two_colours(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01")
    assert read_image(data).size == (40, 20)


def test_read_image_of_four_hundred_megapixels_is_refused_by_the_header() -> None:
    data = png_header(20_000, 20_000)
    assert len(data) < 1000
    with pytest.raises(ImageError, match=r"20000 x 20000 pixels \(400\.0 megapixels\); at most 40"):
        read_image(data)


def test_read_image_of_four_hundred_megapixels_as_jpeg_is_refused_by_the_header() -> None:
    data = bytearray(saved(two_colours(), "JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 20_000, 20_000)
    with pytest.raises(ImageError, match=r"400\.0 megapixels"):
        read_image(bytes(data))


def test_read_image_of_a_large_webp_canvas_is_refused_by_the_header() -> None:
    canvas = b"VP8X" + struct.pack("<I", 10) + b"\0" * 4 + (16_382).to_bytes(3, "little") * 2
    data = b"RIFF" + struct.pack("<I", 4 + len(canvas)) + b"WEBP" + canvas
    with pytest.raises(ImageError, match=r"16383 x 16383 pixels \(268\.4 megapixels\)"):
        read_image(data)


def test_read_image_one_row_over_the_limit_is_refused_and_at_the_limit_is_decoded() -> None:
    with pytest.raises(ImageError, match="megapixels"):
        read_image(png_header(8000, MAX_PIXELS // 8000 + 1))
    with pytest.raises(ImageError, match="damaged or cut short"):  # past the header, into the missing pixels
        read_image(png_header(8000, MAX_PIXELS // 8000))


@pytest.mark.parametrize("size", [(101, 1), (1, 101)])
def test_read_image_of_a_hair_thin_picture_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ImageError, match="at most 100 times the other"):
        read_image(saved(Image.new("RGB", size), "PNG"))


def test_read_image_of_one_pixel_is_an_image() -> None:
    assert read_image(saved(Image.new("RGB", (1, 1), RED), "PNG")).getpixel((0, 0)) == RED


def test_read_image_of_no_pixels_is_refused() -> None:
    with pytest.raises(ImageError, match="no pixels: its header says 0 x 5"):
        read_image(png_header(0, 5))


def test_read_image_when_the_name_holds_nul_says_so() -> None:
    with pytest.raises(ImageError, match="NUL"):
        read_image("a\x00b.png")


@pytest.mark.parametrize("mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("size", [(300, 200), (201, 340), (90, 90), (40, 37)])
@pytest.mark.parametrize("place", [(0.45, 0.55), (0.62, 0.4)])
def test_seen_region_leads_a_marked_pixel_of_the_models_square_back_to_the_image(mode, size, place):
    from open_clip import image_transform

    width, height = size
    image = Image.new("RGB", size, "black")
    at = (round(place[0] * width), round(place[1] * height))
    image.paste("white", (at[0] - 2, at[1] - 2, at[0] + 2, at[1] + 2))  # its middle is the corner `at`
    square = image_transform(96, is_train=False, resize_mode=mode)(image).numpy().sum(0)
    bright = np.clip(square - square.min(), 0, None) ** 2
    if mode == "longest":
        bright[bright < 0.5 * bright.max()] = 0  # what pads the image is no mark
    rows, columns = np.mgrid[:96, :96] + 0.5
    left, top, right, bottom = seen_region(size, 96, resize_mode=mode)
    x = left + (right - left) * float((bright * columns).sum() / bright.sum()) / 96
    y = top + (bottom - top) * float((bright * rows).sum() / bright.sum()) / 96
    assert abs(x - at[0]) <= 1.5
    assert abs(y - at[1]) <= 1.5


def test_seen_region_of_an_unknown_mode_is_an_error():
    with pytest.raises(ConfigError, match="unknown resize mode 'stretch'"):
        seen_region((10, 10), 96, resize_mode="stretch")
