#!/usr/bin/env python3
"""Writes small valid (and nearly valid) inputs for every harness: seeds.py FOLDER."""

import base64
import json
import pathlib
import struct
import sys
import zlib

CUT = b"\xfe"  # between the files of one input; see support.h


def safetensors(head, data, pad=b""):
    text = json.dumps(head).encode() + pad
    return struct.pack("<Q", len(text)) + text + bytes(range(data))


def tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def png(width, height, depth, colour, rows, before=(), interlace=0):
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    chunks = [(b"IHDR", head), *before, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)


GREY_JPEG = """
/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDACgcHiMeGSgjISMtKygwPGRBPDc3PHtYXUlkkYCZlo+AjIqgtObDoKra
rYqMyP/L2u71////m8H////6/+b9//j/wAALCAAJAAkBAREA/8QAFwAAAwEAAAAAAAAAAAAAAAAAAAMFBv/EABsQ
AAEEAwAAAAAAAAAAAAAAAAAxM3FzsbLh/9oACAEBAAA/AJT9u/cyqgNQf//Z"""
PROGRESSIVE_JPEG = """
/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDACgcHiMeGSgjISMtKygwPGRBPDc3PHtYXUlkkYCZlo+AjIqgtObDoKra
rYqMyP/L2u71////m8H////6/+b9//j/2wBDASstLTw1PHZBQXb4pYyl+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4
+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj/wgARCAAJAAkDASIAAhEBAxEB/8QAFgABAQEAAAAAAAAAAAAAAAAA
BAAB/8QAFQEBAQAAAAAAAAAAAAAAAAAAAQL/2gAMAwEAAhADEAAAAR5Ka//EABQQAQAAAAAAAAAAAAAAAAAAACD/
2gAIAQEAAQUCH//EABYRAQEBAAAAAAAAAAAAAAAAAAEAEf/aAAgBAwEBPwENv//EABURAQEAAAAAAAAAAAAAAAAA
AAEA/9oACAECAQE/AQv/xAAUEAEAAAAAAAAAAAAAAAAAAAAg/9oACAEBAAY/Ah//xAAWEAADAAAAAAAAAAAAAAAA
AAAgMXH/2gAIAQEAAT8hdD//2gAMAwEAAgADAAAAEIP/xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oACAEDAQE/EH//
xAAVEQEBAAAAAAAAAAAAAAAAAAAAEf/aAAgBAgEBPxCj/8QAFxAAAwEAAAAAAAAAAAAAAAAAIFHh8P/aAAgBAQAB
PxDTof/Z"""


def unet():
    small = {
        "_class_name": "UNet2DConditionModel", "sample_size": 8, "in_channels": 4,
        "out_channels": 4, "flip_sin_to_cos": True, "freq_shift": 0,
        "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
        "mid_block_type": "UNetMidBlock2DCrossAttn",
        "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"], "block_out_channels": [8, 16],
        "layers_per_block": 1, "norm_num_groups": 4, "norm_eps": 1e-5, "cross_attention_dim": 12,
        "attention_head_dim": 2, "act_fn": "silu", "downsample_padding": 1,
    }
    yield small
    yield {**small, "use_linear_projection": True, "attention_head_dim": [2, 4],
           "transformer_layers_per_block": [1, 2], "addition_embed_type": "text_time",
           "addition_time_embed_dim": 8, "projection_class_embeddings_input_dim": 60}


def configs():
    for c in unet():
        yield b"U" + json.dumps(c).encode()
    vae = {
        "_class_name": "AutoencoderKL", "in_channels": 3, "out_channels": 3, "latent_channels": 4,
        "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D"],
        "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D"], "block_out_channels": [8, 16],
        "layers_per_block": 1, "norm_num_groups": 4, "scaling_factor": 0.18215, "act_fn": "silu",
        "sample_size": 16, "force_upcast": True,
    }
    yield b"V" + json.dumps(vae).encode()
    clip = {
        "architectures": ["CLIPTextModel"], "model_type": "clip_text_model", "vocab_size": 100,
        "hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 2,
        "num_attention_heads": 2, "max_position_embeddings": 77, "hidden_act": "quick_gelu",
        "layer_norm_eps": 1e-5, "projection_dim": 8, "eos_token_id": 2, "bos_token_id": 0,
    }
    yield b"C" + json.dumps(clip).encode()
    yield b"P" + json.dumps({**clip, "hidden_act": "gelu", "eos_token_id": 99}).encode()


