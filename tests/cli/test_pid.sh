#!/bin/sh
# `diffuscope pid` and its companions on a very small model with random weights: files, numbers that
# must add up, exact cases, and wrong words.
. "$(dirname "$0")/../support.sh"

# holds FILE EXPRESSION: a Python expression over the file's JSON, named r.
holds() {
    python3 -c "import json, sys; r = json.load(open(sys.argv[1])); sys.exit(not ($2))" "$1" ||
        fail "$1: $2"
}

small_model
m=$dir/model
fast="--steps 3 --replicates 4 --nodes 2 --pilot 0"

# ---- what can be refused is refused before anything is drawn
p="a cow and a pig"
expect 2 'is given twice' pid -m "$m" -p "$p" --words cow cow
expect 2 'found an empty one' pid -m "$m" -p ' ' --words cow pig
expect 2 'the first level needs' pid -m "$m" -p "$p" --words cow pig --max-calls 10 --progress json
grep -q '"sampling"' "$out" && fail 'the picture was drawn before calls were counted'
expect 2 'unknown sampler' pid bias -m "$m" --attributes woman man --occupations nurse --sampler dimm

# ---- two words
expect 0 'atoms (mmi-pixel)' pid -m "$m" -p "$p" --words cow pig $fast --out "$dir/a"
for f in image.png pid.png informations.png sweep.svg report.html result.json run.json \
    tensors.safetensors; do
    [ -s "$dir/a/$f" ] || fail "$f is missing"
done
holds "$dir/a/result.json" \
    "abs(sum(v['value'] for v in r['atoms']['image'].values()) - r['informations']['AB']['o']['value']) < 1e-5"
holds "$dir/a/result.json" "abs(r['chain_residual']['s']) < 1e-5 * abs(r['informations']['AB']['s']['value'])"
holds "$dir/a/result.json" "r['texts'] == {'base': '', 'A': 'cow', 'B': 'pig', 'AB': 'cow pig'}"
holds "$dir/a/result.json" "r['estimate']['texts'] == 4 and r['estimate']['calls'] == 4 * 4 * 2 * 2"
holds "$dir/a/result.json" "r['prior']['delta_known'] is False and len(r['sweep']) > 20"
holds "$dir/a/result.json" \
    "all(x['R_image']['value'] >= y['R_image']['value'] - 1e-9 for x, y in zip(r['sweep'], r['sweep'][1:]) if x['delta'] >= 0)"

# ---- the same words in the other order, from the same picture and noise
"$d" pid -m "$m" -p "$p" --words pig cow --given context $fast --json >"$dir/x.json" 2>"$out" || fail 'order'
"$d" pid -m "$m" -p "$p" --words cow pig --given context $fast --json >"$dir/y.json" 2>"$out" || fail 'order'
python3 - "$dir/x.json" "$dir/y.json" >"$out" 2>&1 <<'CHECK' || fail 'exchanged words'
import json, sys
x, y = (json.load(open(f)) for f in sys.argv[1:])
for kind in ("image", "sum_of_pixels"):
    a, b = x["atoms"][kind], y["atoms"][kind]
    assert a["R"] == b["R"] and a["S"] == b["S"], kind
    assert a["U_A"] == b["U_B"] and a["U_B"] == b["U_A"], kind
assert x["method"] == "cpid" and x["texts"]["AB"] == "a cow and a pig"
CHECK

# ---- one word twice: R is its information, the rest exactly nothing
"$d" pid -m "$m" -p "$p" --words cow COW $fast --json >"$dir/x.json" 2>"$out" || fail 'twice'
holds "$dir/x.json" "all(r['atoms'][k][a]['value'] == 0 for k in r['atoms'] for a in ('U_A', 'U_B', 'S'))"
holds "$dir/x.json" "r['atoms']['image']['R']['value'] == r['informations']['A']['o']['value'] > 0"

# ---- pm: Delta given, from a file, or swept
expect 0 'prior dominated' pid -m "$m" -p "$p" --words cow pig $fast --redundancy pm --delta 1000
"$d" pid -m "$m" -p "$p" --words cow pig $fast --redundancy pm --delta 2.5 --json >"$dir/x.json" 2>"$out"
printf '# surprisals\ncow 3.5\npig  6\n' >"$dir/h.txt"
echo '{"cow": 3.5, "pig": 6}' >"$dir/h.json"
for h in h.txt h.json; do
    "$d" pid -m "$m" -p "$p" --words cow pig $fast --redundancy pm --surprisal "$dir/$h" --json \
        >"$dir/y.json" 2>"$out" || fail "$h"
    python3 -c "
import json, sys
x, y = (json.load(open(f)) for f in sys.argv[1:])
sys.exit(x['atoms'] != y['atoms'] or y['prior']['h_B'] != 6)" "$dir/x.json" "$dir/y.json" ||
        fail "$h: another result than with --delta"
