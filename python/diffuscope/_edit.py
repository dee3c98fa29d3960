"""Looking at values inside a run, and changing them while it is under way."""

import ctypes
import threading
from collections.abc import Mapping

from ._arrays import as_array, from_tensor, to_tensor
from ._lib import D, new

BRANCHES = {None: D.DS_BRANCH_BOTH, "both": D.DS_BRANCH_BOTH, "prompt": D.DS_BRANCH_PROMPT, "cond": D.DS_BRANCH_PROMPT,
            "negative": D.DS_BRANCH_NEGATIVE, "uncond": D.DS_BRANCH_NEGATIVE}


class Event:
    """A value while it is computed: site, step, call, branch ("prompt", "negative" or None), image."""

    __slots__ = ("site", "step", "call", "branch", "image", "value")

    def __init__(self, e, value):
        self.site, self.step, self.call = e.site.decode(), e.step, e.call
        self.branch = {D.DS_BRANCH_PROMPT: "prompt", D.DS_BRANCH_NEGATIVE: "negative"}.get(e.branch)
        self.image, self.value = e.image, value

    def __repr__(self):
        return f"<Event {self.site} step {self.step} {self.branch or ''} {list(self.value.shape)}>"


class Op:
    """What is done to a value: made by scale, add, replace."""

    def __init__(self, kind, value=None, strength=1.0):
        self.kind, self.value, self.strength = kind, value, strength


def scale(factor):
    """The value times a number; 0 takes it out."""
    return Op(D.DS_TAP_SCALE, strength=factor)


def add(direction, strength=1.0):
    """strength times a direction on top: an array of the value's shape, of one row of it, or a number per channel."""
    return Op(D.DS_TAP_ADD, direction, strength)


def replace(value):
    """Another value in its place: an array of the value's shape, of one row of it, or a number per channel."""
    return Op(D.DS_TAP_REPLACE, value)


class Tap:
    """What is done at some sites: a ds_tap with what it borrows, or a function of (array, event)."""

    def __init__(self, pattern, what, steps=None, branch=None, image=None, part=None):
        self.tap = new("ds_tap", site=pattern.encode(), image=-1 if image is None else image, strength=1.0,
                       branch=BRANCHES[branch])
        first, end = (steps, steps + 1) if isinstance(steps, int) else steps or (0, 0)
        setattr(self.tap, "from", first)
        self.tap.to = end or 0
        if part is not None:
            self.tap.part, self.tap.parts = part
        self.fn, self.keep = None, []
        if isinstance(what, Op):
            self.tap.kind, self.tap.strength = what.kind, what.strength
            if what.value is not None:
                t, keep = to_tensor(as_array(what.value, "float32"))
                self.keep = [t, keep]
                self.tap.value = ctypes.pointer(t)
        else:
            self.fn = what

    def bind(self, watch, looks):
        """The struct for one run, to be kept as long as it: a callback's exceptions go to that run's watch."""
        t = D.ds_tap.from_buffer_copy(self.tap)
        if self.fn is None:
            return t
        t.kind = D.DS_TAP_LOOK if looks else D.DS_TAP_CALL

        def show(_, event, __):
            e = event[0]
            value = from_tensor(e.value, None)
            got = self.fn(value, Event(e, value))
            if not looks and got is not None and got is not value:
                value[...] = as_array(got)

        t.call = D.ds_event_fn(watch.guard(show))
        return t


class Cache(Mapping):
    """What a watch saw: cache[site] is an array with one row for each step (and image, and branch)."""

    def __init__(self):
        self.events = []

    def sites(self):
        return list(dict.fromkeys(e.site for e in self.events))

    def __getitem__(self, site):
        import numpy as np

        rows = [e.value for e in self.events if e.site == site]
        if not rows:
            raise KeyError(f"nothing was seen at {site!r}; seen: {', '.join(self.sites()[:5])} ...")
        return np.concatenate(rows)

    def __iter__(self):
        return iter(self.sites())

    def __len__(self):
        return len(self.sites())

    def __repr__(self):
        return f"<Cache of {len(self.events)} values at {len(self)} sites>"


class Scope:
    """`with pipe.watch(...)`: taps of the runs of this thread while the block lasts."""

    def __init__(self, pipe, tap, looks, result):
        self._pipe, self._entry, self._result = pipe, (tap, looks), result

    def __enter__(self):
        self._pipe._taps().append(self._entry)
        return self._result

    def __exit__(self, *exc):
        self._pipe._taps().remove(self._entry)


class Taps(threading.local):
    def __init__(self):
        self.entries = []
