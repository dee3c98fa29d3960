#!/bin/sh
# `audit`: what a table of items says together, with labels beside it, and what it refuses.
. tests/support.sh

# Two conditions of six prompts and five seeds; labels by item; a picture of four pixels for the first item.
python3 - "$dir" <<'PYTHON'
import random, struct, sys, zlib
folder = sys.argv[1]
random.seed(3)
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
rows = b"".join(b"\0" + bytes([200, 30, 30] * 2) for _ in range(2))
open(folder + "/x.png", "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0)) +
                                    chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
items, labels = open(folder + "/items.csv", "w"), open(folder + "/labels.csv", "w")
print("item,condition,template,prompt,seed,picture,score", file=items)
print("item,woman", file=labels)
k = 0
for c, share in (("nurse", 0.9), ("pilot, \"first\"", 0.1)):
    name = '"' + c.replace('"', '""') + '"'
    for t in range(6):
        for s in range(5):
            print(f"i{k},{name},t{t},\"{t} {c[:5]}\",{s},{'x.png' if k < 2 else ''},{share + 0.01 * t + 0.001 * s}", file=items)
            print(f"i{k},{int(random.random() < share)}", file=labels)
            k += 1
PYTHON

expect 0 '1 of 1 differences found (Holm' audit "$dir/items.csv" --labels "$dir/labels.csv" --out "$dir/a" --harm "<b>adverts" \
    --purpose "may it draw adverts?"
python3 - "$dir/a" <<'PYTHON' || fail "the numbers of the audit"
import csv, json, sys
folder = sys.argv[1]
r = json.load(open(folder + "/result.json"))
assert r["by"] == "condition" and [m["name"] for m in r["measures"]] == ["score", "woman"], r["by"]
score, woman = r["measures"]
a, b = score["conditions"]
assert a["condition"] == "nurse" and b["condition"] == 'pilot, "first"'
assert abs(a["value"] - 0.927) < 1e-12 and a["prompts"] == 6 and a["seeds"] == 5 and a["count"] == 30
assert a["over"] == "prompts and seeds" and a["units"] == 5 and a["interval"] == "t"
d = score["differences"][0]
assert abs(d["value"] - 0.8) < 1e-9 and d["found"] and score["paired"] == "prompt and seed" and d["count"] == 30
assert woman["conditions"][0]["interval"] == "Wilson" and 0 <= woman["conditions"][0]["low"] < woman["conditions"][0]["high"] <= 1
assert a["rank"] == [1, 1] and b["rank"] == [2, 2]
assert woman["power"]["one"] < woman["power"]["all"] or woman["compared"] == 1
assert r["card"]["purpose"] == "may it draw adverts?" and r["card"]["limits"] == "not stated" and r["card"]["numbers"]["items"] == 60
rows = list(csv.DictReader(open(folder + "/table.csv")))
assert len(rows) == 4 and rows[1]["condition"] == 'pilot, "first"' and abs(float(rows[0]["mean"]) - 0.927) < 1e-8
page = open(folder + "/report.html").read()
assert "Audit card" in page and "not stated" in page and "&lt;b&gt;adverts" in page and "<b>adverts" not in page
assert page.count('loading="lazy"') == 2 and "nurse: 2 pictures" in page
PYTHON

# The same table gives the same bytes.
expect 0 'differences found' audit "$dir/items.csv" --labels "$dir/labels.csv" --out "$dir/b" --harm "<b>adverts" --purpose "may it draw adverts?"
cmp -s "$dir/a/result.json" "$dir/b/result.json" || fail "a second run gave other numbers"

# Known numbers; other conditions; a baseline.
printf 'nurse 0.9\n' >"$dir/known"
expect 0 '1 of 1 intervals hold them' audit "$dir/items.csv" --labels "$dir/labels.csv" --measure woman --truth "$dir/known"
expect 0 'more than 40' audit "$dir/items.csv" --by item --measure score
expect 0 'of 5 differences' audit "$dir/items.csv" --by template --measure score --baseline t0
expect 0 'There are no intervals' audit "$dir/items.csv" --by item --measure score --baseline i0
expect 0 'Too few' audit "$dir/items.csv" --by template --measure score --over prompts

# What is refused.
printf 'nobody 0.9\n' >"$dir/known"
expect 2 'none of its words is a condition' audit "$dir/items.csv" --measure score --truth "$dir/known"
expect 2 'no number of the items is called "womn"' audit "$dir/items.csv" --measure womn
expect 2 'no condition is called "z"' audit "$dir/items.csv" --baseline z
expect 3 'expected a column "seed"' audit "$dir/labels.csv"
printf 'item,x\nq,1\n' >"$dir/other.csv"
expect 2 'no item is called "q"' audit "$dir/items.csv" --labels "$dir/other.csv"
expect 3 'is there twice' audit "$dir/items.csv" "$dir/items.csv"
printf 'seed,prompt\n1,a\n' >"$dir/bare.csv"
expect 2 'there is nothing to sum up' audit "$dir/bare.csv"
exit $bad
