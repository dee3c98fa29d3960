#!/usr/bin/env python3
"""Makes the small set of reference numbers beside this file: models/ and cases/.

    python3 -m venv venv && venv/bin/pip install torch diffusers transformers
    venv/bin/python tests/data/golden/make.py [FOLDER]

A network of Stable Diffusion 1.5's topology, as small as it goes, with seeded random weights that are
all different from zero and an attention that is peaked enough to matter; and what PyTorch, diffusers
and transformers compute with it in float32 on one thread. Weights are stored in float16 and computed in
float32 from exactly those values. Nothing here comes from diffuscope. README.md lists the cases.
"""

import json
import math
import os
import shutil
import sys

import diffusers
import torch
import transformers
from safetensors.torch import save_file

HERE = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
MADE_WITH = (f"torch {torch.__version__.split('+')[0]}, diffusers {diffusers.__version__}, "
             f"transformers {transformers.__version__}")

UNET = {
    "sample_size": 32, "in_channels": 4, "out_channels": 4, "layers_per_block": 2,
    "block_out_channels": [16, 16, 16, 16], "norm_num_groups": 8, "cross_attention_dim": 16,
    "attention_head_dim": 4,  # four heads: a misnomer of these files
    "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
    "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
}
VAE = {
    "sample_size": 256, "in_channels": 3, "out_channels": 3, "latent_channels": 4,
    "layers_per_block": 2, "block_out_channels": [8, 8, 16, 16], "norm_num_groups": 4,
    "scaling_factor": 0.18215, "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
}
TEXT = {
    "hidden_size": 16, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 2,
    "max_position_embeddings": 77, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5,
    "projection_dim": 16, "attention_dropout": 0.0,
}
SCHEDULER = {
    "_class_name": "DDIMScheduler", "num_train_timesteps": 1000, "beta_schedule": "scaled_linear",
    "beta_start": 0.00085, "beta_end": 0.012, "clip_sample": False, "set_alpha_to_one": False,
    "steps_offset": 1, "prediction_type": "epsilon",
}
PROMPT = "a photo of a cat and a dog"
WORDS = ("a an the of in on and with photo painting cat cats dog dogs horse house person people small "
         "large red green blue strawberry bedroom kitchen standing sitting running").split()
TEXTS = ["", "a", "cat", PROMPT, "A Photo Of A CAT", "  a   cat\tand\na dog  ", "cats, dogs; horses!",
         "it's a dog's house", "we'll they've I'm he'd", "3 cats and 12 dogs", "a-b_c (d) [e]",
         "...", "caf\u00e9 na\u00efve", "\u732b\u3068\u72ac", "\U0001f431 cat", "e\u0301", "x" * 30,
         "strawberry strawberries", "<|startoftext|>a<|endoftext|>", "a photo of " * 40,
         "\u00c4pfel \u00df", "http://example.org/?q=1&r=2"]


# ---- the model ----------------------------------------------------------------------------------

def bytes_to_unicode():
    """Byte-level BPE writes every byte as one printable character."""
    keep = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in keep]
    return {**{b: chr(b) for b in keep}, **{b: chr(256 + i) for i, b in enumerate(rest)}}


def train_merges(words):
    """Plain byte-pair encoding: merges the commonest pair until every word is one token."""
    spelt, merges = [[*w[:-1], w[-1] + "</w>"] for w in words], []
    while any(len(s) > 1 for s in spelt):
        counts = {}
        for s in spelt:
            for pair in zip(s, s[1:]):
                counts[pair] = counts.get(pair, 0) + 1
        best = min(counts, key=lambda p: (-counts[p], p))
        merges.append(best)
        for s in spelt:
            i = 0
            while i + 1 < len(s):
                if (s[i], s[i + 1]) == best:
                    s[i:i + 2] = [s[i] + s[i + 1]]
                i += 1
    return merges


def write_json(value, *path):
    os.makedirs(os.path.join(HERE, *path[:-1]), exist_ok=True)
    with open(os.path.join(HERE, *path), "w", encoding="utf-8") as f:
        json.dump(value, f, indent=1, ensure_ascii=True)
        f.write("\n")


