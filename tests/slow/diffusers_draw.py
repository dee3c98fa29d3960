"""Draws with the real diffusers package, from a latent that both programs read.

    diffusers_draw.py noise FILE CHANNELS SIDE     writes the latent
    diffusers_draw.py draw MODEL FILE OUT PROMPT STEPS GUIDANCE
    diffusers_draw.py compare OUT RUN              OUT against a run folder of `diffuscope generate`

Exit 77: the package is not there.
"""
import json
import sys
import warnings

warnings.filterwarnings("ignore")
try:
    import torch
    from safetensors.torch import load_file, save_file
except ImportError as e:
    print(f"skip: {e}; scripts/diffusers-venv makes an environment")
    sys.exit(77)


def noise(file, channels, side):
    g = torch.Generator().manual_seed(7)
    save_file({"latent": torch.randn((1, int(channels), int(side), int(side)), generator=g)}, file)


def draw(model, file, out, prompt, steps, guidance):
    try:
        import diffusers
        from diffusers import StableDiffusionPipeline
    except ImportError as e:
        print(f"skip: {e}; scripts/diffusers-venv makes an environment")
        sys.exit(77)
    diffusers.utils.logging.set_verbosity_error()
    diffusers.utils.logging.disable_progress_bar()
    pipe = StableDiffusionPipeline.from_pretrained(model, torch_dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    latents = []
    image = pipe(prompt, num_inference_steps=int(steps), guidance_scale=float(guidance),
                 latents=load_file(file)["latent"], output_type="np",
                 callback=lambda i, t, x: latents.append(x.clone()), callback_steps=1).images
    save_file({"latents": torch.stack(latents),
               "image": torch.from_numpy(image).permute(0, 3, 1, 2).contiguous()}, out)
    print(f"diffusers {diffusers.__version__}, torch {torch.__version__}")


def compare(out, run):
    theirs, ours = load_file(out), load_file(run + "/tensors.safetensors")
    bad = 0
    for name, limit in (("latents", 2e-3), ("image", 2e-3)):
        a, b = theirs[name], ours[name]
        assert a.shape == b.shape, (name, a.shape, b.shape)
        worst, rms = (a - b).abs().max().item(), (a - b).pow(2).mean().sqrt().item()
        spread = a.std().item()
        print(f"{name}: at most {worst:.2e} apart, root mean square {rms:.2e}, spread {spread:.3f}")
        if not worst <= limit * max(1.0, spread):
            print(f"FAIL: {name}: above {limit:g} of the spread")
            bad = 1
    eight = (theirs["image"] * 255).round() - (ours["image"] * 255).round()
    print(f"image: {int((eight != 0).sum())} of {eight.numel()} values differ after rounding to 8 bits, "
          f"by at most {int(eight.abs().max())}")
    return bad


if __name__ == "__main__":
    sys.exit({"noise": noise, "draw": draw, "compare": compare}[sys.argv[1]](*sys.argv[2:]))
