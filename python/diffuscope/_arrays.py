"""Arrays that cost no copy: the library's tensors as NumPy arrays that keep their owner alive, and arrays of
NumPy, PyTorch or anything with DLPack or the buffer protocol as the library's tensors."""

import ctypes

from ._lib import D, c

_NAMES = ["float32", "float16", None, "int64", "int32", "uint8", "float64", "bool", None, None]
_SIZES = [4, 2, 2, 8, 4, 1, 8, 1, 1, 1]


class _Memory:
    """Memory of an owner, for np.asarray: the array keeps this, and this the owner."""

    __slots__ = ("__array_interface__", "owner")

    def __init__(self, address, shape, typestr, owner, readonly=False):
        self.owner = owner
        self.__array_interface__ = {"data": (address, readonly), "shape": tuple(shape), "typestr": typestr, "version": 3}


def borrow(address, shape, dtype, owner, readonly=False):
    """The numbers at an address as an array, without a copy."""
    import numpy as np

    if 0 in tuple(shape) or not address:
        return np.empty(shape, dtype)
    return np.asarray(_Memory(address, shape, np.dtype(dtype).str, owner, readonly))


def from_tensor(t, owner, readonly=False):
    """A ds_tensor as an array. Types that NumPy lacks (bfloat16, 8-bit floats) become float32, by a copy."""
    import numpy as np

    shape = tuple(t.dim[: t.rank])
    name = _NAMES[t.dtype]
    if name is not None:
        return borrow(t.data, shape, name, owner, readonly)
    a = np.empty(shape, np.float32)
    c.convert(a.ctypes.data, D.DS_DTYPE_F32, t.data, t.dtype, a.size)
    return a


def _torch_view(x):
    """A torch tensor in main memory as (array or address, dtype, shape, keep)."""
    t = x.detach()
    t = t.cpu() if t.device.type != "cpu" else t
    t = t.contiguous()
    kind = {"torch.bfloat16": D.DS_DTYPE_BF16, "torch.float8_e4m3fn": D.DS_DTYPE_F8_E4M3,
            "torch.float8_e5m2": D.DS_DTYPE_F8_E5M2}.get(str(t.dtype))
    if kind is None:
        return None, t
    return D.ds_tensor(dtype=kind, rank=t.dim(), dim=(ctypes.c_int64 * 8)(*t.shape), data=t.data_ptr()), t


def is_torch(x):
    return type(x).__module__.partition(".")[0] == "torch" and hasattr(x, "data_ptr")


def as_array(x, dtype=None):
    """Anything array-like as a contiguous NumPy array, copied only where it must be."""
    import numpy as np

    if is_torch(x):
        tensor, t = _torch_view(x)
        x = t.float().numpy() if tensor is not None else t.numpy()
    elif not hasattr(x, "__array_interface__") and not hasattr(x, "__array__") and hasattr(x, "__dlpack__"):
        x = np.from_dlpack(x)
    return np.ascontiguousarray(x, dtype=dtype)


def to_tensor(x):
    """(ds_tensor, keep) of anything array-like; the data are shared where the layout allows it."""
    import numpy as np

    if is_torch(x):
        tensor, t = _torch_view(x)
        if tensor is not None:
            return tensor, t
    a = as_array(x)
    if a.dtype.name not in _NAMES:
        kinds = {"i": np.int64, "u": np.int64, "f": np.float32}
        if a.dtype.kind not in kinds:
            raise TypeError(f"an array of {a.dtype}: expected numbers")
        a = a.astype(kinds[a.dtype.kind])
    if a.ndim > 8:
        raise ValueError(f"an array of {a.ndim} axes: expected at most 8")
    t = D.ds_tensor(dtype=_NAMES.index(a.dtype.name), rank=a.ndim, data=a.ctypes.data)
    t.dim[: a.ndim] = list(a.shape)
    return t, a


def as_planes(x):
    """A picture as float32 [3,H,W] in [0,1], from uint8 [H,W,3], floats [H,W,3] or [3,H,W], or a PIL image."""
    import numpy as np

    a = as_array(np.asarray(x) if not is_torch(x) else x)
    while a.ndim > 3 and a.shape[0] == 1:
        a = a[0]
    if a.ndim == 2:
        a = np.repeat(a[..., None], 3, -1)
    if a.ndim != 3:
        raise ValueError(f"a picture of shape {a.shape}: expected [H,W,3] or [3,H,W]")
    if a.shape[-1] in (3, 4):
        a = np.moveaxis(a[..., :3], -1, 0)
    scale = np.float32(255) if a.dtype == np.uint8 else np.float32(1)
    return np.ascontiguousarray(a, np.float32) / scale


def as_rgb(x):
    """A picture as uint8 [H,W,3]."""
    import numpy as np

    a = np.asarray(x) if not is_torch(x) else as_array(x)
    if a.dtype == np.uint8 and a.ndim == 3 and a.shape[-1] == 3:
        return np.ascontiguousarray(a)
    return np.ascontiguousarray(np.moveaxis(np.clip(as_planes(a) * 255 + 0.5, 0, 255).astype(np.uint8), 0, -1))
