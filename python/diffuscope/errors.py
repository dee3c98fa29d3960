"""Errors: one class for each status of the library, all of them `Error`."""


class Error(Exception):
    """What the library refused, or failed at: str(e) is its sentence, with what was expected, what was found
    and what to do. `status` is "DS_E_..."; `name` the file, tensor, option or site; `offset` the byte in it."""

    status = "DS_E_INTERNAL"

    def __init__(self, text="", name=None, offset=None):
        super().__init__(text)
        self.text, self.name, self.offset = text, name, offset

    def __str__(self):
        return self.text


class ArgumentError(Error, ValueError):
    status = "DS_E_ARG"


class OutOfMemoryError(Error, MemoryError):
    status = "DS_E_NOMEM"


class FileError(Error, OSError):
    status = "DS_E_IO"


class FormatError(Error, ValueError):
    status = "DS_E_FORMAT"


class UnsupportedError(Error, NotImplementedError):
    status = "DS_E_UNSUPPORTED"


class NoMatchError(Error, LookupError):
    status = "DS_E_NOMATCH"


class ShapeError(Error, ValueError):
    status = "DS_E_SHAPE"


class Cancelled(Error):
    status = "DS_E_CANCELLED"


class InternalError(Error, RuntimeError):
    status = "DS_E_INTERNAL"


BY_STATUS = {
    c.status: c
    for c in (ArgumentError, OutOfMemoryError, FileError, FormatError, UnsupportedError, NoMatchError, ShapeError,
              Cancelled, InternalError)
}
