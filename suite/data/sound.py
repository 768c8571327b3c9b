"""Sound files of one channel of 16-bit samples, uncompressed: RIFF (by the standard library) and NIST SPHERE.

A SPHERE file begins with a header of text, padded to the length it states in its second line:

    NIST_1A
       1024
    sample_count -i 63488
    sample_rate -i 16000
    sample_n_bytes -i 2
    sample_byte_format -s2 01       the low byte comes first; 10 the high one
    channel_count -i 1
    sample_coding -s3 pcm           taken for granted where it is missing
    end_head

TIMIT is distributed so. SciPy and the standard library read RIFF alone; libraries that read both (soundfile) bring a C library
for what is thirty lines.
"""

from __future__ import annotations

import io
import wave
from typing import Any

import numpy as np

Sound = tuple[int, np.ndarray[Any, Any]]


def samples(content: bytes) -> Sound:
    """Samples a second, and the samples (N,) int16; a ValueError in one sentence for what is no such file."""
    if content.startswith(b"NIST_1A"):
        return sphere(content)
    if content.startswith(b"RIFF"):
        return riff(content)
    raise ValueError("a sound file begins with NIST_1A or RIFF, and this one with neither")


def riff(content: bytes) -> Sound:
    """The samples of a RIFF file."""
    try:
        with wave.open(io.BytesIO(content)) as file:
            if (file.getnchannels(), file.getsampwidth()) != (1, 2):
                raise ValueError(f"a sound file must be of 1 channel and 2 bytes a sample, not {file.getnchannels()} and {file.getsampwidth()}")
            found, promised, rate = file.readframes(file.getnframes()), file.getnframes(), file.getframerate()
    except (wave.Error, EOFError) as error:
        raise ValueError(f"a RIFF file cannot be read: {str(error) or 'it ends too early'}") from None
    return rate, _whole(found, promised, "<i2")


def header(content: bytes) -> tuple[int, dict[str, str]]:
    r"""Where the samples of a SPHERE file begin, and its fields.

    >>> header(b"NIST_1A\n   1024\nsample_rate -i 16000\nend_head\n".ljust(1024))
    (1024, {'sample_rate': '16000'})
    """
    first, _, rest = content[:65_536].partition(b"\n")
    size, _, rest = rest.partition(b"\n")
    if first.strip() != b"NIST_1A" or not size.strip().isdigit():
        raise ValueError("a SPHERE file begins with NIST_1A and the length of its header")
    lines, mark, _ = rest[: int(size)].partition(b"end_head")
    if not mark:
        raise ValueError("the header of a SPHERE file has no end_head")
    fields = (line.split(maxsplit=2) for line in lines.decode("latin-1").splitlines() if line.strip() and not line.startswith(";"))
    return int(size), {parts[0]: parts[2].strip() for parts in fields if len(parts) == 3}


def sphere(content: bytes) -> Sound:
    """The samples of a SPHERE file."""
    start, fields = header(content)
    coding = fields.get("sample_coding", "pcm")
    if coding != "pcm":
        raise ValueError(f"a SPHERE file is coded as '{coding}': uncompress it first, with sph2pipe for instance")
    if (fields.get("channel_count", "1"), fields.get("sample_n_bytes")) != ("1", "2"):
        raise ValueError(f"a sound file must be of 1 channel and 2 bytes a sample, not {fields.get('channel_count', '1')} and {fields.get('sample_n_bytes')}")
    order = {"01": "<i2", "10": ">i2"}.get(fields.get("sample_byte_format", ""))
    if order is None or not fields.get("sample_count", "").isdigit() or not fields.get("sample_rate", "").isdigit():
        raise ValueError("the header of a SPHERE file must state sample_byte_format (01 or 10), sample_count and sample_rate")
    count = int(fields["sample_count"])
    return int(fields["sample_rate"]), _whole(content[start : start + 2 * count], count, order)


def _whole(found: bytes, promised: int, order: str) -> np.ndarray[Any, Any]:
    if len(found) != 2 * promised:
        raise ValueError(f"a sound file promises {promised} samples and holds {len(found) // 2}")
    return np.frombuffer(found, dtype=order).astype(np.int16)
