"""Stored images."""

import io
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from app.context import AppContext, open_context
from app.pictures import ORIGINALS, PictureStore, pixel_sha256
from app.server import create_app
from app.settings import Settings
from app.thumbnails import thumbnail_url
from specs_core.errors import ImageError

IMAGE_ID = "0123456789abcdef0123456789abcdef"


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8))


def test_save_of_a_small_image_keeps_every_pixel_and_no_metadata(tmp_path: Path) -> None:
    image = noise(40, 30)
    image.info["comment"] = "where it was taken"
    path = PictureStore(tmp_path / "images").save(IMAGE_ID, image)
    with Image.open(path) as stored:
        assert np.array_equal(np.asarray(stored), np.asarray(image))
        assert "comment" not in stored.info
    assert [each.name for each in (tmp_path / "images").iterdir()] == [f"{IMAGE_ID}.png"]


def test_save_of_a_large_photograph_is_a_jpeg(tmp_path: Path) -> None:
    assert PictureStore(tmp_path).save(IMAGE_ID, noise(2000, 1001)).suffix == ".jpg"


def test_save_twice_leaves_the_first_file(tmp_path: Path) -> None:
    store = PictureStore(tmp_path)
    first = store.save(IMAGE_ID, noise(8, 8)).read_bytes()
    assert store.save(IMAGE_ID, noise(9, 9)).read_bytes() == first


def test_save_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    class Broken(Image.Image):
        def convert(self, *args: object, **options: object) -> Image.Image:
            raise OSError("the disk is full")

    broken = Broken()
    broken._size = (4, 4)
    with pytest.raises(OSError, match="full"):
        PictureStore(tmp_path).save(IMAGE_ID, broken)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "0123ABCD", "a" * 65, "0123456789abcdef/..", "abc"])
def test_find_of_what_is_not_an_id_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not an image id"):
        PictureStore(tmp_path).find(name)


def test_find_of_an_unknown_id_is_none(tmp_path: Path) -> None:
    assert PictureStore(tmp_path).find(IMAGE_ID) is None


def test_pixel_sha256_sees_pixels_and_shape() -> None:
    flat = Image.new("RGB", (6, 4), "red")
    assert pixel_sha256(flat) == pixel_sha256(flat.copy())
    assert pixel_sha256(flat) != pixel_sha256(Image.new("RGB", (4, 6), "red"))
    assert pixel_sha256(flat) != pixel_sha256(Image.new("RGB", (6, 4), "blue"))


# Imported originals

PLACE = b"51 deg 28 min"


def photograph() -> bytes:
    """A JPEG of 40 x 20 pixels that lies on its side, its left half red, with a position and a comment."""
    image = Image.new("RGB", (40, 20), "blue")
    image.paste("red", (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    exif[0x010F] = "Camera"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[29] = PLACE.decode()
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", exif=exif, comment=PLACE, quality=95)
    return buffer.getvalue()


def import_original(folder: Path, data: bytes, image_id: str = IMAGE_ID) -> Path:
    path = folder / ORIGINALS / image_id
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@pytest.fixture
def context(tmp_path: Path, with_database: Callable[[Path], Path]) -> AppContext:
    return open_context(Settings(data=with_database(tmp_path / "data")))


@pytest.fixture
def client(context: AppContext, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """The whole server, with an empty page, which takes less time to build."""
    monkeypatch.setattr("app.ui.build_ui", lambda *_: gr.Blocks())
    with TestClient(create_app(context), base_url="http://127.0.0.1") as client:
        yield client


def test_an_imported_photograph_is_served_upright_and_without_its_position(
    context: AppContext, client: TestClient
) -> None:
    data = photograph()
    assert PLACE in data, "or the test would prove nothing"
    assert Image.open(io.BytesIO(data)).getexif().get_ifd(0x8825), "or the test would prove nothing"
    original = import_original(context.settings.images_dir, data)

    answers = [client.get(f"/pictures/{IMAGE_ID}"), client.get(thumbnail_url(IMAGE_ID))]
    again = client.get(f"/pictures/{IMAGE_ID}")

    for answer in answers:
        assert answer.status_code == 200
        assert PLACE not in answer.content
        assert b"Camera" not in answer.content
        with Image.open(io.BytesIO(answer.content)) as served:
            assert served.size == (20, 40)
            assert served.convert("RGB").getpixel((10, 5))[0] > 200, "the red half is the upper one now"
            assert len(served.getexif()) == 0
            assert {"exif", "comment", "icc_profile", "xmp"} & served.info.keys() == set()
    assert again.content == answers[0].content
    assert not original.exists()


def test_an_original_under_its_folder_s_name_is_never_served(context: AppContext, client: TestClient) -> None:
    import_original(context.settings.images_dir, photograph())
    for address in (f"/pictures/{ORIGINALS}/{IMAGE_ID}", f"/pictures/{ORIGINALS}%2f{IMAGE_ID}"):
        answer = client.get(address)
        assert PLACE not in answer.content
        assert "image" not in answer.headers["content-type"]


def test_a_broken_original_gives_a_sentence_and_stays(context: AppContext, client: TestClient) -> None:
    data = photograph()[:200]
    original = import_original(context.settings.images_dir, data)

    with pytest.raises(ImageError, match="damaged"):
        context.pictures.find(IMAGE_ID)
    for address in (f"/pictures/{IMAGE_ID}", thumbnail_url(IMAGE_ID)):
        answer = client.get(address)
        assert (answer.status_code, "damaged" in answer.json()["detail"]) == (404, True)

    assert original.read_bytes() == data
    assert [path.name for path in context.settings.images_dir.iterdir()] == [ORIGINALS]


def test_an_original_asked_for_by_many_at_once_is_one_file(tmp_path: Path) -> None:
    rounds = 20
    for number in range(rounds):
        image_id = f"{number:032x}"
        import_original(tmp_path, photograph(), image_id)
        found: list[object] = []
        gate = threading.Barrier(4)

        def ask(image_id: str = image_id, found: list[object] = found, gate: object = gate) -> None:
            gate.wait()
            try:
                found.append(PictureStore(tmp_path).find(image_id))
            except (ImageError, OSError) as error:
                found.append(error)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert found == [tmp_path / f"{image_id}.png"] * 4
    assert not list((tmp_path / ORIGINALS).iterdir())
    assert len(list(tmp_path.glob("*.png"))) == rounds
    assert not list(tmp_path.glob("*.part"))


def test_find_when_the_original_cannot_be_taken_away_still_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import_original(tmp_path, photograph())

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    assert PictureStore(tmp_path).find(IMAGE_ID) == tmp_path / f"{IMAGE_ID}.png"
    assert "Permission denied" in caplog.text
