"""Just enough of two container formats to write what no encoder would: Matroska elements and QuickTime boxes."""

import struct

SAMPLE_RATE = 16_000


def element(number: int, *bodies: bytes | int | float | str) -> bytes:
    """A Matroska element (RFC 8794): its id, an eight-byte length, its body."""
    body = b"".join(_bytes(part) for part in bodies)
    return number.to_bytes((number.bit_length() + 7) // 8) + (len(body) | 1 << 56).to_bytes(8) + body


def matroska(info: bytes, tracks: list[bytes], rest: bytes = b"") -> bytes:
    """A file of these track entries. `info`: what stands in Info beside the time scale of a millisecond."""
    head = element(0x1A45DFA3, element(0x4282, "matroska"), element(0x4287, 4), element(0x4285, 2))
    segment = element(0x1549A966, element(0x2AD7B1, 1_000_000), info) + element(0x1654AE6B, *tracks) + rest
    return head + element(0x18538067, segment)


def video_track(number: int, width: int, height: int, codec: str = "V_VP8") -> bytes:
    size = element(0xE0, element(0xB0, width), element(0xBA, height))
    return element(0xAE, element(0xD7, number), element(0x73C5, number), element(0x83, 1), element(0x86, codec), size)


def audio_track(number: int) -> bytes:
    sound = element(0xE1, element(0xB5, float(SAMPLE_RATE)), element(0x9F, 1), element(0x6264, 16))
    codec = element(0x86, "A_PCM/INT/LIT")
    return element(0xAE, element(0xD7, number), element(0x73C5, number), element(0x83, 2), codec, sound)


def cluster(*blocks: tuple[int, bytes]) -> bytes:
    """Keyframes at time 0: track number and data."""
    simple = [element(0xA3, (number | 0x4000).to_bytes(2), bytes(2), b"\x80", data) for number, data in blocks]
    return element(0x1F43B675, element(0xE7, 0), *simple)


def box(kind: bytes, *bodies: bytes) -> bytes:
    """A QuickTime atom."""
    body = b"".join(bodies)
    return struct.pack(">I", 8 + len(body)) + kind + body


def full(kind: bytes, *bodies: bytes) -> bytes:
    """One with version 0 and no flags."""
    return box(kind, bytes(4), *bodies)


def movie(data_reference: bytes, samples: int, offset: int, own: bytes) -> bytes:
    """A sound of 16-bit samples whose data lie at `offset` of the file that the data reference names."""
    matrix = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    head = box(b"ftyp", b"qt  ", bytes(4), b"qt  ")
    movie_header = full(
        b"mvhd",
        struct.pack(">4I", 0, 0, SAMPLE_RATE, samples),
        struct.pack(">IH10x", 0x10000, 0x100),
        matrix,
        bytes(24),
        struct.pack(">I", 2),
    )
    track_header = box(b"tkhd", b"\0\0\0\x07", struct.pack(">5I", 0, 0, 1, 0, samples), bytes(16), matrix, bytes(8))
    sound = box(b"sowt", bytes(6), struct.pack(">H", 1), bytes(8), struct.pack(">HHIHH", 1, 16, 0, SAMPLE_RATE, 0))
    table = box(
        b"stbl",
        full(b"stsd", struct.pack(">I", 1), sound),
        full(b"stts", struct.pack(">3I", 1, samples, 1)),
        full(b"stsc", struct.pack(">4I", 1, 1, samples, 1)),
        full(b"stsz", struct.pack(">2I", 2, samples)),
        full(b"stco", struct.pack(">2I", 1, offset)),
    )
    references = box(b"dinf", full(b"dref", struct.pack(">I", 1), data_reference))
    media = box(
        b"mdia",
        full(b"mdhd", struct.pack(">4I", 0, 0, SAMPLE_RATE, samples), bytes(4)),
        full(b"hdlr", b"mhlrsoun", bytes(12), b"\0"),
        box(b"minf", full(b"smhd", bytes(4)), references, table),
    )
    return head + box(b"mdat", own) + box(b"moov", movie_header, box(b"trak", track_header, media))


def alias(path: str) -> bytes:
    """A data reference by Macintosh alias: an absolute path."""
    where = path.encode()
    padded = where + b"\0" * (len(where) % 2)
    record = bytes(10) + b"\0" + bytes(27) + bytes(12) + b"\0" + bytes(63) + bytes(16) + bytes(4) + bytes(16)
    return full(b"alis", record, struct.pack(">HH", 2, len(padded)), padded, b"\xff\xff\0\0")


def link(url: str) -> bytes:
    """A data reference by address."""
    return full(b"url ", url.encode() + b"\0")


def _bytes(part: bytes | int | float | str) -> bytes:
    if isinstance(part, bytes):
        return part
    if isinstance(part, str):
        return part.encode()
    if isinstance(part, float):
        return struct.pack(">d", part)
    return part.to_bytes(max(1, (part.bit_length() + 7) // 8))
