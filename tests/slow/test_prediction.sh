#!/bin/sh
# What a UNet predicts, measured: two very small networks are trained, on noise and on velocity, exported without a word
# about it, and told apart by one run each (docs/files.md, step 7). The specimen predicts velocity.
. tests/support.sh
need_drawings
"$w" export --split single --count 60 --out "$dir/data" >/dev/null 2>&1 || fail "no data"

# topology NAME BETAS PREDICTION
topology() {
    python3 - "$dir/$1.json" "$2" "$3" <<'PYTHON'
import json, re, sys
text = re.search(r"model.json\" <<'END'\n(.*?)END", open("tests/cli/test_train.sh").read(), re.S).group(1)
c = json.loads(text)
c["scheduler"].update({"beta_schedule": sys.argv[2], "prediction_type": sys.argv[3], "beta_start": 0.00085, "beta_end": 0.012})
if sys.argv[2] != "scaled_linear":
    del c["scheduler"]["beta_start"], c["scheduler"]["beta_end"]
json.dump(c, open(sys.argv[1], "w"))
PYTHON
}

# silent FILE: the metadata say nothing any more.
silent() {
    python3 - "$1" <<'PYTHON'
import json, struct, sys
d = open(sys.argv[1], "rb").read()
n = struct.unpack("<Q", d[:8])[0]
h = json.loads(d[8:8 + n])
h.pop("__metadata__", None)
t = json.dumps(h).encode()
t += b" " * (-len(t) % 8)
open(sys.argv[1], "wb").write(struct.pack("<Q", len(t)) + t + d[8 + n:])
PYTHON
}

# measured NAME MODEL TYPE: a single file of the model, and its configurations without a scheduler.
measured() {
    "$d" export -m "$2" --out "$dir/$1.safetensors" -q || fail "export of $2"
    silent "$dir/$1.safetensors"
    mkdir -p "$dir/config-$1"
    for part in tokenizer text_encoder unet vae; do
        cp -r "$2/$part" "$dir/config-$1/"
    done
    find "$dir/config-$1" -name '*.safetensors' -delete
    python3 -c "import json, sys; d = json.load(open(sys.argv[1])); d.pop('scheduler'); json.dump(d, open(sys.argv[2], 'w'))" \
        "$2/model_index.json" "$dir/config-$1/model_index.json"
    "$d" inspect -m "$dir/$1.safetensors" --config "$dir/config-$1" --measure --json >"$out" || fail "inspect of $1"
    python3 -c "import json, sys; r = json.load(open(sys.argv[1])); print(sys.argv[2] + ':', r['prediction_type_from']); sys.exit(
        r['prediction_type'] != sys.argv[3] or 'measured' not in r['prediction_type_from'])" "$out" "$1" "$3" ||
        fail "$1: expected $3 by measurement"
}

topology noise scaled_linear epsilon
cat >"$dir/vae.json" <<END
{ "model": "$dir/noise.json", "data": "$dir/data", "seed": 5, "batch": 4, "steps": 60, "checkpoint": 60,
  "sheet": 60, "rate": 0.004, "warmup": 5 }
END
"$d" train vae "$dir/vae.json" --out "$dir/vae" -q || fail "no autoencoder"
for case in "noise scaled_linear epsilon" "velocity scaled_linear v_prediction" "noise-cosine squaredcos_cap_v2 epsilon" \
    "velocity-cosine squaredcos_cap_v2 v_prediction"; do
    set -- $case
    topology "$1" "$2" "$3"
    cat >"$dir/train-$1.json" <<END
{ "model": "$dir/$1.json", "vae": "$dir/vae/model", "data": "$dir/data", "seed": 5, "batch": 16, "steps": 600,
  "checkpoint": 600, "sheet": 600, "rate": 0.004, "warmup": 20 }
END
    "$d" train diffusion "$dir/train-$1.json" --out "$dir/out-$1" -q || fail "training of $1"
    measured "$1" "$dir/out-$1/model" "$3"
done
[ -f models/specimen/unet/diffusion_pytorch_model.safetensors ] && measured specimen models/specimen v_prediction

exit $bad
