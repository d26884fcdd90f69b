"""Everything that specs_core raises on purpose.

Each error also is the builtin it refines, so `except ValueError` keeps working for a caller who knows nothing
of this package. None has an `__init__` of its own: such an error would not survive pickling between
processes.
"""


class SpecsError(Exception):
    """Base of every error that specs_core raises on purpose."""


class UnknownModelError(SpecsError, LookupError):
    """No checkpoint goes by this name."""


class CheckpointError(SpecsError, ValueError):
    """A checkpoint file is missing, unreadable, foreign or of the wrong shape."""


class DownloadError(SpecsError, OSError):
    """A checkpoint could not be fetched, or what came is not what the hub promised."""


class CaptionError(SpecsError, ValueError):
    """A caption cannot be scored."""


class AttributionError(SpecsError, ValueError):
    """The words of a caption cannot be attributed on this model."""


class HeatMapError(SpecsError, ValueError):
    """No heat map can be drawn on this model, or of this change."""


class ImageError(SpecsError, ValueError):
    """An image cannot be read, or should not be."""


class ConfigError(SpecsError, ValueError):
    """A setting, option or configuration file does not make sense."""


class DataError(SpecsError, ValueError):
    """A data file or one of its rows is not what it should be."""


class JudgeError(SpecsError, RuntimeError):
    """A language model that judges captions cannot be asked, or does not answer."""
