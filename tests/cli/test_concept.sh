#!/bin/sh
# `diffuscope concept` and its companions on a very small model with random weights: files, numbers that must
# hold, stops and resumes, and wrong words.
. "$(dirname "$0")/../support.sh"

# holds FILE EXPRESSION: a Python expression over the file's JSON, named r.
holds() {
    python3 -c "import json, sys; r = json.load(open(sys.argv[1])); sys.exit(not ($2))" "$1" ||
        fail "$1: $2"
}

# One thread: the model is too small for two, which only wait for each other on a busy machine.
export OMP_NUM_THREADS=1
small_model
m=$dir/model
printf 'a\nb\nc\nd\ne\nf\ng\nh\nzz\n' >"$dir/words"
fast="--steps 4 --batch 2 --restarts 2 --pictures 3 --held-out 2 --bank-steps 4 --check-every 2 --from 0
    --draw-steps 2 --draw-count 1 --sampler ddim --dictionary $dir/words --tokens 5"

# ---- a search
expect 0 'q =' concept -m "$m" -w q -p "x <> {y|z}" $fast --out "$dir/a"
for f in report.html result.json run.json tensors.safetensors q-sheet.png q-equation.png; do
    [ -s "$dir/a/$f" ] || fail "$f is missing"
done
holds "$dir/a/result.json" "abs(sum(t['share']['value'] for t in r['concepts'][0]['tokens']) - 1) < 0.9"
holds "$dir/a/result.json" "r['dictionary']['words'] == 8 and len(r['concepts'][0]['restarts']) == 2"
holds "$dir/a/result.json" "r['cost']['backward'] == 2 * 4 * 2 and r['cost']['bank'] > 0"
holds "$dir/a/result.json" "r['concepts'][0]['held_out']['concept']['value'] < 1e-8"
holds "$dir/a/result.json" "all(k in r['concepts'][0]['text_only'] for k in ('cosine', 'nnls', 'encoder'))"

# ---- the same seed gives the same answer; a finished search is not made again
"$d" concept -m "$m" -w q -p "x <> {y|z}" $fast --no-pictures --out "$dir/b" >"$out" 2>&1 || fail 'again'
python3 - "$dir/a/result.json" "$dir/b/result.json" <<'CHECK' || fail 'another answer from the same seed'
import json, sys
x, y = (json.load(open(f))["concepts"] for f in sys.argv[1:])
assert x == y
CHECK
expect 0 'q =' concept -m "$m" -w q -p "x <> {y|z}" $fast --no-pictures --resume --out "$dir/b"
holds "$dir/b/result.json" "r['cost']['backward'] == 0"
expect 2 'of another search' concept -m "$m" -w q -p "x <> {y|y y}" $fast --no-pictures --resume --out "$dir/b"
# --force begins anew, whatever lies there
expect 0 'q =' concept -m "$m" -w q -p "x <> {y|z}" $fast --no-pictures --force --out "$dir/b"
holds "$dir/b/result.json" "r['cost']['backward'] == 2 * 4 * 2"

# ---- another search's mixture on the same pictures: its own loss, if it is the same search
expect 0 'q =' concept -m "$m" -w q -p "x <> {y|z}" $fast --no-pictures --beside "$dir/a" --out "$dir/c"
holds "$dir/c/result.json" "(lambda h: abs(h['beside']['value'] - h['top_n']['value']) < 1e-6 * h['top_n']['value'])(r['concepts'][0]['held_out'])"
expect 2 'no concept "a"' concept -m "$m" -w a -p "x <>" $fast --beside "$dir/a"

