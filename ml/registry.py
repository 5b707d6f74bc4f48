"""Every backend there is. A new one is a file in `ml.backends` and a row here."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from .packages import OPTIONAL

Proof: TypeAlias = Literal["real weights", "seeded weights", "designed", "not run"]


@dataclass(frozen=True)
class Row:
    """`path` is imported only when settings choose the backend.

    `proof`: what its tests ran on. "real weights" are the published ones; "seeded weights" a model of the real
    architecture with chosen or random numbers, through the same loading path; "designed" a stand-in whose answers are
    known beforehand; "not run": no machine here has the engine.

    `leaves_house`: pictures or words go to another machine. Such a backend works only when settings name it.
    """

    key: str
    role: str
    path: str
    packages: tuple[str, ...]
    code_licence: str
    weights_licence: str
    source: str
    proof: Proof
    leaves_house: bool = False

    @property
    def extras(self) -> tuple[str, ...]:
        """The extras to install for it."""
        return tuple(sorted({OPTIONAL[module].extra for module in self.packages}))


BACKENDS: tuple[Row, ...] = (
    Row(
        key="rapidocr",
        role="ocr",
        path="ml.backends.rapidocr.RapidOcr",
        packages=("onnxruntime", "rapidocr"),
        code_licence="Apache-2.0",
        weights_licence="Apache-2.0",
        source="PP-OCRv6 small by PaddlePaddle, inside the rapidocr package",
        proof="real weights",
    ),
    Row(
        key="paddleocr",
        role="ocr",
        path="ml.backends.paddleocr.PaddleOcr",
        packages=(),  # of ours: it has an environment of its own
        code_licence="Apache-2.0",
        weights_licence="Apache-2.0 (PaddlePaddle's own models)",
        source="PaddleOCR, by `make paddle`",
        proof="real weights",
    ),
    Row(
        key="open_clip_onnx",
        role="image_embedder",
        path="ml.backends.open_clip_onnx.OnnxImageEmbedder",
        packages=("onnxruntime", "tokenizers"),
        code_licence="MIT (OpenCLIP)",
        weights_licence="MIT (LAION) or Apache-2.0 (SigLIP 2): see the weights",
        source="OpenCLIP, both towers exported together",
        proof="seeded weights",
    ),
    Row(
        key="open_clip_onnx",
        role="query_embedder",
        path="ml.backends.open_clip_onnx.OnnxQueryEmbedder",
        packages=("onnxruntime", "tokenizers"),
        code_licence="MIT (OpenCLIP)",
        weights_licence="MIT (LAION) or Apache-2.0 (SigLIP 2): see the weights",
        source="OpenCLIP, both towers exported together",
        proof="seeded weights",
    ),
    Row(
        key="open_clip_torch",
        role="image_embedder",
        path="ml.backends.open_clip_torch.TorchImageEmbedder",
        packages=("torch", "torchvision", "open_clip"),
        code_licence="MIT (OpenCLIP)",
        weights_licence="MIT (LAION) or Apache-2.0 (SigLIP 2): see the weights",
        source="OpenCLIP",
        proof="seeded weights",
    ),
    Row(
        key="open_clip_torch",
        role="query_embedder",
        path="ml.backends.open_clip_torch.TorchQueryEmbedder",
        packages=("torch", "torchvision", "open_clip"),
        code_licence="MIT (OpenCLIP)",
        weights_licence="MIT (LAION) or Apache-2.0 (SigLIP 2): see the weights",
        source="OpenCLIP",
        proof="seeded weights",
    ),
    Row(
        key="vit_onnx",
        role="patch_embedder",
        path="ml.backends.vit_onnx.OnnxPatches",
        packages=("onnxruntime",),
        code_licence="Apache-2.0 (timm)",
        weights_licence="Apache-2.0 (DINOv2)",
        source="Vision transformers of timm, exported; DINOv2 by Meta",
        proof="seeded weights",
    ),
    Row(
        key="vit_torch",
        role="patch_embedder",
        path="ml.backends.vit_torch.TorchPatches",
        packages=("torch", "torchvision", "timm"),
        code_licence="Apache-2.0 (timm)",
        weights_licence="Apache-2.0 (DINOv2)",
        source="Vision transformers of timm; DINOv2 by Meta",
        proof="seeded weights",
    ),
    Row(
        key="blip2",
        role="captioner",
        path="ml.backends.blip2.Blip2Captioner",
        packages=("torch", "torchvision", "transformers"),
        code_licence="Apache-2.0 (transformers)",
        weights_licence="MIT (BLIP-2); the OPT inside it: research only (OPT-175B licence)",
        source="blip2-opt-2.7b by Salesforce",
        proof="seeded weights",
    ),
    Row(
        key="blip2",
        role="answerer",
        path="ml.backends.blip2.Blip2Answerer",
        packages=("torch", "torchvision", "transformers"),
        code_licence="Apache-2.0 (transformers)",
        weights_licence="MIT (BLIP-2); the OPT inside it: research only (OPT-175B licence)",
        source="blip2-opt-2.7b by Salesforce",
        proof="seeded weights",
    ),
    Row(
        key="phi",
        role="llm",
        path="ml.backends.phi.Phi",
        packages=("torch", "torchvision", "transformers"),
        code_licence="Apache-2.0 (transformers)",
        weights_licence="MIT",
        source="Phi-3.5-mini-instruct by Microsoft",
        proof="seeded weights",
    ),
    Row(
        key="vlm",
        role="captioner",
        path="ml.backends.vlm.VlmCaptioner",
        packages=(),
        code_licence="MediaHub's own",
        weights_licence="the model's own, on the other machine",
        source="NVIDIA Build, Ollama, vLLM or another OpenAI-compatible endpoint",
        proof="not run",
        leaves_house=True,
    ),
    Row(
        key="vlm",
        role="answerer",
        path="ml.backends.vlm.VlmAnswerer",
        packages=(),
        code_licence="MediaHub's own",
        weights_licence="the model's own, on the other machine",
        source="NVIDIA Build, Ollama, vLLM or another OpenAI-compatible endpoint",
        proof="not run",
        leaves_house=True,
    ),
    Row(
        key="vlm",
        role="detector",
        path="ml.backends.vlm.VlmDetector",
        packages=(),
        code_licence="MediaHub's own",
        weights_licence="the model's own, on the other machine",
        source="NVIDIA Build, Ollama, vLLM or another OpenAI-compatible endpoint",
        proof="not run",
        leaves_house=True,
    ),
    Row(
        key="openai_text",
        role="llm",
        path="ml.backends.openai_text.OpenAiText",
        packages=(),
        code_licence="MediaHub's own",
        weights_licence="the model's own, on the other machine",
        source="NVIDIA Build, Ollama, vLLM or another OpenAI-compatible endpoint",
        proof="not run",
        leaves_house=True,
    ),
    Row(
        key="clip_zeroshot",
        role="tagger",
        path="ml.backends.clip_zeroshot.ClipZeroShot",
        packages=(),
        code_licence="MediaHub's own",
        weights_licence="Apache-2.0 (RAM's list of tags); the vectors as their towers",
        source="The 4,585 tags of Recognize Anything, by meaning",
        proof="seeded weights",
    ),
    Row(
        key="yolox",
        role="detector",
        path="ml.backends.yolox.Yolox",
        packages=("onnxruntime",),
        code_licence="Apache-2.0",
        weights_licence="Apache-2.0",
        source="YOLOX by Megvii, nano to X",
        proof="real weights",
    ),
    Row(
        key="rtdetr",
        role="detector",
        path="ml.backends.rtdetr.RtDetr",
        packages=("onnxruntime",),
        code_licence="Apache-2.0 (transformers)",
        weights_licence="Apache-2.0",
        source="RT-DETR by PekingU and D-FINE by USTC, exported to ONNX",
        proof="seeded weights",
    ),
    Row(
        key="yolo",
        role="detector",
        path="ml.backends.yolo.Yolo",
        packages=("torch", "torchvision", "ultralytics"),
        code_licence="AGPL-3.0 (Ultralytics)",
        weights_licence="AGPL-3.0 (Ultralytics)",
        source="YOLO26, YOLO11 and YOLOv8 by Ultralytics",
        proof="seeded weights",
    ),
    Row(
        key="yolo_onnx",
        role="detector",
        path="ml.backends.yolo_onnx.YoloOnnx",
        packages=("onnxruntime",),
        code_licence="MediaHub's own",
        weights_licence="AGPL-3.0 (Ultralytics)",
        source="YOLO26, YOLO11 and YOLOv8 by Ultralytics, exported to ONNX",
        proof="seeded weights",
    ),
    Row(
        key="detr",
        role="detector",
        path="ml.backends.detr.Detr",
        packages=("torch", "torchvision", "transformers"),
        code_licence="Apache-2.0 (transformers)",
        weights_licence="Apache-2.0",
        source="RT-DETR by PekingU, DETR by Meta",
        proof="seeded weights",
    ),
    Row(
        key="ram_plus",
        role="tagger",
        path="ml.backends.ram_plus.OnnxRamPlus",
        packages=("onnxruntime",),
        code_licence="MediaHub's own, after Recognize Anything (Apache-2.0)",
        weights_licence="Apache-2.0",
        source="RAM++ by Recognize Anything, exported",
        proof="seeded weights",
    ),
    Row(
        key="ram_plus_torch",
        role="tagger",
        path="ml.backends.ram_plus.TorchRamPlus",
        packages=("torch", "torchvision", "timm"),
        code_licence="MediaHub's own, after Recognize Anything (Apache-2.0)",
        weights_licence="Apache-2.0",
        source="RAM++ by Recognize Anything",
        proof="seeded weights",
    ),
    Row(
        key="whisper",
        role="transcriber",
        path="ml.backends.whisper.Whisper",
        packages=("onnxruntime", "tokenizers", "ctranslate2"),
        code_licence="MIT (CTranslate2)",
        weights_licence="MIT",
        source="Whisper by OpenAI, as faster-whisper publishes it; Silero VAD",
        proof="real weights",
    ),
    Row(
        key="yunet_sface",
        role="faces",
        path="ml.backends.yunet_sface.YunetSface",
        packages=("onnxruntime",),
        code_licence="Apache-2.0 (OpenCV zoo)",
        weights_licence="MIT (YuNet), Apache-2.0 (SFace)",
        source="YuNet and SFace from OpenCV's zoo, or another recogniser",
        proof="real weights",
    ),
    Row(
        key="minilm",
        role="text_embedder",
        path="ml.backends.minilm.MiniLm",
        packages=("onnxruntime", "tokenizers"),
        code_licence="Apache-2.0 (sentence-transformers)",
        weights_licence="Apache-2.0",
        source="all-MiniLM-L6-v2 and other sentence models built as BERT",
        proof="real weights",
    ),
    Row(
        key="minilm_sentiment",
        role="sentiment",
        path="ml.backends.minilm_sentiment.MinilmSentiment",
        packages=("onnxruntime", "tokenizers"),
        code_licence="Apache-2.0 (sentence-transformers)",
        weights_licence="Apache-2.0; the head is MediaHub's own",
        source="A head of MediaHub's own over all-MiniLM-L6-v2, for English",
        proof="real weights",
    ),
    Row(
        key="insightface",
        role="faces",
        path="ml.backends.insightface.InsightFace",
        packages=("onnxruntime", "insightface"),
        code_licence="MIT (InsightFace)",
        weights_licence="Non-commercial research only (InsightFace)",
        source="SCRFD and ArcFace by InsightFace: buffalo_l, buffalo_sc",
        proof="designed",
    ),
    Row(
        key="ge2e",
        role="diarizer",
        path="ml.backends.ge2e.Ge2e",
        packages=("onnxruntime",),
        code_licence="MediaHub's own",
        weights_licence="Apache-2.0 (Resemblyzer), MIT (Silero VAD)",
        source="GE2E by Resemble AI, exported to ONNX; Silero VAD",
        proof="real weights",
    ),
    Row(
        key="spectral",
        role="diarizer",
        path="ml.backends.spectral.Spectral",
        packages=("onnxruntime",),
        code_licence="MediaHub's own",
        weights_licence="MIT (Silero VAD)",
        source="Clouds of cepstra, joined by the Bayesian information criterion; Silero VAD",
        proof="real weights",
    ),
    Row(
        key="fake",
        role="ocr",
        path="ml.backends.fake.FakeOcr",
        packages=(),
        code_licence="MediaHub's own",
        weights_licence="no weights",
        source="MediaHub",
        proof="designed",
    ),
)


def backends_of(role: str) -> dict[str, Row]:
    return {row.key: row for row in BACKENDS if row.role == role}


def role_keys() -> list[str]:
    return sorted({row.role for row in BACKENDS})
