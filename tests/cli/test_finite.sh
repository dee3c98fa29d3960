#!/bin/sh
# What is not a finite number is refused where it arises, by name, and nothing is made of it: weights of each
# network, a start latent, a noise schedule that the prediction type does not fit.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bad=0
d=${BUILD:-build}/diffuscope
export DIFFUSCOPE_MODEL=models/specimen

# refuse TEXT ARGUMENTS...: exit 3 with TEXT, and no picture and no record.
refuse() {
    text=$1
    shift
    rm -rf "$dir/out" "$dir/x.png"
    "$d" "$@" >"$dir/said" 2>&1 </dev/null
    rc=$?
    if [ $rc != 3 ] || ! grep -qF -- "$text" "$dir/said" || [ -e "$dir/x.png" ] || [ -e "$dir/out/run.json" ]; then
        bad=$((bad + 1))
        echo "FAIL: diffuscope $*: exit $rc, expected 3, $text, and no results"
        sed 's/^/    /' "$dir/said"
    fi
}

# damaged NAME FILE TENSOR: a copy of the specimen whose TENSOR begins with NaN.
damaged() {
    cp -rL models/specimen "$dir/$1"
    python3 - "$dir/$1/$2" "$3" <<'PY'
import json, struct, sys
path, name = sys.argv[1:]
data = bytearray(open(path, "rb").read())
size = struct.unpack("<Q", data[:8])[0]
at = 8 + size + json.loads(data[8:8 + size])[name]["data_offsets"][0]
data[at:at + 2] = b"\x00\x7e"  # of F16
open(path, "wb").write(data)
PY
}

damaged unet unet/diffusion_pytorch_model.safetensors conv_out.weight
damaged text text_encoder/model.safetensors text_model.final_layer_norm.weight
damaged vae vae/diffusion_pytorch_model.safetensors decoder.conv_out.weight
damaged encoder vae/diffusion_pytorch_model.safetensors encoder.conv_in.weight
cp -rL models/specimen "$dir/schedule"
python3 - "$dir/schedule/scheduler/scheduler_config.json" <<'PY'
import json, sys
c = json.load(open(sys.argv[1]))
c.update(rescale_betas_zero_snr=True, prediction_type="epsilon", timestep_spacing="trailing")
json.dump(c, open(sys.argv[1], "w"))
PY
python3 - "$dir/latent.safetensors" <<'PY'
import json, struct, sys
values = [0.5] * 2048
values[77] = float("nan")
head = json.dumps({"latent": {"dtype": "F32", "shape": [1, 8, 16, 16], "data_offsets": [0, 8192]}}).encode()
open(sys.argv[1], "wb").write(struct.pack("<Q", len(head)) + head + struct.pack("<2048f", *values))
PY

set -- -p "a noto cat" --steps 2
refuse "the negative prompt at step 1 of 2" generate -m "$dir/unet" "$@" --cfg-scale 3 -o "$dir/x.png"
refuse "the prompt at step 1 of 2" generate -m "$dir/unet" "$@" --cfg-scale 1 -o "$dir/x.png"
refuse "step 1 of 2" daam -m "$dir/unet" "$@" --out "$dir/out"
refuse "not a finite number" daam -m "$dir/unet" --image docs/img/words.png -p "a noto cat" --out "$dir/out"
refuse "not a finite number" info -m "$dir/unet" "$@" --word cat --out "$dir/out"
refuse "not a finite number" concept mix -m "$dir/unet" -w cat --name dog --name fox -p "a noto <>" --out "$dir/out"
refuse "not a finite number" component score -m "$dir/unet" --concept "a noto cat" --out "$dir/out"
refuse "text_encoder" generate -m "$dir/text" "$@" -o "$dir/x.png"
refuse "vae.decode" generate -m "$dir/vae" "$@" -o "$dir/x.png"
refuse "vae.encode" generate -m "$dir/encoder" "$@" --init-img docs/img/words.png -o "$dir/x.png"
refuse "the latent after step 1" generate -m "$dir/schedule" "$@" --sampler ddim -o "$dir/x.png"
refuse "element 77" generate "$@" --latent "$dir/latent.safetensors" -o "$dir/x.png"
refuse "element 77" info -p "a noto cat" --word cat --latent "$dir/latent.safetensors" --out "$dir/out"

[ $bad = 0 ] && echo "all passed"
[ $bad = 0 ]
