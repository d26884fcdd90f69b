"""The report of a scored caption, as the page makes it."""

import json
from pathlib import Path

import pytest

from app.context import open_context
from app.evidence import gather
from app.inspection import inspect_caption
from app.reports import make_report
from app.settings import Settings
from specs_core.errors import ImageError

CAPTION = "A drawing of a few things. A red disc floats on the left. A blue square stands on the right."


def test_a_report_gathers_what_is_missing_and_follows_the_threshold(
    tiny_checkpoint: Path, drawn_image: Path, tmp_path: Path
) -> None:
    context = open_context(Settings(data=tmp_path / "data", db=None, model=str(tiny_checkpoint)))
    image = tmp_path / "my scene.png"
    image.write_bytes(drawn_image.read_bytes())
    shown = inspect_caption(
        context, image_path=str(image), caption=CAPTION, model=None, segmenter="dependency"
    )
    first, *_, last = gather(context, shown)
    deep = make_report(context, shown, first, threshold=2)
    assert deep["name"] == "my scene-specs"
    assert deep["serial"] == str(shown.serial)
    record = json.loads(deep["json"])
    assert record["provenance"]["dip_threshold"] == 2
    assert not any(unit["dip"] or unit["uncertain"] for unit in record["units"])
    ready = json.loads(make_report(context, shown, last, threshold=0)["json"])
    assert [unit["leave_one_out"] for unit in ready["units"]] == [
        unit["leave_one_out"] for unit in record["units"]
    ]
    assert any(unit["dip"] for unit in ready["units"])
    assert "data:image/" in deep["html"]
    image.unlink()
    with pytest.raises(ImageError):
        make_report(context, shown, last, threshold=0)
    context.engine.dispose()
