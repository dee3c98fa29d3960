"""What a command leaves, as lines of text, and the comparison of such lines.

A line at the margin names a file (or standard output, where that is JSON); those below it, indented,
say what is in it: `PLACE TYPE VALUE`. How a VALUE is compared:

    text, integer, boolean, texts, integers   exactly
    real            within TOLERANCE of the largest number of its group, see `scales`
    reals           as a tensor
    tensor          element type and shape exactly; the mean, the root mean square and the first and
                    last element within TOLERANCE of the root mean square
    share           of ones in a mask, within STEP: a pixel at the threshold may be on either side
    at-least        counts that may grow
"""

import hashlib
import json
import math
import os
import re
import struct
import zlib

TOLERANCE = 2e-4  # kernels of other instruction sets stay within a tenth of it
QUOTIENTS, LOOSE = {"share", "shares"}, 1e-2  # but quotients of small differences
STEP = 0.005
MOST = 6  # elements of a list that are all described; of a longer one the first and the last

# Sentences for people, which may be worded better; what differs between machines and days; and what
# is a step function of the numbers.
SENTENCES = {"plan", "warnings", "note", "notes", "remark", "remarks"}
VOLATILE = {"versions", "timings", "started", "instructions", "sha256", "bytes", "elapsed", "seconds"}
STEPS = {"area", "fixed", "iou", "iou_o", "iou_s", "undecided_share", "following_B_share"}
TYPE_ONLY = SENTENCES | VOLATILE | {"counts"}


# ---- JSON ---------------------------------------------------------------------------------------

def quoted(key):
    return key if re.fullmatch(r"[^\s.\[\]\"]+", key) else json.dumps(key, ensure_ascii=False)


def json_lines(place, value, key="", hidden=False):
    """One line for each number, text, ... of a JSON value. hidden: types without values."""
    hidden = hidden or key in TYPE_ONLY
    if isinstance(value, dict) and value:
        for k, x in value.items():
            yield from json_lines(f"{place}.{quoted(k)}" if place else quoted(k), x,
                                  key if key in STEPS else k, hidden)
    elif isinstance(value, list):
        yield from list_lines(place or ".", value, key, hidden)
    else:
        yield f"{place or '.'} {scalar(value, key, hidden)}"


def kind(value):
    if value is None or isinstance(value, dict):
        return "null" if value is None else "object"
    if isinstance(value, bool):
        return "boolean"
    return {int: "integer", float: "real", str: "text", list: "list"}[type(value)]


def scalar(value, key, hidden):
    t = kind(value)
    if t == "real":
        t = "share" if key in STEPS else t
        return t if hidden else f"{t} {value:.6g}"
    return t if hidden or t in ("null", "object") else f"{t} {json.dumps(value, ensure_ascii=False)}"


def list_lines(place, value, key, hidden):
    kinds = {kind(x) for x in value}
    if hidden:
        yield f"{place} list"
        if key not in TYPE_ONLY and value:
            yield from json_lines(f"{place}[0]", value[0], key, True)
    elif kinds in ({"integer"}, {"text"}):
        yield f"{place} {kinds.pop()}s {json.dumps(value, ensure_ascii=False)}"
    elif kinds == {"real"} and len(value) > MOST and key not in STEPS:
        yield f"{place} reals {len(value)} {summary(value)}"
    else:
        yield f"{place} list {len(value)}"
        chosen = range(len(value)) if len(value) <= MOST else (0, len(value) - 1)
        for i in chosen:
            yield from json_lines(f"{place}[{i}]", value[i], key)


def summary(values):
    n = len(values)
    mean, rms = math.fsum(values) / n, math.sqrt(math.fsum(v * v for v in values) / n)
    return f"mean {mean:.6g} rms {rms:.6g} first {values[0]:.6g} last {values[-1]:.6g}"


# ---- files --------------------------------------------------------------------------------------

def tensors(path):
    """{name: (dtype, shape, numbers)} of a safetensors file."""
    formats = {"F32": "f", "F64": "d", "F16": "e", "I64": "q", "I32": "i", "U8": "B", "BOOL": "B"}
    with open(path, "rb") as f:
        data = f.read()
    size = struct.unpack("<Q", data[:8])[0]
    found = {}
    for name, t in json.loads(data[8:8 + size]).items():
        if name == "__metadata__":
            continue
        first, last = t["data_offsets"]
        body = data[8 + size + first:8 + size + last]
        found[name] = (t["dtype"], t["shape"],
                       [v[0] for v in struct.iter_unpack("<" + formats[t["dtype"]], body)])
    return found


