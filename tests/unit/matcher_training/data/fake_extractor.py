"""Stands in for both extractors' commands: the same options, lines and files, features made of the files' bytes.

A file whose content starts with `fails CODE` fails with it. Each run appends its file count to `calls` beside it.
"""

import hashlib
import sys
from pathlib import Path

import numpy as np


def main(arguments: list[str]) -> int:
    modality = Path(sys.argv[0]).name.removesuffix("-extractor")
    out = Path(arguments[arguments.index("--out") + 1])
    raw = "--raw" in arguments
    paths = [Path(word) for word in arguments[1 : arguments.index("--bundle")]]
    with (Path(sys.argv[0]).parent / f"{modality}.calls").open("a") as calls:
        calls.write(f"{len(paths)}\n")
    if (Path(sys.argv[0]).parent / "broken").exists():
        print("bundle_invalid: the bundle lacks something", file=sys.stderr)
        return 1
    out.mkdir(parents=True, exist_ok=True)
    failed = 0
    for path in paths:
        content = path.read_bytes()
        fails = content.startswith(b"fails ") and (modality == "audio") == (b"no_audio" in content)
        if fails:
            failed += 1
            print(f"{path}: {content.split()[1].decode()}: said the extractor: and more", flush=True)
            continue
        rng = np.random.default_rng(int(hashlib.sha256(content).hexdigest()[:8], 16))
        rows = 4 + len(content) % 5
        if raw:
            np.save(out / f"{path.stem}.raw.npy", rng.standard_normal((rows, 12)).astype(np.float16))
        else:
            np.save(out / f"{path.stem}.npy", rng.integers(0, 256, (rows, 6), dtype=np.uint8))
        print(f"{path}: {path.stem}.npy uint8 [{rows}, 6], 4.00 s", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
