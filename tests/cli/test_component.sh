#!/bin/sh
# `diffuscope component` on a very small model with random weights: scores, edits, sets, files, refusals;
# and the contract for recorded draws against the CAD code's selection, where the reference numbers are.
. "$(dirname "$0")/../support.sh"

small_model
m=$dir/model
score() {
    echo component score -m "$m" --seeds 2 --steps 2 --exact 1
}

expect 2 'TEXT is needed' component score -m "$m"
expect 2 'braces do not match' $(score) --concept 'a {cat'
expect 2 'lies outside of a picture of 64 by 64' $(score) --concept cat --region 70,0,4,4
expect 2 'expected X,Y,WIDTH,HEIGHT' $(score) --concept cat --region 1,2
expect 2 'does not stand in' $(score) --concept cat --region word:dog
expect 2 'goes with --objective amplify' $(score) --concept cat --image x.png
expect 2 'is needed: how much is removed' component edit --scores "$dir/s"
expect 2 'equals its base' $(score) --concept ''
expect 2 'equals its base' $(score) --concept 'a {cat|dog}' --base 'a dog'

# Refused before a model is looked for.
expect 3 'nosuch/result.json' component edit -m "$dir/nomodel" --scores "$dir/nosuch" --count 1
expect 3 'nosuch/result.json' component redirect -m "$dir/nomodel" --concept cat --to dog --within "$dir/nosuch" --heads 2

expect 0 'halves share' $(score) --concept 'a {red|blue} cat' --base 'a dog' --weights --out "$dir/s"
for f in run.json result.json tensors.safetensors report.html where.png; do
    [ -s "$dir/s/$f" ] || fail "$f is missing"
done
expect 0 'halves share' $(score) --concept 'a {red|blue} cat' --base 'a dog' --weights --out "$dir/s2"
cmp -s "$dir/s/tensors.safetensors" "$dir/s2/tensors.safetensors" || fail 'same seeds, other scores'
expect 0 'halves share' $(score) --concept 'a cat' --objective amplify --out "$dir/amplify"

expect 0 'halves share' $(score) --concept 'a cat' --base 'a dog' --integrate 2 --out "$dir/ig"
python3 - "$dir/ig/result.json" <<'CHECK' || fail 'integrated gradients'
import json, sys
top = json.load(open(sys.argv[1]))["concepts"][0]["top"]
sys.exit(not all(t[0]["integrated"] != t[0]["score"] for t in (top["neuron"], top["head"], top["layer"], top["block"])))
CHECK

# On which pictures the first neurons fire: each picture's number is its own, whatever its company in a batch.
expect 2 'braces do not match' $(score) --concept cat --fire-on 'a {cat'
for batch in 4 1; do
    expect 0 'times as much on' $(score) --concept 'a cat' --base 'a dog' --exact 0 --batch $batch \
        --fire-on 'a {cat|dog}' --fire-on 'two {red|blue} birds' --out "$dir/fire$batch"
done
[ -s "$dir/fire4/fire.png" ] || fail 'fire.png is missing'
python3 - "$dir/fire4/result.json" "$dir/fire1/result.json" <<'CHECK' || fail 'where neurons fire'
import json, sys
a, b = (json.load(open(f)) for f in sys.argv[1:])
assert a["fire"]["prompts"] == ["a cat", "a dog", "two red birds", "two blue birds"]
first = [t["name"] for t in a["concepts"][0]["top"]["neuron"][:8]]
assert [n["name"] for n in a["fire"]["neurons"]] == first
other = {n["name"]: n["fire"] for n in b["fire"]["neurons"]}
both = 0
for n in a["fire"]["neurons"]:
    assert len(n["fire"]) == 4 and min(n["fire"]) > 0 and max(n["fire"]) > 1.0001 * min(n["fire"]), n
    if n["name"] in other:
        both += 1
        assert all(abs(x - y) < 1e-4 * x for x, y in zip(n["fire"], other[n["name"]])), n
assert both >= 6
CHECK

# A word's own map as region: between 0 and 1, with both ends, and edits ask with the same one.
expect 0 'halves share' $(score) --concept 'a red cat' --region word:cat --out "$dir/region"
expect 0 '2 of kind neuron' component edit --scores "$dir/region" -g neuron --count 2 --draws 0 --pictures 0 --out "$dir/region-e"
python3 - "$dir/region" "$dir/region-e" <<'CHECK' || fail 'the region of a word'
import json, struct, sys
d = open(sys.argv[1] + "/tensors.safetensors", "rb").read(); n = struct.unpack("<Q", d[:8])[0]; h = json.loads(d[8:8 + n])
m = h["draws.mask"]; a, b = m["data_offsets"]
m = struct.unpack(f"<{(b - a) // 4}f", d[8 + n + a:8 + n + b])
j = json.load(open(sys.argv[1] + "/result.json"))["concepts"][0]["objective"]["value"]
e = json.load(open(sys.argv[2] + "/result.json"))["edit"]["objective_before"]
sys.exit(not (min(m) == 0 and abs(max(m) - 1) < 1e-5 and 2 < sum(m) < 62 and abs(j - e) < 1e-4 * j))
CHECK

