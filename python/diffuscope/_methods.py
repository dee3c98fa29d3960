"""The instruments as functions: signatures and texts come from the library's own tables of options."""

import ctypes
import json
import re

from ._lib import D, c, call, take_text

ALIASES = {  # diffusers' words
    "num_inference_steps": "steps",
    "guidance_scale": "cfg-scale",
    "guidance": "cfg-scale",
    "num_images_per_prompt": "batch-count",
    "images": "batch-count",
    "negative": "negative-prompt",
    "latents": "latent",
    "words": "word",
}
OF_THE_PIPE = {"model", "config", "prediction", "vae", "text-encoder", "text-encoder-2", "lora", "lora-dir",
               "lora-partial", "embedding", "emphasis", "compute"}
TYPES = {"flag": "bool", "int": "int", "seed": "int", "real": "float", "share": "float", "range": "tuple[float, float]",
         "part": "tuple[int, int]", "text": "str", "texts": "list[str]", "words": "list[str]", "choice": "str",
         "file": "path or array", "outfile": "path", "outdir": "path", "outpath": "path",
         "state": "path"}

_schema = None


def schema():
    """The library's methods by name: purpose, paper, description, options, results."""
    global _schema
    if _schema is None:
        every, i = [], 0
        while m := c.method_at(i):
            every.append(m)
            i += 1
        table = (ctypes.POINTER(D.ds_method) * len(every))(*every)
        p = ctypes.c_void_p()
        call("methods_json", ctypes.cast(table, ctypes.POINTER(ctypes.c_void_p)), len(every), ctypes.byref(p))
        _schema = {m["name"]: m for m in json.loads(take_text(p))}
    return _schema


def options_of(method):
    """The options that a call takes: those of the model belong to open()."""
    return [o for o in schema()[method]["options"] if o["name"] not in OF_THE_PIPE or o["kind"] == "outfile"]


def identifier(name):
    name = name.replace("-", "_")
    return name + "_" if name in ("from", "lambda", "is", "in") else name


def signature(method, leading=()):
    import inspect

    params = [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in leading if n == "self"]
    rows = options_of(method)
    optional = False
    for o in sorted((o for o in rows if o["name"] in leading), key=lambda o: leading.index(o["name"])):
        optional = optional or not o["required"]
        params.append(inspect.Parameter(identifier(o["name"]), inspect.Parameter.POSITIONAL_OR_KEYWORD,
                                        default=None if optional else inspect.Parameter.empty))
    for o in rows:
        if o["name"] not in leading:
            params.append(inspect.Parameter(identifier(o["name"]), inspect.Parameter.KEYWORD_ONLY, default=default(o)))
    params.append(inspect.Parameter("progress", inspect.Parameter.KEYWORD_ONLY, default=None))
    return inspect.Signature(params)


def default(o):
    text = o["default"]
    if o["kind"] == "flag":
        return text == "true"
    if text is None:
        return None
    if o["kind"] in ("int", "seed"):
        return int(text)
    return float(text) if o["kind"] == "real" else text


def in_words(text):
    """A help text as Python has its names: --init-img is init_img."""
    return re.sub(r"--([a-z][a-z0-9-]*[a-z0-9])", lambda m: identifier(m.group(1)), text)


def documentation(method):
    import textwrap

    m = schema()[method]
    lines = [m["purpose"][0].upper() + m["purpose"][1:] + ("." if m["purpose"][-1] not in ".?" else "")]
    if m["paper"]:
        lines += ["", f"Source: {m['paper']}"]
    lines += ["", textwrap.fill(in_words(m["description"].split("\n\n")[0]), 110), "", "Options"]
    for o in options_of(method):
        notes = [TYPES[o["kind"]] if o["kind"] != "choice" else " | ".join(o["choices"])]
        if o["default"] is not None:
            notes.append(f"default {o['default']}")
        if o["min"] is not None:
            notes.append(f"{o['min']:g} to {o['max']:g}")
        if o["unit"]:
            notes.append(o["unit"])
        lines.append(textwrap.fill(f"{identifier(o['name'])} ({', '.join(notes)}): {in_words(o['help'])}", 110,
                                   initial_indent="    ", subsequent_indent="        "))
    if m["results"]:
        lines += ["", "The result holds"] + [textwrap.fill(row, 110, initial_indent="    ", subsequent_indent="        ")
                                               for row in m["results"].split("\n")]
    return "\n".join(lines)


