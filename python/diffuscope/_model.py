"""An open model: pictures, instruments, single networks, values inside."""

import contextlib
import ctypes
import os

from . import _methods
from ._arrays import as_rgb, from_tensor, to_tensor
from ._edit import Cache, Op, Scope, Tap, Taps, replace, scale
from ._lib import D, Folder, Handle, Watch, c, call, fsencode, new, out, take_text
from ._result import CLASSES, Result, Step, Tensors

_PICTURES = ("image", "init-img")  # options of a file where an array may stand


def _specimen():
    """Where the model is that comes with the library."""
    try:
        import diffuscope_specimen

        return str(diffuscope_specimen.path())
    except ImportError:
        pass
    p = ctypes.c_void_p()
    call("specimen_find", ctypes.byref(p))
    return take_text(p)


def _texts(values):
    values = [os.fsencode(os.fspath(v)) for v in values]
    return (ctypes.c_char_p * max(1, len(values)))(*values), len(values)


def open(path=None, *, lora=None, embedding=None, compute="f32", variant=None, config=None, prediction=None, vae=None,
         text_encoder=None, text_encoder_2=None, emphasis="none", lora_partial=False, _weights=None):
    """Opens a model and gives a `Pipe`.

    path: a file (.safetensors, .ckpt), a folder in the layout of diffusers, "owner/name" of the Hugging Face cache;
    without one, the specimen (the small model that comes with the library; `pip install diffuscope-specimen`).
    lora: a file, a list of files, or {file: strength}; embedding: a file or a list of files (textual inversions).
    compute: "f32", "bf16" or "ref"; prediction: "epsilon" or "v" instead of what the model says; config, vae,
    text_encoder, text_encoder_2: folders or files that stand in for parts; emphasis: "none", "a1111" or "comfy".
    """
    if path is None or os.fspath(path) == "specimen":
        path = os.environ.get("DIFFUSCOPE_MODEL") or _specimen()
    o = new("ds_model_options")
    o.compute = {"f32": D.DS_DTYPE_F32, "bf16": D.DS_DTYPE_BF16, "ref": D.DS_DTYPE_F32}[compute]
    if compute == "ref":
        o.products = D.DS_PRODUCTS_REFERENCE
    o.emphasis = {"none": D.DS_EMPHASIS_NONE, "a1111": D.DS_EMPHASIS_A1111, "comfy": D.DS_EMPHASIS_COMFY}[emphasis]
    for name, value in dict(variant=variant, config=config, prediction=prediction, vae=vae, text_encoder=text_encoder,
                            text_encoder_2=text_encoder_2).items():
        if value is not None:
            setattr(o, name, os.fsencode(os.fspath(value)))
    keep = ()
    if _weights is not None:
        o.weights, keep = _weights[0].pointer, _weights
    model = Handle(out("model_open", fsencode(path), ctypes.byref(o)), "model_close", *keep)
    notes = []
    if lora:
        model = _add_lora(model, lora, lora_partial, notes)
    if embedding:
        files, n = _texts([embedding] if isinstance(embedding, (str, os.PathLike)) else embedding)
        model = Handle(out("model_embedding", model, files, n), "model_close", model)
    return Pipe(model, os.fspath(path), emphasis, notes)


def _add_lora(model, lora, partial, notes):
    if isinstance(lora, (str, os.PathLike)):
        lora = [lora]
    rows = lora.items() if isinstance(lora, dict) else [x if isinstance(x, tuple) else (x, 1.0) for x in lora]
    table = (D.ds_lora * len(rows))()
    for row, (file, strength) in zip(table, rows):
        unet, text = strength if isinstance(strength, tuple) else (strength, strength)
        row.path, row.unet, row.text, row.partial = os.fsencode(os.fspath(file)), unet, text, partial
    p, unused = ctypes.c_void_p(), ctypes.c_void_p()
    call("model_lora", ctypes.byref(p), model, table, len(table), ctypes.byref(unused))
    if unused:
        notes.append(take_text(unused))
    return Handle(p, "model_close", model)


