"""The models as the page offers them."""

from pathlib import Path

import pytest

from app.models import CUSTOM_MODEL, chip_text, chosen_checkpoint, default_choice, describe, model_choices
from app.settings import Settings
from specs_core.checkpoints import CHECKPOINTS
from specs_core.errors import UnknownModelError


@pytest.fixture(autouse=True)
def no_model_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPECS_MODEL", raising=False)


def test_model_choices_are_the_known_models_with_the_bundled_one_chosen() -> None:
    assert [value for _, value in model_choices(Settings())] == list(CHECKPOINTS)
    assert default_choice(Settings()) == "scenes"


def test_model_choices_with_a_file_of_ones_own_show_its_name_and_never_its_folder(
    tiny_checkpoint: Path,
) -> None:
    settings = Settings(model=str(tiny_checkpoint))
    assert model_choices(settings)[0] == ("tiny.safetensors", CUSTOM_MODEL)
    assert default_choice(settings) == CUSTOM_MODEL
    shown = chip_text(settings, CUSTOM_MODEL) + describe(settings, CUSTOM_MODEL)
    assert "tiny.safetensors" in shown
    assert str(tiny_checkpoint.parent) not in shown


@pytest.mark.parametrize("choice", ["/etc/passwd", "../model.pt", "open_clip:ViT-B-32/openai", "", "nothing"])
def test_chosen_checkpoint_of_what_is_not_offered_is_refused(choice: str) -> None:
    with pytest.raises(UnknownModelError, match="take one from the list"):
        chosen_checkpoint(Settings(), choice)


def test_chip_and_description_name_domain_context_and_licence() -> None:
    settings = Settings()
    assert chip_text(settings, "scenes") == "scenes · drawn scenes only · 248 tokens"
    assert "CC BY-NC 4.0" in describe(settings, "specs")
    assert "Apache-2.0" in describe(settings, "scenes")
    for name in CHECKPOINTS:
        assert "Licence" in describe(settings, name), f"{name} is offered without its licence"