def zip_archive(entries, method=0):
    """Stored entries with their central directory, as PyTorch lays them out."""
    out, central = b"", b""
    for name, data in entries:
        head = struct.pack("<HHHHHIIIHH", 20, 0, method, 0, 0, 0, len(data), len(data), len(name), 0)
        central += b"PK\1\2" + struct.pack("<H", 20) + head + struct.pack("<HHHII", 0, 0, 0, 0, len(out)) + name
        out += b"PK\3\4" + head + name + data
    return out + central + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, len(entries), len(entries),
                                                  len(central), len(out), 0)


def zip64_archive(entries):
    """The same with every size, offset and count in its zip64 form."""
    ones = 0xffffffff
    out, central = b"", b""
    for name, data in entries:
        wide = struct.pack("<HHQQQ", 1, 24, len(data), len(data), len(out))
        head = struct.pack("<HHHHHIIIHH", 45, 0, 0, 0, 0, 0, ones, ones, len(name), len(wide))
        central += b"PK\1\2" + struct.pack("<H", 45) + head + struct.pack("<HHHII", 0, 0, 0, 0, ones) + name + wide
        out += b"PK\3\4" + head[:-2] + struct.pack("<H", 0) + name + data
    end = len(out) + len(central)
    record = b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, len(entries), len(entries), len(central), len(out))
    return out + central + record + b"PK\6\7" + struct.pack("<IQI", 0, end, 1) \
        + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 0xffff, 0xffff, ones, ones, 0)