def _progress(wanted):
    """A function that shows how far a stage is, and one that ends it; by tqdm where it is installed."""
    if wanted is False:
        return None, lambda: None
    if callable(wanted):
        return wanted, lambda: None
    if wanted is None and not _interactive():
        return None, lambda: None
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return None, lambda: None
    bars = {}

    def show(stage, done, total):
        if stage not in bars:
            bars[stage] = tqdm(total=total, desc=stage, leave=False, delay=1)  # nothing for what is soon over
        bars[stage].total = total
        bars[stage].update(done - bars[stage].n)

    def end():
        for bar in bars.values():
            bar.close()

    return show, end


def _interactive():
    """Does somebody look? In a notebook bars need ipywidgets: without them each step would be a line."""
    import importlib.util
    import sys

    if "ipykernel" in sys.modules:
        return importlib.util.find_spec("ipywidgets") is not None
    return hasattr(sys, "ps1") and sys.stderr.isatty()


class Job:
    """One run of a method; owned by its result."""

    def __init__(self, pipe, method, options, progress=None):
        self.pipe, self.files, self.keep = pipe, contextlib.ExitStack(), []
        self.watch = Watch()
        shown, self.end_progress = _progress(progress)
        m = ctypes.POINTER(D.ds_method)()
        call("method_find", ctypes.cast(ctypes.byref(m), ctypes.POINTER(ctypes.c_void_p)), method.encode())
        o = new("ds_job_options", cancel=ctypes.pointer(self.watch.cancel))
        if pipe is not None:
            o.model = pipe._model.pointer
            taps = [t.bind(self.watch, looks) for t, looks in pipe._taps()]
            if taps:
                table = (D.ds_tap * len(taps))(*taps)
                self.keep += [taps, table]
                o.taps, o.n_taps = ctypes.cast(table, ctypes.POINTER(D.ds_tap)), len(taps)
        if shown is not None:
            fn = self.watch.guard(lambda _, p, __: shown(p[0].stage.decode(), p[0].done, p[0].total))
            o.progress = D.ds_progress_fn(fn)
            self.keep.append(o.progress)
        self.keep.append(o)
        self.handle = Handle(out("job_new", m, ctypes.byref(o)), "job_free", pipe)
        known = {x["name"]: x for x in _methods.schema()[method]["options"]}
        if pipe is not None and "emphasis" in known and pipe.emphasis != "none":
            self.set("emphasis", pipe.emphasis)
        if pipe is not None and known.get("model", {}).get("kind") == "text":
            self.set("model", pipe.path)
        for name, value in options.items():
            self.give(name, value, known)
        if known.get("out", {}).get("kind") == "outdir" and known["out"]["required"] and options.get("out") is None:
            self.folder = Folder()  # as long as the result
            self.set("out", os.path.join(self.folder.name, "run"))

    def set(self, name, text):
        call("job_set", self.handle, name.encode(), text if isinstance(text, bytes) or text is None else str(text).encode())

    def give(self, name, value, known):
        name = name.rstrip("_").replace("_", "-")
        if name not in known:
            name = _methods.ALIASES.get(name.replace("-", "_"), name)
        if name == "generator":
            name, value = "seed", getattr(value, "initial_seed", lambda: value)()
        kind = known.get(name, {}).get("kind")
        if value is None:
            return
        if isinstance(value, Result):  # where a run's folder is asked for
            value = self.folder_of(value)
        elif isinstance(value, (list, tuple)):
            value = type(value)(self.folder_of(v) if isinstance(v, Result) else v for v in value)
        if self.pipe is not None and name in _methods.OF_THE_PIPE and kind != "outfile":
            from .errors import ArgumentError

            raise ArgumentError(f"{name}: belongs to diffuscope.open, not to a call", name)
        if kind == "file" or (kind == "texts" and name in _PICTURES):
            many = kind == "texts" and isinstance(value, (list, tuple))
            for v in value if many else [value]:
                self.set(name, self.file_of(name, v))
        elif kind in ("texts", "words") and not isinstance(value, (str, os.PathLike)):
            for v in value:
                self.set(name, v if isinstance(v, str) else os.fspath(v) if isinstance(v, os.PathLike) else str(v))
        elif isinstance(value, bool) or kind == "flag":
            if kind == "flag":
                self.set(name, "true" if value else "false")
            else:
                self.set(name, str(value).lower())
        elif isinstance(value, (tuple, list)):
            self.set(name, ("/" if kind == "part" else ":").join(repr(v) for v in value))
        elif isinstance(value, os.PathLike):
            self.set(name, os.fsencode(os.fspath(value)))
        else:
            self.set(name, repr(value) if isinstance(value, float) else str(value))

    def folder_of(self, result):
        import tempfile

        return result.save(os.path.join(self.files.enter_context(tempfile.TemporaryDirectory(prefix="diffuscope-")), "run"))

    def file_of(self, name, value):
        """A file for an option that reads one: the path, or an array written to a file that lives as long as the job."""
        if isinstance(value, (str, os.PathLike)):
            return os.fsencode(os.fspath(value))
        import tempfile

        folder = self.files.enter_context(tempfile.TemporaryDirectory(prefix="diffuscope-"))
        if name in _PICTURES or name == "mask":
            path = os.path.join(folder, name + ".png")
            rgb = as_rgb(value)
            image = D.ds_image(width=rgb.shape[1], height=rgb.shape[0], rgb=rgb.ctypes.data)
            call("image_save_png", ctypes.byref(image), os.fsencode(path), None, 0)
        else:
            path = os.path.join(folder, name + ".safetensors")
            bundle = Bundle({name: value})
            call("bundle_save", bundle, os.fsencode(path))
        return os.fsencode(path)

    def run(self):
        try:
            with self.watch:
                call("job_run", self.handle, watch=self.watch)
        finally:
            self.end_progress()
            self.files.close()
        return c.job_result(self.handle)