done
expect 0 'are not known' pid -m "$m" -p "$p" --words cow pig $fast --redundancy pm
expect 0 'atoms (pm)' pid -m "$m" -p "$p" --words cow pig $fast --redundancy pm --delta inf --form s
expect 2 'expected a number or inf' pid -m "$m" -p "$p" --words cow pig --delta much
expect 2 'exclude each other' pid -m "$m" -p "$p" --words cow pig --delta 1 --surprisal "$dir/h.txt"
echo 'cow' >"$dir/bad.txt"
expect 3 'line 1: expected a word and a number' pid -m "$m" -p "$p" --words cow pig --surprisal "$dir/bad.txt"
echo 'cow 1' >"$dir/bad.txt"
"$d" pid -m "$m" -p "$p" --words cow pig $fast --surprisal "$dir/bad.txt" >"$out" 2>&1 && fail 'a word without surprisal'
grep -qF 'lacks the word "pig"' "$out" || fail 'a word without surprisal'

# A picture that is not there is never looked for: what can be refused is refused before.
for c in pid 'pid all' 'pid homonym'; do
    "$d" $c -m "$m" -p "$p" --image "$dir/none.png" --words cow pig --surprisal "$dir/bad.txt" >"$out" 2>&1 &&
        fail "$c: a word without surprisal"
    grep -qF 'lacks the word "pig"' "$out" || fail "$c: not refused before the picture is read"
    "$d" $c -m "$m" -p "$p" --image "$dir/none.png" --words cow dog --given context >"$out" 2>&1 &&
        fail "$c: a word that is not there"
    grep -qF '"dog" is not a word of the prompt' "$out" || fail "$c: not refused before the picture is read"
done
expect 2 'imin needs vocabularies' pid all -m "$m" -p "$p" --image "$dir/none.png" --redundancy imin

# ---- imin
echo '{"A": {"cow": 0.5, "dog": 0.5}, "B": {"pig": 1}}' >"$dir/v.json"
expect 0 'atoms (imin)' pid -m "$m" -p "$p" --words cow pig $fast --redundancy imin --vocabulary "$dir/v.json"
expect 2 'needs --vocabulary' pid -m "$m" -p "$p" --words cow pig --redundancy imin
expect 3 'expected objects "A" and "B"' pid -m "$m" -p "$p" --words cow pig --vocabulary "$dir/h.json"

# ---- pictures and latents
expect 0 'nats' pid -m "$m" --image "$dir/a/image.png" --words cow pig $fast
expect 0 'nats' pid -m "$m" --latent "$dir/a/tensors.safetensors" --words cow pig $fast
expect 2 'a picture is needed' pid -m "$m" --words cow pig
expect 2 'exclude each other' pid -m "$m" --image x.png --latent y --words cow pig

# ---- wrong words
expect 2 'expected two words, found 1' pid -m "$m" -p "$p" --words cow
expect 2 'expected two words, found 3' pid -m "$m" -p "$p" --words cow pig dog
expect 2 '--words' pid -m "$m" -p "$p"
"$d" pid -m "$m" -p "$p" --words cow dog --given context >"$out" 2>&1 && fail 'a word that is not there'
grep -qF '"dog" is not a word of the prompt; its words are a, cow, and, a, pig' "$out" || fail 'list of words'
expect 0 '"dog" does not stand in the prompt' pid -m "$m" -p "$p" --words cow dog $fast
expect 2 'word 2 is empty' pid -m "$m" -p "$p" --words cow ' '
expect 2 'a context is that of a prompt' pid -m "$m" --image "$dir/a/image.png" --words cow pig --given context

# ---- all pairs, homonyms
expect 0 'S, nats' pid all -m "$m" -p "$p" $fast --out "$dir/b"
holds "$dir/b/result.json" "r['words'] == ['a', 'cow', 'and', 'pig'] and len(r['pairs']) == 6"
holds "$dir/b/result.json" "r['estimate']['texts'] == 1 + 4 + 6"
python3 - "$dir/a/result.json" "$dir/b/result.json" >"$out" 2>&1 <<'CHECK' || fail 'pid all differs from pid'
import json, sys
one, many = (json.load(open(f)) for f in sys.argv[1:])
row = next(p for p in many["pairs"] if p["words"] == ["cow", "pig"])
for a in ("R", "U_A", "U_B", "S"):
    x, y = one["atoms"]["image"][a]["value"], row["atoms"]["image"][a]["value"]
    assert abs(x - y) < 1e-4 * max(1, abs(x)), (a, x, y)