# ---- what can be done with it
word=$(python3 -c "import json; print(json.load(open('$dir/a/result.json'))['concepts'][0]['tokens'][0]['token'])")
expect 0 '6 pictures' concept edit -m "$m" --run "$dir/a" --scale "$word=3" --steps 2 --sampler ddim --out "$dir/edit"
holds "$dir/edit/result.json" "len(r['steps']) == 5 and r['steps'][2]['from_found'] == 0"
# at nearly the whole share the picture is nearly the word's own (their tokens differ in length alone)
expect 0 '4 pictures' concept edit -m "$m" --run "$dir/a" --set "$word=0.999999" --steps 2 --sampler ddim --out "$dir/far"
holds "$dir/far/result.json" "r['steps'][0]['from_word'] > 3 * r['steps'][2]['from_word']"
expect 0 '6 pictures' concept edit -m "$m" --run "$dir/a" --scale "$word=1" --steps 2 --sampler ddim --out "$dir/same"
holds "$dir/same/result.json" "all(s['from_found'] == 0 for s in r['steps'])"
expect 0 '3 pictures' concept interpolate -m "$m" a b --count 3 --steps 2 --sampler ddim --out "$dir/way"
holds "$dir/way/result.json" "r['steps'][0]['from_a'] == 0 and r['steps'][2]['from_b'] == 0"
expect 0 'share 1.00 of their mixtures' concept compare -m "$m" q q --run "$dir/a" --other "$dir/b"
expect 0 'q, seed 42:' concept explain -m "$m" --run "$dir/a" --steps 2 --sampler ddim --tokens 3 --out "$dir/why"
holds "$dir/why/result.json" "1 <= len(r['survivors']) <= 3 and r['judge'] == 'latent' and r['redraws'] > 0"
expect 0 'before:' concept bias -m "$m" --run "$dir/a" --attribute "$word" --between "a <>" --between "b <>" \
    --toward a --strength 0 --count 2 --steps 2 --sampler ddim --keep-pictures --out "$dir/bias"
cmp "$dir/bias/before-0001.png" "$dir/bias/after-0001.png" || fail 'strength 0 changed a picture'
holds "$dir/bias/result.json" "r['flagged'][0]['rank'] == 1 and r['before'] == r['after']"
expect 0 '<q>' concept save -m "$m" --run "$dir/a" --embedding "$dir/q.safetensors"
expect 0 '<q>' inspect "$dir/q.safetensors"
# ... which draws the same picture as the mixture, where another command reads it as a word
expect 0 '' generate -m "$m" --embedding "$dir/q.safetensors" -p "x <q> y" --seed 42 --steps 2 --sampler ddim --cfg-scale 3 \
    --out "$dir/word"
expect 0 '' daam -m "$m" --embedding "$dir/q.safetensors" -p "x <q> y" --word '<q>' --steps 2 --sampler ddim --out "$dir/heat"
python3 - "$dir/word/tensors.safetensors" "$dir/same/tensors.safetensors" <<'CHECK' || fail 'the saved word is not the mixture'
import array, json, struct, sys
def load(f, name):
    d = open(f, "rb").read(); n = struct.unpack("<Q", d[:8])[0]; h = json.loads(d[8:8 + n])[name]
    a, b = h["data_offsets"]
    return array.array("f", d[8 + n + a:8 + n + b])
drawn, strip = load(sys.argv[1], "latents"), load(sys.argv[2], "latents")
plane = len(strip) // 6
word, found, alone = drawn[-plane:], strip[2 * plane:3 * plane], strip[5 * plane:]
largest = max(map(abs, found))
assert max(abs(a - b) for a, b in zip(word, found)) < 1e-5 * largest
assert max(abs(a - b) for a, b in zip(word, alone)) > 1e-3 * largest
CHECK

# ---- prediction space
expect 0 'q =' concept mix -m "$m" -w q -p "x <>" --name a --name b --name c --sentences 3 --neutral 2 \
    --cache "$dir/cache.safetensors" --out "$dir/mix"
