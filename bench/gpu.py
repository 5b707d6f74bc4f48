"""`python -m bench.gpu [NAME ...]`: pictures a second of the models on a graphics card, and the share of its peak.

The models are built at real size with seeded numbers by torch, timm and transformers alone; their inputs lie on the
card already. What is printed was run; a model that cannot be built or does not fit is named with the reason. Without a
card it says so and ends with status 2. `--device cpu --tiny` only shows that everything runs.
"""

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import torch

ROW = "{:22} {:>6} {:>6} {:>10} {:>10} {:>9} {:>8} {:>10} {:>8}".format
HEAD = ROW("model", "side", "batch", "pictures/s", "GFLOP each", "TFLOP/s", "of peak", "datasheet", "MB")
NUMBERS = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
NO_CARD = 2

#: TFLOP/s of dense products in 16 bits, as the maker says.
DATASHEET = {"H100": 989.0, "H200": 989.0, "RTX 4090": 165.0}


@dataclass(frozen=True)
class Model:
    """`build` answers a module that takes pictures; `tiny` changes its arguments so that a processor can run it."""

    name: str
    side: int
    build: Callable[..., Any]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    tiny: Mapping[str, Any] = field(default_factory=dict)
    tiny_side: int = 64


@dataclass(frozen=True)
class Speed:
    """`flop`: of one picture."""

    batch: int
    per_second: float
    flop: float
    memory_mb: float


def _timm(**arguments: Any) -> Any:
    import timm

    return timm.create_model(**arguments, num_classes=0)


def _rt_detr(**arguments: Any) -> Any:
    from transformers import RTDetrConfig, RTDetrForObjectDetection

    return RTDetrForObjectDetection(RTDetrConfig(**arguments))


def _ram_plus(**arguments: Any) -> Any:
    from ml.ram_plus import RamPlus, Sizes

    sizes = {"tags": 4585, "descriptions": 51, "side": 384, "width": 192, "depths": (2, 2, 18, 2)}
    sizes |= {"heads": (6, 12, 24, 48), "window": 12, "joint": 512, "hidden": 768, "inner": 3072, "layers": 2}
    return RamPlus(Sizes(**{**sizes, **arguments}))


def _vit(name: str, side: int, timm_name: str, **arguments: Any) -> Model:
    tiny = {"img_size": 64, "embed_dim": 48, "depth": 2, "num_heads": 3}
    return Model(name, side, _timm, {"model_name": timm_name, **arguments}, tiny)