def make_tokenizer(*folder):
    letters = list(bytes_to_unicode().values())
    merges = train_merges(WORDS)
    pieces = letters + [c + "</w>" for c in letters] + ["".join(m) for m in merges]
    pieces += ["<|startoftext|>", "<|endoftext|>"]
    write_json({p: i for i, p in enumerate(pieces)}, *folder, "vocab.json")
    with open(os.path.join(HERE, *folder, "merges.txt"), "w", encoding="utf-8") as f:
        f.write("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    write_json({"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "do_lower_case": True,
                "bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>",
                "pad_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}, *folder,
               "tokenizer_config.json")
    return transformers.CLIPTokenizer.from_pretrained(os.path.join(HERE, *folder))


def draw_weights(module, seed):
    """Fan-in, with queries and keys larger, so that attention settles on a few tokens, but not so much
    that rounding grows (1.4: float32 and float64 differ by 1e-6 of the largest output). Rounded to
    float16."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in module.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            if p.dim() > 1 and "embedding" in name and "time" not in name:
                value = 0.7 * noise
            elif p.dim() > 1:
                peak = 1.4 if any(k in name for k in ("to_q", "to_k", "q_proj", "k_proj")) else 1.0
                value = peak * noise / math.sqrt(p.shape[1] * math.prod(p.shape[2:]))
            elif "norm" in name and name.endswith("weight"):
                value = 1 + 0.1 * noise
            else:
                value = 0.1 * noise
            p.copy_(value.half().float())
    return module.eval()


def make_model():
    model = ("models", "sd15")
    shutil.rmtree(os.path.join(HERE, *model), ignore_errors=True)
    tokenizer = make_tokenizer(*model, "tokenizer")
    text_config = {**TEXT, "vocab_size": len(tokenizer), "bos_token_id": len(tokenizer) - 2,
                   "eos_token_id": len(tokenizer) - 1, "pad_token_id": len(tokenizer) - 1}
    parts = {
        "unet": draw_weights(diffusers.UNet2DConditionModel(**UNET), 1),
        "vae": draw_weights(diffusers.AutoencoderKL(**VAE), 2),
        "text_encoder": draw_weights(transformers.CLIPTextModel(
            transformers.CLIPTextConfig(**text_config, attn_implementation="eager")), 3),
    }
    files = {"unet": "diffusion_pytorch_model", "vae": "diffusion_pytorch_model",
             "text_encoder": "model"}
    # The configurations as published files have them; what they leave out has the classes' defaults.
    configs = {"unet": {"_class_name": "UNet2DConditionModel", **UNET},
               "vae": {"_class_name": "AutoencoderKL", **VAE},
               "text_encoder": {"architectures": ["CLIPTextModel"], "model_type": "clip_text_model",
                                **text_config}}
    for part, module in parts.items():
        write_json(configs[part], *model, part, "config.json")
        weights = {k: v.half().contiguous() for k, v in module.state_dict().items()
                   if not k.endswith("position_ids")}
        if part == "text_encoder":  # the prefix that the published files have
            weights = {k if k.startswith("text_model.") else "text_model." + k: v
                       for k, v in weights.items()}
        save_file(weights, os.path.join(HERE, *model, part, files[part] + ".safetensors"),
                  {"format": "pt"})
    write_json(SCHEDULER, *model, "scheduler", "scheduler_config.json")
    write_json({"_class_name": "StableDiffusionPipeline",
                "scheduler": ["diffusers", "DDIMScheduler"],
                "text_encoder": ["transformers", "CLIPTextModel"],
                "tokenizer": ["transformers", "CLIPTokenizer"],
                "unet": ["diffusers", "UNet2DConditionModel"],
                "vae": ["diffusers", "AutoencoderKL"]}, *model, "model_index.json")
    return tokenizer, parts["text_encoder"], parts["unet"], parts["vae"]


# ---- the cases ----------------------------------------------------------------------------------

def save_case(name, about, inputs, outputs):
    write_json({"model": "sd15", **about, "made_with": MADE_WITH}, "cases", name, "case.json")
    for part, tensors in (("inputs", inputs), ("outputs", outputs)):
        save_file({k: v.detach().contiguous() for k, v in tensors.items()},
                  os.path.join(HERE, "cases", name, part + ".safetensors"))


def randn(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def padded(tokenizer, text):
    return tokenizer(text, padding="max_length", max_length=77, truncation=True,
                     return_tensors="pt").input_ids


def tokenizer_case(tokenizer):
    cases = [{"text": t, "tokens": tokenizer.tokenize(t), "ids": padded(tokenizer, t)[0].tolist()}
             for t in TEXTS]
    write_json({"model": "sd15", "made_with": MADE_WITH, "cases": cases}, "cases", "tokenizer",
               "small-vocab.json")


def text_encoder_case(tokenizer, text_encoder):
    ids = torch.cat([padded(tokenizer, t) for t in ("", PROMPT)])
    out = text_encoder(ids, output_hidden_states=True)
    outputs = {f"hidden_states.{i}": h for i, h in enumerate(out.hidden_states)}
    save_case("sd15-text_encoder", {"module": "text_encoder"}, {"input_ids": ids},
              {**outputs, "last_hidden_state": out.last_hidden_state,
               "pooler_output": out.pooler_output})
    return out.last_hidden_state.detach()


class Attention:
    """An attention processor that computes the softmax by itself and shows it to `seen`."""

    def __init__(self, name, seen):
        self.name, self.seen = name, seen

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, **_):
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        q, k, v = (f(x).unflatten(2, (attn.heads, -1)).transpose(1, 2)
                   for f, x in ((attn.to_q, hidden_states), (attn.to_k, context),
                                (attn.to_v, context)))
        probs = torch.softmax(q @ k.transpose(2, 3) * attn.scale, dim=-1)  # [B, heads, S, tokens]
        self.seen(self.name, probs)
        return attn.to_out[0]((probs @ v).transpose(1, 2).flatten(2))


def show_attention(unet, seen):
    unet.set_attn_processor({name: Attention(name.removesuffix(".processor"), seen)
                             for name in unet.attn_processors})


SITES = ["time_embedding", "down_blocks.0", "down_blocks.1.attentions.0", "down_blocks.2.resnets.1",
         "mid_block", "up_blocks.1", "up_blocks.3.attentions.2"]
PROBS = ["down_blocks.2.attentions.1.transformer_blocks.0.attn1",
         "down_blocks.2.attentions.1.transformer_blocks.0.attn2",
         "mid_block.attentions.0.transformer_blocks.0.attn2"]


def first_tensor(x):
    return x if torch.is_tensor(x) else first_tensor(x[0])


def unet_case(unet, context):
    inputs = {"sample": randn(11, 2, 4, 16, 12), "timestep": torch.tensor([741, 21]),
              "encoder_hidden_states": context + 0.3 * randn(12, *context.shape)}
    kept = {}

    def seen(name, probs):
        if name in PROBS:
            kept[f"unet.{name}.probs"] = probs

    show_attention(unet, seen)
    hooks = [unet.get_submodule(s).register_forward_hook(
        lambda _, __, out, s=s: kept.__setitem__("unet." + s, first_tensor(out))) for s in SITES]
    kept["sample"] = unet(**inputs).sample
    for h in hooks:
        h.remove()
    save_case("sd15-unet", {"module": "unet"}, inputs, kept)


def unet_vjp_case(unet, context):
    inputs = {"sample": randn(21, 1, 4, 16, 12), "timestep": torch.tensor([481]),
              "encoder_hidden_states": context[1:] + 0.3 * randn(22, 1, *context.shape[1:])}
    cotangent = randn(23, 1, 4, 16, 12)
    show_attention(unet, lambda name, probs: None)
    names = [n for i, (n, _) in enumerate(unet.named_parameters()) if i % 9 == 4]
    chosen = dict(unet.named_parameters())
    x, c = (inputs[k].clone().requires_grad_() for k in ("sample", "encoder_hidden_states"))
    out = unet(x, inputs["timestep"], c).sample
    grads = torch.autograd.grad(out, [x, c] + [chosen[n] for n in names], cotangent)
    keys = ["grad.sample", "grad.encoder_hidden_states"] + ["grad.unet." + n for n in names]
    save_case("sd15-unet-vjp", {"module": "unet", "wrt": ["*"]},
              {**inputs, "cotangent.sample": cotangent}, dict(zip(keys, grads)))


def decode_case(vae):
    latent = randn(31, 1, 4, 8, 6)
    save_case("sd15-vae-decode", {"module": "vae.decode",
                                  "note": "latent already divided by scaling_factor"},
              {"latent": latent}, {"image": vae.decode(latent).sample})


def encode(tokenizer, text_encoder, text):
    return text_encoder(padded(tokenizer, text)).last_hidden_state


def sample(unet, context, latent, steps, scale):
    """DDIM with guidance; the state after every step. The first half of a batch is unconditional."""
    scheduler = diffusers.DDIMScheduler(**{k: v for k, v in SCHEDULER.items() if k[0] != "_"})
    scheduler.set_timesteps(steps)
    x, states = latent * scheduler.init_noise_sigma, []
    for t in scheduler.timesteps:
        without, with_ = unet(torch.cat([x, x]), t, context).sample.chunk(2)
        x = scheduler.step(without + scale * (with_ - without), t, x).prev_sample
        states.append(x)
    return states


def generate_case(tokenizer, text_encoder, unet, vae):
    about = {"prompt": PROMPT, "negative_prompt": "a small house", "sampler": "ddim", "steps": 3,
             "cfg_scale": 7.5, "seed_of_sampler_noise": 31, "height": 64, "width": 96}
    latent = randn(41, 1, 4, 8, 12)
    context = torch.cat([encode(tokenizer, text_encoder, about[k])
                         for k in ("negative_prompt", "prompt")])
    states = sample(unet, context, latent, about["steps"], about["cfg_scale"])
    image = vae.decode(states[-1] / VAE["scaling_factor"]).sample
    save_case("sd15-generate-ddim", about, {"latent": latent},
              {"latents": torch.stack(states), "image": (image / 2 + 0.5).clamp(0, 1)})


def daam_case(tokenizer, text_encoder, unet):
    """The word maps of What the DAAM (arXiv 2210.04885), as its authors' package reduces them: sums
    over steps of the conditional cross-attention of every layer outside the mid block, for sizes with
    factor = int(sqrt(4096 / pixels)) other than 8; each layer's and head's map resized bicubically to
    64 by 64 and clamped at zero; then their mean, and the mean over a word's tokens."""
    about = {"prompt": PROMPT, "sampler": "ddim", "steps": 2, "cfg_scale": 7.5, "height": 256,
             "width": 256, "common_side": 64, "words": ["cat", "dog", "a"]}
    sums = {}

    def seen(name, probs):
        factor = int(math.sqrt(4096 // probs.shape[2]))
        if "attn2" in name and "mid_block" not in name and factor != 8:
            sums[name] = sums.get(name, 0) + probs[1]  # [heads, S, 77]

    show_attention(unet, seen)
    context = torch.cat([encode(tokenizer, text_encoder, t) for t in ("", PROMPT)])
    latent = randn(51, 1, 4, 32, 32)
    sample(unet, context, latent, about["steps"], about["cfg_scale"])
    maps = []
    for s in sums.values():
        side = int(math.sqrt(s.shape[1]))
        raw = s.transpose(1, 2).unflatten(2, (side, side))  # [heads, 77, side, side]
        maps.append(torch.nn.functional.interpolate(raw, (64, 64), mode="bicubic").clamp(min=0))
    mean = torch.cat(maps).mean(0)
    pieces = [p.removesuffix("</w>") for p in tokenizer.tokenize(PROMPT)]
    outputs = {}
    for word in about["words"]:
        indices = [i + 1 for i, p in enumerate(pieces) if p == word]
        outputs["word/" + word] = mean[indices].mean(0)
    save_case("sd15-daam", about, {"latent": latent}, outputs)


def main():
    torch.set_num_threads(1)
    tokenizer, text_encoder, unet, vae = make_model()
    shutil.rmtree(os.path.join(HERE, "cases"), ignore_errors=True)
    tokenizer_case(tokenizer)
    with torch.no_grad():
        context = text_encoder_case(tokenizer, text_encoder)
        unet_case(unet, context)
        decode_case(vae)
        generate_case(tokenizer, text_encoder, unet, vae)
        daam_case(tokenizer, text_encoder, unet)
    unet_vjp_case(unet, context)


if __name__ == "__main__":
    main()
