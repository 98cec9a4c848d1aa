"""Predictions of models that are known: perfect ones, ones that copy, ones whose chances can be summed."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from genkit import config
from genkit.core.batch import Batch
from genkit.core.capabilities import Completion
from genkit.core.codecs import PatchCodec, PixelCodec
from genkit.core.media.image import IMAGE
from genkit.core.media.video import VIDEO
from genkit.core.module import GenerativeModule
from genkit.core.spec import ArraySpec, TokenSpec
from genkit.core.token_arrays import expected_arrays
from genkit.data.array_windows import PixelWindows
from genkit.data.arrays.treatments import Levels
from genkit.data.dataset import ArrayExamples, Dataset
from genkit.evaluation.prediction_rows import prediction
from genkit.evaluation.subject import Settings, Subject, to_rows
from genkit.families.gpt import GPT
from genkit.inference.scoring import score_split
from genkit.metrics.catalogue import BUILT_IN, catalogue
from genkit.metrics.evidence import Evidence
from genkit.metrics.of_predictions import OF_PREDICTIONS
from genkit.metrics.panel import measured
from genkit.metrics.prediction import Predictions, cross_entropy
from genkit.runs import Record, row_tables, rows
from genkit.system.errors import ConfigError

SPEC = ArraySpec(1, (4, 8, 8), 5, medium=VIDEO, rate=8.0)
CONFIG = config.compose("train", ["model=vae", "data=digits"])
PLACE = rows.Place("run", "last", 1, "raw", "d" * 12, 0, "test", "data", "judged")
DISTANCES = ("mse", "mae", "ssim", "psnr")


class Answering(GenerativeModule, Completion):
    """Completes clips by a function of the known frames, the rows and the seed."""

    def __init__(self, spec, answer):
        super().__init__(spec)
        self.answer, self.held = answer, torch.nn.Parameter(torch.ones(1))

    def phases(self):
        return ()

    def score_batch(self, batch, noise):
        return {}

    def draw(self, noise, condition, options):
        return torch.zeros(len(noise.rows), *self.spec.shape)

    def refusal(self, observation):
        return None if self.answer else "it tells no future."

    def complete(self, observation, measured, labels, noise):
        return self.answer(measured, list(noise.rows), noise.seed)


def examples(n, spec=SPEC, seed=0):
    arrays = np.random.default_rng(seed).integers(0, spec.levels, (n, *spec.shape)).astype(np.uint8)
    arrays[:, :, :, 0] = 0  # that no frame is all ink
    return ArrayExamples(arrays, None, np.arange(n), Levels(spec.levels, spec.levels))


TRAIN, TEST = examples(30, seed=1), examples(12)
CLIPS = torch.from_numpy(TEST.images[TEST.some(10)]).float() / 4


def found(module, asked=("prediction",), train=TRAIN, test=TEST, **settings):
    """The rows of its predictions of ten clips, by metric; and the ceiling's."""
    parts = {"train": train, "validation": test, "test": test}
    if module.spec.kind == "tokens":
        parts = {name: PixelWindows(part, module.spec.codec) for name, part in parts.items()}
    dataset = Dataset("clips", module.spec, parts, "", "data")
    chosen = Settings(**{"weights": "raw", "clips": 10, "draws": 3, "batch_size": 4, "seed": 7, **settings})
    subject = Subject(module.eval(), dataset, chosen, CONFIG, Record(), "")
    made = to_rows([prediction(subject, catalogue().chosen(asked, VIDEO))], PLACE)
    own, ceiling = ({row.metric: row for row in made if row.role == role} for role in ("model", "ceiling"))
    assert len(made) == len(own) + len(ceiling)
    return own, ceiling


def perfect(known, numbers, seed):
    return CLIPS[numbers]


def copying(known, numbers, seed):
    return torch.cat((known[:, :, :2], known[:, :, 1:2].expand(-1, -1, 2, -1, -1)), 2)


def wavering(known, numbers, seed):
    """Right by one seed in three, black by the others."""
    return perfect(known, numbers, seed) * float(seed % 3 == 0)