_TINY_SWIN = {"img_size": 64, "embed_dim": 16, "depths": (1, 1), "num_heads": (2, 2), "window_size": 4}
_TINY_RAM = {"tags": 9, "descriptions": 2, "side": 32, "width": 8, "depths": (1, 1), "heads": (2, 2), "window": 4}
_TINY_DETR = {"d_model": 64, "encoder_hidden_dim": 64, "decoder_in_channels": [64, 64, 64], "num_queries": 9}
_TINY_DETR |= {"encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "decoder_layers": 1}

MODELS = (
    _vit("ViT-B-32", 224, "vit_base_patch32_clip_224"),
    _vit("ViT-B-16-SigLIP2", 224, "vit_base_patch16_siglip_224"),
    _vit("ViT-L-14", 224, "vit_large_patch14_clip_224"),
    _vit("ViT-H-14", 224, "vit_huge_patch14_clip_224"),
    _vit("SO400M-14-SigLIP2", 384, "vit_so400m_patch14_siglip_384"),
    _vit("DINOv3-B-16, dense", 448, "vit_base_patch16_dinov3", img_size=448, global_pool=""),
    Model("Swin-L", 384, _timm, {"model_name": "swin_large_patch4_window12_384"}, _TINY_SWIN),
    Model("RAM++", 384, _ram_plus, {}, _TINY_RAM | {"joint": 16, "hidden": 16, "inner": 32}, tiny_side=32),
    Model("RT-DETR-R50", 640, _rt_detr, {}, _TINY_DETR, tiny_side=128),
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description=__doc__)
    parser.add_argument("names", nargs="*", help="only models whose name begins so")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--numbers", default="bf16", choices=sorted(NUMBERS))
    parser.add_argument("--batches", default="1,32,128,512", help="sizes to try; the fastest one is printed")
    parser.add_argument("--seconds", type=float, default=2.0, help="at least so long for each size")
    parser.add_argument("--compile", action="store_true", help="by torch.compile; minutes for each model and size")
    parser.add_argument("--tiny", action="store_true", help="tiny models: shows that everything runs, measures nothing")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        print("This torch sees no graphics card, so nothing was measured.", file=sys.stderr)
        return NO_CARD
    if torch.version.cuda is None:
        from ml.engines.torch import ensure_torchvision

        ensure_torchvision()
    if wrong := [name for name in options.names if not any(one.name.startswith(name) for one in MODELS)]:
        parser.error(f"no model begins with {', '.join(wrong)}; there are: {', '.join(one.name for one in MODELS)}")
    device, numbers = torch.device(options.device), NUMBERS[options.numbers]
    card = torch.cuda.get_device_name(device) if options.device == "cuda" else "the processor"
    peak = _product(device, numbers, 256 if options.tiny else 8192, options.seconds)
    print(f"{datetime.now(UTC):%Y-%m-%d}, {card}, torch {torch.__version__}, {options.numbers}, seeded numbers", end="")
    print(f"{', tiny: no measurement' if options.tiny else ''}. Best product of matrices: {peak / 1e12:,.1f} TFLOP/s.")
    print(HEAD, flush=True)
    sheet = next((figure for name, figure in DATASHEET.items() if name in card), None)
    failed = 0
    for model in MODELS:
        if options.names and not any(model.name.startswith(name) for name in options.names):
            continue
        side = model.tiny_side if options.tiny else model.side
        try:
            found = _fastest(model, side, device, numbers, options)
        except Exception as error:  # noqa: BLE001 - one model that does not run must not keep the others from it
            failed += 1
            print(f"{model.name}: not measured: {type(error).__name__}: {error}", file=sys.stderr)
            continue
        print(_line(model.name, side, found, peak, sheet if options.numbers != "fp32" else None), flush=True)
    return 1 if failed else 0


def _line(name: str, side: int, found: Speed, peak: float, sheet: float | None) -> str:
    rate = found.per_second * found.flop
    return ROW(
        name,
        side,
        found.batch,
        f"{found.per_second:,.1f}",
        f"{found.flop / 1e9:,.1f}",
        f"{rate / 1e12:,.2f}",
        f"{rate / peak:.0%}",
        f"{rate / 1e12 / sheet:.0%}" if sheet else "-",
        f"{found.memory_mb:,.0f}" if found.memory_mb else "-",
    )


def _fastest(model: Model, side: int, device: Any, numbers: Any, options: argparse.Namespace) -> Speed:
    """Of the sizes that fit. Raises what the smallest one raises."""
    torch.manual_seed(2026)
    module = model.build(**(dict(model.arguments) | (dict(model.tiny) if options.tiny else {})))
    module = module.to(device, numbers).eval().requires_grad_(False)
    flop = _flop(module, torch.randn(1, 3, side, side, device=device, dtype=numbers))
    run = torch.compile(module) if options.compile else module
    speeds: list[Speed] = []
    for batch in [int(size) for size in options.batches.split(",")]:
        try:
            speeds.append(_speed(run, batch, side, device, numbers, options.seconds, flop))
        except torch.OutOfMemoryError:
            if not speeds:
                raise
            break
    del module, run
    if device.type == "cuda":
        torch.cuda.empty_cache()
    return max(speeds, key=lambda one: one.per_second)


def _speed(run: Any, batch: int, side: int, device: Any, numbers: Any, least: float, flop: float) -> Speed:
    pictures = torch.randn(batch, 3, side, side, device=device, dtype=numbers)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    seconds = _seconds(lambda: run(pictures), device, least)
    memory_mb = torch.cuda.max_memory_allocated() / 2**20 if device.type == "cuda" else 0.0
    return Speed(batch, batch / seconds, flop, memory_mb)


def _flop(module: Any, picture: Any) -> float:
    """Counted as they happen: each multiplication and each addition of products, convolutions and attention."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        module(picture)
    return float(counter.get_total_flops())


def _product(device: Any, numbers: Any, side: int, least: float) -> float:
    """FLOP/s of a product of square matrices: what these numbers reach here at best."""
    one, other = (torch.randn(side, side, device=device, dtype=numbers) for _ in range(2))
    return float(2.0 * side**3 / _seconds(lambda: one @ other, device, least))


def _seconds(work: Callable[[], Any], device: Any, least: float) -> float:
    """Of one call, the best of three rounds that take so long together."""

    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize()

    def took(times: int) -> float:
        wait()
        began = time.perf_counter()
        for _ in range(times):
            work()
        wait()
        return (time.perf_counter() - began) / times

    with torch.inference_mode():
        for _ in range(2):
            once = took(1)
        times = max(1, round(least / 3 / once))
        return min(took(times) for _ in range(3))


if __name__ == "__main__":
    sys.exit(main())