# An edit, what it does, and what it is in other files.
expect 0 '3 of kind neuron' component edit --scores "$dir/s" -g neuron --count 3 --draws 4 --yes --out "$dir/e"
expect 2 'components of kind neuron' component edit --scores "$dir/s" -g neuron --count 100000
all=$("$d" component edit --scores "$dir/s" -g neuron --count 100000 2>&1 | sed 's/.*has \([0-9]*\) components.*/\1/')
expect 0 'have a score that is positive' component edit --scores "$dir/s" -g neuron --count "$all" --draws 0 --pictures 0
expect 0 '3 of kind neuron' component edit --scores "$dir/s" -g neuron --count 3 --rounds 3 --draws 0 --pictures 0 \
    --out "$dir/rounds"
expect 0 'weights' component edit --scores "$dir/s" --select global --count 40 --draws 0 --pictures 0 --out "$dir/w"
expect 0 'of kind weight' component edit --scores "$dir/s" --select prune --ratio 0.1 --pictures 0 --out "$dir/prune"
expect 2 'prune takes weights' component edit --scores "$dir/s" --select prune --count 3
expect 2 'expected scores of erase' component edit --scores "$dir/amplify" --select prune --ratio 0.1
expect 0 'random sets' component check --scores "$dir/s" -g head --count 1 --draws 6 --draws-at 2
printf 'a house\ntwo birds\n' >"$dir/anchors"
# Dose and response: the sets that were named, both kinds of components; the concept falls with the dose.
printf 'a boat\n' >"$dir/unrelated"
expect 0 'of kind neuron' component edit --scores "$dir/s" -g neuron --count 8 --doses 3 --unrelated "$dir/unrelated" \
    --draws 0 --pictures 0 --out "$dir/dose"
python3 - "$dir/dose" <<'CHECK' || fail 'doses'
import json, sys
r = json.load(open(sys.argv[1] + "/result.json")); d = r["dose"]
left = [x["target"]["left"] for x in d]
assert [x["components"] for x in d] == [4, 8, 16] and all(set(x) == {"components", "target", "unrelated"} for x in d)
assert left[0] > left[1] > left[2] > 0, left
assert all(x["target"]["left"] < x["target"]["left_at_random"] for x in d), d
assert abs(left[1] - r["edit"]["objective_after"] / r["edit"]["objective_before"]) < 1e-4
assert "Dose and response" in open(sys.argv[1] + "/report.html").read()
CHECK
expect 0 'of kind head' component edit --scores "$dir/s" -g head --count 1 --anchors "$dir/anchors" \
    --draws 0 --pictures 0 --out "$dir/anchored"
expect 0 'in either' component overlap "$dir/e" "$dir/w" --make union --out "$dir/ab"
expect 0 'in either' component overlap "$dir/w" "$dir/e" --make union --out "$dir/ba"
python3 - "$dir" <<'CHECK' || fail 'the union depends on the order'
import json, struct, sys
def load(f):
    d = open(f, "rb").read(); n = struct.unpack("<Q", d[:8])[0]; h = json.loads(d[8:8 + n]); h.pop("__metadata__", None)
    return {k: d[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]] for k, v in h.items()}
sys.exit(load(sys.argv[1] + "/ab/tensors.safetensors") != load(sys.argv[1] + "/ba/tensors.safetensors"))
CHECK
expect 0 'weights of' component save --edit "$dir/e" --lora "$dir/e.safetensors" --export "$dir/edited"
expect 0 'weights of' component save --edit "$dir/w" --diff "$dir/w.safetensors"
# The LoRA at strength 1 draws what the edited model draws, to 1e-5, and not what the model itself does.
draw() {
    expect 0 '' generate -p 'a red cat' --seed 3 --steps 3 --sampler ddim --cfg-scale 3 "$@"
}
draw -m "$dir/edited" --out "$dir/drawn-edited"
draw -m "$m" --lora "$dir/e.safetensors=1" --out "$dir/drawn-lora"
draw -m "$m" --out "$dir/drawn"
python3 - "$dir" <<'CHECK' || fail 'the LoRA is not the edit'
import array, json, struct, sys
def load(f):
    d = open(f + "/tensors.safetensors", "rb").read(); n = struct.unpack("<Q", d[:8])[0]; h = json.loads(d[8:8 + n])["latents"]
    a, b = h["data_offsets"]
    return array.array("f", d[8 + n + a:8 + n + b])
