#!/bin/sh
# The table of a model: a model without fault (real scenes) passes, random weights do not, and the
# pictures do not depend on the batch.
. "$(dirname "$0")/../support.sh"
need_drawings

cat >"$dir/model.json" <<'END'
{
  "unet": {
    "_class_name": "UNet2DConditionModel",
    "in_channels": 4, "out_channels": 4, "sample_size": 16,
    "block_out_channels": [16, 32],
    "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
    "mid_block_type": "UNetMidBlock2DCrossAttn",
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
    "layers_per_block": 1, "attention_head_dim": 2, "cross_attention_dim": 16,
    "norm_num_groups": 8, "norm_eps": 1e-05, "act_fn": "silu",
    "flip_sin_to_cos": true, "freq_shift": 0, "center_input_sample": false,
    "downsample_padding": 1, "mid_block_scale_factor": 1
  },
  "vae": {
    "_class_name": "AutoencoderKL",
    "in_channels": 3, "out_channels": 3, "latent_channels": 4, "sample_size": 64,
    "block_out_channels": [8, 16, 16],
    "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
    "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"],
    "layers_per_block": 1, "norm_num_groups": 4, "act_fn": "silu", "scaling_factor": 0.5
  },
  "text_encoder": {
    "architectures": ["CLIPTextModel"], "model_type": "clip_text_model",
    "vocab_size": 514, "bos_token_id": 512, "eos_token_id": 513, "pad_token_id": 513,
    "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1,
    "num_attention_heads": 2, "max_position_embeddings": 77,
    "hidden_act": "quick_gelu", "layer_norm_eps": 1e-05
  },
  "scheduler": {
    "_class_name": "DDIMScheduler",
    "num_train_timesteps": 1000, "beta_schedule": "squaredcos_cap_v2",
    "prediction_type": "v_prediction", "clip_sample": false
  }
}
END

"$w" quality --real --count 4 --seeds 1 --out "$dir/real/parents/made" >"$dir/real.txt" ||
    fail "real: exit $?"
"$d" new-model --like "$dir/model.json" --out "$dir/model" --seed 1 -q || fail "new-model: exit $?"
"$w" quality -m "$dir/model" --count 3 --seeds 0 --steps 2 --batch 2 --out "$dir/random" \
    >"$dir/random.txt" || fail "random: exit $?"
for f in quality.json quality.txt quality.md sheet.png sheet.txt; do
    [ -s "$dir/random/$f" ] || fail "no $f"
done
cmp -s "$dir/random.txt" "$dir/random/quality.txt" || fail "quality.txt is not what was printed"
python3 - "$dir" <<'PYTHON' || fail "the tables do not hold together"
import json, sys
real = json.load(open(sys.argv[1] + "/real/parents/made/quality.json"))
random = json.load(open(sys.argv[1] + "/random/quality.json"))
assert real["model"] is None and len(real["rows"]) == 14, len(real["rows"])
for row in real["rows"] + random["rows"]:
    assert row["low"] <= row["value"] <= row["high"], row
    assert row["count"] > 0, row
for row in real["rows"]:
    assert row["value"] == row["real"], row
    assert row["unit"] == "difference" or row["value"] >= 0.9, row
    if row["unit"] == "difference":
        assert len(row["rows"]) >= 16 and 0 < row["by_chance"] < 0.5, row
rows = {row["figure"]: row for row in random["rows"]}
assert not rows["one object: the right one"]["met"], "random weights drew the object"
assert not rows["autoencoder: PSNR of unseen scenes"]["met"]
assert rows["one object: the right one"]["real"] == 1.0
PYTHON

# ---- the model card -------------------------------------------------------------------------------
echo '{"model": "/somewhere/specimen.json", "data": "world:train", "batch": 10}' >"$dir/vae.json"
echo '{"data": "/somewhere/else", "vae": "/somewhere/vae", "shift": 4, "optimiser": "muon"}' >"$dir/unet.json"
echo '{"step": 360, "loss": 0.25, "images_per_second": 1}' >"$dir/log.jsonl"
scripts/model-card "$dir/model" "$dir/random" "$dir/vae.json" "$dir/log.jsonl" "$dir/unet.json" \
    "$dir/log.jsonl" >"$dir/card.md" || fail "model-card: exit $?"
