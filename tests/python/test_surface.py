"""The package's own promises: errors, arrays without copies, values inside a run, interrupts, threads, tables."""

import gc
import inspect
import json
import math
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

import numpy as np

import diffuscope as ds
from diffuscope import _lib

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROMPT = "a noto strawberry left of a cheese"
SITE = "unet.mid_block.attentions.0.transformer_blocks.0.attn2.out"


def resident():
    with open("/proc/self/statm", encoding="ascii") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")


class Model(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pipe = ds.open()


class Errors(Model):
    def test_each_status_has_a_class(self):
        for status in _lib.D.STATUSES[1:]:
            cls = ds.errors.BY_STATUS[status]
            self.assertTrue(issubclass(cls, ds.Error), status)
            self.assertEqual(cls.status, status)
            code = _lib.D.STATUSES.index(status)
            self.assertIs(type(_lib.fail(code)), cls)
            self.assertEqual(_lib.c.status_name(code).decode(), status)

    def test_what_python_expects(self):
        with self.assertRaises(LookupError) as e:
            self.pipe.daam("a cat", "dog", steps=1)
        self.assertIn("dog", str(e.exception))
        with self.assertRaisesRegex(ds.NoMatchError, "did you mean steps"):
            self.pipe(PROMPT, stepz=1)
        with self.assertRaises(ds.ArgumentError):
            self.pipe(PROMPT, steps=-3)
        with self.assertRaises(OSError) as e:
            ds.open("/nowhere/model.safetensors")
        self.assertIn("/nowhere", str(e.exception))
        with tempfile.NamedTemporaryFile(suffix=".safetensors") as f:
            f.write(b"\xff" * 64)
            f.flush()
            self.assertRaises(ds.FormatError, ds.open, f.name)
            self.assertRaises(ds.FormatError, ds.load, f.name)
        with self.assertRaises(ds.ShapeError):
            self.pipe.forward("unet", {"sample": np.zeros(3), "timestep": np.zeros(1),
                                       "encoder_hidden_states": np.zeros((1, 77, 16))})
        with self.assertRaisesRegex(ds.ArgumentError, "belongs to diffuscope.open"):
            self.pipe(PROMPT, lora="x.safetensors")

    def test_another_library_is_refused(self):
        """A struct that lies otherwise than in the library is found when the package is imported."""
        code = ("import diffuscope._declarations as D, ctypes\n"
                "class ds_tensor(ctypes.Structure):\n    _fields_ = D.ds_tensor._fields_[::-1]\n"
                "D.STRUCTS['ds_tensor'] = ds_tensor\n")
        code = "import sys, types, importlib.util as u\n" \
               "s = u.find_spec('diffuscope'); p = types.ModuleType('diffuscope'); p.__path__ = s.submodule_search_locations\n" \
               "sys.modules['diffuscope'] = p\n" + code + "import diffuscope._lib\n"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("ds_tensor", done.stderr)
        self.assertIn("ImportError", done.stderr)


class Numbers(unittest.TestCase):
    def test_a_value_prints_with_its_interval(self):
        v = ds.Value(1.5, se=0.1, low=1.3, high=1.7, unit="nats")
        self.assertEqual(str(v), "1.5 [1.3, 1.7] nats")
        self.assertEqual(v + 1, 2.5)
        self.assertEqual(f"{v:.2f}", "1.50")
        self.assertTrue(math.isnan(ds.Value(2).se))

    def test_results_hold_values(self):
        r = ds.open().info("a noto strawberry", "strawberry", steps=2, replicates=3, nodes=1, pilot=0)
        v = r.word("strawberry")
        self.assertIsInstance(v, ds.Value)
        self.assertEqual(v, r["questions.0.i_o"])
        self.assertEqual(v.unit, "nats")
        self.assertLess(v.low, v)
        self.assertLess(v, v.high)
        self.assertAlmostEqual(v.more["bits"], v / math.log(2), places=4)
        self.assertRaises(KeyError, r.word, "cheese")
        try:
            import pandas  # noqa: F401
        except ImportError:
            print("SKIPPED: no pandas here")
            return
        self.assertIn("i_o_se", r.to_frame("questions").columns)


class Arrays(Model):
    def test_arrays_are_the_librarys_memory_and_keep_it(self):
        run = self.pipe(PROMPT, steps=2, seed=2)
        a, b = run.latents, run.latents
        self.assertEqual(a.ctypes.data, b.ctypes.data)
        copy, image = a.copy(), run.image
        pixels = image.copy()
        del run, b
        gc.collect()
        for _ in range(3):
            self.pipe(PROMPT, steps=1)
        self.assertTrue(np.array_equal(a, copy))
        self.assertTrue(np.array_equal(image, pixels))
        self.assertEqual(image.dtype, np.uint8)
        self.assertEqual(image.shape, (64, 64, 3))

    def test_dlpack(self):
        a = self.pipe(PROMPT, steps=1).latents
        if not hasattr(np, "from_dlpack"):
            self.skipTest("this NumPy lacks from_dlpack")
        self.assertEqual(np.from_dlpack(a).ctypes.data, a.ctypes.data)
        m = self.pipe.daam(PROMPT, "cheese", steps=1)["cheese"]
        self.assertEqual(np.from_dlpack(m).ctypes.data, m.numpy().ctypes.data)
        self.assertEqual(np.asarray(m).ctypes.data, m.numpy().ctypes.data)

    def test_100_megabytes_are_not_copied(self):
        from diffuscope._model import Bundle

        x = np.ones(25 << 20, np.float32)
        before = resident()
        b = Bundle({"x": x})
        t = _lib.c.bundle_find(b, b"x")[0]
        self.assertEqual(t.data, x.ctypes.data)
        from diffuscope._arrays import from_tensor

        self.assertEqual(from_tensor(t, b).ctypes.data, x.ctypes.data)
        self.assertLess(resident() - before, 8 << 20)

    def test_files(self):
        with tempfile.TemporaryDirectory() as d:
            x = {"a": np.arange(6, dtype=np.int64).reshape(2, 3), "b": np.float16([1.5])}
            ds.save(d + "/x.safetensors", x)
            y = ds.load(d + "/x.safetensors")
            self.assertTrue(all(np.array_equal(x[k], y[k]) and x[k].dtype == y[k].dtype for k in x))

    def test_torch(self):
        try:
            import torch
        except ImportError:
            self.skipTest("no PyTorch here")
        a = self.pipe(PROMPT, steps=1).latents
        t = torch.from_dlpack(a)
        self.assertEqual(t.data_ptr(), a.ctypes.data)
        hidden = torch.zeros(1, 32, self.pipe.parameter("unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight").shape[1])
        inputs = {"sample": torch.from_dlpack(a)[0], "timestep": torch.tensor([500.0]), "encoder_hidden_states": hidden}
        one, _ = self.pipe.forward("unet", inputs)
        two, _ = self.pipe.forward("unet", {k: v.numpy() for k, v in inputs.items()})
        self.assertTrue(np.array_equal(one["sample"], two["sample"]))
        half, _ = self.pipe.forward("unet", {k: v.bfloat16() for k, v in inputs.items()})
        self.assertLess(abs(half["sample"] - one["sample"]).max(), 0.2)


class Surface(Model):
    def test_pictures(self):
        run = self.pipe(PROMPT, num_inference_steps=3, guidance_scale=3.0, seed=5)
        same = self.pipe.generate(PROMPT, steps=3, guidance=3.0, seed=5)
        self.assertTrue(np.array_equal(run.latents, same.latents))
        self.assertEqual([s.index for s in run], [0, 1, 2])
        self.assertEqual(run.record["options"]["cfg-scale"], 3.0)
        self.assertTrue(np.array_equal(run.replay().latents, run.latents))
        with tempfile.TemporaryDirectory() as d:
            run.save(d + "/run")
            self.assertEqual(sorted(os.listdir(d + "/run")),
                             ["image.png", "report.html", "result.json", "run.json", "tensors.safetensors"])
        self.assertEqual(run._repr_png_()[:4], b"\x89PNG")
        live = [(s.index, s.latents.copy()) for s in self.pipe.steps(PROMPT, steps=3, guidance=3.0, seed=5)]
        self.assertTrue(all(np.array_equal(x, run.latents[i]) for i, x in live))

    def test_a_picture_may_be_an_array(self):
        image = self.pipe(PROMPT, steps=2).image
        with tempfile.TemporaryDirectory() as d:
            self.pipe(PROMPT, steps=2).save(d + "/run")
            a = self.pipe(PROMPT, init_img=image, steps=2)
            b = self.pipe(PROMPT, init_img=d + "/run/image.png", steps=2)
        self.assertTrue(np.array_equal(a.latents, b.latents))
        c = self.pipe(PROMPT, init_img=np.moveaxis(image, -1, 0).astype(np.float32) / 255, steps=2)
        self.assertTrue(np.array_equal(a.latents, c.latents))

    def test_word_maps(self):
        maps = self.pipe.daam(PROMPT, ["cheese", "strawberry"], steps=3, seed=2)
        self.assertEqual(set(maps.words), {"cheese", "strawberry"})
        m = maps["cheese"]
        self.assertTrue(np.array_equal(m.numpy(), maps.tensors["word/cheese"]))
        self.assertTrue(np.array_equal(m.mask(0.4), maps.tensors["mask/cheese"] != 0))
        self.assertEqual(m.mask().shape, (64, 64))
        self.assertRaisesRegex(KeyError, "there are: ", maps.__getitem__, "dog")
        self.assertEqual(m._repr_png_()[:4], b"\x89PNG")
        self.assertIn("<iframe", maps._repr_html_())
        self.assertIn("cheese", maps.page)

    def test_daams_own_verbs(self):
        with ds.trace(self.pipe) as tc:
            out = self.pipe(PROMPT, steps=3, seed=2)
            heat = tc.compute_global_heat_map().compute_word_heat_map("cheese")
        self.assertTrue(np.array_equal(heat.heatmap, self.pipe.daam(PROMPT, steps=3, seed=2)["cheese"].numpy()))
        self.assertTrue(np.array_equal(out.images[0], self.pipe(PROMPT, steps=3, seed=2).image))
        self.assertAlmostEqual(float(heat.expand_as(out.images[0]).max()), 1, places=5)

    def test_signatures_come_from_the_tables(self):
        s = inspect.signature(self.pipe.daam)
        self.assertEqual(list(s.parameters)[:2], ["prompt", "word"])
        self.assertEqual(s.parameters["steps"].default, 20)
        self.assertNotIn("model", s.parameters)
        self.assertIn("arXiv:2210.04885", self.pipe.daam.__doc__)
        for name in ds._model._methods.instruments():
            i = getattr(self.pipe, name)
            forms = [i, *(getattr(i, f) for f in i._forms)]
            for f in forms:
                self.assertTrue(inspect.signature(f).parameters, f)
                self.assertLess(max(map(len, f.__doc__.split("\n"))), 200)

    def test_networks(self):
        sites = self.pipe.sites("unet.mid*attn2.out")
        self.assertIn(SITE, sites)
        name = "unet.conv_in.weight"
        w = self.pipe.parameter(name)
        self.assertFalse(w.flags.writeable)
        self.assertIn(name, self.pipe.parameters())
        ids = np.array([[i for i, _ in self.pipe.tokens("a cat")]], np.int64)
        out, cache = self.pipe.forward("text_encoder", {"input_ids": np.resize(ids, (1, 32))}, watch="*layers.0*out_proj")
        self.assertEqual(out["last_hidden_state"].shape[:2], (1, 32))
        self.assertTrue(cache)
        z = np.random.default_rng(0).standard_normal((1, *self.pipe(PROMPT, steps=1).latents.shape[2:])).astype("f")
        inputs = {"sample": z, "timestep": np.float32([500]), "encoder_hidden_states": out["last_hidden_state"]}
        eps, _ = self.pipe.forward("unet", inputs)
        direction = np.random.default_rng(1).standard_normal(z.shape).astype("f")
        g = self.pipe.vjp("unet", inputs, {"sample": eps["sample"]}, wrt="sample")["sample"]
        step = 1e-2
        up, _ = self.pipe.forward("unet", {**inputs, "sample": z + step * direction})
        down, _ = self.pipe.forward("unet", {**inputs, "sample": z - step * direction})
        slope = ((up["sample"] - down["sample"]).astype("d") * eps["sample"]).sum() / (2 * step)
        self.assertAlmostEqual(slope / (g.astype("d") * direction).sum(), 1, delta=0.02)


class Inside(Model):
    def test_watching_changes_nothing(self):
        with self.pipe.watch(SITE) as cache:
            run = self.pipe(PROMPT, steps=3, seed=2)
        self.assertTrue(np.array_equal(run.latents, self.pipe(PROMPT, steps=3, seed=2).latents))
        self.assertEqual(list(cache), [SITE])
        self.assertEqual(len(cache[SITE]), 3)
        self.assertEqual([e.step for e in cache.events], [0, 1, 2])

    def test_a_function_replaces_a_value(self):
        plain = self.pipe(PROMPT, steps=3, seed=2).latents.copy()
        with self.pipe.edit(SITE, lambda v, e: v):
            self.assertTrue(np.array_equal(self.pipe(PROMPT, steps=3, seed=2).latents, plain))
        with self.pipe.edit(SITE, lambda v, e: 0 * v):
            by_function = self.pipe(PROMPT, steps=3, seed=2).latents.copy()
        with self.pipe.edit(SITE, 0):
            by_scale = self.pipe(PROMPT, steps=3, seed=2).latents.copy()
        self.assertTrue(np.array_equal(by_function, by_scale))
        self.assertFalse(np.array_equal(by_function, plain))
        self.assertTrue(np.array_equal(self.pipe(PROMPT, steps=3, seed=2).latents, plain))

    def test_patching(self):
        """All of another run's values at a site give what that run says there; with itself, nothing changes."""
        with self.pipe.watch(SITE, branch=None) as cache:
            plain = self.pipe(PROMPT, steps=2, seed=2).latents.copy()
        rows = {(e.step, e.branch): e.value for e in cache.events}
        with self.pipe.edit(SITE, lambda v, e: rows[e.step, e.branch]):
            self.assertTrue(np.array_equal(self.pipe(PROMPT, steps=2, seed=2).latents, plain))
        with self.pipe.edit(SITE, ds.replace(rows[0, "prompt"][0]), steps=0, branch="prompt"):
            self.assertTrue(np.array_equal(self.pipe(PROMPT, steps=2, seed=2).latents, plain))
        with self.pipe.edit(SITE, ds.add(np.ones(rows[0, "prompt"].shape[-1]), 3.0)):
            self.assertFalse(np.array_equal(self.pipe(PROMPT, steps=2, seed=2).latents, plain))

    def test_an_exception_of_a_function_comes_out(self):
        def broken(value, event):
            raise ZeroDivisionError("mine")

        with self.pipe.edit(SITE, broken), self.assertRaisesRegex(ZeroDivisionError, "mine"):
            self.pipe(PROMPT, steps=2)
        self.pipe(PROMPT, steps=1)

    def test_taps_belong_to_their_thread(self):
        plain, seen = self.pipe(PROMPT, steps=2).latents.copy(), []
        with self.pipe.edit(SITE, 0):
            t = threading.Thread(target=lambda: seen.append(self.pipe(PROMPT, steps=2).latents.copy()))
            t.start()
            t.join()
        self.assertTrue(np.array_equal(seen[0], plain))


class Interrupts(Model):
    def test_control_c_ends_a_step(self):
        """SIGINT while a call is under way: KeyboardInterrupt, soon, and the pipe goes on working."""
        begun = threading.Event()

        def later():
            begun.wait()
            os.kill(os.getpid(), signal.SIGINT)

        t = threading.Thread(target=later)
        t.start()
        steps = []
        with self.assertRaises(KeyboardInterrupt):
            with self.pipe.watch("sampler.x", branch=None) as cache:
                cache.events = Noticed(begun, steps)
                self.pipe(PROMPT, steps=1000, seed=1)
        t.join()
        self.assertLess(len(steps), 1000)
        self.assertIs(signal.getsignal(signal.SIGINT), signal.default_int_handler)
        self.pipe(PROMPT, steps=1)

    def test_progress(self):
        told = []
        self.pipe(PROMPT, steps=3, progress=lambda stage, done, total: told.append((stage, done, total)))
        self.assertIn(("sampling", 3, 3), told)


class Noticed(list):
    def __init__(self, event, steps):
        super().__init__()
        self.event, self.steps = event, steps

    def append(self, e):
        self.steps.append(e.step)
        if e.step == 2:
            self.event.set()


class Threads(Model):
    def test_several_runs_at_once(self):
        alone = {s: self.pipe(PROMPT, steps=3, seed=s, threads=1).latents.copy() for s in range(4)}
        together = {}

        def one(seed):
            together[seed] = self.pipe(PROMPT, steps=3, seed=seed, threads=1).latents.copy()

        threads = [threading.Thread(target=one, args=(s,)) for s in alone]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertTrue(all(np.array_equal(alone[s], together[s]) for s in alone))

    def test_the_gil_is_released(self):
        counted, stop = [0], threading.Event()

        def count():
            while not stop.is_set():
                counted[0] += 1
                stop.wait(0.0001)

        t = threading.Thread(target=count)
        t.start()
        before = counted[0]
        self.pipe(PROMPT, steps=20, threads=1)
        during = counted[0] - before
        stop.set()
        t.join()
        self.assertGreater(during, 5)

    def test_runs_leave_no_memory(self):
        runs = 1000 if os.environ.get("TESTS_ALL") == "1" else 30
        for _ in range(max(20, runs // 5)):
            self.pipe(PROMPT, steps=1, width=16, height=16)
        gc.collect()
        before = resident()
        for _ in range(runs):
            self.pipe(PROMPT, steps=1, width=16, height=16)
        gc.collect()
        self.assertLess(resident() - before, 6 << 20)


class Readme(unittest.TestCase):
    def test_block_works_as_pasted(self):
        text = (ROOT / "README.md").read_text(encoding="utf-8")
        after = text.split("tests/python/test_surface.py runs this block -->", 1)[1].split("Every instrument", 1)[0]
        code = "\n".join(line[4:] for line in after.splitlines())
        self.assertIn("pipe.info(", code)
        home = os.getcwd()
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                found = {}
                exec(code, found)
                self.assertTrue(os.path.exists("strawberry/run.json"))
                self.assertGreater(found["info"].word("cheese"), 10)
            finally:
                os.chdir(home)


class Scenes(unittest.TestCase):
    def test_scenes(self):
        from diffuscope import datasets

        try:
            scenes = datasets.scenes("pair", 3)
        except (ds.Error, FileNotFoundError) as e:
            self.skipTest(f"no drawings of the world: {e}")
        s = scenes[1]
        self.assertEqual(s.image.shape, (64, 64, 3))
        self.assertEqual(len(s.masks), len(s.entities))
        self.assertTrue(np.array_equal(s.masks, datasets.scenes("pair", 3)[1].masks))
        self.assertFalse(np.array_equal(s.image, scenes[2].image))
        self.assertEqual(len(s.words()), 2)
        for word, entity in s.words().items():
            self.assertEqual(int(s.mask(word).sum()), s.entities[entity]["area"])
            x, y, w, h = s.entities[entity]["box"]
            self.assertTrue(s.masks[entity][y : y + h, x : x + w].any())
        self.assertEqual(json.loads(json.dumps(s.factors)), s.factors)
        self.assertRaises(ds.Error, datasets.scenes, "nonsense")


if __name__ == "__main__":
    unittest.main()
