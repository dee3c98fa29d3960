"""The cases: what is run, and running it.

A line of the file `cases` is `NAME [words] : ARGUMENTS`. NAME is also the case's folder below run/.
In ARGUMENTS, $O is that folder and $NAME (or ${NAME}) is the folder of an earlier case; everything
else is a path below the folder that the program runs in, which holds model/ (made of small.json), world/, and
in/ (the files of inputs/, and tensors that `inputs` below makes). The words before the colon:

    exit=N      the exit code: of a command that fails, that is all that is frozen
    keys        names, keys and types are frozen, and no numbers: of the model that comes with the
                program, which is trained anew from time to time
    world       runs diffuscope-world instead
    lines       standard output is frozen line by line, in any order
    options     the names of the options that a help text tells
    grammar     needs link-grammar; left out where the program says that it lacks it
"""

import concurrent.futures
import dataclasses
import json
import math
import os
import re
import shlex
import shutil
import struct
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
LIMIT = 120  # seconds for one case


@dataclasses.dataclass
class Case:
    name: str
    line: str
    code: int = 0
    keys: bool = False
    world: bool = False
    grammar: bool = False
    lines: bool = False
    options: bool = False
    needs: tuple = ()


@dataclasses.dataclass
class Outcome:
    case: Case
    program: str
    code: int = 0
    stdout: bytes = b""
    stderr: str = ""
    skipped: str = ""


def read():
    """All cases by name, in the order of the file."""
    found = {}
    with open(os.path.join(HERE, "cases"), encoding="utf-8") as f:
        text = f.read().replace("\\\n", " ")
    for line in text.splitlines():
        line = re.sub(r" +", " ", line).strip()
        if not line or line.startswith("#"):
            continue
        head, colon, arguments = (line + " ").partition(" : ")
        name, *words = head.split()
        if colon == "" or name in found:
            raise SystemExit(f"cases: expected NAME : ARGUMENTS with a new name, found {line}")
        case = Case(name, arguments.strip())
        for word in words:
            if word.startswith("exit="):
                case.code = int(word[5:])
            else:
                setattr(case, word, True)
        case.needs = tuple(n for n in references(arguments) if n != "O")
        for n in case.needs:
            if n not in found:
                raise SystemExit(f"cases: {name} refers to ${n}, which no case before it is called")
        found[name] = case
    return found


def references(text):
    return [a or b for a, b in re.findall(r"\$(?:\{([\w-]+)\}|(\w+))", text)]


def select(names):
    """The named cases (a name may end in *) with those that they need; all without names."""
    found = read()
    if not names:
        return found
    wanted = set()

    def want(name):
        wanted.add(name)
        for n in found[name].needs:
            want(n)

    for name in names:
        matches = [n for n in found if n == name or name[-1] == "*" and n.startswith(name[:-1])]
        if not matches:
            raise SystemExit(f"no case is called {name}")
        for n in matches:
            want(n)
    return {n: c for n, c in found.items() if n in wanted}


def environment():
    """One thread, so that sums have one order; nothing that a user has set."""
    e = {k: v for k, v in os.environ.items() if not k.startswith(("DIFFUSCOPE_MODEL", "HF_", "OMP_"))}
    e.update(OMP_NUM_THREADS="1", LC_ALL="C.UTF-8", GOMP_SPINCOUNT="1000")
    return e


def arguments(case):
    def folder(match):
        name = match.group(1) or match.group(2)
        return "run/" + (case.name if name == "O" else name)

    return [re.sub(r"\$(?:\{([\w-]+)\}|(\w+))", folder, a) for a in shlex.split(case.line)]


def run_case(program, work, case):
    command = [program + "-world" if case.world else program] + arguments(case)
    out = Outcome(case, program)
    with open(os.path.join(work, "run", case.name + ".stdout"), "w+b") as stdout:
        try:
            done = subprocess.run(command, cwd=work, env=environment(), stdin=subprocess.DEVNULL,
                                  stdout=stdout, stderr=subprocess.PIPE, timeout=LIMIT, check=False)
            out.code, out.stderr = done.returncode, done.stderr.decode(errors="replace")
        except subprocess.TimeoutExpired:
            out.code, out.stderr = -1, f"ended after {LIMIT} seconds"
        stdout.seek(0)
        out.stdout = stdout.read()
    if case.grammar and out.code == 3 and "link-grammar" in out.stderr:
        out.skipped = "the program was built without link-grammar"
    return out


def write_tensors(path, shapes):
    """A safetensors file with numbers that look like noise, the same everywhere."""
    header, body = {}, b""
    for name, (shape, scale) in shapes.items():
        count = math.prod(shape)
        values = [scale * math.sin(i * i * 0.37 + i) * 1.414 for i in range(count)]
        if name == "timestep":
            values = [301.0]
        raw = struct.pack(f"<{count}f", *values)
        if name == "input_ids":
            raw = struct.pack(f"<{count}q", 518, *[i * 7 % 500 for i in range(count - 2)], 519)
        header[name] = {"dtype": "I64" if name == "input_ids" else "F32", "shape": shape,
                        "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + body)


TENSORS = {
    "unet": {"sample": ([1, 4, 8, 8], 1), "timestep": ([1], 0),
             "encoder_hidden_states": ([1, 77, 16], 1)},
    "unet-vjp": {"sample": ([1, 4, 8, 8], 1), "timestep": ([1], 0),
                 "encoder_hidden_states": ([1, 77, 16], 1), "cotangent.sample": ([1, 4, 8, 8], 1)},
    "text": {"input_ids": ([1, 77], 0)},
    "decode": {"latent": ([1, 4, 8, 8], 1)},
    "encode": {"image": ([1, 3, 64, 64], 0.5)},
    "latent": {"latent": ([1, 4, 8, 8], 1)},
    "toy": {"latent": ([1, 4, 6, 5], 1)},
}


def inputs(program, work):
    """What the cases read: a model, the world, and the files of inputs/."""
    os.makedirs(os.path.join(work, "run"))
    os.symlink(os.path.join(ROOT, "world"), os.path.join(work, "world"))
    shutil.copytree(os.path.join(HERE, "inputs"), os.path.join(work, "in"))
    shutil.copy(os.path.join(HERE, "small.json"), os.path.join(work, "in"))
    for name, shapes in TENSORS.items():
        write_tensors(os.path.join(work, "in", name + ".safetensors"), shapes)
    done = subprocess.run([program, "new-model", "--like", "in/small.json", "--out",
                           "model", "--seed", "3", "-q"], cwd=work, env=environment(),
                          capture_output=True, check=False)
    if done.returncode != 0:
        raise SystemExit("the small model could not be made: " + done.stderr.decode())


def run(program, work, chosen):
    """Runs the cases on two cores, each after those that it needs: {name: outcome} in their order."""
    inputs(program, work)
    futures = {}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:

        def one(case):
            for n in case.needs:
                futures[n].result()
            return run_case(program, work, case)

        for name, case in chosen.items():  # in order: what a case needs was handed in before it
            futures[name] = pool.submit(one, case)
    return {name: f.result() for name, f in futures.items()}
