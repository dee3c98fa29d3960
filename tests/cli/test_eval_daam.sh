#!/bin/sh
# `diffuscope eval daam` on a very small model with random weights: both kinds of folders, resuming,
# refusals. That the maps mean something is shown elsewhere (docs/evaluation.md).
. "$(dirname "$0")/../support.sh"

cat >"$dir/tiny.json" <<'END'
{"vae": {"block_out_channels": [8, 8, 8], "norm_num_groups": 4, "sample_size": 64,
         "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
         "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"]},
 "scheduler": {"_class_name": "DDIMScheduler", "clip_sample": false,
               "beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012,
               "steps_offset": 1},
 "text_encoder": {"architectures": ["CLIPTextModel"], "vocab_size": 520, "hidden_size": 16,
                  "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32,
                  "projection_dim": 16, "eos_token_id": 519, "hidden_act": "quick_gelu"},
 "unet": {"block_out_channels": [16, 16], "norm_num_groups": 8, "sample_size": 16,
          "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"], "layers_per_block": 1,
          "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"], "cross_attention_dim": 16,
          "attention_head_dim": 2}}
END
"$d" new-model --like "$dir/tiny.json" --out "$dir/model" -q || fail "no model"
"$w" export --split test --count 4 --out "$dir/world" >/dev/null || fail "no scenes"

eval="eval daam -m $dir/model --levels 2 -q"
expect 0 'random-weights' $eval --data "$dir/world" --out "$dir/a" --pictures 1
expect 0 '"miou_held_out"' $eval --data "$dir/world" --out "$dir/whole" --settings whole disc best --json
[ -s "$dir/a/scene-000000.png" ] || fail "no picture of the first scene"
python3 - "$dir/a/result.json" <<'END' || fail "result.json"
import json, sys
r = json.load(open(sys.argv[1]))
s = r["settings"]
assert list(s) == ["whole", "disc", "paper", "plain", "best", "ask", "ask-best", "smooth", "guided",
                   "other-word", "wrong-words", "random-weights"], list(s)
assert r["counts"]["words"] >= 4, r["counts"]
for name, x in s.items():
    e = x["miou_held_out"] if x["miou_held_out"]["value"] is not None else x["miou_tuned"]
    assert 0 <= e["low"] <= e["value"] <= e["high"] <= 1, (name, e)
    assert e["count"] == r["counts"]["words"], (name, e)
    if name not in ("whole", "disc", "ask", "ask-best", "other-word"):
        assert x["scene_best"]["value"] >= x["scene_hungarian"]["value"] - 1e-9, name
assert "best - paper" in r["differences_held_out"]
END

# An interrupted run that goes on says the same as one that was not, also after half a line.
set='--settings whole paper best ask'
expect 0 'paper' $eval $set --data "$dir/world" --out "$dir/one"
expect 0 'paper' $eval $set --data "$dir/world" --out "$dir/two" --limit 3
head -c -40 "$dir/two/pairs.jsonl" >"$dir/cut" && mv "$dir/cut" "$dir/two/pairs.jsonl"
expect 2 '--resume' $eval $set --data "$dir/world" --out "$dir/two"
expect 2 '--emphasis must be' $eval $set --data "$dir/world" --out "$dir/two" --resume --emphasis a1111
expect 0 'paper' $eval $set --data "$dir/world" --out "$dir/two" --resume
cmp "$dir/one/result.json" "$dir/two/result.json" || fail "resumed and uninterrupted runs differ"
cmp "$dir/one/pairs.jsonl" "$dir/two/pairs.jsonl" || fail "their lines differ"
expect 2 '--settings must be' $eval --settings smooth --data "$dir/world" --out "$dir/two" --resume
expect 2 '--seed must be' $eval $set --seed 7 --data "$dir/world" --out "$dir/two" --resume

mv "$dir/two/conditions.json" "$dir/away"
expect 3 'which says how the lines beside it were made' $eval $set --data "$dir/world" --out "$dir/two" --resume
mv "$dir/away" "$dir/two/conditions.json"

# --force begins anew; two parts and their merger say what one run says.
expect 0 'paper' $eval $set --data "$dir/world" --out "$dir/two" --limit 1 --force
[ "$(wc -l <"$dir/two/pairs.jsonl")" = 1 ] || fail "--force went on with old lines"
for i in 0 1; do
    expect 0 'paper' $eval $set --data "$dir/world" --part $i/2 --out "$dir/p$i"
done
expect 0 'paper' $eval $set --data "$dir/world" --merge "$dir/p0" "$dir/p1" --out "$dir/all"
cmp "$dir/one/result.json" "$dir/all/result.json" || fail "parts that were merged differ"