def checkpoints():
    reference = (b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0000X\3\0\0\0cpuK\2tQ")
    tensor_of = b"ctorch._utils\n_rebuild_tensor_v2\n(" + reference + b"K\0K\2\x85K\1\x85\x89ccollections\nOrderedDict\n)RtR"
    state = b"\x80\x02}X\1\0\0\0w" + tensor_of + b"s."
    yield zip_archive([(b"a/data.pkl", state), (b"a/data/0", bytes(8))])
    yield zip_archive([(b"a/data.pkl", state), (b"a/data/0", bytes(8))], 8)
    yield bytes.fromhex("80028a0a6cfc9c46f9206aa850192e") + b"\x80\x02M\xe9\x03." + b"\x80\x02}." + state \
        + b"\x80\x02]X\1\0\0\0000a." + struct.pack("<q", 2) + bytes(8)
    yield zip64_archive([(b"a/data.pkl", state), (b"a/data/0", bytes(8))])
    laughs = b"\x80\x02}q\0X\1\0\0\0aK\1s" + b"".join(
        b"0}q%c(X\1\0\0\0ah%cX\1\0\0\0bh%cu" % (i, i - 1, i - 1) for i in range(1, 7))
    yield zip_archive([(b"a/data.pkl", laughs + b"."), (b"a/data/0", bytes(8))])
    yield b"\x80\x02cos\nsystem\nX\2\0\0\0id\x85R."
    yield b"\x80\x04\x95\x05\0\0\0\0\0\0\0}\x94(\x8c\1a\x94K\1u."


def originals():
    unet = "model.diffusion_model."
    lines = [unet + "input_blocks.0.0.weight 320 4 3 3", unet + "out.2.weight 4 320 3 3",
             unet + "input_blocks.1.0.in_layers.0.weight 320", unet + "input_blocks.1.0.in_layers.2.weight 320 320 3 3",
             unet + "input_blocks.1.1.proj_in.weight 320 320 1 1",
             unet + "input_blocks.1.1.transformer_blocks.0.norm1.weight 320",
             unet + "input_blocks.2.0.op.weight 320 320 3 3", unet + "input_blocks.3.0.in_layers.0.weight 320",
             unet + "middle_block.1.proj_in.weight 320 320 1 1",
             unet + "middle_block.1.transformer_blocks.0.attn2.to_k.weight 320 768",
             unet + "middle_block.1.transformer_blocks.0.norm1.weight 320",
             unet + "output_blocks.0.0.in_layers.0.weight 640", unet + "output_blocks.0.1.conv.weight 320 320 3 3",
             "first_stage_model.decoder.conv_in.weight 512 4 3 3",
             "first_stage_model.encoder.down.0.block.0.conv1.weight 128 128 3 3",
             "cond_stage_model.model.token_embedding.weight 49408 1024",
             "cond_stage_model.model.positional_embedding 77 1024",
             "cond_stage_model.model.transformer.resblocks.0.ln_1.weight 1024",
             "cond_stage_model.model.transformer.resblocks.0.mlp.c_fc.weight 4096 1024"]
    yield "\n".join(lines).encode()
    yield "\n".join(lines[13:15]).encode()
    yield b"joint_blocks.0.x 1\nstate_dict.model.diffusion_model.input_blocks.0.0.weight 320 9 3 3"


def loras():
    k = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    q = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
    conv = "lora_unet_down_blocks_0_resnets_0_conv1"
    unet = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1"
    text = "lora_te_text_model_encoder_layers_0_mlp_fc1"
    files = [
        [f"{k}.lora_down.weight 2 16", f"{k}.lora_up.weight 16 2", f"{k}.alpha",
         f"{text}.lora_down.weight 4 16", f"{text}.lora_up.weight 32 4"],
        [f"{conv}.lora_down.weight 2 16 1 1", f"{conv}.lora_mid.weight 2 2 3 3", f"{conv}.lora_up.weight 16 2 1 1",
         "@ss_base_model_version sd_v1"],
        [f"{unet}.to_q.lora_A.weight 2 16", f"{unet}.to_q.lora_B.weight 16 2",
         f"{unet}.to_q.lora_magnitude_vector 16", f"{unet}.processor.to_out_lora.down.weight 2 16",
         f"{unet}.processor.to_out_lora.up.weight 16 2"],
        [f"{q}.hada_w1_a 16 2", f"{q}.hada_w1_b 2 16", f"{q}.hada_w2_a 16 2", f"{q}.hada_w2_b 2 16",
         f"{conv}.hada_w1_a 2 16", f"{conv}.hada_w1_b 2 16", f"{conv}.hada_t1 2 2 3 3",
         f"{conv}.hada_w2_a 2 16", f"{conv}.hada_w2_b 2 16", f"{conv}.hada_t2 2 2 3 3"],
        [f"{q}.lokr_w1 4 4", f"{q}.lokr_w2_a 4 2", f"{q}.lokr_w2_b 2 4", f"{conv}.lokr_w1_a 4 1",
         f"{conv}.lokr_w1_b 1 4", f"{conv}.lokr_w2 4 4 3 3"],
        [f"{q}.lora_down.weight 1 16", f"{q}.lora_up.weight 16 1", f"{q}.dora_scale 16 1",
         f"{k}.diff 16 16", f"{conv}.diff_b 16", "lora_unet_conv_norm_out.w_norm 16", "lora_unet_conv_norm_out.b_norm 16"],
        [f"{q}.oft_blocks 4 4 4", "nothing.known 3"],
        ["lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_q.lora_down.weight 2 16",
         "lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_q.lora_up.weight 16 2",
         "lora_te2_text_model_encoder_layers_0_mlp_fc2.lora_down.weight 2 32",
         "lora_te2_text_model_encoder_layers_0_mlp_fc2.lora_up.weight 16 2"],
    ]
    for lines in files:
        for head in (b"S`", b"X@"):
            yield head + "\n".join(lines).encode()


def embeddings():
    rows = list(checkpoints())
    yield b"SLit 2 16"
    yield b"SLemb_params 16\n@name word"
    yield b"XLclip_l 2 16\nclip_g 2 16"
    yield b"XLclip_l 2 16\nclip_g 1 16"
    yield b"SLa 1 16\nb 1 16"
    yield b"S" + safetensors({"<it>": tensor("F16", [1, 16], 0, 32)}, 32)
    yield b"S" + rows[0]
    yield b"X" + rows[2]


def tokenizer_files():
    letters = [chr(c) for c in range(33, 127)] + [chr(c) for c in range(161, 173)] \
        + [chr(c) for c in range(174, 324)]
    pieces = letters + [c + "</w>" for c in letters] + ["ab", "cat</w>", "ca", "at</w>"]
    pieces += ["<|startoftext|>", "<|endoftext|>"]
    few = ["a", "b", "a</w>", "b</w>", "ab</w>", "<|startoftext|>", "<|endoftext|>"]
    for words, merges in ((pieces, ["a b", "a t</w>", "c at</w>"]), (few, [["a", "b</w>"]])):
        vocab = {p: i for i, p in enumerate(words)}
        added = [{"id": vocab[t], "content": t, "single_word": False, "lstrip": False, "rstrip": False,
                  "normalized": t[2] == "s", "special": True} for t in words[-2:]]
        added.append({"id": len(vocab), "content": "<new>", "special": False, "normalized": True})
        file = {"version": "1.0", "added_tokens": added, "normalizer": {"type": "Sequence"},
                "model": {"type": "BPE", "unk_token": "<|endoftext|>", "end_of_word_suffix": "</w>",
                          "continuing_subword_prefix": "", "vocab": vocab, "merges": merges}}
        config = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "pad_token": "!",
                  "unk_token": "<|endoftext|>", "model_max_length": 77}
        yield CUT.join([json.dumps(file).encode(), json.dumps(config).encode(), b"a cat's <new> ab"])
        yield json.dumps(file).encode()


