#!/bin/sh
# `diffuscope sweep`: plans, parts, merging, kills, and schedulers' variables; mostly with the instrument that does nothing.
. tests/support.sh
export OMP_NUM_THREADS=1
seq 1 40 | sed 's/^/prompt /' >"$dir/prompts.txt"
nothing="sweep --method nothing --prompts $dir/prompts.txt --seeds 0:7 --keep numbers --by prompt -q"
same() { cmp -s "$1" "$2" || fail "$3: $1 and $2 differ"; }

# ---- one run, and the same in parts, merged in any order
expect 0 'prompt 40' $nothing --out "$dir/one"
[ "$(wc -l <"$dir/one/items.jsonl")" = 280 ] || fail 'expected a line per item'
[ "$(wc -l <"$dir/one/items.csv")" = 281 ] || fail 'expected a row per item'
for n in 2 3 7; do
    merge=
    i=$n
    while [ $i -gt 0 ]; do
        i=$((i - 1))
        "$d" $nothing --shard $i/$n --out "$dir/s$n-$i" >"$out" 2>&1 || fail "part $i/$n"
        merge="$merge --merge $dir/s$n-$i"
    done
    expect 0 'prompt 40' $nothing $merge --out "$dir/m$n"
    for f in result.json items.csv table.csv items.jsonl; do same "$dir/one/$f" "$dir/m$n/$f" "$n parts"; done
done
expect 2 '93 of 280 items are in none of the folders: 2, 5, 8' $nothing --merge "$dir/s3-0" --merge "$dir/s3-1" --out "$dir/few"
expect 3 'made by another plan' sweep --method nothing --prompts "$dir/prompts.txt" --seeds 1:8 --keep numbers \
    --merge "$dir/s2-0" --merge "$dir/s2-1" --out "$dir/other"

# ---- killed at any place, it goes on to the same; two that take the same part by mistake do no harm
rm -rf "$dir/killed"
k=0
while [ $k -lt "${KILLS:-6}" ]; do
    resume=
    [ -e "$dir/killed" ] && resume=--resume
    "$d" $nothing $resume --out "$dir/killed" >/dev/null 2>&1 &
    p=$!
    sleep "0.0$((k % 7 + 1))"
    kill -9 $p 2>/dev/null
    wait $p 2>/dev/null
    [ -e "$dir/killed/run.json" ] && rm -rf "$dir/killed" # it was faster
    k=$((k + 1))
done
resume=
[ -e "$dir/killed" ] && resume=--resume
expect 0 'prompt 40' $nothing $resume --out "$dir/killed"
same "$dir/one/result.json" "$dir/killed/result.json" 'after kills'
mkdir "$dir/both" && cp "$dir/one/conditions.json" "$dir/both/"
"$d" $nothing --resume --out "$dir/both" >/dev/null 2>&1 &
p=$!
"$d" $nothing --resume --out "$dir/both" >"$out" 2>&1 || fail 'a second process of the same part'
wait $p || fail 'a first process of the same part'
same "$dir/one/result.json" "$dir/both/result.json" 'two processes'

# ---- what a scheduler says
auto() {
    rm -rf "$dir/auto"
    env "$@" "$d" $nothing --shard auto --out "$dir/auto" >"$out" 2>&1 || fail "auto: $*"
    same "$dir/s3-1/items.jsonl" "$dir/auto/items.jsonl" "auto: $*"
}
auto SLURM_ARRAY_TASK_ID=5 SLURM_ARRAY_TASK_MIN=3 SLURM_ARRAY_TASK_STEP=2 SLURM_ARRAY_TASK_COUNT=3
auto OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=3
auto JOB_COMPLETION_INDEX=1 DIFFUSCOPE_SHARDS=3
expect 2 'no scheduler says' $nothing --shard auto --out "$dir/none"

