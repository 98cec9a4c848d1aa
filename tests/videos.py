"""Videos for tests, written by Pillow and PyAV."""

from fractions import Fraction

import numpy as np
from PIL import Image

LOSSLESS = {"WEBP": {"lossless": True, "quality": 0, "method": 0}}
KINDS = {".gif": "GIF", ".webp": "WEBP", ".png": "PNG", ".apng": "PNG"}


def moving(frames=8, side=16, channels=1, seed=0):
    """A square that moves over noise, uint8 (T, H, W) or (T, H, W, 3)."""
    generator = np.random.default_rng(seed)
    shape = (frames, side, side) if channels == 1 else (frames, side, side, channels)
    clip = generator.integers(0, 100, shape).astype(np.uint8)
    for t in range(frames):
        clip[t, 2:6, t % side : t % side + 4] = 240
    return clip


def animated(path, clip, milliseconds=125, **options):
    """GIF, WebP or PNG, lossless; a duration for all, or one for each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = [picture if isinstance(picture, Image.Image) else Image.fromarray(picture) for picture in clip]
    kind = KINDS[path.suffix]
    given = {"save_all": True, "append_images": pictures[1:], "duration": milliseconds}
    pictures[0].save(path, kind, **given, **LOSSLESS.get(kind, {}), **options)
    return path


def numbered(folder, clip, name="{:03d}.png", first=0):
    """A folder of frames."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(clip, first):
        Image.fromarray(frame).save(folder / name.format(number))
    return folder


def compressed(path, clip, rate=8, codec="libx264", pixels="yuv420p", times=None, **options):
    """Through PyAV; `times`: of each frame, in thousandths of a second."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    colour = clip if clip.ndim == 4 else np.repeat(clip[..., None], 3, -1)
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width, stream.pix_fmt = *clip.shape[1:3], pixels
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for place, frame in enumerate(colour):
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            if times is not None:
                picture.pts, picture.time_base = times[place], Fraction(1, 1000)
            for packet in stream.encode(picture):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path
