"""Do single files of ours hold, for diffusers, what the folders hold that they were made of?
exports_open.py FILE FOLDER sd|xl: prints the largest difference of each network, ends with 1 if one is not 0,
with 77 without the packages."""

import sys

try:
    import torch
    from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
except ImportError as missing:
    print(f"SKIPPED: {missing}; scripts/diffusers-venv makes an environment")
    sys.exit(77)

path, folder, kind = sys.argv[1:]
pipeline = StableDiffusionXLPipeline if kind == "xl" else StableDiffusionPipeline
ours = pipeline.from_single_file(path, config=folder, local_files_only=True)
theirs = pipeline.from_pretrained(folder, torch_dtype=torch.float32)
bad = 0
for name in ("unet", "vae", "text_encoder", "text_encoder_2"):
    if getattr(theirs, name, None) is None:
        continue
    x, y = getattr(ours, name).state_dict(), getattr(theirs, name).state_dict()
    missing = sorted(set(y) - set(x))
    worst = max((x[k].float() - y[k].float()).abs().max().item() for k in y if k in x)
    print(f"{name}: {len(y)} tensors, {len(missing)} missing, largest difference {worst:g}")
    bad |= bool(missing) or worst != 0.0
sys.exit(bad)
