"""Small files for tests/cli/test_lora.sh, of the standard library alone.

models.py lora FILE KIND      a LoRA for the small model (or XL) with known numbers
models.py merged BASE OUT FILE KIND   do the weights of folder OUT hold BASE plus what FILE means?
models.py embedding FILE NAME=FIRST,SECOND ...   tensors of two rows, each the embedding of a token (MODEL:ENCODER:ID)
models.py part FILE.safetensors OUT PREFIX   the tensors behind a prefix alone, without it, as safetensors or .pt
models.py f8 FILE OUT8 OUT16 e4m3|e5m2    matrices of FILE rounded to 8-bit floats, as such and as f16
models.py same A B [NAME ...]    do two safetensors files hold the same tensors?
"""

import bisect
import io
import json
import pickle
import struct
import sys
import types
import zipfile


def read(path):
    data = open(path, "rb").read()
    n = struct.unpack("<Q", data[:8])[0]
    head = json.loads(data[8:8 + n])
    meta = head.pop("__metadata__", {})
    out = {}
    for name, t in head.items():
        a, b = t["data_offsets"]
        out[name] = (t["dtype"], t["shape"], data[8 + n + a:8 + n + b])
    return out, meta


def write(path, tensors, meta=None):
    head, data = {}, b""
    if meta:
        head["__metadata__"] = meta
    for name, (dtype, shape, bytes_) in tensors.items():
        head[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(bytes_)]}
        data += bytes_
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    open(path, "wb").write(struct.pack("<Q", len(text)) + text + data)


FORMAT = {"F32": "f", "F16": "e"}