def test_a_perfect_model_makes_no_error():
    own, _ = found(Answering(SPEC, perfect))
    for made in ("prediction", "best_prediction", "mean_prediction"):
        values = [own[f"{made}_{name}"].value for name in DISTANCES]
        assert values == pytest.approx([0, 0, 1, 100], abs=1e-6)
    for name in ("last_frame", "mean_frame"):
        gain = own[f"gain_over_{name}"]
        assert (gain.value, gain.direction) == (pytest.approx(own[f"{name}_mse"].value), "higher")


def test_a_model_that_copies_the_last_frame_is_what_copying_is():
    own, ceiling = found(Answering(SPEC, copying))
    for name in DISTANCES:
        copied = own[f"last_frame_{name}"]
        for made in ("prediction", "best_prediction", "mean_prediction"):
            row = own[f"{made}_{name}"]
            assert row.value == pytest.approx(copied.value, rel=1e-6)
            assert (row.low, row.high) == pytest.approx((copied.low, copied.high), rel=1e-5)
    gain = own["gain_over_last_frame"]
    assert (gain.value, gain.low, gain.high) == pytest.approx((0, 0, 0), abs=1e-6)
    assert {row.protocol["given"] for row in own.values() if row.kind != "none"} == {"2 of 4 frames"}
    assert {row.n for row in own.values() if row.kind != "none"} == {10}
    assert ceiling["prediction_mse"].value == min(
        own[f"{n}_mse"].value for n in ("mean_frame", "black", "last_frame")
    )
    assert ceiling["prediction_ssim"].value == max(
        own[f"{n}_ssim"].value for n in ("mean_frame", "black", "last_frame")
    )


def test_trivial_predictions_are_what_they_are_called():
    own, _ = found(Answering(SPEC, copying))
    end, mean = CLIPS[:, :, 2:], torch.from_numpy(TRAIN.images).double().mean((0, 2)) / 4
    for name, predicted in {
        "black": torch.zeros_like(end),
        "last_frame": CLIPS[:, :, [1, 1]],
        "mean_frame": mean[:, None].expand(end.shape),
    }.items():
        of_frames = [
            [float(((predicted[i, 0, t] - end[i, 0, t]) ** 2).sum()) for t in range(2)] for i in range(10)
        ]
        assert own[f"{name}_mse"].value == pytest.approx(np.mean(of_frames), rel=1e-5)
        spread = np.mean(of_frames, 1).std(ddof=1) / 10**0.5
        assert own[f"{name}_mse"].half_width == pytest.approx(2.262157 * spread, rel=1e-4)  # t of 9
        assert own[f"{name}_mse"].direction == "none"


def test_one_draw_the_best_and_the_mean_are_told_apart():
    """Of three draws one is perfect and two are black."""
    own, _ = found(Answering(SPEC, wavering))
    black = {name: own[f"black_{name}"].value for name in DISTANCES}
    assert own["prediction_mse"].value == pytest.approx(2 / 3 * black["mse"], rel=1e-6)
    assert own["prediction_ssim"].value == pytest.approx((1 + 2 * black["ssim"]) / 3, rel=1e-6)
    assert own["best_prediction_mse"].value == 0
    assert own["best_prediction_psnr"].value == 100
    assert own["mean_prediction_mse"].value == pytest.approx(4 / 9 * black["mse"], rel=1e-6)
    assert own["mean_prediction_mae"].value == pytest.approx(2 / 3 * black["mae"], rel=1e-6)
    assert own["gain_over_last_frame"].value == pytest.approx(
        own["last_frame_mse"].value - own["prediction_mse"].value, rel=1e-6
    )
    assert "draws" not in own["prediction_mse"].protocol
    assert own["best_prediction_mse"].protocol["draws"] == own["mean_prediction_psnr"].protocol["draws"] == 3


def test_the_best_of_several_stands_in_no_column_with_the_best_of_others():
    three, _ = found(Answering(SPEC, wavering))
    six, _ = found(Answering(SPEC, wavering), draws=6)
    with pytest.raises(
        ConfigError, match=r"best_prediction_mse .* do not belong in one column: draws is 6, not 3"
    ):
        row_tables.column([three["best_prediction_mse"], six["best_prediction_mse"]])
    assert row_tables.column([three["prediction_mse"], six["prediction_mse"]])
    told = row_tables.panel([*three.values()])
    assert any("best_prediction_mse" in note and "draws 3" in note for note in told.notes)