# Random weights lie in memory: nothing in the folder is half of a model.
[ ! -e "$dir/a/random-weights" ] || fail "a model was left in the folder"

# Drawn pictures: random weights draw nothing that the judge knows; masks of one's own go with them.
expect 0 'does not show' $eval --mode generate --steps 2 --limit 2 --settings whole best \
    --data "$dir/world" --out "$dir/drawn"
expect 0 'best' $eval --mode generate --masks data --steps 2 --limit 2 --settings whole paper best \
    --data "$dir/world" --out "$dir/own"
expect 2 'needs given pictures' $eval --mode generate --settings wrong-words --data "$dir/world" \
    --out "$dir/no"

# A COCO folder whose picture is not square.
mkdir -p "$dir/coco/annotations" "$dir/coco/images"
cp "$dir/world/images/test-0000000.png" "$dir/coco/images/a.png"
cat >"$dir/coco/annotations/instances_toy.json" <<'END'
{"images": [{"id": 5, "file_name": "a.png", "width": 80, "height": 48}],
 "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dining table"}],
 "annotations": [{"image_id": 5, "category_id": 1, "segmentation": [[10, 10, 40, 10, 40, 30, 10, 30]]},
                 {"image_id": 5, "category_id": 2, "segmentation": {"size": [48, 80], "counts": [1920, 1920]}}]}
END
cat >"$dir/coco/annotations/captions_toy.json" <<'END'
{"annotations": [{"image_id": 5, "caption": "Two cats asleep on a dining table."}]}
END
expect 0 '1 scenes, 2 words' $eval --settings whole disc paper best --data "$dir/coco" --out "$dir/c"
grep -q '"word":"dining table"' "$dir/c/pairs.jsonl" || fail "a category of two words"

# An experiment as the DAAM package keeps it: a picture that is opaque where the word is.
mkdir -p "$dir/daam/7/sub"
cp "$dir/world/images/test-0000000.png" "$dir/daam/7/sub/output.png"
echo 'two cats' >"$dir/daam/7/prompt.txt"
echo 7 >"$dir/daam/7/seed.txt"
python3 - "$dir/daam/7/cat.gt.png" <<'END'
import struct, sys, zlib
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
rows = b"".join(b"\0" + b"".join(bytes([9, 9, 9, 200 if 8 <= x < 24 and y < 16 else 0])
                                 for x in range(32)) for y in range(32))
open(sys.argv[1], "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 32, 32,
    8, 6, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
END
expect 0 '1 scenes, 1 words' $eval --settings whole paper --data "$dir/daam" --out "$dir/e"
grep -q '"area":0.25' "$dir/e/pairs.jsonl" || fail "the mask of an experiment"

# A setting of one's own, and refusals.
expect 0 'coarse' $eval --settings whole --setting 'coarse:resolutions=1;weights=paper' \
    --data "$dir/world" --limit 1 --out "$dir/s"
expect 2 'no setting is called "besst"' $eval --settings besst --data "$dir/world" --out "$dir/x1"
expect 2 'expected NAME:key=value' $eval --setting oops --data "$dir/world" --out "$dir/x2"
expect 2 'refine=raw|smooth' $eval --setting 'a:refine=soft' --data "$dir/world" --out "$dir/x3"
expect 2 'normalize=no|yes' $eval --setting 'a:normalize=1' --data "$dir/world" --out "$dir/x3"
expect 2 'given twice' $eval --settings best best --data "$dir/world" --out "$dir/x4"
expect 2 'captions.jsonl' $eval --data "$dir/model" --out "$dir/x5"
rm "$dir/world/images/test-0000001.png"
expect 3 'test-0000001.png' $eval --settings best --data "$dir/world" --out "$dir/x6"
[ ! -e "$dir/x6" ] || fail "a refused run left a folder"
expect 0 'best' $eval --settings best --data "$dir/world" --out "$dir/x6" --limit 1

# Grammar, where the library is there; without it, what to install.
cat='a small cat on a red mat'
if pkg-config --exists link-grammar 2>/dev/null; then
    expect 0 'nmod:on' daam -m "$dir/model" -p "$cat" --steps 2 --syntax --out "$dir/d" -q
    grep -q 'IoD (relative)' "$dir/d/report.html" || fail "the page lacks the table"
    grep -q '"syntax"' "$dir/d/result.json" || fail "result.json lacks the pairs"
    expect 0 'unrelated' $eval --settings paper --syntax --data "$dir/world" --limit 1 --out "$dir/g"
else
    expect 3 'install' daam -m "$dir/model" -p "$cat" --steps 2 --syntax --out "$dir/d" -q
fi

[ $bad = 0 ] && echo "eval daam: all right"
exit $bad