def seeds():
    yield "fuzz_image", [
        png(2, 2, 8, 2, bytes(14), [(b"tEXt", b"parameters\0Steps: \xe9")]),
        png(2, 1, 8, 6, bytes(9), [(b"iTXt", b"parameters\0\0\0\0\0\xc3\xa9")]),
        png(4, 2, 2, 3, bytes(4), [(b"PLTE", bytes(range(12))), (b"tRNS", b"\x10\x80"),
                                   (b"zTXt", b"parameters\0\0" + zlib.compress(b"Steps: 20"))]),
        png(1, 1, 16, 4, bytes(5), [(b"gAMA", struct.pack(">I", 100000))], 1),
        base64.b64decode(GREY_JPEG),
        base64.b64decode(PROGRESSIVE_JPEG),
    ]
    meta = {"__metadata__": {"format": "pt", "n": "1"}}
    yield "fuzz_safetensors", [
        safetensors({}, 0),
        safetensors({"a": tensor("F32", [2], 0, 8)}, 8),
        safetensors({"a": tensor("F32", [2], 0, 8)}, 8, b" "),
        safetensors({**meta, "a": tensor("I64", [1], 0, 8), "b": tensor("F16", [2, 3], 8, 20),
                     "c": tensor("BOOL", [], 20, 21)}, 21, b"   "),
        safetensors({"e": tensor("F64", [0, 3], 0, 0), "u": tensor("U8", [1] * 8, 0, 1)}, 1),
        safetensors({"\u00e9\"\\": tensor("BF16", [1], 4, 6), "i": tensor("I32", [1], 0, 4)}, 6),
        safetensors({"a": tensor("F32", [2], 0, 8), "b": tensor("F32", [2], 4, 12)}, 12),
        struct.pack("<Q", 100_000_001) + b"{}",
    ]
    yield "fuzz_index_json", [
        json.dumps({"metadata": {"total_size": 8}, "weight_map": m}).encode()
        for m in (
            {"a": "m-00001-of-00002.safetensors", "b": "m-00002-of-00002.safetensors"},
            {"x.attentions.0.query.weight": "m.safetensors"},
            {"x.attentions.0.to_out.0.weight": "m.safetensors"},
            {"a": "../m.safetensors"},
            {},
        )
    ]
    index = {"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"],
             "safety_checker": [None, None], "requires_safety_checker": False}
    yield "fuzz_folder", [
        json.dumps(index).encode() + CUT + json.dumps({"sample_size": 64, "x": [1, 2.5]}).encode(),
        json.dumps({"../unet": ["a", "b"]}).encode() + CUT + b"{",
    ]
    letters = [chr(c) for c in range(33, 127)] + [chr(c) for c in range(161, 173)] \
        + [chr(c) for c in range(174, 324)]
    pieces = letters + [c + "</w>" for c in letters] + ["ab", "cat</w>", "ca", "at</w>"]
    pieces += ["<|startoftext|>", "<|endoftext|>"]
    vocab = {p: i for i, p in enumerate(pieces)}
    few = {p: i for i, p in enumerate(["a", "b", "a</w>", "b</w>", "ab</w>", "<|startoftext|>",
                                       "<|endoftext|>"])}
    token = {"content": "<|endoftext|>", "lstrip": False, "normalized": True, "rstrip": False,
             "single_word": False}
    special = {"bos_token": token, "eos_token": "<|endoftext|>", "pad_token": "!",
               "unk_token": token}
    config = {"model_max_length": 77, "add_prefix_space": False, "errors": "replace"}
    for v, merges in ((vocab, "#version: 0.2\na b\na t</w>\nc at</w>\n"), (few, "a b</w>\n")):
        yield "fuzz_tokenizer", [
            CUT.join([json.dumps(v).encode(), merges.encode(), json.dumps(special).encode(),
                      json.dumps(config).encode(), json.dumps(added).encode(), text.encode()])
            for added, text in (({}, "a cat's ab 1girl <|endoftext|>\u00e9e\u0301"),
                                ({"<new>": len(v)}, "ab <new> b"))
        ]
    yield "fuzz_prompt", [
        text.encode()
        for text in ("a abab ab! <|endoftext|> it's 1girl", "(ab, ab) \u201cab\u201d \u00bd \u0663",
                     "e\u0301\u0323 \u0130 \u1112\u1161\u11ab;\u11ab \ud558\u11ab", "<|EndOfText|>a\u00a0b")
    ]
    yield "fuzz_tokenizer_json", list(tokenizer_files())
    yield "fuzz_lora", list(loras())
    yield "fuzz_edit", list(edits())
    yield "fuzz_embedding", list(embeddings())
    yield "fuzz_checkpoint", list(checkpoints())
    yield "fuzz_original", list(originals())
    yield "fuzz_config", list(configs())
    base = {"_class_name": "DDIMScheduler", "beta_start": 0.00085, "beta_end": 0.012,
            "beta_schedule": "scaled_linear", "steps_offset": 1, "clip_sample": False,
            "num_train_timesteps": 50}
    yield "fuzz_scheduler", [
        json.dumps({**base, **more}).encode()
        for more in (
            {},
            {"_class_name": "PNDMScheduler", "skip_prk_steps": True, "trained_betas": None},
            {"_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -float("inf"),
             "solver_type": "heun", "final_sigmas_type": "zero", "use_karras_sigmas": True},
            {"_class_name": "EulerDiscreteScheduler", "rescale_betas_zero_snr": True,
             "timestep_spacing": "trailing", "beta_schedule": "squaredcos_cap_v2"},
            {"_class_name": "KDPM2DiscreteScheduler", "prediction_type": "v_prediction"},
            {"_class_name": "DDIMInverseScheduler", "beta_schedule": "linear"},
        )
    ]
    line = {"file": "a.png", "caption": "a cat", "index": 1, "split": "test",
            "links": [{"role": "object", "first": 2, "last": 5, "text": "cat", "entity": 0}],
            "entities": [{"kind": "object", "what": "cat",
                          "mask": {"size": [4, 6], "counts": [3, 9, 12]}}]}
    ring = {"image_id": 1, "category_id": 2, "segmentation": [[1, 1, 5, 1, 5, 4.5, 1, 4]]}
    runs = {"image_id": 1, "category_id": 2, "segmentation": {"size": [8, 8], "counts": "o01"}}
    coco = {"images": [{"id": 1, "file_name": "a.jpg", "width": 8, "height": 8}],
            "categories": [{"id": 2, "name": "cat"}], "annotations": [ring, runs]}
    captions = {"annotations": [{"image_id": 1, "caption": "two cats"}]}
    yield "fuzz_truth", [
        b"W" + json.dumps(line).encode() + b"\n" + json.dumps(line).encode(),
        b"C" + json.dumps(coco).encode() + CUT + json.dumps(captions).encode(),
        b"L" + json.dumps(coco).encode() + CUT +
        b'Image ID,Label,correct_obj+context,context,correct_obj\r\n1,cat,"two ""cats""",,cats\r\n',
        b"R<", b"Rb28P10000000000000[>", b"RPP3", b"R;45000i0",
    ]

    boxed = {"image_path": "1.jpg", "bbox_x": 5, "bbox_y": 6, "bbox_w": 7, "bbox_h": 8,
             "true_caption": "a on b", "false_caption": "b on a", "relation_name": "on"}
    yield "fuzz_record", records()
    yield "fuzz_training", trainings()
    yield "fuzz_page", pages()
    yield "fuzz_trace", traces()
    yield "fuzz_captions", [
        b"J" + json.dumps([boxed, {"image": "x", "caption_options": ["r", "p", "q"]},
                           {"image": "y", "caption": ["A small cat, asleep.", "dogs"]}]).encode(),
        b"Cimage_path,bbox_x,bbox_y,bbox_w,bbox_h,true_caption,false_caption\n1,2,3,4,5,a,\"b, c\"\n",
        b"Cimages,correct_caption,hard_text_1,hard_text_2\r\nx,\"a\nb\",c,\r\n",
    ]


