"""Every metric has a test of its value against an independent answer, and a simulation of its interval.

What is missing in the table, or is in it and does not exist, fails; below are values that no other file has.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from genkit.metrics import copying, wording
from genkit.metrics.catalogue import BUILT_IN
from genkit.metrics.copying import longest_spans
from genkit.metrics.memorisation import copies

ROOT = Path(__file__).parents[2]
AGREE, TEXTS = "test_metrics_agreement.py::test_", "test_text_metrics.py::test_"
INTERVALS, HERE = "test_metrics_intervals.py::test_", "test_metrics_ledger.py::test_"
SOUNDS = "../unit/metrics/test_sounds.py::test_"
SINGLE = "../unit/metrics/test_watching.py::test_frames_are_judged_as_pictures_are"
PROCESS = "../unit/metrics/test_validity.py::test_"
VERSE = "../unit/metrics/test_verse.py::test_"
EXACT = "none"  # a count, or a measurement of one process: it has no interval
SIMULATED = "experiments/004_intervals/README.md"
SMOOTH = INTERVALS + "intervals_of_smooth_metrics_cover"
NEIGHBOURS = INTERVALS + "intervals_of_neighbour_metrics_cover_both_sets_drawn_anew"
FORMULAS = TEXTS + "intervals_cover_what_they_name"  # a mean's, a ratio's, a share's, a difference's
RUNNING = TEXTS + "intervals_of_a_real_text_hold_what_the_rest_of_it_says"
OF_MEMORISATION = INTERVALS + "intervals_of_memorisation_cover"
ANSWERS = "test_answers.py::test_"
RESTYLING, RESTYLED = "../unit/metrics/test_restyling.py::test_", ("restyled", "copied", "stranger")
FRAMES, PREDICTION = "test_frames.py::test_", "test_prediction.py::test_"
MADE, TRIVIAL = ("prediction", "best_prediction", "mean_prediction"), ("mean_frame", "last_frame", "black")
REPEATING, COPYING = HERE + "repetition_and_lengths_by_hand", HERE + "copying_by_hand"

# Metric: the test of its value, that of its interval's coverage.
LEDGER = {
    "nll": ("test_scores.py::test_perplexity_equals_transformers", RUNNING),
    "bits_per_dimension": (TEXTS + "likelihoods_in_every_unit", FORMULAS),
    "bits_per_byte": ("test_bits.py::test_bits_per_byte_of_a_text_and_of_a_split", RUNNING),
    "perplexity": ("test_scores.py::test_perplexity_equals_transformers", RUNNING),
    "kid": (
        AGREE + "kid_agrees_with_torch_fidelity_and_torchmetrics",
        INTERVALS + "kid_covers_the_distance_of_the_distributions_whatever_both_sets_are",
    ),
    "fid": (AGREE + "fid_agrees_with_torch_fidelity_torchmetrics_and_scipy", SMOOTH),
    "fid_infinity": (
        AGREE + "fid_of_drawn_gaussians_nears_the_closed_form_and_fid_infinity_is_nearer",
        SMOOTH,
    ),
    "inception_score": (AGREE + "inception_score_agrees_with_torch_fidelity", SMOOTH),
    **dict.fromkeys(
        ("precision", "recall", "density", "coverage"),
        (AGREE + "neighbour_metrics_agree_with_prdc", NEIGHBOURS),
    ),
    "sliced_wasserstein": (AGREE + "sliced_wasserstein_agrees_with_scipy", SIMULATED),
    "diversity": (AGREE + "diversity_and_distances_agree_with_scipy", SMOOTH),
    "mauve": (TEXTS + "mauve_is_mauve_texts", SIMULATED),
    "agreement": (SOUNDS + "agreement_is_the_share_that_is_seen_as_asked", FORMULAS),
    **dict.fromkeys(
        (f"{of}_{name}" for of in MADE for name in ("mse", "mae", "ssim", "psnr")),
        (PREDICTION + "one_draw_the_best_and_the_mean_are_told_apart", FORMULAS),
    ),
    **dict.fromkeys(
        (f"{of}_{name}" for of in TRIVIAL for name in ("mse", "mae")),
        (PREDICTION + "trivial_predictions_are_what_they_are_called", FORMULAS),
    ),
    **dict.fromkeys(
        (f"{of}_{name}" for of in TRIVIAL for name in ("ssim", "psnr")),
        (FRAMES + "similarity_and_noise_ratio_are_those_of_torchmetrics", FORMULAS),
    ),
    **dict.fromkeys(
        ("gain_over_mean_frame", "gain_over_last_frame"),
        (PREDICTION + "a_perfect_model_makes_no_error", FORMULAS),
    ),
    **dict.fromkeys(
        ("frame_cross_entropy", "mean_frame_cross_entropy"),
        (PREDICTION + "of_single_binary_pixels_it_is_the_exact_likelihood_of_the_frames", FORMULAS),
    ),
    "frame_cross_entropy_bound": (PREDICTION + "grey_levels_count_as_chances", FORMULAS),
    **dict.fromkeys(
        (f"{of}_{kind}" for of in RESTYLED for kind in ("share", "motif_share", "class_share")),
        (RESTYLING + "shares_are_those_of_the_answers", RESTYLING + "intervals_are_of_motifs"),
    ),
    **dict.fromkeys((f"{of}_mse" for of in RESTYLED), (RESTYLING + "errors_are_those_of_numpy", FORMULAS)),
    **dict.fromkeys(
        ("exact_match", "commonest_exact_match", "copied_exact_match"),
        (ANSWERS + "exact_matches_are_counted_and_what_knows_nothing_beside", FORMULAS),
    ),
    **dict.fromkeys(
        ("chrf", "bleu"),
        (
            ANSWERS + "chrf_and_bleu_are_those_of_sacrebleus_command",
            ANSWERS + "intervals_of_all_answers_together_cover",
        ),
    ),
    **dict.fromkeys(
        ("rouge_1", "rouge_2", "rouge_l"),
        (ANSWERS + "rouge_is_that_of_rouge_scores_command", ANSWERS + "intervals_of_means_near_one_cover"),
    ),
    "token_f1": (ANSWERS + "words_in_common_by_hand", ANSWERS + "intervals_of_means_near_one_cover"),
    **dict.fromkeys(
        ("silent_share", "clipped_share"), (SOUNDS + "silent_and_clipped_sounds_are_counted", FORMULAS)
    ),
    "in_tune": (SOUNDS + "plucked_strings_are_in_tune_as_they_are_asked_to_be", FORMULAS),
    "dnsmos": (SOUNDS + "noise_tones_and_near_silence_get_the_opinions_that_are_known", FORMULAS),
    "frame_fid": (SINGLE, SMOOTH),
    "frame_kid": (SINGLE, INTERVALS + "kid_covers_the_distance_of_the_distributions_whatever_both_sets_are"),
    **dict.fromkeys(("frame_precision", "frame_recall"), (SINGLE, NEIGHBOURS)),
    **dict.fromkeys(
        ("valid_share", "straight_share", "same_digit_share", "ink_share"),
        (PROCESS + "what_the_process_does_not_make_is_not_valid", FORMULAS),
    ),
    "distinct_1": (
        HERE + "distinct_grams_by_hand",
        TEXTS + "intervals_of_grouped_measures_cover_their_expectation",
    ),
    **{f"distinct_{n}": (HERE + "distinct_grams_by_hand", SIMULATED) for n in (2, 3, 4)},
    "self_bleu": (TEXTS + "self_bleu_is_sacrebleus_of_each_text_against_the_others", SIMULATED),
    "repeated_4grams": (REPEATING, FORMULAS),
    "loops": (REPEATING, FORMULAS),
    "vocabulary_overlap": (HERE + "overlap_of_vocabularies_by_hand", SIMULATED),
    "length_words": (REPEATING, FORMULAS),
    "length_characters": (REPEATING, FORMULAS),
    "exact_copies": (HERE + "copies_are_counted", EXACT),
    "duplicates": (HERE + "copies_are_counted", EXACT),
    **dict.fromkeys(
        ("memorised_share", "memorisation", "nearest_train"),
        (AGREE + "memorisation_agrees_with_scipy", OF_MEMORISATION),
    ),
    **dict.fromkeys(
        ("copied_span", "copied_span_excess", "copied_span_above", "copied_whole"), (COPYING, FORMULAS)
    ),
    **dict.fromkeys(
        ("form_share", "marks_share", "couplets_share", "even_share"),
        (VERSE + "shares_are_counted_with_intervals", FORMULAS),
    ),
    "copied_verses": (VERSE + "copied_verses_are_those_of_more_than_twelve_characters", FORMULAS),
    **dict.fromkeys(("novel_1grams", "novel_2grams", "novel_4grams", "copied_8grams"), (COPYING, FORMULAS)),
    "parameters": ("test_costs.py::test_a_family_says_what_it_costs", EXACT),
    **dict.fromkeys(
        ("training_flops", "codec_flops"),
        ("test_costs.py::test_operations_are_the_closed_form_under_the_kernel_that_runs", EXACT),
    ),
    "training_memory": ("test_costs.py::test_memory_is_what_autograd_keeps", EXACT),
}
# What is read off a clock or a counter of the training.
COUNTED = {"training_seconds", "codec_seconds", "samples_per_second", "training_steps", "training_examples"}


def test_every_metric_is_recomputed_and_its_interval_simulated():
    assert set(LEDGER) | COUNTED == set(BUILT_IN)
    assert {name for name, (_, interval) in LEDGER.items() if interval == EXACT} | COUNTED == {
        metric.name for metric in BUILT_IN.values() if not metric.interval
    }
    assert not set(LEDGER) & COUNTED
    note = (ROOT / SIMULATED).read_text(encoding="utf-8")
    for metric, entries in LEDGER.items():
        for entry in entries:
            if entry == SIMULATED:
                assert re.search(
                    rf"^\| {metric.replace('_', '[_ ]')} \|", note, re.MULTILINE | re.IGNORECASE
                ), metric
            elif entry != EXACT:
                file, test = entry.split("::")
                source = (Path(__file__).parent / file).read_text(encoding="utf-8")
                assert re.search(rf"^def {test}\(", source, re.MULTILINE), f"{metric}: {entry}"


def said(n: int, length: int, seed: int, vocabulary: int = 6) -> list[list[str]]:
    """n texts of so many words w0, w1, …"""
    generator = np.random.default_rng(seed)
    return [[f"w{i}" for i in generator.integers(0, vocabulary, length)] for _ in range(n)]


def grams(tokens: list[str], order: int) -> list[str]:
    return [" ".join(tokens[i : i + order]) for i in range(len(tokens) - order + 1)]


def joined(texts: list[list[str]]) -> list[str]:
    return list(map(" ".join, texts))


def test_distinct_grams_by_hand():
    texts = said(80, 9, 0, 4)
    for order, measure in zip((1, 2, 3, 4), wording.distinct(joined(texts)), strict=True):
        shares = []
        for begin in (0, 20, 40, 60):
            counts = Counter(gram for tokens in texts[begin : begin + 20] for gram in grams(tokens, order))
            shares.append(len(counts) / sum(counts.values()))
        assert measure.metric == f"distinct_{order}"
        assert measure.value == pytest.approx(np.mean(shares))


def test_overlap_of_vocabularies_by_hand():
    one, other = said(60, 3, 0, 90), said(60, 3, 1, 70)
    shares = []
    for begin in (0, 20, 40):
        a, b = ({word for tokens in part[begin : begin + 20] for word in tokens} for part in (one, other))
        shares.append(sum(word in b for word in a) / len([*a, *(word for word in b if word not in a)]))
    assert wording.vocabulary_overlap(joined(one), joined(other)).value == pytest.approx(np.mean(shares))


def test_repetition_and_lengths_by_hand():
    texts = [*said(20, 18, 0, 2), *said(20, 14, 1, 30)]
    repeats = []
    for tokens in texts:
        found = grams(tokens, 4)
        repeats.append(sum(gram in found[:i] for i, gram in enumerate(found)) / len(found))
    assert 0 < wording.repeated(joined(texts)).value == pytest.approx(np.mean(repeats))
    looped = [*texts[20:], *([*tokens, *["no"] * 12] for tokens in texts[:10])]
    assert wording.looping(joined(looped)).value == pytest.approx(10 / 30)
    by_words, by_characters = wording.lengths(joined(texts))
    assert by_words.value == pytest.approx(np.mean([18] * 20 + [14] * 20))
    assert by_characters.value == pytest.approx(np.mean([sum(map(len, t)) + len(t) - 1 for t in texts]))


def test_copying_by_hand():
    source = " ".join(said(1, 900, 0, 5)[0])
    taken = [source.split()[i * 7 : i * 7 + 12] for i in range(6)]
    texts, held_out = [*said(24, 12, 1, 7), *taken], said(25, 12, 2, 6)
    for measure in copying.novelty(joined(texts), lambda: [source]):
        kind, order = measure.metric.split("_")
        order = int(order.removesuffix("grams"))
        there = set(grams(source.split(), order))
        known = [gram in there for tokens in texts for gram in grams(tokens, order)]
        assert measure.value == pytest.approx(np.mean(known) if kind == "copied" else 1 - np.mean(known))

    def longest(whole: str) -> int:
        sizes = range(len(whole), 0, -1)
        return next(s for s in sizes if any(whole[i : i + s] in source for i in range(len(whole) - s + 1)))

    spans, others = ([longest(whole) for whole in joined(part)] for part in (texts, held_out))
    assert longest_spans(joined(texts), lambda: [source]).tolist() == spans
    found = {m.metric: m for m in copying.copied_spans(joined(texts), joined(held_out), lambda: [source])}
    assert found["copied_span"].value == pytest.approx(np.mean(spans))
    assert found["copied_span_excess"].value == pytest.approx(np.mean(spans) - np.mean(others))
    whole = np.mean([span == len(text) for span, text in zip(spans, joined(texts), strict=True)])
    assert found["copied_whole"].value == pytest.approx(whole)
    ends = [int(word) for word in re.findall(r"above (\d+) characters", found["copied_span_above"].interval)]
    assert ends == [int(np.quantile(others, 0.95))]
    assert found["copied_span_above"].value == pytest.approx(
        np.mean(np.array(spans) > np.quantile(others, 0.95))
    )


def test_copies_are_counted():
    known, drawn = torch.tensor([3, 5, 5, 9]), torch.tensor([5, 5, 1, 1, 1, 9, 2])
    copied, twice = copies(drawn, known)
    assert (copied.metric, copied.value) == ("exact_copies", 3)
    assert (twice.metric, twice.value) == ("duplicates", 3)
