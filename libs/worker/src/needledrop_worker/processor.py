"""What a processor is quick at."""

from collections.abc import Mapping


def bfloat16_pays(capabilities: Mapping[str, object]) -> bool:
    """Whether matrix products in bfloat16 are quicker than in float32; `capabilities` as PyTorch names them.

    `avx512_bf16` alone does not say so. AMD's processors do twice the work in it, Intel's since Sapphire Rapids half:
    there the work is AMX's, which many virtual machines keep from their guests. `avx512_fp16` tells these apart
    (docs/performance.md, machine C).
    """
    if capabilities.get("amx_bf16") or capabilities.get("bf16"):
        return True
    return bool(capabilities.get("avx512_bf16")) and not capabilities.get("avx512_fp16")