def edits():
    """Two weights of a matrix and one of a bias; places out of order; a parameter without a component."""
    def edit(name, index, shape):
        n, r = len(index), len(shape)
        at = [0, 8 * n, 12 * n, 16 * n, 16 * n + 8 * r]
        head = {f"{what}.{name}": tensor(kind, [size], at[i], at[i + 1]) for i, (what, kind, size) in enumerate(
            [("index", "I64", n), ("before", "F32", n), ("after", "F32", n), ("shape", "I64", r)])}
        text = json.dumps(head).encode()
        return (b"E" + struct.pack("<Q", len(text)) + text + struct.pack(f"<{n}q", *index) +
                struct.pack(f"<{2 * n}f", *range(2 * n)) + struct.pack(f"<{r}q", *shape))
    yield edit("unet.a.weight", [0, 7], [2, 4])
    yield edit("unet.a.bias", [3], [4])
    yield edit("unet.c.weight", [1, 5, 9], [2, 3, 1, 1])
    yield edit("unet.a.weight", [5, 2], [2, 4])
    yield edit("nowhere", [0], [1])
    yield b"Ta {cat|dog} on a {red|green} wall\n\na {b}\n"
    yield b"T{{|}|}\r\n{"


def records():
    """run.json, then run.files."""
    record = {"command": "generate", "options": {"prompt": "a cat"}, "files": ["a.png", "sub/b.png", "../outside", "up/outside", "/x"],
              "inputs": [{"option": "image", "path": "a.png", "sha256": "0" * 64}, {"option": "draws", "path": "../outside", "sha256": "1"}],
              "start": ".."}
    yield json.dumps(record).encode() + b"\xfea.png\nsub/b.png\nsub\n../outside\n"
    yield b'{"files": {}}\xfe\n\n./a.png\nsub/../../outside\n'
    yield b'{"inputs": 3}'