def test_who_asks_for_one_number_sees_the_trivial_ones():
    own, _ = found(Answering(SPEC, perfect), ("prediction_psnr",))
    assert [*own] == ["prediction_psnr", "mean_frame_psnr", "last_frame_psnr", "black_psnr"]
    asked = catalogue().chosen(("frame_cross_entropy",), VIDEO)
    assert {metric.name for metric in asked} == {
        *("frame_cross_entropy", "frame_cross_entropy_bound", "mean_frame_cross_entropy")
    }


def test_what_a_model_cannot_do_is_said_and_what_is_trivial_stays():
    own, _ = found(Answering(SPEC, None))
    assert own["prediction_mse"].kind == own["gain_over_mean_frame"].kind == "none"
    assert own["prediction_mse"].note.startswith(
        "none: Answering cannot answer this observation: it tells no"
    )
    assert own["frame_cross_entropy"].note.startswith("none: Answering says no chance of each pixel")
    there = {name for name, row in own.items() if row.value is not None}
    trivial = {f"{name}_{of}" for name in ("mean_frame", "last_frame", "black") for of in DISTANCES}
    assert there == {*trivial, "frame_cross_entropy_bound", "mean_frame_cross_entropy"}
    with pytest.raises(ConfigError, match="the run draws images; it has"):
        catalogue().chosen(("prediction",), IMAGE)
    single = replace(SPEC, sizes=(1, 8, 8))
    lone = Dataset("clips", single, {"train": examples(9, single), "test": examples(9, single)}, "", "")
    subject = Subject(Answering(single, perfect).eval(), lone, Settings(), CONFIG, Record(), "")
    made = prediction(subject, OF_PREDICTIONS)
    assert not made.model
    assert {row.note for row in made.missing} == {"none: a clip has a single frame"}


# ---------------------------------------------------------------------- chances


def gpt(array, patch=None):
    torch.manual_seed(0)
    codec = PatchCodec(array, patch) if patch else PixelCodec(array)
    model = GPT(TokenSpec(codec), n_layer=1, n_head=2, n_embd=16).eval()
    for parameter in model.parameters():
        parameter.data.mul_(4)  # so that tokens matter to one another
    return model


BINARY = ArraySpec(1, (2, 2, 2), 2, medium=VIDEO, rate=8.0)


def every(array):
    whole = list(product(range(array.levels), repeat=array.size))
    return np.array(whole, np.uint8).reshape(-1, *array.shape)


def of_tokens(array, model):
    """A subject whose parts are all arrays that there are."""
    arrays = every(array)
    own = ArrayExamples(arrays, None, np.arange(len(arrays)), Levels(array.levels, array.levels))
    parts = dict.fromkeys(("train", "validation", "test"), PixelWindows(own, model.spec.codec))
    dataset = Dataset("all", model.spec, parts, "", "")
    settings = Settings(weights="raw", clips=len(arrays), draws=2, batch_size=100)
    return arrays, Subject(model, dataset, settings, CONFIG, Record(), "")


def likelihoods(model, arrays):
    """Of each array, as an evaluation reads it."""
    levels = model.spec.array.levels
    own = ArrayExamples(arrays, None, np.arange(len(arrays)), Levels(levels, levels))
    return score_split(model, PixelWindows(own, model.spec.codec)).values


def test_of_single_binary_pixels_it_is_the_exact_likelihood_of_the_frames():
    model = gpt(BINARY)
    arrays, subject = of_tokens(BINARY, model)
    made = to_rows([prediction(subject, catalogue().chosen(("frame_cross_entropy",), VIDEO))], PLACE)
    own = {row.metric: row for row in made}
    joint = np.exp(likelihoods(model, arrays))  # of all 256 clips: of the first frame by summing
    first = arrays[:, 0, 0].reshape(len(arrays), -1) @ 2 ** np.arange(4)
    begun = np.bincount(first, joint)
    rest = -np.log(joint / begun[first])  # nats of the second frame given the first
    assert own["frame_cross_entropy"].value == pytest.approx(rest.mean(), rel=1e-5)
    assert own["frame_cross_entropy_bound"].value == 0
    assert own["mean_frame_cross_entropy"].value == pytest.approx(4 * np.log(2), rel=1e-6)
    assert "the exact likelihood of these frames" in own["frame_cross_entropy"].note
    assert own["frame_cross_entropy"].protocol["clipped"] == 1e-6