holds "$dir/mix/result.json" "abs(sum(p['share']['value'] for p in r['concepts'][0]['parts']) - 1) < 1e-6"
holds "$dir/mix/result.json" "r['passes'] == 3 * (2 + 3 + 1)"
expect 0 'q =' concept mix -m "$m" -w q -p "x <>" --name a --name b --name c --sentences 3 --neutral 2 \
    --cache "$dir/cache.safetensors" --out "$dir/mix2"
holds "$dir/mix2/result.json" "r['design']['cached'] and r['passes'] < 3 * (2 + 3 + 1)"
expect 0 'a =' concept mix -m "$m" -w a -p "x <>" --name "a b" --name "a" --name b --sentences 2 --neutral 2
# What the texts alone say: the same embeddings in another order are as near as can be, and shares are of one whole.
expect 0 'by the texts alone: c b a (cosine)' concept mix -m "$m" -w "a b c" -p "x <>" --name d --name "c b a" --name b \
    --name e --sentences 2 --neutral 2 --out "$dir/mix3"
holds "$dir/mix3/result.json" "(lambda t: t['cosine'][0]['name'] == 'c b a' and abs(t['cosine'][0]['cosine'] - 1) < 1e-5 and t['cosine'][1]['cosine'] < 0.9999)(r['concepts'][0]['text_only'])"
holds "$dir/mix3/result.json" "abs(sum(t['share'] for t in r['concepts'][0]['text_only']['encoder']) - 1) < 1e-6"
# The cache of answers changes nothing of it.
holds "$dir/mix/result.json" "len(r['concepts'][0]['text_only']['cosine']) == 3"
holds "$dir/mix2/result.json" "r['concepts'][0]['text_only'] == $(python3 -c "import json; print(json.load(open('$dir/mix/result.json'))['concepts'][0]['text_only'])")"

# ---- CLIP's dictionary and selection, as published
expect 2 '--clip-words needs --clip' concept -m "$m" -w q -p "x <>" $fast --clip-words 3
expect 2 '--select clip needs --clip' concept -m "$m" -w q -p "x <>" $fast --select clip
expect 3 'config.json' concept -m "$m" -w q -p "x <>" $fast --clip "$dir"
golden=${DS_GOLDEN:-../shared/golden}
if [ -d "$golden/models/clip" ]; then
    by_clip="--no-pictures --restarts 1 --clip $golden/models/clip --clip-words 4 --clip-templates 2 --clip-near 1
        --clip-cache $dir/words.clip"
    expect 0 'q =' concept -m "$m" -w q -p "x <> {y|z}" $fast $by_clip --select clip --out "$dir/clip"
    holds "$dir/clip/result.json" "r['select'] == 'clip' and r['concepts'][0]['words_allowed'] == 4 and len(r['concepts'][0]['tokens']) <= 4"
    # 3 pictures for the dictionary; 2 of the concept, and 2 at each of 2 checks for the selection
    holds "$dir/clip/result.json" "r['cost']['decodes'] == 3 + 2 + 2 * 2"
    holds "$dir/clip/result.json" "all(0 <= c <= 2 for x in r['concepts'][0]['restarts'] for c in x['checks'])"
    before=$(cksum <"$dir/words.clip")
    expect 0 'q =' concept -m "$m" -w q -p "x <> {y|z}" $fast $by_clip --select clip --out "$dir/clip2"
    python3 -c 'import json, sys
x, y = (json.load(open(f))["concepts"] for f in sys.argv[1:])
assert x == y' "$dir/clip/result.json" "$dir/clip2/result.json" || fail 'words from the cache give another answer'
    [ "$before" = "$(cksum <"$dir/words.clip")" ] || fail 'the cache was written again'
    head -4 "$dir/words" >"$dir/few-words"
    expect 0 'q =' concept -m "$m" -w q -p "x <>" $(echo "$fast" | sed "s,$dir/words,$dir/few-words,") $by_clip \
        --out "$dir/clip3"
    [ "$before" != "$(cksum <"$dir/words.clip")" ] || fail 'vectors of other words were taken from the cache'
    expect 2 '0 words are left by CLIP' concept -m "$m" -w q -p "x <>" $fast $by_clip --clip-near 0