def numbers(t):
    return list(struct.unpack("<%d%s" % (len(t[2]) // struct.calcsize(FORMAT[t[0]]), FORMAT[t[0]]), t[2]))


def floats(shape, values):
    return ("F32", shape, struct.pack("<%df" % len(values), *values))


def ramp(shape, seed):
    n = 1
    for d in shape:
        n *= d
    return [((i * 7 + seed * 13) % 11 - 5) / 8 for i in range(n)]


# ---- kinds: (keys, metadata, {parameter: difference from the weights}) ---------------------------------------

Q = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
V = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_v"
OUT = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_out.0"
CONV = "down_blocks.0.resnets.0.conv1"
FC1 = "text_model.encoder.layers.0.mlp.fc1"


def product(up, down, rows, rank, columns, scale=1.0):
    return [scale * sum(up[i * rank + r] * down[r * columns + j] for r in range(rank))
            for i in range(rows) for j in range(columns)]


def pair(name, rows, columns, rank, ends, scale):
    down, up = ramp([rank, columns], 1), ramp([rows, rank], 2)
    keys = {name + ends[0]: floats([rank, columns], down), name + ends[1]: floats([rows, rank], up)}
    return keys, product(up, down, rows, rank, columns, scale)


def flat(prefix, module):
    return prefix + module.replace(".", "_")


def kind_of(kind):
    kohya, peft = (".lora_down.weight", ".lora_up.weight"), (".lora_A.weight", ".lora_B.weight")
    if kind == "alpha":
        keys, d = pair(flat("lora_unet_", Q), 16, 16, 2, kohya, 0.25)
        return {**keys, flat("lora_unet_", Q) + ".alpha": floats([], [0.5])}, {}, {"unet." + Q: d}
    if kind == "middle":  # LoCon: sum over p, q of up[o,p] mid[p,q,y,x] down[q,i]
        down, up, mid = ramp([2, 16], 1), ramp([16, 2], 2), ramp([2, 2, 3, 3], 3)
        d = [sum(up[o * 2 + p] * mid[(p * 2 + q) * 9 + k] * down[q * 16 + i] for p in range(2) for q in range(2))
             for o in range(16) for i in range(16) for k in range(9)]
        n = flat("lora_unet_", CONV)
        return {n + ".lora_down.weight": floats([2, 16, 1, 1], down), n + ".lora_up.weight": floats([16, 2, 1, 1], up),
                n + ".lora_mid.weight": floats([2, 2, 3, 3], mid)}, {}, {"unet." + CONV: d}
    if kind == "conv":  # a 3x3 down and a 1x1 up
        down, up = ramp([2, 16, 3, 3], 1), ramp([16, 2], 2)
        n = flat("lora_unet_", CONV)
        return {n + ".lora_down.weight": floats([2, 16, 3, 3], down), n + ".lora_up.weight": floats([16, 2, 1, 1], up)}, {}, \
            {"unet." + CONV: product(up, down, 16, 2, 144)}
    if kind == "peft-pattern":  # alpha by module, with rank stabilisation: alpha / sqrt(r)
        keys, d = pair("unet." + Q, 16, 16, 4, peft, 3 / 2)
        more, e = pair("unet." + V, 16, 16, 4, peft, 1 / 2)
        meta = {"lora_adapter_metadata": json.dumps({"unet.r": 4, "unet.lora_alpha": 1, "unet.use_rslora": True,
                                                     "unet.alpha_pattern": {"attn1.to_q": 3}})}
        return {**keys, **more}, meta, {"unet." + Q: d, "unet." + V: e}
    if kind == "processor":  # diffusers before 0.20
        n = OUT[:-len(".to_out.0")] + ".processor.to_out_lora"
        keys, d = pair("unet." + n, 16, 16, 2, (".down.weight", ".up.weight"), 1)
        return keys, {}, {"unet." + OUT: d}
    if kind == "linear-layer":
        keys, d = pair("unet." + Q, 16, 16, 2, (".lora_linear_layer.down.weight", ".lora_linear_layer.up.weight"), 1)
        return keys, {}, {"unet." + Q: d}
    if kind == "lycoris":
        keys, d = pair(flat("lycoris_", V), 16, 16, 2, kohya, 1)
        return keys, {}, {"unet." + V: d}
    if kind == "peft-text":
        keys, d = pair("text_encoder." + FC1, 32, 16, 2, peft, 1)
        return keys, {}, {"text_encoder." + FC1: d}
    if kind == "loha":
        f = [ramp([16, 2], 1), ramp([2, 16], 2), ramp([16, 2], 3), ramp([2, 16], 4)]
        a, b = product(f[0], f[1], 16, 2, 16), product(f[2], f[3], 16, 2, 16)
        n = flat("lora_unet_", Q)
        keys = {n + e: floats([16, 2] if i % 2 == 0 else [2, 16], f[i])
                for i, e in enumerate((".hada_w1_a", ".hada_w1_b", ".hada_w2_a", ".hada_w2_b"))}
        return keys, {}, {"unet." + Q: [x * y for x, y in zip(a, b)]}
    if kind == "lokr":  # kron(w1, w2a w2b) with alpha / r
        w1, a, b = ramp([4, 4], 1), ramp([4, 2], 2), ramp([2, 4], 3)
        w2 = product(a, b, 4, 2, 4, 0.5)
        d = [w1[(i // 4) * 4 + j // 4] * w2[(i % 4) * 4 + j % 4] for i in range(16) for j in range(16)]
        n = flat("lora_unet_", Q)
        return {n + ".lokr_w1": floats([4, 4], w1), n + ".lokr_w2_a": floats([4, 2], a), n + ".lokr_w2_b": floats([2, 4], b),
                n + ".alpha": floats([], [1.0])}, {}, {"unet." + Q: d}
    if kind == "lokr-whole":  # neither side factorised: no factor, whatever alpha says
        w1, w2 = ramp([2, 2], 1), ramp([8, 8], 2)
        d = [w1[(i // 8) * 2 + j // 8] * w2[(i % 8) * 8 + j % 8] for i in range(16) for j in range(16)]
        n = flat("lora_unet_", Q)
        return {n + ".lokr_w1": floats([2, 2], w1), n + ".lokr_w2": floats([8, 8], w2), n + ".alpha": floats([], [3.0])}, {}, \
            {"unet." + Q: d}
    if kind == "norm":
        return {"lora_unet_conv_norm_out.w_norm": floats([16], ramp([16], 1)),
                "lora_unet_conv_norm_out.b_norm": floats([16], ramp([16], 2))}, {}, \
            {"unet.conv_norm_out": ramp([16], 1), "unet.conv_norm_out|bias": ramp([16], 2)}
    if kind == "xl":  # original block names, both text encoders
        keys, d = pair("lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_q", 16, 16, 2, kohya, 1)
        one, e = pair(flat("lora_te1_", FC1), 32, 16, 2, kohya, 1)
        two, f = pair(flat("lora_te2_", FC1), 32, 16, 2, kohya, 1)
        return {**keys, **one, **two}, {"ss_base_model_version": "sdxl_base_v1-0"}, \
            {"unet." + Q: d, "text_encoder." + FC1: e, "text_encoder_2." + FC1: f}
    raise SystemExit("unknown kind " + kind)


FILES = {"unet": "unet/diffusion_pytorch_model.safetensors", "text_encoder": "text_encoder/model.safetensors",
         "text_encoder_2": "text_encoder_2/model.safetensors"}


def merged(base, out, kind, strength):
    _, _, want = kind_of(kind)
    changed = {}
    for key, d in want.items():
        part, name = key.split(".", 1)
        name, _, which = name.partition("|")
        changed[part + "/" + name + "." + (which or "weight")] = d
    worst = 0.0
    for part, file in FILES.items():
        try:
            a, b = read(f"{base}/{file}")[0], read(f"{out}/{file}")[0]
        except FileNotFoundError:
            continue
        for name in a:
            x, y = numbers(a[name]), numbers(b[name])
            d = changed.pop(f"{part}/{name}", [0.0] * len(x))
            e = max(abs(q - p - strength * r) for p, q, r in zip(x, y, d))
            worst = max(worst, e)
    if changed:
        raise SystemExit("no such parameter: " + ", ".join(changed))
    if worst > 1e-5:
        raise SystemExit(f"differs by {worst:g}")


# ---- PyTorch's files -----------------------------------------------------------------------------------------

def torch_file(path, tensors):
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for n in ("FloatStorage", "HalfStorage"):
        setattr(torch, n, type(n, (), {"__module__": "torch", "__qualname__": n}))
    def _rebuild_tensor_v2(*args):
        pass
    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    sys.modules.update({"torch": torch, "torch._utils": utils})

    class Tensor:
        def __init__(self, key, dtype, shape, count):
            self.key, self.dtype, self.shape, self.count = key, dtype, shape, count

        def __reduce__(self):
            stride, s = [], 1
            for d in reversed(self.shape):
                stride.insert(0, s)
                s *= d
            return _rebuild_tensor_v2, (Storage(self), 0, tuple(self.shape), tuple(stride), False, {})

    class Storage:
        def __init__(self, of):
            self.of = of

    class Pickler(pickle.Pickler):
        def persistent_id(self, v):
            if isinstance(v, Storage):
                kind = torch.FloatStorage if v.of.dtype == "F32" else torch.HalfStorage
                return "storage", kind, v.of.key, "cpu", v.of.count
            return None

    state, to = {}, io.BytesIO()
    for i, (name, (dtype, shape, data)) in enumerate(tensors.items()):
        state[name] = Tensor(str(i), dtype, shape, len(data) // (4 if dtype == "F32" else 2))
    Pickler(to, 2).dump({"epoch": 1, "state_dict": state})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as z:
        z.writestr("archive/data.pkl", to.getvalue())
        for i, (_, _, data) in enumerate(tensors.values()):
            z.writestr(f"archive/data/{i}", data)


def part(source, out, prefix):
    tensors = {k[len(prefix):]: v for k, v in read(source)[0].items() if k.startswith(prefix)}
    (write if out.endswith(".safetensors") else torch_file)(out, tensors)


# ---- 8-bit floats --------------------------------------------------------------------------------------------

def e4m3(byte):
    exponent, fraction = byte >> 3 & 15, byte & 7
    value = fraction / 8 * 2.0 ** -6 if exponent == 0 else (1 + fraction / 8) * 2.0 ** (exponent - 7)
    return -value if byte & 128 else value


def f8(source, out8, out16, kind):
    """Of positive values, which 0x7f does not end, the nearest below; e5m2 is the upper byte of an f16."""
    table = [e4m3(b) for b in range(127)]
    small, large = {}, {}
    for name, (dtype, shape, data) in read(source)[0].items():
        if len(shape) < 2 or dtype != "F16":
            small[name] = large[name] = (dtype, shape, data)
            continue
        if kind == "e5m2":
            bytes_ = data[1::2]
            wide = b"".join(bytes((0, b)) for b in bytes_)
        else:
            codes = [bisect.bisect_right(table, min(abs(v), 448.0)) - 1 | (128 if v < 0 else 0) for v in numbers((dtype, shape, data))]
            bytes_ = bytes(codes)
            wide = struct.pack("<%de" % len(codes), *[e4m3(b) for b in codes])
        small[name], large[name] = ("F8_" + kind.upper(), shape, bytes_), ("F16", shape, wide)
    write(out8, small)
    write(out16, large)


def embedding(path, items):
    tensors = {}
    for item in items:
        name, rows = item.split("=")
        values, width = [], 0
        for row in rows.split(","):
            folder, which, token = row.rsplit(":", 2)
            t = read(f"{folder}/{which}/model.safetensors")[0]["text_model.embeddings.token_embedding.weight"]
            width = t[1][1]
            values += numbers(t)[int(token) * width:(int(token) + 1) * width]
        tensors[name] = floats([len(values) // width, width], values)
    write(path, tensors)


def main():
    verb, *rest = sys.argv[1:]
    if verb == "lora":
        keys, meta, _ = kind_of(rest[1])
        write(rest[0], keys, meta)
    elif verb == "merged":
        merged(rest[0], rest[1], rest[2], float(rest[3]))
    elif verb == "embedding":
        embedding(rest[0], rest[1:])
    elif verb == "part":
        part(*rest)
    elif verb == "f8":
        f8(*rest)
    elif verb == "same":  # of the names that follow, or of all
        a, b = read(rest[0])[0], read(rest[1])[0]
        sys.exit(any(a[k] != b[k] for k in rest[2:]) if len(rest) > 2 else a != b)


main()
