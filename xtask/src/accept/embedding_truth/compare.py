"""Embeds the texts of a plan with onnxruntime and tokenizers, in the same batches, and compares the vectors."""

import json
import pathlib
import sys

import numpy
import onnxruntime
import tokenizers

BAR = 1e-4

folder = pathlib.Path(sys.argv[1])
plan = json.loads((folder / "plan.json").read_text())
ours = numpy.fromfile(folder / "vectors.f32", dtype="<f4").reshape(len(plan["texts"]), plan["dimensions"])

tokenizer = tokenizers.Tokenizer.from_file(plan["tokenizer"])
tokenizer.no_padding()
tokenizer.enable_truncation(plan["max_tokens"])
session = onnxruntime.InferenceSession(plan["model"], providers=["CPUExecutionProvider"])

theirs = numpy.zeros_like(ours)
for batch in plan["batches"]:
    tokens = [tokenizer.encode(plan["texts"][index]).ids for index in batch]
    shape = (len(batch), max(map(len, tokens)))
    ids, mask = numpy.zeros(shape, numpy.int64), numpy.zeros(shape, numpy.int64)
    for row, own in enumerate(tokens):
        ids[row, : len(own)] = own
        mask[row, : len(own)] = 1
    inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": numpy.zeros_like(ids)}
    hidden = session.run(["last_hidden_state"], inputs)[0]
    mean = (hidden * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1)[:, None]
    theirs[batch] = mean / numpy.linalg.norm(mean, axis=1, keepdims=True)

seen = sorted(index for batch in plan["batches"] for index in batch)
if seen != list(range(len(plan["texts"]))):
    sys.exit("embedding-truth: the batches do not hold each text once")
apart = numpy.abs(ours - theirs).max()
verdict = "ok" if apart <= BAR else "MISSED"
print(
    f"embedding-truth: {len(seen)} texts in {len(plan['batches'])} batches, "
    f"onnxruntime {onnxruntime.__version__}, tokenizers {tokenizers.__version__}: "
    f"largest difference {apart:.1e}, smallest cosine {(ours * theirs).sum(axis=1).min():.7f}, bar {BAR}: {verdict}"
)
sys.exit(0 if apart <= BAR else 1)