@pytest.mark.parametrize("patch", [(1, 2, 1), (1, 2, 2), (2, 1, 1)])
def test_of_patches_each_pixel_has_its_marginal_chance(patch):
    model = gpt(BINARY, patch)
    arrays, _ = of_tokens(BINARY, model)
    codec = model.spec.codec
    ids = torch.from_numpy(codec.to_ids(arrays).astype(np.int64))
    tokens = torch.cat((torch.full((len(ids), 1), codec.start), ids), 1)
    chances = expected_arrays(codec, model.token_chances(Batch(tokens, range(256)))).detach()
    assert chances.shape == (256, *BINARY.shape)
    joint = np.exp(likelihoods(model, arrays))
    for row in (0, 77, 255):  # by summing over all clips with the same tokens before
        for token in range(codec.length):
            before = (ids[:, :token] == ids[row, :token]).all(1).numpy()
            of_token = codec.to_array([codec.outputs - 1 if t == token else 0 for t in range(codec.length)])
            for place in np.argwhere(of_token[0]):
                shares = joint[before] * arrays[before][:, 0][(slice(None), *place)]
                wanted = shares.sum() / joint[before].sum()
                assert float(chances[(row, 0, *place)]) == pytest.approx(wanted, abs=1e-5)
    if patch[0] == 1:
        nats = cross_entropy(chances[:, :, 1:], torch.from_numpy(arrays).float()[:, :, 1:]).numpy()
        first = arrays[:, 0, 0].reshape(256, -1) @ 2 ** np.arange(4)
        begun = np.bincount(first, joint)
        assert (joint * nats).sum() > -(joint * np.log(joint / begun[first])).sum()  # it is no less


def test_grey_levels_count_as_chances():
    truth = torch.tensor([0.0, 0.25, 1.0, 0.5]).view(1, 1, 1, 2, 2)
    expected = torch.tensor([0.1, 0.5, 0.0, 0.5]).view(1, 1, 1, 2, 2)
    log = np.log
    wanted = -log(0.9) - log(0.5) - log(1e-6) - log(0.5)
    assert cross_entropy(expected, truth).tolist() == pytest.approx([wanted])
    entropy = -0.25 * log(0.25) - 0.75 * log(0.75) + log(2)
    assert cross_entropy(truth, truth, 0.0).tolist() == pytest.approx([entropy])
    seen = Predictions(truth.repeat(3, 1, 1, 1, 1), {"mean_frame": truth.repeat(3, 1, 1, 1, 1) * 0 + 0.5})
    chosen = [BUILT_IN["frame_cross_entropy_bound"], BUILT_IN["mean_frame_cross_entropy"]]
    bound, mean = measured(chosen, Evidence(predictions=seen))
    assert (bound.value, mean.value) == (pytest.approx(entropy), pytest.approx(4 * log(2)))


def test_levels_are_expected_by_their_numbers():
    array = ArraySpec(1, (1, 1, 2), 3, medium=VIDEO, rate=8.0)
    codec = PatchCodec(array, (1, 1, 2))
    chances = torch.zeros(1, 1, 9)
    chances[0, 0, [1, 8]] = torch.tensor([0.25, 0.75])  # levels (0, 1) and (2, 2)
    assert expected_arrays(codec, chances).flatten().tolist() == pytest.approx([0.75, 0.125 + 0.75])


def test_one_draw_of_a_gpt_is_its_best_and_its_mean():
    spec = replace(SPEC, levels=2)
    own, _ = found(gpt(spec, (1, 2, 2)), train=examples(9, spec), test=examples(3, spec), clips=2, draws=1)
    assert own["prediction_mse"].value == own["best_prediction_mse"].value == own["mean_prediction_mse"].value
    assert 0 < own["prediction_mse"].value == pytest.approx(own["prediction_mae"].value)  # of 0 and 1
    assert "each pixel of a patch by its own chance" in own["frame_cross_entropy"].note
