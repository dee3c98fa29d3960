#!/bin/sh
# `diffuscope eval info` on lists in the published forms: rows of COCO-IT, and right and wrong
# captions as ARO has them. The model has random weights: that all is read, counted and refused.
. "$(dirname "$0")/../support.sh"

small_model
m=$dir/model
"$w" export --split test --count 3 --out "$dir/world" >"$out" 2>&1 || fail 'no scenes'
mkdir -p "$dir/coco/annotations" "$dir/coco/val2017"
cp "$dir/world/images/test-0000000.png" "$dir/coco/val2017/000000000005.jpg"
cp "$dir/world/images/test-0000001.png" "$dir/coco/val2017/000000000007.jpg"
cat >"$dir/coco/annotations/instances_val2017.json" <<'END'
{"images": [{"id": 7, "file_name": "000000000007.jpg", "width": 64, "height": 64},
            {"id": 5, "file_name": "000000000005.jpg", "width": 64, "height": 64}],
 "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dining table"}],
 "annotations": [{"image_id": 5, "category_id": 1, "segmentation": [[10, 10, 40, 10, 40, 30, 10, 30]]},
                 {"image_id": 5, "category_id": 2, "segmentation": {"size": [64, 64], "counts": [2048, 2048]}},
                 {"image_id": 7, "category_id": 1, "segmentation": [[0, 0, 32, 0, 32, 32, 0, 32]]}]}
END
printf 'Image ID,Label,correct_obj+context,context,correct_obj\r\n' >"$dir/it.csv"
printf '5,cat,"Cats, asleep on a dining table","","Cats"\r\n' >>"$dir/it.csv"
printf '5,dining table,"a cat\non a dining table",,dining table\r\n' >>"$dir/it.csv"
printf '7,cat,a cat beside a cat,a  beside a ,cat\r\n' >>"$dir/it.csv"

rows() {
    echo eval info -m "$m" --data "$dir/coco" --nodes 1 --pilot 0 --settings disc best
}
expect 0 'DAAM, best' $(rows) --rows "$dir/it.csv" --out "$dir/it"
python3 - "$dir/it" >"$out" 2>&1 <<'CHECK' || fail 'rows of COCO-IT'
import json, sys
lines = [json.loads(l) for l in open(sys.argv[1] + "/scenes.jsonl")]
r = json.load(open(sys.argv[1] + "/result.json"))
assert [l["picture"] for l in lines] == [5, 5, 7]
assert [l["words"][0]["word"] for l in lines] == ["Cats", "dining table", "cat"]
assert all(len(l["words"]) == 1 and not l["choices"] for l in lines)
assert [l["words"][0]["whole"] for l in lines] == [600 / 4096, .5, .25]
assert r["localisation"]["words"] == 3 and r["caption_choice"] == {}
assert list(r["localisation"]["attention"]) == ["disc", "best"]
CHECK
cp "$dir/it.csv" "$dir/same.csv"
expect 2 '--rows must be' $(rows) --rows "$dir/same.csv" --out "$dir/it" --resume
sed 's/correct_obj+context/caption/' "$dir/it.csv" >"$dir/bad.csv"
expect 3 'there is no "correct_obj+context"' $(rows) --rows "$dir/bad.csv" --out "$dir/x"
sed '5s/,cat,a/,dog,a/' "$dir/it.csv" >"$dir/bad.csv"
expect 3 'bad.csv:5: expected a category that image 7 shows' $(rows) --rows "$dir/bad.csv" \
    --out "$dir/x"
mv "$dir/coco/val2017/000000000007.jpg" "$dir/away.jpg"
expect 3 'it.csv:5: expected its picture in ' $(rows) --rows "$dir/it.csv" --out "$dir/x"
expect 0 'not known of so few scenes' $(rows) --rows "$dir/it.csv" --count 2 --out "$dir/two"
expect 2 'instances*.json' eval info -m "$m" --data "$dir/world" --rows "$dir/it.csv" --out "$dir/y"

# VG-R: JSON and CSV say the same; a box is a part of the picture.
cat >"$dir/vg.json" <<'END'
[{"image_path": "test-0000000.png", "bbox_x": 0, "bbox_y": 0, "bbox_w": 64, "bbox_h": 64,
  "true_caption": "a cat on a mat", "false_caption": "a mat on a cat", "relation_name": "on"},
 {"image_path": "test-0000000.png", "bbox_x": 8, "bbox_y": 8, "bbox_w": 40, "bbox_h": 200,
  "true_caption": "a cat on a mat", "false_caption": "a mat on a cat", "relation_name": "on"},
 {"image_path": "test-0000001.png", "bbox_x": 0, "bbox_y": 0, "bbox_w": 64, "bbox_h": 64,
  "true_caption": "a dog, asleep", "false_caption": "a dog", "relation_name": "near"}]
