"""Which files an event may name: those that were uploaded to this server, and no others."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.utils import get_function_params, get_upload_folder

from app.problems import problem, refusal

if TYPE_CHECKING:
    from gradio.blocks import BlockFunction

_LOG = logging.getLogger("specs_lens")


def names_foreign_file(data: object, folder: str | os.PathLike[str]) -> bool:
    """Tell whether an event's data names a file outside a folder, or an address to fetch one from.

    Args:
        data: Decoded JSON of any shape; every object in it with a text ``path`` names a file.
        folder: Where the uploaded files lie.
    """
    inside = os.path.join(os.path.realpath(folder), "")
    left = [data]
    while left:
        part = left.pop()
        if isinstance(part, dict):
            path = part.get("path")
            # realpath cannot take NUL, and no uploaded file has it in its name.
            if isinstance(path, str) and ("\x00" in path or not os.path.realpath(path).startswith(inside)):
                return True
            left.extend(part.values())
        elif isinstance(part, (list, tuple)):
            left.extend(part)
    return False


class GuardedBlocks(gr.Blocks):
    """Gradio's page, refusing every event whose data names a file that was not uploaded here.

    Gradio copies each file that an event names into its cache and serves it from there. It checks the path
    only in an app that it launched itself; in a mounted one any file of the server could be read, by a text
    field as well as by the image field.
    """

    async def preprocess_data(
        self, block_fn: BlockFunction, inputs: list[Any], *args: Any, **options: Any
    ) -> Any:
        """Check the data, then hand it on to Gradio.

        Raises:
            gradio.Error: If it names any other file, or is not what the event takes.
        """
        # What only a program calls is told in a program's words.
        is_api = block_fn.api_visibility == "public"
        tell = refusal if is_api else problem
        if names_foreign_file(inputs, get_upload_folder()):
            raise tell("Only a file that was uploaded here can be used; upload it and try again")
        try:
            return await super().preprocess_data(block_fn, inputs, *args, **options)
        except gr.Error as error:
            raise tell(error.message) from error
        except Exception as error:
            _LOG.info("an event's data cannot be read: %s", type(error).__name__)
            if is_api:
                names = ", ".join(name for name, *_ in get_function_params(block_fn.fn))
                raise refusal(f"The data of the call has to be a list of: {names}") from error
            raise problem("The page sent something that cannot be read; reload it and try again") from error
