"""The shared library: found, loaded beside whatever else is in the process, compared with the declarations,
and called. Every call releases the GIL; SIGINT during a call asks the library to cancel."""

import ctypes
import os
import pathlib
import signal
import threading

from . import _declarations as D
from .errors import BY_STATUS, Error, InternalError

_HERE = pathlib.Path(__file__).resolve().parent


def _candidates():
    if os.environ.get("DIFFUSCOPE_LIBRARY"):
        yield pathlib.Path(os.environ["DIFFUSCOPE_LIBRARY"])
        return
    yield from sorted((_HERE / "lib").glob("libdiffuscope.so*"))
    yield from sorted(_HERE.parent.parent.glob("libdiffuscope.so.*"))


def _load():
    for path in _candidates():
        if path.exists():
            break
    else:
        raise ImportError(f"diffuscope: no libdiffuscope.so below {_HERE / 'lib'}; DIFFUSCOPE_LIBRARY may name one")
    # OpenMP reads its settings once, when it is loaded. Threads that spin at barriers would take the cores from
    # PyTorch's; a copy of our own (RTLD_DEEPBIND: our names are looked up in our libraries first) leaves the
    # settings and the pool of theirs alone.
    ours = {"GOMP_SPINCOUNT": "1000"} if "OMP_WAIT_POLICY" not in os.environ else {}
    before = {k: os.environ.get(k) for k in ours}
    for k, v in ours.items():
        os.environ.setdefault(k, v)
    try:
        return ctypes.CDLL(str(path), mode=os.RTLD_NOW | os.RTLD_LOCAL | getattr(os, "RTLD_DEEPBIND", 0))
    finally:
        for k, v in before.items():
            if v is None:
                os.environ.pop(k, None)


lib = _load()


def _declare(name):
    result, arguments = D.FUNCTIONS[name]
    f = getattr(lib, name)
    f.restype, f.argtypes = result, arguments
    return f


class _Functions:
    """The library's functions by name without "ds_", with their types; declared when first used."""

    def __getattr__(self, name):
        f = _declare("ds_" + name)
        setattr(self, name, f)
        return f


c = _Functions()
_INIT = {}


def _check_layout():
    at, i, cls, seen = c.struct_field_at, 0, None, 0
    while row := at(i):
        r, i = row[0], i + 1
        name = r.type.decode()
        if not r.field:
            cls = D.STRUCTS.get(name)
            seen += 1
            if cls is None or ctypes.sizeof(cls) != r.size:
                raise ImportError(f"diffuscope: {name} has {r.size} bytes in the library, "
                                  f"{ctypes.sizeof(cls) if cls else 'none'} here: package and library are of two versions")
            if r.init:
                _INIT[name] = (r.init, r.size)
        elif getattr(cls, r.field.decode()).offset != r.offset or getattr(cls, r.field.decode()).size != r.size:
            raise ImportError(f"diffuscope: {name}.{r.field.decode()} lies elsewhere in the library: "
                              "package and library are of two versions")
    if seen != len(D.STRUCTS):
        raise ImportError(f"diffuscope: the library tells of {seen} structs, expected {len(D.STRUCTS)}")


_check_layout()


def new(name, **fields):
    """A struct with the library's own defaults."""
    s = D.STRUCTS[name]()
    if name in _INIT:
        ctypes.memmove(ctypes.byref(s), *_INIT[name])
    for k, v in fields.items():
        setattr(s, k, v)
    return s


def fail(status, err=None):
    """The exception of a status."""
    if err is not None and err.text:
        text, name = err.text.decode("utf-8", "replace"), err.name.decode("utf-8", "replace") or None
        offset = err.offset if err.offset >= 0 else None
    else:
        text, name, offset = D.STATUSES[status], None, None
    cls = BY_STATUS.get(D.STATUSES[status], InternalError) if status < len(D.STATUSES) else InternalError
    return cls(text, name, offset)


# ---- cancellation ---------------------------------------------------------------------------------

_interrupt = threading.Lock()  # one thread's SIGINT at a time, the main one's


class Watch:
    """A ds_cancel that SIGINT sets while a call of the main thread is under way; and the exceptions of callbacks,
    which are raised once the call is back."""

    def __init__(self):
        self.cancel = D.ds_cancel()
        self.raised = None
        self.listens = False

    def __enter__(self):
        if threading.current_thread() is threading.main_thread() and callable(signal.getsignal(signal.SIGINT)):
            if _interrupt.acquire(blocking=False):
                self.listens = c.cancel_on_interrupt(ctypes.byref(self.cancel), None) == 0
                if not self.listens:
                    _interrupt.release()
        return self

    def __exit__(self, *exc):
        if self.listens:
            self.listens = False
            c.cancel_on_interrupt(None, None)
            _interrupt.release()

    def guard(self, fn):
        """fn as a callback that returns a status: an exception ends the work, and is raised afterwards."""

        def call(*args):
            try:
                fn(*args)
                return D.DS_OK
            except BaseException as e:  # what the library must not see
                self.raised = self.raised or e
                return D.DS_E_CANCELLED

        return call


def call(name, *args, watch=None):
    """Calls ds_<name>(..., &err) and raises what it says."""
    err = D.ds_error(offset=-1)
    status = getattr(c, name)(*args, ctypes.byref(err))
    if watch is not None and watch.raised is not None:
        raise watch.raised
    if status:
        raise fail(status, err)


def out(name, *args, first=True):
    """ds_<name>(void **out, ..., &err): the pointer that it made."""
    p = ctypes.c_void_p()
    call(name, ctypes.byref(p), *args)
    return p


def take_text(p):
    """A text of the library's that must be freed."""
    try:
        return ctypes.string_at(p.value).decode("utf-8", "replace")
    finally:
        c.free(p)


def text_of(name, *args):
    """ds_<name>(object, char **out, &err) as str."""
    p = ctypes.c_void_p()
    call(name, *args, ctypes.byref(p))
    return take_text(p)


def fsencode(path):
    return os.fsencode(os.fspath(path))


class Folder:
    """A folder that goes when its owner does."""

    def __init__(self):
        import shutil
        import tempfile
        import weakref

        self.name = tempfile.mkdtemp(prefix="diffuscope-")
        weakref.finalize(self, shutil.rmtree, self.name, True)


class Handle:
    """Owns a pointer of the library's; `free` is called once, after all that borrows from it is gone."""

    __slots__ = ("pointer", "_free", "_keep", "__weakref__")

    def __init__(self, pointer, free, *keep):
        self.pointer, self._free, self._keep = pointer, getattr(c, free), keep

    @property
    def _as_parameter_(self):
        return self.pointer

    def close(self):
        if self.pointer:
            self._free(self.pointer)
            self.pointer = None
        self._keep = ()

    def __del__(self):
        try:
            self.close()
        except (TypeError, AttributeError):  # the interpreter is going away
            pass


__all__ = ["D", "lib", "c", "new", "call", "out", "text_of", "take_text", "Handle", "Watch", "fail", "Error"]
