#!/bin/sh
# `diffuscope inspect` on a made-up folder and on a file of tensors.
. "$(dirname "$0")/../support.sh"

m=$dir/model
mkdir -p "$m/unet" "$m/scheduler"
cat >"$m/model_index.json" <<'INDEX'
{"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"],
 "scheduler": ["diffusers", "DDIMScheduler"], "feature_extractor": ["transformers", "X"],
 "safety_checker": [null, null]}
INDEX
echo '{"sample_size": 64, "block_out_channels": [320, 640]}' >"$m/unet/config.json"
echo '{"beta_start": 0.00085}' >"$m/scheduler/scheduler_config.json"
f=$m/unet/diffusion_pytorch_model.safetensors
{
    # the header of 160 bytes, then 2000 float16 and two int64
    printf '\240\0\0\0\0\0\0\0'
    printf '%-160s' '{"__metadata__":{"format":"p\u001bt"},"n":{"dtype":"I64","shape":[2],"data_offsets":[0,16]},"w":{"dtype":"F16","shape":[40,50],"data_offsets":[16,4016]}}'
    head -c 4016 /dev/zero
} >"$f"
hash=$(sha256sum "$f" | cut -d' ' -f1)

expect 0 'unet: UNet2DConditionModel' inspect -m "$m"
expect 0 '2,000 parameters, 4.02 kB (F16 4.00 kB, I64 16 bytes)' inspect -m "$m"
expect 0 'sample_size 64, block_out_channels [320, 640]' inspect -m "$m"
expect 0 'beta_start 0.00085' inspect -m "$m"
expect 0 'total: 2,000 parameters, 4.02 kB' inspect -m "$m"
expect 0 "sha256 $hash" inspect -m "$m" --sha256
expect 0 '"parameters": 2000' inspect -m "$m" --json
expect 0 "\"sha256\": \"$hash\"" inspect -m "$m" --json --sha256
expect 0 '"beta_start": 0.00085' inspect -m "$m" --json
expect 0 'w	F16	[40, 50]' inspect "$f"
expect 0 'total: 2 tensors, 2,000 parameters' inspect "$f"
expect 0 '# format: p?t' inspect "$f"
expect 0 '"shape": [' inspect "$f" --json
expect 2 'either --model or a file' inspect -m "$m" "$f"
expect 3 'no such folder' inspect -m "$dir/nowhere"
# a PNG of one white pixel with the text "a cat" under "parameters"
base64 -d >"$dir/p.png" <<'PNG'
iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAAEHRFWHRwYXJhbWV0ZXJzAGEgY2F0
vd75IAAAAAxJREFUeJxj+P//PwAF/gL+De9GuAAAAABJRU5ErkJggg==
PNG
expect 0 '1 x 1 pixels' inspect "$dir/p.png"
expect 0 'a cat' inspect "$dir/p.png"
expect 0 '"parameters": "a cat"' inspect "$dir/p.png" --json
printf x >"$dir/x.txt"
expect 3 'found a text file' inspect "$dir/x.txt"
head -c 4000 "$f" >"$dir/cut.safetensors"
expect 3 'truncated' inspect "$dir/cut.safetensors"
rm "$f"
expect 3 'expected weights there' inspect -m "$m"
[ $bad = 0 ] || exit 1
