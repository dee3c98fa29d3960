"""What a saved mixture tells the denoiser, in the real diffusers package.

    concept_diffusers.py MODEL EMBEDDING PROMPT OURS      OURS: what `diffuscope encode` wrote of the same prompt

Exit 77: the package is not there.
"""
import sys
import warnings

warnings.filterwarnings("ignore")
try:
    import diffusers
    import torch
    from safetensors.torch import load_file
except ImportError as e:
    print(f"skip: {e}; scripts/diffusers-venv makes an environment")
    sys.exit(77)

model, embedding, prompt, ours = sys.argv[1:]
diffusers.utils.logging.set_verbosity_error()
diffusers.utils.logging.disable_progress_bar()
pipe = diffusers.StableDiffusionPipeline.from_pretrained(model, torch_dtype=torch.float32)
before = pipe.tokenizer(prompt).input_ids
pipe.load_textual_inversion(embedding)
assert pipe.tokenizer(prompt).input_ids != before, "the token is not known"
theirs = pipe.encode_prompt(prompt, "cpu", 1, False)[0]
ours = load_file(ours)["encoder_hidden_states"]
assert theirs.shape == ours.shape, (theirs.shape, ours.shape)
worst, largest = (theirs - ours).abs().max().item(), theirs.abs().max().item()
print(f"diffusers {diffusers.__version__}: at most {worst:.1e} apart, largest {largest:.2f}")
sys.exit(worst > 1e-5 * largest)