class Instrument:
    """An instrument of a pipe: called as a function; its other forms are attributes (pipe.info.words)."""

    def __init__(self, pipe, method, leading, forms=()):
        self._pipe, self._method, self._leading = pipe, method, leading
        self._forms = dict(forms)

    def __call__(self, *args, **kw):
        names = self._leading
        if len(args) > len(names):
            raise TypeError(f"{self._method}: expected at most {len(names)} positional arguments "
                            f"({', '.join(names)}), found {len(args)}")
        return self._pipe._run(self._method, {**dict(zip(names, args)), **kw})

    @property
    def __doc__(self):
        return documentation(self._method)

    @property
    def __signature__(self):
        return signature(self._method, self._leading)

    @property
    def schema(self):
        """The table that all of this is made from."""
        return schema()[self._method]

    def __getattr__(self, name):
        if name.startswith("__") or name not in self.__dict__.get("_forms", {}):
            raise AttributeError(f"{self.__dict__.get('_method')} has no form {name!r}; it has: "
                                 f"{', '.join(self.__dict__.get('_forms', {})) or 'none'}")
        method, leading = self._forms[name]
        return Instrument(self._pipe, method, leading)

    def __dir__(self):
        return [*super().__dir__(), *self._forms]

    def __repr__(self):
        return f"<{self._method}: {schema()[self._method]['purpose']}>"


# Attribute of a pipe: the method, what may be given by position, and the other forms.
INSTRUMENTS = {
    "generate": ("generate", ("prompt",), {}),
    "daam": ("daam", ("prompt", "word"), {}),
    "info": ("info", ("prompt", "word"), {
        "words": ("info-words", ("prompt",)),
        "score": ("info-score", ("text",)),
        "curve": ("info-curve", ("prompt",)),
        "edit": ("info-edit", ("prompt",)),
    }),
    "pid": ("pid", ("prompt", "words"), {
        "all": ("pid-all", ("prompt",)),
        "bias": ("pid-bias", ("prompt",)),
        "homonym": ("pid-homonym", ("prompt",)),
        "intervene": ("pid-intervene", ("prompt",)),
        "evaluate": ("eval-pid", ()),
    }),
    "concept": ("concept", ("word",), {
        "mix": ("concept-mix", ("word",)),
        "edit": ("concept-edit", ()),
        "interpolate": ("concept-interpolate", ()),
        "compare": ("concept-compare", ()),
        "save": ("concept-save", ()),
        "explain": ("concept-explain", ()),
        "bias": ("concept-bias", ()),
        "evaluate": ("eval-concept", ()),
    }),
    "components": ("component-score", ("concept",), {
        "score": ("component-score", ("concept",)),
        "edit": ("component-edit", ("concept",)),
        "check": ("component-check", ()),
        "redirect": ("component-redirect", ("concept",)),
        "overlap": ("component-overlap", ()),
        "save": ("component-save", ()),
    }),
    "score": ("score", ("image", "text"), {}),
}

FAMILIES = {"component": "components"}


def instruments():
    """INSTRUMENTS, with those methods of the library that it does not know yet: they take no options by position."""
    table = {name: (method, leading, dict(forms)) for name, (method, leading, forms) in INSTRUMENTS.items()}
    known = {m for method, _, forms in table.values() for m in (method, *(f for f, _ in forms.values()))}
    for method, row in schema().items():
        own_model = any(o["name"] == "model" and o["kind"] == "texts" for o in row["options"])
        if method in known or own_model:  # of several models: diffuscope.run has those
            continue
        first, _, form = method.partition("-")
        family = FAMILIES.get(first, first)
        if first == "eval" and FAMILIES.get(form, form) in table:
            table[FAMILIES.get(form, form)][2]["evaluate"] = (method, ())
        elif form and family in table:
            table[family][2][form.replace("-", "_")] = (method, ())
        else:
            table[identifier(method)] = (method, (), {})
    return table
