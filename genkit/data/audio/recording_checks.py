"""What is odd about recordings, before a model hears them."""

from __future__ import annotations

from collections import Counter

from msgspec.structs import replace

from genkit.data.audio.clip_packing import OFFSET, form_of, packed_clips, survey
from genkit.data.audio.clips import CLIPPED, SILENT
from genkit.data.audio.recordings import Recordings
from genkit.data.clip_knobs import AudioKnobs
from genkit.data.packing import unreadable
from genkit.data.sources import Images

SHORT = 0.25  # of a clip's length: a recording that is less is mostly what is added


def check_recordings(
    name: str, recordings: Recordings, data: AudioKnobs, cache_dir: str
) -> tuple[list[tuple[str, str]], Images]:
    """(topic, finding) in the order of reading, and the clips that the recordings become.

    Raises:
        DataError: none can be read.
    """
    seen, total = survey(recordings, cache_dir), len(recordings) + len(recordings.missing)
    rates = Counter(heard.rate for heard in seen.heard.values())
    lengths = sorted(heard.frames for heard in seen.heard.values())
    report = [
        ("files", f"{total:,}"),
        ("unreadable", unreadable(seen.refused, total, "recordings") if seen.refused else "none"),
        ("rates", ", ".join(f"{rate:,} Hz {count:,}" for rate, count in rates.most_common())),
    ]
    # (Rates and lengths that differ need a policy to be compared.)
    files = replace(data, on_bad="skip", max_bad=1.0)
    if files.rate is None and len(rates) > 1:
        files = replace(files, rate=rates.most_common(1)[0][0])
    if files.length is None and lengths:
        files = replace(files, length=lengths[len(lengths) // 2])
    clips = packed_clips(name, recordings, files, cache_dir)
    form = form_of(name, seen, files)
    if lengths:
        middle = lengths[len(lengths) // 2]
        report.append(("samples", f"{lengths[0]:,} to {lengths[-1]:,}, half of them {middle:,} or more"))
    odd = {
        "other rate": seen.where(lambda heard: heard.rate != form.rate),
        "silent": seen.where(lambda heard: heard.peak < SILENT),
        "clipped": seen.where(lambda heard: heard.clipped > CLIPPED),
        "DC offset": seen.where(lambda heard: abs(heard.offset) > OFFSET),
        "too short": seen.where(lambda heard: heard.samples(form.rate) < SHORT * form.length),
    }
    for topic, rows in odd.items():
        report.append((topic, f"{len(rows):,}: {seen.some(rows)}" if rows else "none"))
    report += [("note", line) for line in recordings.notices]
    return report, clips
