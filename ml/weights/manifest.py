"""Every set of weights that can be installed by name. A new one is a row here.

Checksums are the publishers' own, or were computed from the published file; where none is known it is None, and the
first installation writes down what it got. Nothing is ever guessed.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class WeightsFile:
    """`path` lies in the model's folder. `url` is empty for what comes out of the row's archive or has no address.

    `size` in bytes and `sha256` are None where they are not known. An `optional` file may be missing at its publisher.
    """

    path: str
    url: str = ""
    size: int | None = None
    sha256: str | None = None
    optional: bool = False


@dataclass(frozen=True)
class Weights:
    """One folder of `ml.weights.home()`. `backends`: the keys of `ml.registry` that run it.

    `archive`: the ZIP that holds all files. `package`: the Python package that brings them; there is nothing to pull.
    `memory_mb`: what the loaded model takes at work, roughly; measured only where its backend says so. `proof`: as in
    `ml.registry`, where these weights are proved less far than the backend that runs them.
    """

    name: str
    roles: tuple[str, ...]
    backends: tuple[str, ...]
    files: tuple[WeightsFile, ...]
    code_licence: str
    weights_licence: str
    source: str
    memory_mb: int
    good_at: str
    archive: WeightsFile | None = None
    package: str | None = None
    proof: str | None = None

    @property
    def size(self) -> int:
        """Bytes to fetch, as far as they are known."""
        return sum(part.size or 0 for part in self._fetched)

    @property
    def size_known(self) -> bool:
        return all(part.size is not None for part in self._fetched)

    @property
    def pinned(self) -> bool:
        """Whether every byte that is fetched is known beforehand."""
        return all(part.sha256 for part in self._fetched)

    @property
    def _fetched(self) -> tuple[WeightsFile, ...]:
        return (self.archive,) if self.archive else tuple(file for file in self.files if not file.optional)


_HUB = "https://huggingface.co"


def _hub(repository: str, *files: WeightsFile | str, revision: str = "main") -> tuple[WeightsFile, ...]:
    """Files of a repository; a plain name has no known checksum. `a/b.onnx` is kept as `b.onnx`."""
    named = (WeightsFile(file) if isinstance(file, str) else file for file in files)
    return tuple(
        WeightsFile(
            file.path.rpartition("/")[2],
            f"{_HUB}/{repository}/resolve/{revision}/{file.path}",
            file.size,
            file.sha256,
            file.optional,
        )
        for file in named
    )


def _open_clip(repository: str, *files: WeightsFile | str, revision: str = "main") -> tuple[WeightsFile, ...]:
    """As OpenCLIP reads a folder: configuration, one safetensors file, the tokenizer unless it is OpenCLIP's own."""
    tokenizer = (
        WeightsFile(name, optional=True)
        for name in (
            "tokenizer.json",
            "tokenizer_config.json",
            "special_tokens_map.json",
            "tokenizer.model",
            "vocab.json",
            "merges.txt",
        )
    )
    return _hub(repository, "open_clip_config.json", *files, *tokenizer, revision=revision)


_RAM_DATA = (
    "https://raw.githubusercontent.com/xinyu1205/recognize-anything/7cb804a8609e9f4b1a50b7f31436d2df40bb9481/ram/data"
)
_RAM_TAGS = (
    WeightsFile(
        "ram_tag_list.txt",
        f"{_RAM_DATA}/ram_tag_list.txt",
        41_904,
        "5d96d2f7225527480ad773aaac76b6e5c08a18adf6eae9ca7d2ab923d5e7bd8b",
    ),
    WeightsFile(
        "ram_tag_list_chinese.txt",
        f"{_RAM_DATA}/ram_tag_list_chinese.txt",
        44_181,
        "c912657a0f30be7b2f5df6ccffa17e1d84561d0bea508528e38b6d0d711bcfbe",
    ),
    WeightsFile(
        "ram_tag_list_threshold.txt",
        f"{_RAM_DATA}/ram_tag_list_threshold.txt",
        22_016,
        "b6f81d0de1bc7f9c251af512c413eae976c77dbfbadf700d4e3d90510f4c6447",
    ),
)

_YOLOX = "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0"
_ULTRALYTICS = "https://github.com/ultralytics/assets/releases/download"
_INSIGHTFACE = "https://github.com/deepinsight/insightface/releases/download/v0.7"
_OPENCV_ZOO = "https://media.githubusercontent.com/media/opencv/opencv_zoo"

