"""diffuscope: a microscope for text-to-image diffusion models.

    import diffuscope as ds
    pipe = ds.open()                                   # or a file, a folder, "owner/name"
    run = pipe("a noto strawberry left of a cheese", steps=20, seed=2)
    run.image                                          # uint8 [H,W,3]
    maps = pipe.daam("a noto strawberry left of a cheese", seed=2)
    maps["cheese"].mask(0.4)                           # bool [H,W]
    pipe.info("a noto strawberry", word="strawberry").word("strawberry")   # nats, with its interval
"""

from . import errors
from ._edit import add, replace, scale
from ._lib import c as _c
from ._model import Pipe, load, open, run, save
from ._result import Result, Run, Step, Tensors, WordMap, WordMaps
from ._value import Value
from .compat import trace
from .errors import (ArgumentError, Cancelled, Error, FileError, FormatError, InternalError, NoMatchError,
                     OutOfMemoryError, ShapeError, UnsupportedError)

__version__ = "@VERSION@"


def set_threads(count):
    """How many threads calls of this Python thread may use; 0: as many as there are cores."""
    _c.set_threads(count)


def threads():
    return _c.threads()


def methods():
    """The instruments and studies, by name: tables of their options."""
    from ._methods import schema

    return schema()


def from_diffusers(pipe, **options):
    """A `Pipe` of the weights that a StableDiffusionPipeline of the diffusers package holds in memory, without a copy
    where their type and layout allow it. Later changes of the diffusers pipe's weights are not seen reliably."""
    from .diffusers import from_diffusers as convert

    return convert(pipe, **options)


def __getattr__(name):
    if name == "datasets":
        import importlib

        return importlib.import_module(".datasets", __name__)
    raise AttributeError(f"module 'diffuscope' has no attribute {name!r}")


__all__ = ["ArgumentError", "Cancelled", "Error", "FileError", "FormatError", "InternalError", "NoMatchError",
           "OutOfMemoryError", "Pipe", "Result", "Run", "ShapeError", "Step", "Tensors", "UnsupportedError", "Value",
           "WordMap", "WordMaps", "add", "datasets", "errors", "from_diffusers", "load", "methods", "open", "replace", "run", "save",
           "scale",           "set_threads", "threads", "trace"]
