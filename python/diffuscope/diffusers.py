"""Pipes of the diffusers package, in memory.

    pipe = ds.from_diffusers(StableDiffusionPipeline.from_pretrained(...))
    pipe.daam("a cat on a mat")["cat"]
"""

import io
import json
import os

from ._lib import Folder
from ._model import Bundle, open
from .errors import UnsupportedError

_NETWORKS = ("unet", "vae", "text_encoder", "text_encoder_2")
_PARTS = (*_NETWORKS, "tokenizer", "tokenizer_2", "scheduler")


def _class_name(part):
    name = type(part).__name__
    return name[:-4] if name.endswith("Fast") else name


def _write_config(part, name, folder):
    """The configuration of a part, without its weights."""
    if name in _NETWORKS and hasattr(part, "save_config"):
        part.save_config(folder)  # diffusers
    elif name in _NETWORKS:
        config = {**part.config.to_diff_dict(), "architectures": [type(part).__name__]}
        os.makedirs(folder)
        with io.open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as f:
            json.dump(config, f, default=str)
    else:
        part.save_pretrained(folder)


def _weights(parts):
    named = {}
    for name in _NETWORKS:
        for key, value in (parts[name].state_dict() if name in parts else {}).items():
            if ".lora_" in key or ".base_layer." in key:
                raise UnsupportedError(f"{name} has a LoRA beside its weights ({key}): call pipe.fuse_lora() and "
                                       "pipe.unload_lora_weights() first", key)
            if key.endswith("position_ids"):
                continue
            named[f"{name}.{key}"] = value
    return named


def from_diffusers(pipe, **options):
    parts = {name: getattr(pipe, name, None) for name in _PARTS}
    parts = {name: part for name, part in parts.items() if part is not None}
    if "unet" not in parts:
        raise UnsupportedError(f"a {type(pipe).__name__} has no unet: only Stable Diffusion 1.x, 2.x and XL are implemented")
    folder = Folder()
    index = {"_class_name": type(pipe).__name__}
    for name, part in parts.items():
        library = "transformers" if name.startswith(("text", "token")) else "diffusers"
        index[name] = [library, _class_name(part)]
        _write_config(part, name, os.path.join(folder.name, name))
    for flag in ("force_zeros_for_empty_prompt",):
        if hasattr(pipe, "config") and flag in pipe.config:
            index[flag] = pipe.config[flag]
    with io.open(os.path.join(folder.name, "model_index.json"), "w", encoding="utf-8") as f:
        json.dump(index, f)
    bundle = Bundle(_weights(parts))
    return open(folder.name, _weights=(bundle, folder), **options)
