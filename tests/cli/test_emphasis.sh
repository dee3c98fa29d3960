#!/bin/sh
# Prompts whose words weigh more or less, in `encode`, `generate`, `daam` and `info`.
. "$(dirname "$0")/../support.sh"

small_model
m=$dir/model

expect 2 'emphasis' encode -m "$m" -p 'a cat' --emphasis loud --outputs "$dir/x"
expect 0 'plain text in "a (cat:1.5)"' encode -m "$m" -p 'a (cat:1.5)' --outputs "$dir/literal"
expect 0 'by' encode -m "$m" -p 'a cat' --outputs "$dir/plain"
expect 0 'by' encode -m "$m" -p 'a (cat:1.5)' --emphasis a1111 --outputs "$dir/a1111"
grep -q 'plain text' "$out" && fail 'a remark where the syntax was read'
expect 0 'by' encode -m "$m" -p 'a (cat:1.5)' --emphasis comfy --outputs "$dir/comfy"
expect 0 '2 prompts' encode -m "$m" -p 'a cat BREAK a dog' -p 'x' --emphasis comfy --outputs "$dir/chunks"
python3 - "$dir" <<'CHECK' || fail 'encoded prompts are not as expected'
import json, struct, sys

def load(name):
    with open(sys.argv[1] + "/" + name, "rb") as f:
        n = struct.unpack("<Q", f.read(8))[0]
        head = json.loads(f.read(n))
        data = f.read()
    out = {}
    for key, t in head.items():
        if key == "__metadata__":
            continue
        a, b = t["data_offsets"]
        code = {"F32": "f", "I64": "q"}[t["dtype"]]
        out[key] = (t["shape"], struct.unpack("<%d%s" % ((b - a) // struct.calcsize(code), code), data[a:b]))
    return out

plain, literal, comfy = load("plain"), load("literal"), load("comfy")
assert plain["ids"] == comfy["ids"] == load("a1111")["ids"]
assert plain["ids"] != literal["ids"]
shape, z = plain["encoder_hidden_states"]
same = [z[i] == comfy["encoder_hidden_states"][1][i] for i in range(len(z))]
width = shape[2]
places = [p for p in range(shape[1]) if not all(same[p * width:(p + 1) * width])]
assert places and places == list(range(2, 2 + len(places))), places   # the cat alone, c-a-t
assert len(places) <= 3, places
assert load("a1111")["encoder_hidden_states"][1] != z
assert load("chunks")["ids"][0] == [2, 2 * shape[1]]
CHECK

expect 0 'none, as 1 is' generate -m "$m" -p 'a cat' --cfg-scale 0 --steps 2 -o "$dir/a.png"
expect 0 'negative prompt has no effect' generate -m "$m" -p 'a cat' -n dog --cfg-scale 1 --steps 2 \
    -o "$dir/b.png"
cmp -s "$dir/a.png" "$dir/b.png" || python3 - "$dir" <<'CHECK' || fail 'guidance 0 and 1 differ'
import struct, sys, zlib
def pixels(path):
    data, i, got = open(path, "rb").read(), 8, b""
    while i < len(data):
        n = struct.unpack(">I", data[i:i + 4])[0]
        if data[i + 4:i + 8] == b"IDAT":
            got += data[i + 8:i + 8 + n]
        i += n + 12
    return zlib.decompress(got)
assert pixels(sys.argv[1] + "/a.png") == pixels(sys.argv[1] + "/b.png")
CHECK

expect 0 '' daam -m "$m" -p 'a (cat:1.5) and a dog' --emphasis a1111 --steps 2 --out "$dir/maps"
grep -q '"weight": 1.5' "$dir/maps/result.json" || fail 'the map does not tell its weight'
grep -q '"text": "cat"' "$dir/maps/result.json" || fail 'the cat has no map'
expect 0 'cat' info -m "$m" -p 'a (cat:1.5) and a dog' --emphasis a1111 --word cat --steps 2 --se 50% \
    --out "$dir/info"
grep -qF '"without": "a (:1.5) and a dog"' "$dir/info/result.json" || fail 'the weight went with the word'
expect 0 'dog' info -m "$m" -p 'a (cat:1.5) and a dog' --emphasis a1111 --word dog --steps 2 --se 50% \
    --out "$dir/other"
grep -qF '"without": "a (cat:1.5) and a "' "$dir/other/result.json" || fail 'another weight was lost'
expect 3 'BREAK makes another' info -m "$m" -p 'a cat BREAK dog' --emphasis a1111 --word cat --steps 2
exit $bad