def pages():
    yield b'<p class="quiet" title="1 &lt; 2">a<br>b</p><script type="application/json">{"a":[1,"\\u003c"]}</script>'
    yield b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><style>svg.ds:root{color:#1b1c20}</style><path d="M0 0"/></svg>'
    yield b'<script>alert(1)</script><meta http-equiv="refresh" content="0"><a href="javascript:x">x</a><a href="#s1">y</a>'
    yield b'<img src="data:image/png;base64,iVBORw0KGgo=" alt=""><img src=x onerror=alert(1)><!-- <p> --><div/><input type=range min=0 hidden>'


def trainings():
    settings = {"optimiser": "adamw", "compute": "F32", "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "decay": 0.01, "clip": 1.0,
                "ema": 0.9995, "drop": 0.0, "min_snr": 0.0, "shift": 0.0, "absolute": 1.0, "edges": 0.5, "kl": 1e-4,
                "data": None, "only": None}
    yield b"S3\xfevae, seed 5, batch 4\xfe" + json.dumps(settings).encode()
    yield b"S-1\xfevae, seed 5, batch 4"
    yield b"S99999999999999999999"
    yield b"C" + json.dumps({"model": "sd15", "steps": 3, "optimiser": "muon", "compute": "bf16", "rate": 1e-3}).encode()
    yield b"R" + safetensors({"__metadata__": {"step": "3", "training": "vae, seed 5, batch 4"},
                              "param.vae.encoder.a.weight": tensor("F32", [2, 3], 0, 24)}, 24)


# What `FUZZ_SHOW=1 fuzz_trace` shows for the input "J".
def trace():
    def layer(site, index, side):
        return {"site": f"unet.{site}.transformer_blocks.0.attn2.probs", "index": index, "heads": 4, "height": side, "width": side,
                "factor": 8 // side, "halvings": int(side < 8), "kept_heads": 4}

    return json.dumps({
        "version": 1, "images": 1, "height": 8, "width": 8, "steps": 2, "groups": 2, "calls": 2, "side": 0, "chunks": 1,
        "heads_apart": True, "layers_apart": True, "paper": False, "all_tokens": False, "kept_heads": None, "kept_steps": None,
        "prompts": ["a cat"], "asked": [],
        "layers": [layer("up_blocks.1.attentions.0", 0, 8), layer("up_blocks.1.attentions.1", 1, 8),
                   layer("down_blocks.0.attentions.0", 2, 8), layer("mid_block.attentions.0", 3, 4)]})


def traces():
    yield b"J"
    yield b"J" + trace().encode()
    yield b"R" + safetensors({"__metadata__": {"daam": trace()}, "slot.0": tensor("F32", [4], 0, 16)}, 16)


def main():
    root = pathlib.Path(sys.argv[1])
    for harness, inputs in seeds():
        folder = root / harness
        folder.mkdir(parents=True, exist_ok=True)
        for data in inputs:
            (folder / str(len(list(folder.iterdir())))).write_bytes(data)


main()