CHECK
expect 2 'two or more words, found 1' pid all -m "$m" -p "$p" --words cow
expect 2 'the prompt has one word' pid all -m "$m" -p "cow,"
expect 0 'S(cow, pig)' pid homonym -m "$m" -p "$p" --words cow $fast --out "$dir/c"
holds "$dir/c/result.json" "[x['S']['value'] for x in r['ranking']] == sorted((x['S']['value'] for x in r['ranking']), reverse=True)"

# ---- bias
printf 'nurse 0.9\nwelder 0.1\nstudent 0.5\n' >"$dir/truth.txt"
expect 0 'rank correlation of the gap in mi' pid bias -m "$m" --attributes woman man \
    --occupations nurse welder "office worker" --pictures 2 --steps 2 --replicates 4 --nodes 1 \
    --truth "$dir/truth.txt" --out "$dir/e"
holds "$dir/e/result.json" "len(r['occupations']) == 3 and r['truth']['occupations'] == 2"
holds "$dir/e/result.json" \
    "all(abs(o['woman'][n]['value'] - o['man'][n]['value'] - o['gap'][n]['value']) < 1e-6 * (1 + abs(o['woman'][n]['value'])) for o in r['occupations'] for n in o['gap'])"
holds "$dir/e/result.json" "[o['gap']['R_image']['value'] for o in r['occupations']] == sorted((o['gap']['R_image']['value'] for o in r['occupations']), reverse=True)"
holds "$dir/e/result.json" "all(o['share'][n]['value'] is None for o in r['occupations'] for n in o['share'])"
# Seeds and words being the same, gaps are those above, and shares lie where the gaps of the anchors put them.
expect 0 'rank correlation of the share by mi' pid bias -m "$m" --attributes woman man \
    --occupations nurse welder "office worker" --pictures 2 --steps 2 --replicates 4 --nodes 1 \
    --picture-of all --truth "$dir/truth.txt" --out "$dir/shares"
holds "$dir/shares/result.json" "[o['gap'] for o in r['occupations']] == [o['gap'] for o in json.load(open('$dir/e/result.json'))['occupations']]"
holds "$dir/shares/result.json" "all(o['share']['mi']['se'] > 0 for o in r['occupations'])"
holds "$dir/shares/result.json" "all(abs((w['mi']['value'] - m['mi']['value']) * o['share']['mi']['value'] + m['mi']['value'] - o['gap']['mi']['value']) < 1e-5 for o in r['occupations'] for w, m in [(o['gap_where_drawn']['woman'], o['gap_where_drawn']['man'])])"
holds "$dir/shares/result.json" "sorted(r['truth']) == ['gap', 'occupations', 'share']"
cut -d' ' -f1 "$dir/truth.txt" >"$dir/names.txt"
expect 0 'prior dominated' pid bias -m "$m" --attributes woman man --occupations-file "$dir/names.txt" \
    --pictures 1 --steps 2 --nodes 1 --picture-of both --given context --redundancy pm --delta 1e6
expect 2 'lacks {occupation}' pid bias -m "$m" --attributes woman man --occupations nurse --template 'a {attribute}'
expect 2 'expected two, found 1' pid bias -m "$m" --attributes woman --occupations nurse
expect 2 'is needed' pid bias -m "$m" --attributes woman man
expect 2 'file of one picture' pid bias -m "$m" --attributes woman man --occupations nurse --state "$dir/s"

expect 3 'none.txt' pid bias -m "$m" --attributes woman man --occupations nurse --truth "$dir/none.txt"
"$d" pid bias -m "$m" --attributes woman man --occupations nurse --redundancy pm --surprisal "$dir/h.txt" >"$out" 2>&1 &&
    fail 'an attribute without surprisal'
grep -qF 'lacks the word "woman"' "$out" || fail 'an attribute without surprisal'

# ---- interventions
expect 0 'without pig' pid intervene -m "$m" -p "$p" --words cow pig $fast --out "$dir/f"
holds "$dir/f/result.json" "[i['word'] for i in r['interventions']] == ['cow', 'pig']"
holds "$dir/f/result.json" "r['interventions'][0]['prompt'] == 'a  and a pig'"
holds "$dir/f/result.json" "all(i['change_latent'] > 0 for i in r['interventions'])"
[ -s "$dir/f/intervention.png" ] || fail 'no picture of the interventions'
expect 2 'expected two words' pid intervene -m "$m" -p "$p" --words cow
"$d" pid intervene -m "$m" -p "$p" --words cow dog >"$out" 2>&1 && fail 'a word that is not there'
grep -qF '"dog" is not a word of the prompt' "$out" || fail 'a word that is not there'

# ---- a run that is repeated
expect 0 'the same bits' replay "$dir/a" --out "$dir/again"

[ $bad = 0 ] && echo "pid: all right"
exit $bad