for text in '| autoencoder | world:train | adamw, 0.001 |  | 360 of 10 | 3,600 | 1.0 | 0.250 |' \
    '| UNet, text encoder | else | muon, 0.001 | 4 | 360 of 64 |' \
    '| one object: the right one |' 'What falls short' 'CC BY 4.0' '| unet (UNet2DConditionModel) |'; do
    grep -qF -- "$text" "$dir/card.md" || fail "the card does not say: $text"
done
scripts/model-card "$dir/model" "$dir/random" "$dir/vae.json" 2>/dev/null && fail 'a training without its log'
grep -q "$dir" "$dir/card.md" && fail 'the card names a folder of this machine'

# ---- pictures depend on caption and seed alone ----------------------------------------------------
# Within two levels of 255: which kernel is fastest depends on the batch on some processors, and so does rounding.
near_pictures() {
    python3 - "$@" <<'EOF'
import pathlib, struct, sys, zlib
def pixels(path):
    data, at, idat = path.read_bytes(), 8, b''
    while at < len(data):
        n, kind = struct.unpack('>I4s', data[at:at + 8])
        if kind == b'IHDR':
            width, height = struct.unpack('>II', data[at + 8:at + 16])
        if kind == b'IDAT':
            idat += data[at + 8:at + 8 + n]
        at += 12 + n
    raw, row, out, stride = zlib.decompress(idat), bytearray(3 * width), [], 3 * width
    for y in range(height):
        kind, line = raw[y * (stride + 1)], bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        for i in range(stride):
            a, b, c = (line[i - 3] if i > 2 else 0), row[i], (row[i - 3] if i > 2 else 0)
            near = min((a, b, c), key=lambda v: abs(a + b - c - v))
            line[i] = (line[i] + (0, a, b, (a + b) // 2, near)[kind]) & 255
        row = line
        out += line
    return out
one, other = (sorted(pathlib.Path(d).rglob('*.png')) for d in sys.argv[1:])
assert len(one) == len(other) >= 3, (len(one), len(other))
for a, b in zip(one, other):
    assert a.name == b.name and max(abs(x - y) for x, y in zip(pixels(a), pixels(b))) <= 2, (a, b)
EOF
}
for batch in 1 3; do
    "$w" export --select single --count 3 --out "$dir/batch$batch" || fail "export: exit $?"
    "$w" draw -m "$dir/model" --steps 2 --batch $batch --out "$dir/batch$batch" ||
        fail "draw: exit $?"
done
near_pictures "$dir/batch1/images" "$dir/batch3/images" || fail "the batch changes the pictures"
near_pictures "$dir/batch1/images" "$dir/random/drawn/single/images" ||
    fail "draw and quality draw other pictures"

# ---- refusals -------------------------------------------------------------------------------------
"$w" quality --out "$dir/none" 2>"$dir/err" && fail "a table without a model"
grep -q -- '--real' "$dir/err" || fail "no word of --real: $(cat "$dir/err")"
"$w" quality -m "$dir/nowhere" --out "$dir/none" 2>"$dir/err" && fail "a model that is not there"
grep -q nowhere "$dir/err" || fail "the folder is not named: $(cat "$dir/err")"
"$w" quality --real --compute f8 --out "$dir/none" 2>/dev/null && fail "f8 was taken"
"$w" draw -m "$dir/model" --out "$dir/nowhere" 2>/dev/null && fail "captions that are not there"
sed -i 's/"sample_size": 16/"sample_size": 8/' "$dir/model/unet/config.json"
"$w" draw -m "$dir/model" --steps 1 --out "$dir/batch1" 2>"$dir/err" && fail "32 pixels were taken"
grep -q '32 by 32' "$dir/err" || fail "the size is not named: $(cat "$dir/err")"

[ $bad = 0 ] && echo "test_quality: ok"
exit $((bad > 0))
