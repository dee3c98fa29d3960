#!/bin/sh
# `compare`: two models or two strengths of a LoRA side by side.
. tests/support.sh
small_model

# A LoRA of one layer, from its name, sizes and a number that all of it is.
lora() {
    python3 - "$@" <<'PYTHON'
import json, struct, sys
path, layer, rows, columns, value = sys.argv[1:]
parts = {"lora_down": [2, int(columns)], "lora_up": [int(rows), 2]}
head, data = {}, b""
for name, shape in parts.items():
    n = shape[0] * shape[1]
    bytes_ = struct.pack("<%df" % n, *[float(value) * (1 + i % 3) for i in range(n)])
    head[f"lora_unet_{layer}.{name}.weight"] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(bytes_)]}
    data += bytes_
text = json.dumps(head).encode()
open(path, "wb").write(struct.pack("<Q", len(text)) + text + data)
PYTHON
}
layer=down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_v
lora "$dir/x.safetensors" $layer 16 16 0.5

value() { python3 -c "
import json, sys
r = json.load(open(sys.argv[1]))
for k in sys.argv[2].split('.'):
    r = r[int(k) if k.isdigit() else k]
print(r)" "$1" "$2"; }
is() { [ "$(value "$1" "$2")" = "$3" ] || fail "$2 of $1: $(value "$1" "$2"), expected $3"; }
above() { python3 -c "import sys; sys.exit(not float(sys.argv[1]) > float(sys.argv[2]))" "$(value "$1" "$2")" "$3" ||
    fail "$2 of $1: $(value "$1" "$2"), expected more than $3"; }

draw="-p a-cat --steps 3 -W 64 -H 64 --quiet"
m=$dir/model

# What is refused, before anything is drawn.
expect 2 'nothing to compare' compare -m "$m" -p "a cat"
expect 2 'what both are to draw' compare -m "$m" -m "$m"
expect 2 'one model or two' compare -m "$m" -m "$m" -m "$m" -p x
expect 2 '--word goes with --method daam' compare -m "$m" -m "$m" -p "a cat" --word cat
expect 2 '"dog" does not occur' compare -m "$m" -m "$m" -p "a cat" --method daam --word dog
expect 2 'these models do not fit' compare -m "$m" -m specimen -p "a cat"
sed 's/"sample_size": 8/"sample_size": 16/' "$dir/small.json" >"$dir/large.json"
expect 0 parameters new-model --like "$dir/large.json" --out "$dir/large" --seed 3
expect 2 '--width and --height make them the same' compare -m "$m" -m "$dir/large" -p "a cat"
expect 0 'pictures differ' compare -m "$m" -m "$dir/large" $draw

# The same model twice: no difference at all; a strength of 0 is the model without the file.
expect 0 'pictures differ by 0.000' compare -m "$m" -m "$m" $draw --method daam --out "$dir/same"
is "$dir/same/result.json" picture_rms.value 0.0
is "$dir/same/result.json" latents_apart.value 0.0
is "$dir/same/result.json" words.0.correlation.value 1.0
expect 0 'pictures differ by 0.000' compare -m "$m" $draw --left-lora "$dir/x.safetensors=0" --right-lora "$dir/x.safetensors=0"

# Two strengths; the left side is the picture that `generate` draws with that strength, bit for bit.
expect 0 'maps correlate' compare -m "$m" $draw -b 2 --method daam --word cat --left-lora "$dir/x.safetensors=0.5" \
    --right-lora "$dir/x.safetensors=4" --out "$dir/two"
above "$dir/two/result.json" latents_apart.value 0.001
above "$dir/two/result.json" pictures.1.latents_apart.2 0.001
is "$dir/two/result.json" pictures.1.seed 43
for f in left-0 right-1 difference-0 cat.maps-0 cat.difference-1; do
    [ -s "$dir/two/$f.png" ] || fail "no $f.png"
done
expect 0 '' generate -m "$m" $draw --lora "$dir/x.safetensors=0.5" -o "$dir/left.png"
python3 - "$dir/left.png" "$dir/two/left-0.png" <<'PYTHON' || fail "the left picture is not that of generate"
import sys, zlib
def pixels(path):
    data, at, idat = open(path, "rb").read(), 8, b""
    while at < len(data):
        n = int.from_bytes(data[at:at + 4], "big")
        if data[at + 4:at + 8] == b"IDAT":
            idat += data[at + 8:at + 8 + n]
        at += n + 12
    return zlib.decompress(idat)
sys.exit(pixels(sys.argv[1]) != pixels(sys.argv[2]))
PYTHON

# A LoRA of both sides is no difference; it is a difference from the model without.
expect 0 'pictures differ by 0.000' compare -m "$m" -m "$m" $draw --lora "$dir/x.safetensors=4"

# The record repeats it, and knows when the right model has become another one.
expect 0 'right-1/word/cat: the same bits' replay "$dir/two" --out "$dir/again"
expect 0 'pictures differ' compare -m "$m" -m "$dir/large" $draw --out "$dir/sizes"
rm -r "$dir/large"
expect 0 parameters new-model --like "$dir/large.json" --out "$dir/large" --seed 4
expect 3 'the right model is not the one of the record' replay "$dir/sizes" --out "$dir/other"

exit $bad
