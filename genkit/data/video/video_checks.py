"""What is odd about videos, before a model sees them."""

from __future__ import annotations

from collections import Counter

from msgspec.structs import replace

from genkit.data.packing import unreadable
from genkit.data.sources import Images
from genkit.data.video.video_packing import packed_videos, sizes_listed, survey_videos
from genkit.data.video.videos import Videos
from genkit.data.video_knobs import VideoFolderKnobs

Topic = tuple[str, str]


def check_videos(
    name: str, videos: Videos, data: VideoFolderKnobs, cache_dir: str
) -> tuple[list[Topic], Images]:
    """(topic, finding) in the order of reading, and the clips that the videos become.

    Raises:
        DataError: none can be read.
    """
    seen, total = survey_videos(videos, cache_dir), len(videos) + len(videos.missing)
    many = videos.medium.many
    rates = ", ".join(f"{rate:g} {count:,}" for rate, count in seen.rates().most_common())
    untimed = len(seen.watched) - seen.rates().total()
    colours = Counter("grey" if watched.grey else "colour" for watched in seen.watched.values())
    report = [
        ("files", f"{total:,}"),
        ("unreadable", unreadable(seen.refused, total, many) if seen.refused else "none"),
        ("sizes", sizes_listed(seen.sizes().most_common())),
        ("colours", ", ".join(f"{what} {count:,}" for what, count in colours.most_common())),
        ("rates", ", ".join([*filter(None, [rates]), *([f"unsaid {untimed:,}"] if untimed else [])])),
    ]
    # (Rates, lengths and shapes that differ need a policy to be compared.)
    files = replace(data, on_bad="skip", max_bad=1.0, fit=data.fit or "stretch")
    if files.rate is None and seen.rate() is None and seen.rates():
        files = replace(files, rate=seen.rates().most_common(1)[0][0])
    if files.size is None and len(seen.sizes()) > 1:
        (width, height), _ = seen.sizes().most_common(1)[0]
        files = replace(files, size=(height, width))
    taken = -(-seen.lengths(files.rate) // files.stride)
    if len(taken):
        middle = int(taken[len(taken) // 2])
        report.append(("frames", f"{taken[0]:,} to {taken[-1]:,}, half of them {middle:,} or more"))
        if files.frames is None or files.frames > taken[-1]:
            files = replace(files, frames=max(2, middle))
    if data.frames is not None:
        report.append(
            ("too short", f"{(taken < data.frames).sum():,} have fewer than data.frames={data.frames}")
        )
    clips = packed_videos(name, videos, files, cache_dir)
    odd = {
        "still": seen.where(lambda watched: watched.still),
        "jumps": seen.where(lambda watched: watched.jumps > 0),
        "various times": seen.where(lambda watched: not watched.pace.even),
        "transparent": seen.where(lambda watched: watched.transparent),
    }
    for topic, rows in odd.items():
        report.append((topic, f"{len(rows):,}: {seen.some(rows)}" if rows else "none"))
    report += [("note", line) for line in videos.notices]
    return report, clips