class Bundle(Handle):
    """Named tensors that the library reads; arrays are borrowed, not copied."""

    __slots__ = ("arrays",)

    def __init__(self, arrays=()):
        super().__init__(out("bundle_new"), "bundle_free")
        self.arrays = []
        for name, value in dict(arrays).items():
            t, keep = to_tensor(value)
            self.arrays.append(keep)
            call("bundle_borrow", self, name.encode(), ctypes.byref(t))


def run(method, /, **options):
    """A method by its name, with options as on the command line and its model among them: run("compare",
    model=["a.safetensors", "b.safetensors"], prompt="a cat"). A pipe's own instruments open the model once."""
    return _run(None, method, options)


def _run(pipe, method, options):
    options = dict(options)
    job = Job(pipe, method, {k: v for k, v in options.items() if k != "progress"}, options.get("progress"))
    return CLASSES.get(method, Result)(job, job.run(), pipe, (method, options))


def load(path):
    """The tensors of a safetensors file, by name; mapped, not read."""
    return _tensors(Handle(out("bundle_load", fsencode(path)), "bundle_free"))


def save(path, arrays):
    """Writes arrays to a safetensors file."""
    call("bundle_save", Bundle(arrays), fsencode(path))


def _tensors(handle):
    return Tensors(handle, handle)


