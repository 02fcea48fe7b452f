"""Programs of a few lines that use an exported ONNX model."""

from __future__ import annotations

__all__ = ["ARRAYS", "IMAGES", "TABLE", "TEXT"]

_END = """names = {classes}
print(dict(zip(names, model.run(None, {{{inputs}}})[0][0].tolist())))
"""

_HEAD = """import sys

import numpy as np
import onnxruntime
"""

IMAGES = (
    _HEAD
    + """from PIL import Image

model = onnxruntime.InferenceSession("model.onnx")
picture = Image.open(sys.argv[1]).convert("{mode}").resize({size}, Image.Resampling.BILINEAR)
images = np.asarray(picture, np.uint8)
images = images[None, None] if images.ndim == 2 else images.transpose(2, 0, 1)[None]
"""
    + _END.replace("{inputs}", '"images": images')
)

TEXT = """import json
import re
import sys

import numpy as np
import onnxruntime

model = onnxruntime.InferenceSession("model.onnx")
number = {{word: i + 2 for i, word in enumerate(json.load(open("vocabulary.json", encoding="utf-8")))}}
found = re.findall(r"[^\\W\\d_]+(?:['’][^\\W\\d_]+)?|\\d+|[^\\w\\s]", sys.argv[1].lower())[:{length}]
words = np.zeros((1, {length}), np.int64)
words[0, : len(found)] = [number.get(word, 1) for word in found]
""" + _END.replace("{inputs}", '"words": words')

TABLE = """import json
import sys

import numpy as np
import onnxruntime

model = onnxruntime.InferenceSession("model.onnx")
columns = json.load(open("columns.json", encoding="utf-8"))
row = json.load(open(sys.argv[1], encoding="utf-8"))  # {{"column": value, …}}; dates such as "2024-05-31"
days = {{c: float(np.datetime64(row[c], "D").astype(int)) for c in columns["dates"] if row.get(c)}}
values = [days.get(c) if c in columns["dates"] else row.get(c) for c in columns["numbers"]]
codes = [v.index(str(row.get(c))) if str(row.get(c)) in v else len(v) for c, v in columns["categories"].items()]
inputs = {{"numbers": np.array([values], float).astype("float32"), "categories": np.array([codes], "int64")}}
inputs = {{name: array for name, array in inputs.items() if array.size}}
""" + _END.replace("{{{inputs}}}", "inputs")

ARRAYS = (
    _HEAD
    + """
model = onnxruntime.InferenceSession("model.onnx")
samples = np.load(sys.argv[1])  # one sample or several
wanted = model.get_inputs()[0]
kind = {{"tensor(uint8)": "uint8", "tensor(int64)": "int64"}}.get(wanted.type, "float32")
samples = samples.astype(kind).reshape(-1, *wanted.shape[1:])
"""
    + _END.replace("{inputs}", '"samples": samples')
)