END
python3 - "$dir" <<'END'
import csv, json, sys
rows = json.load(open(sys.argv[1] + "/vg.json"))
with open(sys.argv[1] + "/vg.csv", "w", newline="") as f:
    c = csv.DictWriter(f, rows[0].keys())
    c.writeheader()
    c.writerows(rows)
END
choices="eval info -m $m --images $dir/world/images --nodes 1 --pilot 0"
expect 0 'mean over groups' $choices --choices "$dir/vg.json" --out "$dir/json"
expect 0 'those of the list (chance 50.0 %), 3 scenes' $choices --choices "$dir/vg.csv" --out "$dir/csv"
cmp "$dir/json/scenes.jsonl" "$dir/csv/scenes.jsonl" >"$out" 2>&1 || fail 'JSON and CSV differ'
expect 0 '"scenes": 1' $choices --choices "$dir/vg.csv" --count 1 --json --out "$dir/part"
printf '{"scene": 1, "na' >>"$dir/part/scenes.jsonl"
expect 0 '"scenes": 3' $choices --choices "$dir/vg.csv" --json --out "$dir/part" --resume
cmp "$dir/part/scenes.jsonl" "$dir/csv/scenes.jsonl" >"$out" 2>&1 || fail 'a resumed run differs'
python3 - "$dir/csv" >"$out" 2>&1 <<'CHECK' || fail 'choices'
import json, sys
lines = [json.loads(l) for l in open(sys.argv[1] + "/scenes.jsonl")]
r = json.load(open(sys.argv[1] + "/result.json"))
assert lines[0]["wrong"][0]["s"] != lines[1]["wrong"][0]["s"], "the box changes nothing"
for f, form in (("s", "i_s"), ("o", "i_o")):
    right = [all(w[f] > 0 for w in l["wrong"]) for l in lines]
    assert abs(r["caption_choice"]["list"][form]["value"] - sum(right) / 3) < 1e-9
    assert abs(r["groups"]["on"][form]["value"] - sum(right[:2]) / 2) < 1e-9
    macro = (sum(right[:2]) / 2 + right[2]) / 2
    assert abs(r["caption_choice"]["list"][form + "_macro"]["value"] - macro) < 1e-9
assert r["groups"]["near"]["i_s"]["count"] == 1 and r["caption_choice"]["list"]["chance"] == 0.5
CHECK

# Orders: given, and made of the captions of Karpathy's lists.
cat >"$dir/order.csv" <<'END'
images,correct_caption,hard_text_1,hard_text_2,hard_text_3,hard_text_4
test-0000002.png,a cat on a mat,a mat on a cat,on cat a a mat,cat a on mat a,a mat a cat on
END
expect 0 'chance 20.0 %' $choices --choices "$dir/order.csv" --out "$dir/order"
cat >"$dir/test.json" <<'END'
[{"image": "test-0000002.png", "caption": ["A small cat sits on the red mat.", "Cats"]}]
END
if pkg-config --exists link-grammar 2>/dev/null; then
    expect 0 '"without_choice": 1' $choices --choices "$dir/test.json" --json --out "$dir/made"
    python3 - "$dir/made" >"$out" 2>&1 <<'CHECK' || fail 'orders that are made'
import json, sys
l = json.loads(open(sys.argv[1] + "/scenes.jsonl").readline())
assert l["caption"] == "a small cat sits on the red mat" and len(l["wrong"]) == 4
for x in l["wrong"]:
    assert sorted(x["caption"].split()) == sorted(l["caption"].split()) and x["caption"] != l["caption"]
CHECK
else
    expect 3 'install' $choices --choices "$dir/test.json" --out "$dir/made"
fi

expect 2 'expected one of --data and --choices' eval info -m "$m" --out "$dir/z"
expect 2 'expected one of --data and --choices' $choices --choices "$dir/vg.csv" --data "$dir/coco" \
    --out "$dir/z"
expect 2 'are about words' $choices --choices "$dir/vg.csv" --edit 4 --out "$dir/z"
sed 's/test-0000001/missing/' "$dir/vg.csv" >"$dir/gone.csv"
expect 3 'gone.csv:4: expected its picture in ' $choices --choices "$dir/gone.csv" --out "$dir/z"
sed 's/true_caption/caption/' "$dir/vg.csv" >"$dir/bad.csv"
expect 3 'expected a heading true_caption' $choices --choices "$dir/bad.csv" --out "$dir/z"
sed '2s/64,64/64,-64/' "$dir/vg.csv" >"$dir/bad.csv"
expect 3 'bad.csv:2' $choices --choices "$dir/bad.csv" --out "$dir/z2"
[ $bad = 0 ] && echo "eval info, lists: all right"
exit $bad
