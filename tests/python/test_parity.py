"""Every instrument from Python gives the bits that the command line gives: the cases of tests/contract are run by
the program, and once more from the options that their records hold."""

import json
import os
import pathlib
import sys
import tempfile
import unittest

import numpy as np

import diffuscope as ds

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "contract"))
import cases  # noqa: E402

# Instruments that the frozen cases leave out.
FAST = ("--steps 4 --batch 2 --restarts 2 --pictures 3 --held-out 2 --bank-steps 4 --check-every 2 --from 0 --draw-steps 2 "
        "--draw-count 1 --sampler ddim --dictionary words --tokens 5")
SCORE = "--seeds 2 --steps 2 --exact 1"
OURS = {
    "py-concept": f'concept -m model -w q -p "x <> {{y|z}}" {FAST} --out $O',
    "py-edit": "concept edit -m model --run ${py-concept} --scale d=3 --steps 2 --sampler ddim --out $O",
    "py-way": "concept interpolate -m model a b --count 3 --steps 2 --sampler ddim --out $O",
    "py-compare": "concept compare -m model q q --run ${py-concept} --other ${py-concept} --out $O",
    "py-why": "concept explain -m model --run ${py-concept} --steps 2 --sampler ddim --tokens 3 --out $O",
    "py-bias": 'concept bias -m model --run ${py-concept} --attribute a --between "a <>" --between "b <>" --toward a '
               "--strength 0 --count 2 --steps 2 --sampler ddim --out $O",
    "py-mix": 'concept mix -m model -w q -p "x <>" --name a --name b --name c --sentences 3 --neutral 2 --out $O',
    "py-scores": f'component score -m model {SCORE} --concept "a {{red|blue}} cat" --base "a dog" --weights --out $O',
    "py-erase": "component edit -m model --scores ${py-scores} -g neuron --count 3 --draws 4 --yes --out $O",
    "py-few": "component edit -m model --scores ${py-scores} --select global --count 40 --draws 0 --pictures 0 --out $O",
    "py-check": "component check -m model --scores ${py-scores} -g head --count 1 --draws 6 --draws-at 2 --out $O",
    "py-two": 'compare -m model -m model -p "a cat, a dog" --method daam --word cat --steps 2 --out $O',
    "py-overlap": "component overlap ${py-erase} ${py-few} --make union --out $O",
    "py-redirect": "component redirect -m model --concept cat --to dog --keep keep --out $O",
}

QUICK = os.environ.get("TESTS_ALL") != "1"  # in `make test`, the first case of each method
# A run that reads the folder of another run, or a state that it left: the record's options do not repeat it.
FILES_OF_OTHERS = {"state", "merge", "resume", "load-heads", "part"}


def chosen():
    """{name: method} of the cases, and all cases."""
    methods, first, out, every = ds.methods(), set(), {}, cases.read()
    for name, line in OURS.items():
        every[name] = cases.Case(name, line, needs=tuple(n for n in cases.references(line) if n != "O"))
    for name, case in every.items():
        words = case.line.split()
        if case.code or case.world or case.keys or case.grammar or "$O" not in words or "--out" not in words:
            continue
        method = "-".join(words[:2]) if "-".join(words[:2]) in methods else words[0]
        if method not in methods or any(f"--{o}" in words for o in FILES_OF_OTHERS):
            continue
        if QUICK and method in first:
            continue
        first.add(method)
        out[name] = method
    wanted, todo = set(), list(out)
    while todo:
        name = todo.pop()
        wanted.add(name)
        todo += every[name].needs
    return out, {n: case for n, case in every.items() if n in wanted}


def options_of(record, method):
    """What a caller would have given: the recorded options that are no default."""
    rows = {o["name"]: o for o in ds.methods()[method]["options"]}
    given = {}
    for name, value in record["options"].items():
        row = rows[name]
        standard = row["default"]
        if value is None or value is False or value == [] or name in ("out", "threads", "model"):
            continue
        if row["kind"] in ("outfile", "outdir"):  # what is written is also computed
            given[name] = f"{value}.again"
            continue
        if standard is not None and (str(value) == standard or
                                     isinstance(value, (int, float)) and float(standard) == value):
            continue
        given[name] = value
    for row in rows.values():
        if row["positional"] and record.get("arguments"):
            given[row["name"]] = record["arguments"]
    if given.get("save-trace"):  # which goes into the folder
        given["out"] = f"{record['options']['out']}.again"
    return given


def without_times(x):
    if isinstance(x, dict):
        return {k: without_times(v) for k, v in x.items() if k not in ("seconds", "folder", "path", "state", "file")}
    return [without_times(v) for v in x] if isinstance(x, list) else x


class Parity(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.names, needed = chosen()
        for name, lines in (("words", "a b c d e f g h"), ("keep", "one two three")):
            pathlib.Path(cls.folder.name, name).write_text("\n".join(lines.split()))
        program = os.path.abspath(os.path.join(os.environ.get("BUILD", "build"), "diffuscope"))
        cls.outcome = cases.run(program, cls.folder.name, needed)
        cls.home = os.getcwd()
        os.chdir(cls.folder.name)
        ds.set_threads(1)

    @classmethod
    def tearDownClass(cls):
        os.chdir(cls.home)
        cls.folder.cleanup()

    def compare(self, folder, result, name):
        file = os.path.join(folder, "tensors.safetensors")
        if os.path.exists(file):
            was, now = ds.load(file), result.tensors
            self.assertEqual(sorted(was), sorted(now), name)
            for key in was:
                self.assertEqual(was[key].dtype, now[key].dtype, f"{name}: {key}")
                self.assertTrue(np.array_equal(was[key].view(np.uint8), now[key].view(np.uint8)), f"{name}: {key}")
        return len(os.listdir(folder))

    def test_instruments_are_among_the_cases(self):
        # The others need CLIP or a list of known answers, or write nothing but one file.
        missing = {m for m in set(ds.methods()) - set(self.names.values()) if not m.startswith("eval-")}
        self.assertGreater(len(self.names), 20)
        self.assertFalse({m for m in missing if m.split("-")[0] in ("generate", "daam", "info", "pid")})
        print(f"\nwithout a case: {', '.join(sorted(missing))}")

    def test_bits(self):
        for name, method in self.names.items():
            with self.subTest(name):
                self.assertEqual(self.outcome[name].code, 0, self.outcome[name].stderr)
                folder = os.path.join("run", name)
                with open(os.path.join(folder, "run.json"), encoding="utf-8") as f:
                    record = json.load(f)
                options = options_of(record, method)
                if method == "compare":
                    result = ds.run(method, **{k.replace("-", "_"): v for k, v in {**options, "model": record["options"]["model"]}.items()})
                    self.compare(folder, result, name)
                    continue
                pipe = ds.open("model", **{k.replace("-", "_"): options.pop(k) for k in list(options)
                                           if k in ("compute", "emphasis", "prediction", "lora", "embedding")
                                           and method != "concept-save"})
                result = pipe._run(method, options)
                self.compare(folder, result, name)
                for i, part in enumerate(result.parts):
                    self.compare(os.path.join(folder, f"{i:03d}"), part, f"{name} {i}")
                with open(os.path.join(folder, "result.json"), encoding="utf-8") as f:
                    was = json.load(f)
                self.assertEqual(without_times(was), without_times(json.loads(ds._lib.text_of("result_json", result._p))),
                                 name)


if __name__ == "__main__":
    unittest.main()