_RESEMBLYZER = "https://raw.githubusercontent.com/resemble-ai/Resemblyzer/15d828edebe06bc72b9cabc8ef8ca5ab2cb457ce"
_FASTER_WHISPER = (
    "https://raw.githubusercontent.com/SYSTRAN/faster-whisper/65882eee9f5cdbeeb2d877f1131d48cf241b327d/"
    "faster_whisper/assets"
)
_WHISPER_TOKENIZER = (
    WeightsFile(
        "tokenizer.json", size=2_203_239, sha256="fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab"
    ),
    WeightsFile(
        "vocabulary.txt", size=459_861, sha256="34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913"
    ),
)

ROWS: tuple[Weights, ...] = (
    # -- Pictures and sentences in one space --------------------------------------------------------------------------
    Weights(
        name="ViT-B-32-laion2b_s34b_b79k",
        roles=("image_embedder", "query_embedder"),
        backends=("open_clip_onnx", "open_clip_torch"),
        files=_open_clip(
            "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
            WeightsFile(
                "open_clip_model.safetensors",
                size=605_143_316,
                sha256="ac4f8c4b88af6d963118cbf40ad93176d092abbedfcb752601ae1866352656e6",
            ),
            revision="1a25a446712ba5ee05982a381eed697ef9b435cf",
        ),
        code_licence="MIT (OpenCLIP)",
        weights_licence="MIT",
        source=f"{_HUB}/laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
        memory_mb=700,
        good_at="Finding photos by English sentences on small machines; the fastest.",
    ),
    Weights(
        name="ViT-B-16-SigLIP2",
        roles=("image_embedder", "query_embedder"),
        backends=("open_clip_onnx", "open_clip_torch"),
        files=_open_clip("timm/ViT-B-16-SigLIP2", "open_clip_model.safetensors"),
        code_licence="MIT (OpenCLIP)",
        weights_licence="Apache-2.0",
        source=f"{_HUB}/timm/ViT-B-16-SigLIP2",
        memory_mb=1600,
        good_at="Finding photos by sentences in many languages; the choice for most machines.",
    ),
    Weights(
        name="ViT-H-14-laion2b_s32b_b79k",
        roles=("image_embedder", "query_embedder"),
        backends=("open_clip_onnx", "open_clip_torch"),
        files=_open_clip("laion/CLIP-ViT-H-14-laion2B-s32B-b79K", "open_clip_model.safetensors"),
        code_licence="MIT (OpenCLIP)",
        weights_licence="MIT",
        source=f"{_HUB}/laion/CLIP-ViT-H-14-laion2B-s32B-b79K",
        memory_mb=4300,
        good_at="English search; larger than ViT-B-16-SigLIP2 and, in others' measurements, behind it.",
    ),
    Weights(
        name="coca_ViT-B-32-laion2b_s13b_b90k",
        roles=("image_embedder", "query_embedder"),
        backends=("open_clip_onnx", "open_clip_torch"),
        files=_open_clip("laion/CoCa-ViT-B-32-laion2B-s13B-b90k", "open_clip_model.safetensors"),
        code_licence="MIT (OpenCLIP)",
        weights_licence="MIT",
        source=f"{_HUB}/laion/CoCa-ViT-B-32-laion2B-s13B-b90k",
        memory_mb=1200,
        good_at="Search with a model that was also trained to describe.",
    ),
    # -- Patches of pictures ------------------------------------------------------------------------------------------
    Weights(
        name="vit_small_patch14_reg4_dinov2",
        roles=("patch_embedder",),
        backends=("vit_onnx", "vit_torch"),
        files=_hub("timm/vit_small_patch14_reg4_dinov2.lvd142m", "config.json", "model.safetensors"),
        code_licence="Apache-2.0 (timm)",
        weights_licence="Apache-2.0",
        source=f"{_HUB}/timm/vit_small_patch14_reg4_dinov2.lvd142m",
        memory_mb=450,
        good_at="What each part of a picture looks like, to find products in it; DINOv2, the small one.",
    ),
    # -- Sentences ----------------------------------------------------------------------------------------------------
    Weights(
        name="all-MiniLM-L6-v2",
        roles=("text_embedder", "sentiment"),
        backends=("minilm", "minilm_sentiment"),
        files=_hub(
            "sentence-transformers/all-MiniLM-L6-v2",
            WeightsFile(
                "onnx/model.onnx",
                size=90_405_214,
                sha256="6fd5d72fe4589f189f8ebc006442dbb529bb7ce38f8082112682524616046452",
            ),
            WeightsFile(
                "tokenizer.json",
                size=466_247,
                sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            ),
            WeightsFile(
                "config.json",
                size=612,
                sha256="953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
            ),
            WeightsFile(
                "sentence_bert_config.json",
                size=53,
                sha256="fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
            ),
            revision="1110a243fdf4706b3f48f1d95db1a4f5529b4d41",
        ),
        code_licence="Apache-2.0",
        weights_licence="Apache-2.0",
        source=f"{_HUB}/sentence-transformers/all-MiniLM-L6-v2",
        memory_mb=250,
        good_at="English transcripts, captions and documents by meaning, and whether they are glad or sorry.",
    ),
    Weights(
        name="paraphrase-multilingual-MiniLM-L12-v2",
        roles=("text_embedder",),
        backends=("minilm",),
        files=_hub(
            "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2",
            WeightsFile("onnx/model.onnx", size=470_301_610),
            "tokenizer.json",
            "config.json",
            "sentence_bert_config.json",
        ),
        code_licence="Apache-2.0",
        weights_licence="Apache-2.0",
        source=f"{_HUB}/sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2",
        memory_mb=700,
        good_at="The same in 50 languages.",
        proof="seeded weights",
    ),
    # -- Tags ---------------------------------------------------------------------------------------------------------
    Weights(
        name="ram_tags",
        roles=("tagger",),
        backends=("clip_zeroshot",),
        files=_RAM_TAGS,
        code_licence="Apache-2.0",
        weights_licence="Apache-2.0",
        source="https://github.com/xinyu1205/recognize-anything",
        memory_mb=1,
        good_at="4,585 tag names in English and Chinese, for tagging by meaning.",
    ),
    Weights(
        name="ram_plus_swin_large_14m",
        roles=("tagger",),
        backends=("ram_plus", "ram_plus_torch"),
        files=(
            *_hub(
                "xinyu1205/recognize-anything-plus-model",
                WeightsFile(
                    "ram_plus_swin_large_14m.pth",
                    size=3_010_210_801,
                    sha256="497c178836ba66698ca226c7895317e6e800034be986452dbd2593298d50e87d",
                ),
                revision="6afd703f04b23e1c18d4c7d9882c4f5f954848f8",
            ),
            *_RAM_TAGS,
        ),
        code_licence="Apache-2.0",
        weights_licence="Apache-2.0",
        source=f"{_HUB}/xinyu1205/recognize-anything-plus-model",
        memory_mb=2200,
        good_at="The best tags: 4,585 of them, with thresholds of their own; wants a GPU.",
    ),
    # -- Things -------------------------------------------------------------------------------------------------------
    Weights(
        name="yolox_nano",
        roles=("detector",),
        backends=("yolox",),
        files=(
            WeightsFile(
                "yolox_nano.onnx",
                f"{_YOLOX}/yolox_nano.onnx",
                3_659_407,
                "c789161ed43c8269fcd4e67c67eeeb4e80c622da2eb296a20bc6007bd18a0b7d",
            ),
        ),
        code_licence="Apache-2.0",
        weights_licence="Apache-2.0",
        source="https://github.com/Megvii-BaseDetection/YOLOX",
        memory_mb=80,
        good_at="80 kinds of things with boxes, very fast; misses small ones.",
    ),
    Weights(
        name="yolox_s",
        roles=("detector",),
        backends=("yolox",),
        files=(
            WeightsFile(
                "yolox_s.onnx",
                f"{_YOLOX}/yolox_s.onnx",
                35_858_002,
                "c5c2d13e59ae883e6af3b45daea64af4833a4951c92d116ec270d9ddbe998063",
            ),
        ),
        code_licence="Apache-2.0",
        weights_licence="Apache-2.0",
        source="https://github.com/Megvii-BaseDetection/YOLOX",
        memory_mb=200,
        good_at="80 kinds of things with boxes; a good middle.",
        proof="not run",
    ),
    Weights(
        name="rtdetr_r18vd",
        roles=("detector",),
        backends=("rtdetr",),
        files=_hub(
            "onnx-community/rtdetr_r18vd",
            "onnx/model.onnx",
            "config.json",
            "preprocessor_config.json",
            revision="ec641af14c7cc8f93cd641a1458f498abbbbb533",
        ),
        code_licence="Apache-2.0",
        weights_licence="Apache-2.0",
        source=f"{_HUB}/PekingU/rtdetr_r18vd",
        memory_mb=400,
        good_at="80 kinds of things, more exact boxes than YOLOX-S, slower.",
    ),
    Weights(
        name="dfine_s_coco",
        roles=("detector",),
        backends=("rtdetr",),
        files=_hub(
            "onnx-community/dfine_s_coco-ONNX",
            WeightsFile("onnx/model.onnx", sha256="cd8a49a945feda6d28c6304ae8ae85c2759ba1d78a5a83a22c5ce8db82ef7238"),
            "config.json",
            "preprocessor_config.json",
            revision="a3cf03147a9b86c78475139115c8ac142577352d",
        ),
        code_licence="Apache-2.0",
        weights_licence="Apache-2.0",
        source=f"{_HUB}/ustc-community/dfine-small-coco",
        memory_mb=300,
        good_at="80 kinds of things, the most exact of the small ones.",
    ),
    Weights(
        name="rtdetr_r50vd",
        roles=("detector",),
        backends=("detr",),
        files=_hub("PekingU/rtdetr_r50vd", "model.safetensors", "config.json", "preprocessor_config.json"),
        code_licence="Apache-2.0 (transformers)",
        weights_licence="Apache-2.0",
        source=f"{_HUB}/PekingU/rtdetr_r50vd",
        memory_mb=1300,
        good_at="80 kinds of things, exact boxes; wants torch and a GPU.",
    ),
    Weights(
        name="detr-resnet-50",
        roles=("detector",),
        backends=("detr",),
        files=_hub(
            "facebook/detr-resnet-50",
            "model.safetensors",
            "config.json",
            "preprocessor_config.json",
            revision="1d5f47bd3bdd2c4bbfa585418ffe6da5028b4c0b",
        ),
        code_licence="Apache-2.0 (transformers)",
        weights_licence="Apache-2.0",
        source=f"{_HUB}/facebook/detr-resnet-50",
        memory_mb=1300,
        good_at="80 kinds of things; the first of its family, slower than RT-DETR.",
    ),
    Weights(
        name="yolo26n",
        roles=("detector",),
        backends=("yolo", "yolo_onnx"),
        files=(
            WeightsFile(
                "yolo26n.pt",
                f"{_ULTRALYTICS}/v8.4.0/yolo26n.pt",
                sha256="9b09cc8bf347f0fc8a5f7657480587f25db09b34bf33b0652110fb03a8ad4fef",
            ),
        ),
        code_licence="AGPL-3.0 (Ultralytics)",
        weights_licence="AGPL-3.0 (Ultralytics)",
        source="https://github.com/ultralytics/assets",
        memory_mb=500,
        good_at="80 kinds of things, small and exact; its licence asks you to publish what you build on it.",
    ),
    Weights(
        name="yolo11n",
        roles=("detector",),
        backends=("yolo", "yolo_onnx"),
        files=(
            WeightsFile(
                "yolo11n.pt",
                f"{_ULTRALYTICS}/v8.3.0/yolo11n.pt",
                sha256="0ebbc80d4a7680d14987a577cd21342b65ecfd94632bd9a8da63ae6417644ee1",
            ),
        ),
        code_licence="AGPL-3.0 (Ultralytics)",
        weights_licence="AGPL-3.0 (Ultralytics)",
        source="https://github.com/ultralytics/assets",
        memory_mb=500,
        good_at="80 kinds of things, the one before YOLO26; the same licence.",
    ),
    # -- Faces --------------------------------------------------------------------------------------------------------
    Weights(
        name="yunet",
        roles=("faces",),
        backends=("yunet_sface",),
        files=(
            WeightsFile(
                "face_detection_yunet_2026may.onnx",
                f"{_OPENCV_ZOO}/47534e27c9851bb1128ccc0102f1145e27f23f98/models/face_detection_yunet/"
                "face_detection_yunet_2026may.onnx",
                229_738,
                "ebafce4e3c118d6554634be5c27ab333b4c047a9a8c3faf1d7cf93101c22f0f0",
            ),
        ),
        code_licence="Apache-2.0 (OpenCV)",
        weights_licence="MIT",
        source="https://github.com/opencv/opencv_zoo/tree/main/models/face_detection_yunet",
        memory_mb=60,
        good_at="Finding faces and their landmarks.",
    ),
    Weights(
        name="sface",
        roles=("faces",),
        backends=("yunet_sface",),
        files=(
            WeightsFile(
                "face_recognition_sface_2021dec.onnx",
                f"{_OPENCV_ZOO}/966be4cb6eefc2a4f586ed0581bf4bbaa2533070/models/face_recognition_sface/"
                "face_recognition_sface_2021dec.onnx",
                38_696_353,
                "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
            ),
        ),
        code_licence="Apache-2.0",
        weights_licence="Apache-2.0",
        source="https://github.com/opencv/opencv_zoo/tree/main/models/face_recognition_sface",
        memory_mb=120,
        good_at="Telling people apart, with weights that may be used for anything.",
        proof="designed",
    ),
    Weights(
        name="buffalo_l",
        roles=("faces",),
        backends=("insightface",),
        files=(
            WeightsFile(
                "det_10g.onnx", "", 16_923_827, "5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91"
            ),
            WeightsFile("w600k_r50.onnx", sha256="4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43"),
        ),
        archive=WeightsFile(
            "buffalo_l.zip",
            f"{_INSIGHTFACE}/buffalo_l.zip",
            288_621_354,
            "80ffe37d8a5940d59a7384c201a2a38d4741f2f3c51eef46ebb28218a7b0ca2f",
        ),
        code_licence="MIT (InsightFace)",
        weights_licence="Non-commercial research only (InsightFace)",
        source="https://github.com/deepinsight/insightface",
        memory_mb=600,
        good_at="The most reliable at telling people apart; not for business use.",
    ),
    Weights(
        name="buffalo_sc",
        roles=("faces",),
        backends=("insightface",),
        files=(
            WeightsFile("det_500m.onnx", sha256="5e4447f50245bbd7966bd6c0fa52938c61474a04ec7def48753668a9d8b4ea3a"),
            WeightsFile("w600k_mbf.onnx", sha256="9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f"),
        ),
        archive=WeightsFile(
            "buffalo_sc.zip",
            f"{_INSIGHTFACE}/buffalo_sc.zip",
            sha256="57d31b56b6ffa911c8a73cfc1707c73cab76efe7f13b675a05223bf42de47c72",
        ),
        code_licence="MIT (InsightFace)",
        weights_licence="Non-commercial research only (InsightFace)",
        source="https://github.com/deepinsight/insightface",
        memory_mb=150,
        good_at="The same for small machines; not for business use.",
    ),
    # -- Words --------------------------------------------------------------------------------------------------------
    Weights(
        name="pp-ocrv6-small",
        roles=("ocr",),
        backends=("rapidocr",),
        files=(),
        package="rapidocr",
        code_licence="Apache-2.0",
        weights_licence="Apache-2.0",
        source="https://github.com/RapidAI/RapidOCR",
        memory_mb=300,
        good_at="Text in pictures, printed and photographed, in many languages.",
    ),
    Weights(
        name="blip2-opt-2.7b",
        roles=("captioner", "answerer"),
        backends=("blip2",),
        files=_hub(
            "Salesforce/blip2-opt-2.7b",
            "config.json",
            "preprocessor_config.json",
            WeightsFile("processor_config.json", optional=True),
            WeightsFile("generation_config.json", optional=True),
            WeightsFile("added_tokens.json", optional=True),
            "tokenizer.json",
            "tokenizer_config.json",
            "special_tokens_map.json",
            WeightsFile("vocab.json", optional=True),
            WeightsFile("merges.txt", optional=True),
            "model.safetensors.index.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
        ),
        code_licence="Apache-2.0 (transformers)",
        weights_licence="MIT (BLIP-2); the OPT inside it: research only (OPT-175B licence)",
        source=f"{_HUB}/Salesforce/blip2-opt-2.7b",
        memory_mb=8000,
        good_at="A sentence about each photo, and answers to questions about it; wants a GPU.",
    ),
    Weights(
        name="Phi-3.5-mini-instruct",
        roles=("llm",),
        backends=("phi",),
        files=_hub(
            "microsoft/Phi-3.5-mini-instruct",
            "config.json",
            "generation_config.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "special_tokens_map.json",
            WeightsFile("added_tokens.json", optional=True),
            "model.safetensors.index.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
        ),
        code_licence="Apache-2.0 (transformers)",
        weights_licence="MIT",
        source=f"{_HUB}/microsoft/Phi-3.5-mini-instruct",
        memory_mb=8000,
        good_at="Names for clusters, folders and descriptions; loaded on demand, wants a GPU.",
    ),
    # -- Sound --------------------------------------------------------------------------------------------------------
    Weights(
        name="faster-whisper-base",
        roles=("transcriber",),
        backends=("whisper",),
        files=_hub(
            "Systran/faster-whisper-base",
            WeightsFile(
                "config.json",
                size=2_309,
                sha256="56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
            ),
            WeightsFile(
                "model.bin",
                size=145_217_532,
                sha256="d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
            ),
            *_WHISPER_TOKENIZER,
            revision="ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66",
        ),
        code_licence="MIT (faster-whisper)",
        weights_licence="MIT",
        source=f"{_HUB}/Systran/faster-whisper-base",
        memory_mb=400,
        good_at="What is said, in 99 languages; quick and rough.",
    ),
    Weights(
        name="faster-whisper-small",
        roles=("transcriber",),
        backends=("whisper",),
        files=_hub(
            "Systran/faster-whisper-small",
            WeightsFile("config.json", sha256="b55496ac7940a7ae47d2c01eab40edfd8701feec1229d9cce3b40014383fb828"),
            WeightsFile(
                "model.bin",
                size=483_546_902,
                sha256="3e305921506d8872816023e4c273e75d2419fb89b24da97b4fe7bce14170d671",
            ),
            *_WHISPER_TOKENIZER,
        ),
        code_licence="MIT (faster-whisper)",
        weights_licence="MIT",
        source=f"{_HUB}/Systran/faster-whisper-small",
        memory_mb=900,
        good_at="What is said, noticeably better than base, three times slower.",
        proof="not run",
    ),
    Weights(
        name="faster-whisper-large-v3-turbo",
        roles=("transcriber",),
        backends=("whisper",),
        files=_hub(
            "deepdml/faster-whisper-large-v3-turbo-ct2",
            "config.json",
            WeightsFile("model.bin", size=1_617_884_929),
            "preprocessor_config.json",
            "tokenizer.json",
            "vocabulary.json",
            revision="4df90f75321148c3a29a9e2351b7ddf8f5b115a8",
        ),
        code_licence="MIT (faster-whisper)",
        weights_licence="MIT",
        source=f"{_HUB}/deepdml/faster-whisper-large-v3-turbo-ct2",
        memory_mb=2500,
        good_at="What is said, nearly the best there is; wants a GPU.",
        proof="not run",
    ),
    Weights(
        name="ge2e-resemblyzer",
        roles=("diarizer",),
        backends=("ge2e",),
        files=(
            WeightsFile(
                "pretrained.pt",
                f"{_RESEMBLYZER}/resemblyzer/pretrained.pt",
                17_090_379,
                "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
            ),
        ),
        code_licence="Apache-2.0 (Resemblyzer)",
        weights_licence="Apache-2.0",
        source="https://github.com/resemble-ai/Resemblyzer",
        memory_mb=200,
        good_at="Whose voice it is, for telling apart who speaks; to be exported once, where torch is.",
    ),
    Weights(
        name="silero-vad-v6",
        roles=("transcriber", "diarizer"),
        backends=("whisper", "ge2e", "spectral"),
        files=(
            WeightsFile(
                "silero_vad_v6.onnx",
                f"{_FASTER_WHISPER}/silero_vad_v6.onnx",
                1_245_151,
                "4cbf549b8326f60f80f2536d9eefeb450a9abe83365a098031c89719f1be17d2",
            ),
        ),
        code_licence="MIT",
        weights_licence="MIT",
        source="https://github.com/snakers4/silero-vad, in the form that faster-whisper carries",
        memory_mb=20,
        good_at="Whether anybody speaks, and when.",
    ),
)


def names() -> list[str]:
    return sorted(row.name for row in ROWS)


def row(name: str) -> Weights | None:
    """The row of this name; None when there is none. Capital letters do not matter."""
    return next((row for row in ROWS if row.name.lower() == name.lower()), None)
