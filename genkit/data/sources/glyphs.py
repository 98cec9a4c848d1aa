"""Letters and digits in eight fonts: the same motifs in every style, so that restyling has a truth.

The pictures were drawn once by experiments/053_glyphs/raster.py, from fonts that matplotlib ships (DejaVu,
free as Bitstream Vera is; STIX, by the SIL Open Font License), and are the same on every machine.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from importlib.resources import files

import numpy as np
from PIL import Image

from genkit.core.knobs import DataKnobs
from genkit.data.dataset_knobs import GreyKnobs
from genkit.data.sources import Images

FONTS = (*("sans", "sans_bold", "sans_oblique", "serif", "serif_bold", "serif_italic", "mono", "times"),)
LEVELS = 16
SIDES = (16, 28)
# No two of them, and no two fonts of one, are drawn alike (Α is A).
CHARACTERS = (
    "013689ABCDEGHIJKLMNOQRSTUVWXYZbdefghijkmnopqrtuvwyµÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝßæèéêë"
    "ìíîïðñòóôõöøùúûüýþÿĀĂăĄĆĈĉċČĎďđĒēĔĕėĘęěĜĝĞğĠġĢģĤĥĦħĨĩĪīĬĭĮįİıĲĳĴĵĶķĸĹĺĻļĽľĿŀŁłŃńŅņŇňŉŊ"
    "ŋŌōŎŏŐőŒœŔŕŖŗŘřŚŜŞŠŢţŤťŦŧŨũŪūŬŭŮůŰűŲųŴŵŶŷŸŹźŽƀƈƐƒƕƙƚƛƞƠơƥƫƭƯưƵƾǰǼǽǾǿȡȴȵȶȷɐɑɒɓɕɖɗɘəɚɝɞɟ"
    "ɠɡɢɣɥɦɧɩɬɭɮɯɰɱɲɳɵɶɷɸɹɺɻɼɽɾɿʀʁʃʄʅʇʈʉʋʍʏʐʒʓʕʖʗʘʙʚʛʜʝʟʠʡʣʤʥʦʧʨʮʯΆΈΉΊΌΎΏΐΓΔΘΛΞΠΣΦΨΩάέήΰβδθ"
    "ρςστυχψωϊϋύώϐϑϒϖϘϙϚϝϞϠϱϴϵЂЄЉЊЋЌЎЏБДЖИЙЛУЦЧШЩЪЫЬЭЮЯбджйлмфцчшщъыюяђљњќўџѢѣґᶅẀẁẂẃẄẅỲỳꜧﬁﬂ"
)
TESTED = 43  # characters that judge, and as many that select


def glyphs(data: DataKnobs, paths: Mapping[str, str]) -> Images:
    """Each character in each font, labelled with the font: 28×28, or 16×16 where `data.size` is below 28."""
    size = data.size if isinstance(data, GreyKnobs) and data.size is not None else max(SIDES)
    pictures = drawn(max((side for side in SIDES if side <= size), default=min(SIDES)))
    motifs = np.repeat(np.arange(len(CHARACTERS)), len(FONTS))
    part = np.full(len(CHARACTERS), "train", dtype="<U10")
    order = np.random.Generator(np.random.Philox(0)).permutation(len(CHARACTERS))
    part[order[:TESTED]], part[order[TESTED : 2 * TESTED]] = "test", "validation"
    return Images(
        pictures.reshape(-1, 1, *pictures.shape[2:]),
        np.tile(np.arange(len(FONTS)), len(CHARACTERS)),
        LEVELS,
        FONTS,
        part[motifs].tolist(),
        "fixed, by characters",
        names=[f"{character} in {font}" for character in CHARACTERS for font in FONTS],
        groups=motifs,
        motifs=motifs,
        whole="character",
        piece="fonts",
    )


def drawn(side: int) -> np.ndarray:
    """Levels of every character in every font, uint8 (characters, fonts, side, side)."""
    raw = (files("genkit.data.sources") / f"glyphs_{side}.png").read_bytes()
    with Image.open(io.BytesIO(raw)) as sheet:
        levels = np.asarray(sheet) // (255 // (LEVELS - 1))
    return levels.reshape(len(CHARACTERS), side, len(FONTS), side).transpose(0, 2, 1, 3)
