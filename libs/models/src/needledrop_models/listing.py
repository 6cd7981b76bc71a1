"""What can be fetched, and what is there."""

from pathlib import Path

from needledrop.bundle import MANIFEST, Bundle
from needledrop.errors import BundleError
from needledrop_models.catalog import EVERY_FILE, PcaSource, PublicFile, Space, files_of
from needledrop_models.record import NAME, Record

ABOUT = {
    Space.SEED: "the reference's own; needs a PCA of its pictures that you fit",
    Space.IMAGENET: "the same with ImageNet normalisation; needs such a PCA, too",
    Space.YT8M: "YouTube-8M's; whole, with the shipped metric",
}
SHOWN_DIGITS = 12


def catalog_table() -> None:
    """Print every space with the files it takes, and every file."""
    for space in Space:
        print(f"{space}: {ABOUT[space]}")
        print(f"    {', '.join(file.name for file in files_of(space))}")
    others = ", ".join(file.name for file in files_of(Space.YT8M, PcaSource.MATRICES) if file.name.startswith("incep"))
    print(f"    or, with --pca matrices, {others} in place of yt8m_pca.tgz")
    print()
    for file in EVERY_FILE:
        print(file.name)
        print(f"    {file.host}, {_size(file)}, SHA-256 {_pin(file)}")
        print(f"    {file.licence}")


def what_is_there(folder: Path) -> None:
    """Print the bundles in a folder, or that it is one itself, and the fetched files in it."""
    print()
    found = sorted({path.parent for depth in ("", "*/") for path in folder.glob(depth + MANIFEST)})
    if not found:
        print(f"{folder}: no bundle")
    for root in found:
        try:
            print(f"{root}: {Bundle.load(root).manifest.name}")
        except BundleError as error:
            print(f"{root}: {error.detail}")
    for record in sorted(path for depth in ("*/", "*/*/") for path in folder.glob(depth + NAME)):
        for name, file in sorted(Record.load(record.parent).files.items()):
            how = "as pinned" if file.pinned else "noted when it first came"
            print(f"{record.parent / name}: {file.size:,} bytes, SHA-256 {file.sha256[:SHOWN_DIGITS]}… ({how})")


def _size(file: PublicFile) -> str:
    return f"{file.size:,} bytes" if file.size else "size not published"


def _pin(file: PublicFile) -> str:
    if not file.sha256:
        return "not published: trusted as it first comes"
    return file.sha256 if len(file.sha256) > SHOWN_DIGITS else f"{file.sha256}… (in its name)"