else
    echo "SKIPPED a part: no CLIP in $golden"
fi

# ---- known answers
for w in q r s t u; do printf 'share\t%s\ta <>|b <>\t0.5\n' $w; done >"$dir/truth"
expect 0 'rank correlation' eval concept -m "$m" --truth "$dir/truth" --sentences 2 -p "x <>" --out "$dir/eval"
holds "$dir/eval/result.json" "len(r['questions']) == 5 and all(0 <= q['share'] <= 1 for q in r['questions'])"

# A study that was stopped goes on: what is there is read, what is not is asked, and the sum is the same.
cp "$dir/eval/result.json" "$dir/uninterrupted.json"
rm -r "$dir/eval/result.json" "$dir/eval/run.json" "$dir/eval/questions/share-t"
before=$(cksum <"$dir/eval/questions/share-q/run.json")
expect 0 'rank correlation' eval concept -m "$m" --truth "$dir/truth" --sentences 2 -p "x <>" --resume --out "$dir/eval"
cmp "$dir/uninterrupted.json" "$dir/eval/result.json" || fail 'a study that was stopped ended elsewhere'
[ "$before" = "$(cksum <"$dir/eval/questions/share-q/run.json")" ] || fail 'an answered question was asked again'
expect 2 'prompt differs' eval concept -m "$m" --truth "$dir/truth" --sentences 2 -p "<>" --resume --out "$dir/eval"
printf 'mixture\tq\ta\nown\tq\tq\nfirst\tq\ta\n' >"$dir/truth2"
expect 0 'first: ' eval concept -m "$m" --truth "$dir/truth2" --sentences 2 -p "x <>" --restarts 1 --steps 2 \
    --pictures 2 --names "$dir/words" --dictionary "$dir/words" --out "$dir/eval2"
holds "$dir/eval2/result.json" "[q['kind'] for q in r['questions']] == ['mixture', 'own', 'first'] and r['own']['n'] == 1"

# ---- wrong words
expect 2 'expected <> once' concept -m "$m" -w q -p "<> and <>"
expect 2 'does not hold' concept -m "$m" -w q -p "a photo"
expect 2 'own, inflections, function or template' concept -m "$m" -w q --keep all
expect 2 'expected a word or a phrase' concept -m "$m" -w ""
expect 2 'expected a word or a phrase' concept mix -m "$m" -w " "
expect 2 '--height 9: expected a multiple of' concept -m "$m" -w q -H 9
expect 2 '--width 9: expected a multiple of' concept mix -m "$m" -w q -W 9 --name a --name b
expect 2 '--height 9: expected a multiple of' concept edit -m "$m" --run "$dir/a" --scale "$word=2" -H 9
expect 2 'nosuch' concept interpolate -m "$m" a b --sampler nosuch
grep -q 'passes' "$out" && fail 'refused after the work began'
expect 0 'for the searches, by the speed of' concept -m "$m" -w q -p "x <>" $fast --no-pictures
cp -r "$m" "$dir/few"
printf '{"_class_name": "LCMScheduler"}' >"$dir/few/scheduler/scheduler_config.json"
expect 0 'distilled to a few steps' concept mix -m "$dir/few" -w q -p "x <>" --name a --name b --sentences 2 --neutral 2
expect 2 'given twice' concept -m "$m" -w q -w q --dictionary "$dir/words"
expect 2 'is no word of' concept edit -m "$m" --run "$dir/a" --scale nowhere=2
expect 2 'the published search' concept -m "$m" --draws "$dir/words" -p "x q"
expect 3 'expected the result of' concept edit -m "$m" --run "$dir/mix" --scale a=2
expect 3 'expected KIND' eval concept -m "$m" --truth "$dir/words"
exit $bad