edited, lora, model = (load(sys.argv[1] + "/" + x) for x in ("drawn-edited", "drawn-lora", "drawn"))
largest = max(map(abs, edited))
far = lambda a, b: max(abs(x - y) for x, y in zip(a, b)) / largest
assert far(edited, lora) < 1e-5, far(edited, lora)
assert far(edited, model) > 1e-4, far(edited, model)
CHECK
expect 0 '"parameters": 131163' inspect -m "$dir/edited" --json
expect 0 'weights of' component save --edit "$dir/e" --export "$dir/edited.safetensors"
[ -f "$dir/edited.safetensors" ] || fail 'a name that ends in .safetensors is a single file'
# `export --edit` writes what `component save --export` does; two edits add up; an edit of another model is refused.
expect 0 '' export -m "$m" --edit "$dir/e" --out "$dir/edited-2.safetensors"
cmp "$dir/edited.safetensors" "$dir/edited-2.safetensors" || fail "export --edit: another file"
expect 0 '' export -m "$m" --edit "$dir/e" --edit "$dir/w" --out "$dir/edited-3.safetensors"
cmp -s "$dir/edited.safetensors" "$dir/edited-3.safetensors" && fail "export --edit: the second edit is lost"
expect 2 'was made for another model' export -m "$dir/edited" --edit "$dir/e" --out "$dir/edited-4.safetensors"
expect 2 'is there already' component save --edit "$dir/e" --export "$dir/edited.safetensors"
expect 2 'was made for another model' component save -m "$dir/edited" --edit "$dir/e" --lora "$dir/x.safetensors"
printf 'a house\ntwo birds\na tree\n' >"$dir/keep"
expect 0 'is read as "dog"' component redirect -m "$m" --concept cat --to dog --keep "$dir/keep" --out "$dir/r"
expect 0 'is read as "dog"' component redirect -m "$m" --concept cat --to dog --keep "$dir/keep" \
    --within "$dir/s" --heads 2 --out "$dir/r2"
printf 'cat\nkitten\ndog\nhouse\ntree\n' >"$dir/words"
expect 2 'WORD is needed' component redirect -m "$m" --concept cat --keep "$dir/keep"
expect 0 'is read as' component redirect -m "$m" --concept cat --among "$dir/words" --keep "$dir/keep" --out "$dir/near"
python3 - "$dir/near/result.json" <<'CHECK' || fail 'the guide'
import json, statistics, sys
r = json.load(open(sys.argv[1])); near = r["near"]; j = [n["objective"] for n in near]
far = [n["word"] for n in near if n["objective"] >= statistics.median(j) / 2]
sys.exit(not (j == sorted(j) and j[0] > 0 and {n["word"] for n in near} == {"kitten", "dog", "house", "tree"}
              and r["redirect"]["to"] == far[0]))
CHECK
expect 2 'are the same text' component redirect -m "$m" --concept cat --to cat --keep "$dir/keep"

# The contract for outside checks: selections equal to the CAD code's.
golden=${DS_GOLDEN:-../shared/golden}
if [ -d "$golden/cases/sd15-component-erase" ]; then
    c=$golden/cases/sd15-component-erase
    expect 0 'J =' component score -m "$golden/models/sd15" --concept 'a photo of a cat' --base '' \
        --objective erase --rows stop --on output --draws "$c/inputs.safetensors" --save gradients \
        --exact 0 --out "$dir/golden"
    for mode in row flat; do
        expect 0 'of kind weight' component edit --scores "$dir/golden" --select $mode --keep-sign positive \
            --ratio 0.05 --draws 0 --pictures 0 --out "$dir/golden-$mode"
    done
    python3 - "$dir" "$c/outputs.safetensors" <<'CHECK' || fail 'other weights than the CAD code zeroes'
import json, struct, sys
def load(f):
    d = open(f, "rb").read(); n = struct.unpack("<Q", d[:8])[0]; h = json.loads(d[8:8 + n]); h.pop("__metadata__", None)
    return {k: d[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]] for k, v in h.items()}
want = load(sys.argv[2])
for mode in ("row", "flat"):
    got, off, all_ = load(f"{sys.argv[1]}/golden-{mode}/tensors.safetensors"), 0, 0
    for k, v in want.items():
        if k.startswith(f"zeroed_{mode}_0.05."):
            g = got["zeroed.unet." + k[len(f"zeroed_{mode}_0.05."):]]
            off += sum(a != b for a, b in zip(g, v)) if len(g) == len(v) else len(v)
            all_ += len(v)
    if all_ == 0 or off > all_ / 10000:
        sys.exit(f"{mode}: {off} of {all_}")
CHECK
else
    echo "not compared with the CAD code: no reference numbers"
fi
exit $bad