class Pipe:
    """An open model. It may be shared by threads: each call has its own state.

        run = pipe("a cat on a mat", steps=20, seed=42)      run.image, run.latents, run.save("out")
        pipe.daam("a cat on a mat")["cat"]                   which pixels read the word
        pipe.info(...), pipe.pid(...), pipe.concept(...), pipe.components(...), pipe.score(...)
        with pipe.watch("*attn2.out") as cache: ...          values inside a run
        with pipe.edit("*attn2.out", fn): ...                changed while it is under way
        pipe.forward("unet", inputs, watch="*attn2*"), pipe.vjp(...)
    """

    def __init__(self, model, path, emphasis="none", notes=()):
        self._model, self.path, self.emphasis, self.remarks = model, path, emphasis, list(notes)
        self._local = Taps()
        remark = c.model_remark(model)
        if remark:
            self.remarks.append(remark.decode())

    def __getattr__(self, name):
        if name.startswith("__") or name not in _methods.instruments():
            raise AttributeError(f"a pipe has no {name!r}")
        return Instrument(self, *_methods.instruments()[name])

    def __dir__(self):
        return [*super().__dir__(), *_methods.instruments()]

    def __repr__(self):
        return f"<Pipe {self.path}>"

    def _taps(self):
        return self._local.entries

    def _run(self, method, options):
        return _run(self, method, options)

    # ---- pictures
    def __call__(self, prompt, **options):
        """Draws: a `Run`. Options as of pipe.generate; diffusers' names are known too."""
        return self._run("generate", {"prompt": prompt, **options})

    def steps(self, prompt, *, steps=20, guidance=7.0, seed=42, negative_prompt=None, sampler=None, width=0, height=0,
              images=1, **aliases):
        """Draws step by step: yields a `Step` after each, with its latents and the clean latent as it predicts it
        (both as they are until the next step). Leaving the loop ends the run."""
        steps = aliases.pop("num_inference_steps", steps)
        guidance = aliases.pop("guidance_scale", aliases.pop("cfg_scale", guidance))
        if aliases:
            raise TypeError(f"steps: unknown options {', '.join(aliases)}; pipe.generate has all")
        watch = Watch()
        o = new("ds_run_options", prompt=prompt.encode(), steps=steps, cfg_scale=guidance, seed=seed, width=width,
                height=height, images=images, cancel=ctypes.pointer(watch.cancel))
        if negative_prompt is not None:
            o.negative_prompt = negative_prompt.encode()
        if sampler is not None:
            o.sampler = sampler.encode()
        taps = [t.bind(watch, looks) for t, looks in self._taps()]
        table = (D.ds_tap * max(1, len(taps)))(*taps)
        if taps:
            o.taps, o.n_taps = ctypes.cast(table, ctypes.POINTER(D.ds_tap)), len(taps)
        run = Handle(out("run_new", self._model, ctypes.byref(o)), "run_free", self, taps, table, watch, o)
        while not c.run_done(run):
            with watch:
                call("run_step", run, watch=watch)
            i, n = c.run_step_index(run), c.run_steps(run)
            latents = from_tensor(c.run_latents(run), run)
            yield Step(i - 1, n, latents[i - 1], from_tensor(c.run_x0(run), run))

    # ---- inside
    def watch(self, pattern, *, steps=None, branch="prompt", image=None, copy=True):
        """`with pipe.watch("unet.*attn2.out") as cache:` keeps the values of these sites of all runs in the block:
        cache[site] has a row for each step. branch: "prompt", "negative" or None for both."""
        cache = Cache()

        def keep(value, event):
            event.value = value.copy()
            cache.events.append(event)

        return Scope(self, Tap(pattern, keep, steps, branch, image), True, cache)

    def edit(self, pattern, op, *, steps=None, branch=None, image=None, part=None):
        """`with pipe.edit("unet.mid_block*attn2.out", fn):` changes these values in all runs in the block. op: a
        function of (array, event) that changes the array or gives another one; an array (replaces); a number
        (multiplies); or diffuscope.scale, add, replace. part=(i, n): the i-th of n equal parts, such as heads."""
        if not isinstance(op, Op) and not callable(op):
            op = scale(float(op)) if isinstance(op, (int, float)) else replace(op)
        tap = Tap(pattern, op, steps, branch, image, part)
        return Scope(self, tap, False, tap)

    def sites(self, pattern=None):
        """Names of the values that can be watched, and their shapes at the model's own size: a dict."""
        p = ctypes.c_void_p()
        call("model_sites", self._model, pattern.encode() if pattern else None, ctypes.byref(p))
        listed = ctypes.cast(p, ctypes.POINTER(D.ds_site_list))
        try:
            table = ctypes.cast(listed[0].site, ctypes.POINTER(D.ds_site))
            return {table[i].name.decode(): tuple(table[i].shape.dim[: table[i].shape.rank])
                    for i in range(listed[0].count)}
        finally:
            c.site_list_free(listed)

    def parameters(self):
        """Names of all parameters ("unet.conv_in.weight")."""
        return [c.model_parameter_name(self._model, i).decode() for i in range(c.model_parameters(self._model))]

    def parameter(self, name):
        """A parameter's values as they lie in the file, read only, without a copy."""
        t = D.ds_tensor()
        call("model_parameter", self._model, ctypes.byref(t), name.encode())
        return from_tensor(t, self._model, readonly=True)

    def tokens(self, text):
        """[(id, piece)] of a text's tokens, without start, end and padding."""
        p = ctypes.c_void_p()
        call("model_tokenizer", self._model, ctypes.byref(p), 1)
        tokenizer = Handle(p, "tokenizer_close")
        q = ctypes.c_void_p()
        call("tokenizer_encode", tokenizer, ctypes.byref(q), text.encode())
        found = ctypes.cast(q, ctypes.POINTER(D.ds_tokens))
        try:
            ids = ctypes.cast(found[0].ids, ctypes.POINTER(ctypes.c_int64))
            return [(ids[i], c.tokenizer_piece(tokenizer, ids[i]).decode()) for i in range(found[0].count)]
        finally:
            c.tokens_free(found)

    def describe(self, hashes=False):
        """Components, files, configuration, prediction type."""
        import json

        p = ctypes.c_void_p()
        call("model_describe", ctypes.byref(p), self._model, hashes)
        return json.loads(take_text(p))

    # ---- one network
    def _forward(self, module, inputs, watch, wrt):
        given = Bundle(inputs)
        result = Bundle()
        watching = Watch()
        patterns = [watch] if isinstance(watch, str) else list(watch or ())
        wanted = [wrt] if isinstance(wrt, str) else list(wrt or ())
        a, b = (ctypes.c_char_p * max(1, len(patterns)))(*[p.encode() for p in patterns]), \
            (ctypes.c_char_p * max(1, len(wanted)))(*[p.encode() for p in wanted])
        o = new("ds_forward_options", watch=a, n_watch=len(patterns), wrt=b, n_wrt=len(wanted),
                cancel=ctypes.pointer(watching.cancel))
        with watching:
            call("model_forward_with", self._model, module.encode(), given, result, ctypes.byref(o), watch=watching)
        return _tensors(result)

    def forward(self, module, inputs, watch=None):
        """Runs one network ("unet", "text_encoder", "vae.decode" ...) on arrays with diffusers' argument names:
        (outputs, cache), where cache holds the values of the sites that match watch."""
        every = self._forward(module, inputs, watch, None)
        own = {k: v for k, v in every.items() if k.count(".") < 2 or k.startswith("hidden_states.")}
        return own, {k: v for k, v in every.items() if k not in own}

    def vjp(self, module, inputs, cotangents, wrt, watch=None):
        """Vector-Jacobian products of a network: sum over outputs of cotangent times d output / d x, for each input
        and parameter x that matches a pattern of wrt: a dict by name. `gate.<site>` works as in forward --wrt."""
        given = {**inputs, **{f"cotangent.{k}": v for k, v in cotangents.items()}}
        every = self._forward(module, given, watch, wrt)
        return {k[5:]: v for k, v in every.items() if k.startswith("grad.")}

    # ---- DAAM's habit
    def trace(self, **options):
        """See diffuscope.trace."""
        from .compat import trace

        return trace(self, **options)


from ._methods import Instrument  # noqa: E402  (after Pipe: the two know each other)
