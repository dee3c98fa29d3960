#!/bin/sh
# A prompt that is longer than what the model reads (30 tokens of the specimen's): words behind are refused before
# anything is drawn; where a word is taken out, nothing of what was cut moves in; the remark stays with the answer.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bad=0
d=${BUILD:-build}/diffuscope
export DIFFUSCOPE_MODEL=models/specimen

fail() {
    bad=$((bad + 1))
    echo "FAIL: $*"
    sed 's/^/    /' "$dir/out"
}

head="a noto cat left of a cheese on a purple background"
long="$head and a dog and a fox and a pig and a cow and a hen and a bee and a fox and a strawberry"

# refuse ARGUMENTS...: exit 2, by name, before a step is made.
refuse() {
    rm -rf "$dir/x"
    "$d" "$@" --out "$dir/x" >"$dir/out" 2>&1 </dev/null
    [ $? = 2 ] && grep -qF 'where the model does not read' "$dir/out" && [ ! -e "$dir/x" ] || fail "diffuscope $*"
}
refuse info -p "$long" --word strawberry
refuse pid -p "$long" --given context --words cat strawberry
refuse info edit -p "$long" --word strawberry

# The same numbers as with the prompt cut by hand, on the same picture.
"$d" generate -p "$head" --steps 2 -o "$dir/picture.png" -q >"$dir/out" 2>&1 || fail generate
cut=$("$d" tokenize "$long" --json 2>/dev/null | python3 -c '
import json, sys
print(" ".join(w["text"] for w in json.load(sys.stdin)["words"] if w["last"] < 30))')
for p in "$long" "$cut"; do
    "$d" info -q -p "$p" --word cat --image "$dir/picture.png" --max-calls 100 --pilot 0 --out "$dir/i${#p}" >"$dir/out" 2>&1 ||
        fail "info $p"
done
python3 - "$dir/i${#long}" "$dir/i${#cut}" >"$dir/out" 2>&1 <<'PY' || fail "a long prompt and the one that is read"
import json, sys
a, b = (json.load(open(f + "/result.json")) for f in sys.argv[1:])
assert any("did not fit" in w for w in a["warnings"]), a.get("warnings")
assert "warnings" not in b, b["warnings"]
del a["warnings"]
for r in (a, b):
    del r["estimate"]["seconds"], r["questions"][0]["with"]
assert a == b, (a, b)
PY
grep -q "did not fit" "$dir/i${#long}/run.json" && grep -q "did not fit" "$dir/i${#long}/report.html" || fail "the remark in record and page"

# a remark that quotes the beginning of a prompt may cut a letter in two: the answer is not lost over it
for first in ab abc; do
    rm -rf "$dir/letters"
    "$d" info -p "$first cat $(printf 'яблоко %.0s' 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20)" --word cat --steps 1 --nodes 2 \
        --replicates 3 --out "$dir/letters" >"$dir/out" 2>&1 </dev/null || fail "a remark cuts a letter ($first)"
    python3 -c 'import json, sys; json.load(open(sys.argv[1], encoding="utf-8"))["warnings"]' "$dir/letters/result.json" \
        >>"$dir/out" 2>&1 || fail "a remark cuts a letter: result.json"
done
long_word=$(printf 'слово%.0s' 1 2 3 4 5 6 7)x
"$d" pid -p "x$long_word собака" --words "x$long_word" собака --steps 1 --nodes 2 --replicates 3 --out "$dir/pid" >"$dir/out" 2>&1 </dev/null ||
    grep -q 'where the model does not read' "$dir/out" || fail 'a title cuts a letter'

[ $bad = 0 ] && echo "all passed"
[ $bad = 0 ]
