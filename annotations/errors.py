"""The errors of this package. Each refines one builtin, so that a caller may catch either."""


class AnnotationError(Exception):
    """Base of every error that this package raises on purpose."""


class InvalidRecordError(AnnotationError, ValueError):
    """A value that the store does not take: out of range, malformed, or at odds with what is stored."""


class UnknownRecordError(AnnotationError, LookupError):
    """An id that the store does not hold."""


class ItemFullError(AnnotationError, RuntimeError):
    """An item that already has as many raters as it may have."""


class NonceReusedError(AnnotationError, ValueError):
    """A form that was saved already, sent again with other answers."""


class StorageError(AnnotationError, OSError):
    """A database that cannot be opened, read or written: missing, read-only, full, locked or damaged."""


class NewerDatabaseError(AnnotationError, RuntimeError):
    """A database written by a newer version of this program."""


class InvalidScoresError(AnnotationError, ValueError):
    """Arrays of scores that no statistic can be computed from: unequal lengths, or infinite values."""


class SignInRefusedError(AnnotationError, PermissionError):
    """A code that does not sign anybody in; which of the possible reasons it is, is not told."""


class LockedOutError(AnnotationError, RuntimeError):
    """Too many wrong codes: no further one is looked at for a while."""


class LastAdminError(AnnotationError, RuntimeError):
    """A change that would leave nobody who can change anything."""
