"""A pipe of the real diffusers package, taken over in memory: the same latents to rounding, and no copy of its
weights. Skipped without the package; DIFFUSERS_PYTHON names a Python that has it."""

import os
import subprocess
import sys
import unittest
import warnings

import numpy as np

import diffuscope as ds

PROMPTS = ("a noto strawberry left of a cheese", "a twemoji cat")


class Diffusers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        os.environ["HF_HUB_OFFLINE"] = "1"
        warnings.simplefilter("ignore")
        try:
            import torch
            from diffusers import StableDiffusionPipeline
        except ImportError:
            print("\nSKIPPED: no diffusers and PyTorch here (DIFFUSERS_PYTHON names a Python that has them)")
            raise unittest.SkipTest("no diffusers") from None
        cls.torch = torch
        cls.theirs = StableDiffusionPipeline.from_pretrained("models/specimen", safety_checker=None).to(torch.float32)
        cls.theirs.set_progress_bar_config(disable=True)
        cls.pipe = ds.from_diffusers(cls.theirs)

    def test_weights_are_shared(self):
        w = self.theirs.unet.mid_block.attentions[0].transformer_blocks[0].attn2.to_k.weight
        name = "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight"
        self.assertEqual(self.pipe.parameter(name).ctypes.data, w.data_ptr())

    def test_latents(self):
        unet = self.theirs.unet.config
        noise = self.torch.randn(1, unet.in_channels, unet.sample_size, unet.sample_size,
                                 generator=self.torch.Generator().manual_seed(3))
        for prompt in PROMPTS:
            theirs = self.theirs(prompt, num_inference_steps=10, guidance_scale=4, latents=noise.clone(),
                                 output_type="latent").images[0].numpy()
            ours = self.pipe(prompt, num_inference_steps=10, guidance_scale=4, latents=noise).latents[-1, 0]
            worst = np.abs(theirs - ours).max() / np.abs(theirs).max()
            print(f"{prompt}: largest difference {worst:.1e} of the largest value")
            self.assertLess(worst, 1e-5)

    def test_the_same_as_from_the_file(self):
        drawn = {"steps": 3, "guidance": 3, "sampler": "ddim"}  # a pipe in memory has no folder that recommends any
        a, b = self.pipe(PROMPTS[0], **drawn), ds.open("models/specimen")(PROMPTS[0], **drawn)
        # The text encoder's file holds halves, which PyTorch made floats of: the same numbers.
        self.assertTrue(np.array_equal(a.latents, b.latents))
        self.assertEqual(a.record["model"]["files"][0]["path"][:7], "memory:")

    def test_a_tuned_pipe_is_another_model(self):
        torch = self.torch
        with torch.no_grad():
            self.theirs.unet.conv_out.weight.mul_(0.5)
        try:
            other = ds.from_diffusers(self.theirs)
            self.assertFalse(np.array_equal(other(PROMPTS[0], steps=2).latents, ds.open()(PROMPTS[0], steps=2).latents))
        finally:
            with torch.no_grad():
                self.theirs.unet.conv_out.weight.mul_(2)


if __name__ == "__main__":
    other = os.environ.get("DIFFUSERS_PYTHON")
    if other and os.path.realpath(other) != os.path.realpath(sys.executable):
        sys.exit(subprocess.run([other, __file__], check=False).returncode)
    unittest.main()
