"""The route of the small pictures: by id, and nothing else."""

from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from app.pictures import PictureStore
from app.thumbnails import SIDE, thumbnail_router, thumbnail_url

IMAGE_ID = "ab" * 16


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    (tmp_path / "secret.png").write_bytes(b"not yours")
    pictures = PictureStore(tmp_path / "images")
    pictures.save(IMAGE_ID, Image.new("RGB", (1600, 800), "red"))
    app = FastAPI()
    app.include_router(thumbnail_router(pictures))
    return TestClient(app)


def test_thumbnail_when_the_image_is_large_is_small_and_keeps_its_shape(
    client: TestClient, tmp_path: Path
) -> None:
    answer = client.get(thumbnail_url(IMAGE_ID))

    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp")
    (tmp_path / "got.webp").write_bytes(answer.content)
    with Image.open(tmp_path / "got.webp") as image:
        assert image.size == (SIDE, SIDE // 2)


@pytest.mark.parametrize("image_id", ["cd" * 16, "..%2fsecret", "secret", "AB" * 16, "%00", "x" * 500])
def test_thumbnail_when_there_is_no_such_picture_is_not_found(client: TestClient, image_id: str) -> None:
    assert client.get(f"/pictures/{image_id}/thumbnail").status_code == 404