def tensor_lines(path, keys):
    for name, (dtype, shape, values) in sorted(tensors(path).items()):
        line = f"{quoted(name)} tensor {dtype}"
        if not keys:
            line += " [" + ",".join(map(str, shape)) + "]"
            if values and all(v in (0.0, 1.0) for v in values):
                line += f" share {sum(values) / len(values):.6g}"
            elif values:
                line += " " + summary(values)
        yield line


def png(path):
    """Width, height and the decompressed rows of a PNG: what the texts in it say may differ."""
    with open(path, "rb") as f:
        data = f.read()
    at, rows, size = 8, b"", (0, 0)
    while at < len(data):
        n, name = struct.unpack(">I4s", data[at:at + 8])
        if name == b"IHDR":
            size = struct.unpack(">II", data[at + 8:at + 16])
        if name == b"IDAT":
            rows += data[at + 8:at + 8 + n]
        at += 12 + n
    return size[0], size[1], zlib.decompress(rows)


def text_of(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def file_lines(path, keys):
    name, end = os.path.basename(path), path.rsplit(".", 1)[-1]
    if end == "safetensors":
        yield from tensor_lines(path, keys)
    elif end == "json":
        yield from json_lines("", json.loads(text_of(path)), hidden=keys)
    elif end == "jsonl":
        yield from json_lines("", [json.loads(l) for l in text_of(path).splitlines()], hidden=keys)
    elif keys:
        return
    elif end == "png" and name.startswith("image"):  # of charts, the size depends on fonts
        yield "size integers [%d, %d]" % png(path)[:2]
    elif end == "csv":
        rows = text_of(path).splitlines()
        yield f"heading text {json.dumps(rows[0])}"
        yield f"rows integer {len(rows) - 1}"
    elif end == "txt":
        yield "content text " + json.dumps(text_of(path), ensure_ascii=False)
    elif end == "html":
        page = text_of(path)
        for tag in ("table", "img", "svg"):
            yield f"{tag} at-least {page.count('<' + tag)}"


def files(work, o):
    """(path, name) of what a case left: files of its folder, and what begins with its name and a dot."""
    run, found = os.path.join(work, "run"), []
    for entry in os.listdir(run):
        top = os.path.join(run, entry)
        base = entry[len(o.case.name):] if entry.startswith(o.case.name + ".") else ""
        if entry != o.case.name and not base or base == ".stdout":
            continue
        if os.path.isfile(top):
            found.append((top, "*" + base))
        for folder, _, names in os.walk(top):
            for n in names:
                path = os.path.join(folder, n)
                inner = os.path.relpath(path, top)
                found.append((path, f"*{base}/{inner}" if base else inner))
    return sorted(found, key=lambda f: f[1])


def answer(o):
    """Standard output as JSON, or None."""
    if not o.stdout.lstrip().startswith((b"{", b"[")):
        return None
    return json.loads(o.stdout)


def outcome(work, o):
    lines = [f"$ {'diffuscope-world' if o.case.world else 'diffuscope'} {o.case.line}"]
    if o.case.lines:
        return lines + sorted("line " + l for l in o.stdout.decode().splitlines())
    if o.case.options:
        # An option that is kept as another spelling is still told, as "(also --x)".
        text = o.stdout.decode()
        names = re.findall(r"(?m)^  (-\w), --", text) + re.findall(
            r"(?m)(?:^  (?:-\w, |    )|also )(--[a-z][\w-]*)", text)
        return lines + sorted("line " + n for n in names)
    if answer(o) is not None:
        lines.append("standard output")
        lines += ["  " + l for l in json_lines("", answer(o), hidden=o.case.keys)]
    if o.case.world:
        return lines
    for path, name in files(work, o):
        lines.append(f"file {name}")
        lines += ["  " + l for l in file_lines(path, o.case.keys)]
    return lines


# ---- comparing ----------------------------------------------------------------------------------

def by_place(lines):
    """{(file, place): (type, rest)}, files and lines at the margin with an empty place."""
    found, head = {}, ""
    for line in lines:
        if not line.startswith("  "):
            head = line
            found[head, ""] = ("", "")
            continue
        place, rest = re.match(r'  ((?:"(?:[^"\\]|\\.)*"|[^\s"])+) ?(.*)', line).groups()
        t, _, value = rest.partition(" ")
        found[head, place] = (t, value)
    return found


def group(key):
    """The place two levels up: value and standard error of all atoms of a decomposition are of one
    group. A sum that cancels is as uncertain as its terms."""
    parts = re.findall(r'(?:"(?:[^"\\]|\\.)*"|[^.])+', key[1])
    return key[0], tuple(parts[:-2])


def scales(want):
    largest = {}
    for key, (t, value) in want.items():
        if t == "real" and value not in ("", "nan", "inf", "-inf"):
            g = group(key)
            largest[g] = max(largest.get(g, 0.0), abs(float(value)))
    return largest


def near(a, b, room):
    """Two numbers as texts."""
    x, y = float(a), float(b)
    return a == b or math.isfinite(x) and abs(x - y) <= room


def same_summary(want, got):
    a, b = want.split(" "), got.split(" ")
    if len(a) != len(b):
        return False
    if "share" in a:
        return a[:-1] == b[:-1] and near(a[-1], b[-1], STEP)
    room = TOLERANCE * float(a[a.index("rms") + 1]) if "rms" in a else 0.0
    return all(x == y or i > 0 and a[i - 1] in ("mean", "rms", "first", "last") and near(x, y, room)
               for i, (x, y) in enumerate(zip(a, b)))


def same(key, want, got, scale):
    (t, a), (u, b) = want, got
    if t != u:
        return False
    if a == b:
        return True
    if not a or not b:
        return False
    if t == "real":
        loose = any(p in QUOTIENTS for p in key[1].split("."))
        return near(a, b, (LOOSE if loose else TOLERANCE) * max(abs(float(a)), scale))
    if t == "share":
        return near(a, b, STEP)
    if t == "at-least":
        return int(b) >= int(a)
    return t in ("tensor", "reals") and same_summary(a, b)


def differences(want_lines, got_lines):
    """(what is wrong, what is new). A new key is no fault; a new file is one: no litter is left."""
    want, got = by_place(want_lines), by_place(got_lines)
    largest, wrong = scales(want), []
    for key, w in want.items():
        if key[0].startswith("$"):
            continue
        where, g = ": ".join(filter(None, key)), got.get(key)
        if g is None:
            wrong.append(f"gone: {where} {' '.join(w)}")
        elif not same(key, w, g, largest.get(group(key), 0.0)):
            wrong.append(f"{where}: frozen {' '.join(w)}, found {' '.join(g)}")
    added = [key for key in got if key not in want and not key[0].startswith("$")]
    wrong += [f"new: {key[0]}" for key in added if key[0].startswith("file ") and not key[1]]
    return wrong, [": ".join(filter(None, key)) + " " + " ".join(got[key]) for key in added
                   if key[1] or key[0].startswith("line ")]


# ---- byte for byte ------------------------------------------------------------------------------

def is_text(part):
    return part.endswith((".json", ".jsonl", ".csv", ".txt", ".svg", ".html", "stdout"))


def without_time(name, data):
    """What a program leaves, but for what two runs of one program differ in."""
    if name.endswith("run.json"):
        record = {k: v for k, v in json.loads(data).items() if k not in VOLATILE}
        return json.dumps(record, indent=1, ensure_ascii=False).encode()
    if name.endswith(".state"):  # safetensors whose metadata tells the time
        size = struct.unpack("<Q", data[:8])[0]
        return re.sub(rb" seconds [0-9.e+-]+", b"", data[8:8 + size]).rstrip() + data[8 + size:]
    if name.endswith(".html"):  # its pictures hold records, and are files of their own too
        data = re.sub(rb"data:image/png;base64,[A-Za-z0-9+/=]+", b"a picture", data)
        data = re.sub(rb"&quot;(versions|timings)&quot;: \{[^}]*\}", b"", data)
        data = re.sub(rb"&quot;started&quot;: &quot;[^&]*&quot;|in [0-9.e+-]+ s;", b"", data)
    data = re.sub(rb'"seconds": ?[0-9.e+-]+', b'"seconds": 0', data)
    return re.sub(rb"(calls of the network, (?:about )?)[0-9.e+-]+ s", rb"\1some s", data)


def exact(work, o):
    """{name of a part: its bytes} of a case."""
    parts = {"exit code": str(o.code).encode(), "stdout": without_time("", o.stdout)}
    if o.code != 0:
        return parts
    for path, name in files(work, o):
        with open(path, "rb") as f:
            data = f.read()
        if name.endswith(".png"):
            parts[name] = hashlib.sha256(png(path)[2]).hexdigest().encode()
        else:
            parts[name] = without_time(name, data)
    # The model that comes with a program stands beside it.
    home = os.path.dirname(os.path.dirname(o.program)).encode() + b"/models/"
    return {name: data.replace(home, b"models/") for name, data in parts.items()}