# ---- plans
small_model
m=$dir/model
cat >"$dir/plan.json" <<'PLAN'
{"method": "daam", "options": {"model": "MODEL", "steps": 1, "prompt": "a {thing} on a {colour} mat", "word": "{thing}"},
 "each": {"thing": ["cat", "dog"], "seed": "0:2"}, "zip": [{"colour": ["red", "blue"], "cfg-scale": [1, 2]}], "by": "thing"}
PLAN
sed -i "s|MODEL|$m|" "$dir/plan.json"
expect 0 'words.mean' sweep "$dir/plan.json" --out "$dir/daam"
python3 - "$dir/daam" >"$out" 2>&1 <<'CHECK' || fail 'items.csv, pictures'
import csv, os, sys
rows = list(csv.DictReader(open(sys.argv[1] + "/items.csv")))
assert [r["condition"] for r in rows] == ["cat", "cat", "dog", "dog"] * 2, rows
assert rows[0]["prompt"] == "a {thing} on a red mat" and rows[7]["prompt"] == "a {thing} on a blue mat"
assert len({r["pictures.words.mean"] for r in rows}) == 8
assert all(os.path.exists(f"{sys.argv[1]}/{r['picture']}") for r in rows)
CHECK
expect 0 'hours' sweep "$dir/plan.json" --dry-run
for i in 0 1; do "$d" sweep "$dir/plan.json" --part $i/2 --out "$dir/d$i" -q >"$out" 2>&1 || fail "part $i"; done
expect 0 'words.mean' sweep "$dir/plan.json" --merge "$dir/d1" --merge "$dir/d0" --out "$dir/dm"
same "$dir/daam/result.json" "$dir/dm/result.json" 'daam in parts'
same "$dir/daam/pictures/0000007.png" "$dir/dm/pictures/0000007.png" 'daam in parts'
"$d" new-model --like "$dir/small.json" --out "$dir/model2" --seed 9 >"$out" 2>&1 || fail 'another model'
sed "s|$m|$dir/swapped|" "$dir/plan.json" >"$dir/swapped.json"
for i in 0 1; do
    rm -rf "$dir/swapped" && cp -r "$dir/$([ $i = 0 ] && echo model || echo model2)" "$dir/swapped"
    "$d" sweep "$dir/swapped.json" --part $i/2 --out "$dir/w$i" -q >"$out" 2>&1 || fail "swapped part $i"
done
expect 3 'other weights' sweep "$dir/swapped.json" --merge "$dir/w0" --merge "$dir/w1" --out "$dir/wm"
printf 'method,prompt,seed,note\nnothing,one,1,x\nnothing,two,2,y\n' >"$dir/plan.csv"
expect 0 'number' sweep "$dir/plan.csv" --by note --out "$dir/csv"

# ---- refused before anything runs
expect 2 'item 0 (daam): "zebra" does not occur' sweep --method daam --prompts "$dir/prompts.txt" --seeds 0:2 \
    --set "model=$m" --set word=zebra --out "$dir/no"
expect 2 'did you mean daam' sweep --method dam --seeds 0:1 --out "$dir/no"
expect 2 'expected a PLAN' sweep --out "$dir/no"
echo '{"method": "nothing", "each": {"colour": ["red"]}}' >"$dir/bad.json"
expect 3 '"colour" is no option of nothing' sweep "$dir/bad.json" --out "$dir/no"
echo '{"method": "nothing", "zip": [{"seed": [1, 2], "prompt": ["a"]}]}' >"$dir/bad.json"
expect 3 'of a zip has 1 values' sweep "$dir/bad.json" --out "$dir/no"
echo '{"method": "nothing", "each": {"seed": "5:5"}}' >"$dir/bad.json"
expect 3 'expected a list of values' sweep "$dir/bad.json" --out "$dir/no"
echo '{"method": "nothing", "oops": 1}' >"$dir/bad.json"
expect 3 'unknown member "oops"' sweep "$dir/bad.json" --out "$dir/no"
[ ! -e "$dir/no" ] || fail 'a refused sweep left a folder'

[ $bad = 0 ] && echo 'sweep: all right'
exit $bad
