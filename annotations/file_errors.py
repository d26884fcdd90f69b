"""What an error of the operating system says to whoever named the file."""

import os
from pathlib import Path


def file_sentence(error: OSError) -> str:
    """Say in one plain sentence what is wrong with a file, and what to do.

    Args:
        error: As Python raises it; one of this package says what it says.
    """
    if not isinstance(error.filename, str | bytes | os.PathLike):
        return error.strerror or str(error)
    path = Path(os.fsdecode(error.filename))
    match error:
        case FileNotFoundError() if not path.parent.is_dir():
            return f"there is no folder {path.parent}, so {path} cannot be opened; check the name"
        case FileNotFoundError():
            return f"there is no file {path}; check its name, and the folder that it is in"
        case IsADirectoryError():
            return f"{path} is a folder; name a file in it"
        case NotADirectoryError():
            return f"{path} cannot be opened: a part of its name is a file and no folder; check the name"
        case PermissionError():
            return (
                f"{path} cannot be opened: you have no permission to; change that of the file and of its "
                "folder, or name another file"
            )
    return f"{path} cannot be opened or written: {error.strerror or error}; mend that, or name another file"
