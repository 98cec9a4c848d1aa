"""Declarations of what is built in: metrics of samples beside real examples, by group.  No torch here."""

from __future__ import annotations

from genkit.metrics.declaration import Call, Metric

FEATURES = ("features",)
BOTH, ALONE = ("real.features", "generated.features"), ("generated.features",)
NEIGHBOURS = Call("neighbours:neighbour_measures", BOTH)
INFLUENCE, PAIRS = "normal, of influence values", "normal, of a U-statistic over pairs"
DEALT, WILSON = "of disjoint parts of both sets", "Wilson's score"

OF_IMAGES = (
    Metric(
        *("fid", "1", "lower", FEATURES, Call("frechet:fid", BOTH)),
        help="Fréchet distance of Gaussians through the features",
        cites=("heusel2017gans",),
        group="images",
        interval=INFLUENCE,
        depends_on_n=True,
        by_extractor=True,
        least=0.0,
    ),
    Metric(
        *("fid_infinity", "1", "lower", FEATURES, Call("frechet:fid_infinity", BOTH)),
        help="fid extrapolated to infinitely many samples",
        cites=("chong2020effectively",),
        group="images",
        interval=INFLUENCE,
        by_extractor=True,
    ),
    Metric(
        *("kid", "1", "lower", FEATURES, Call("kernel:kid", BOTH)),
        help="kernel distance of the features, unbiased",
        cites=("binkowski2018demystifying",),
        group="images",
        interval=PAIRS,
        by_extractor=True,
    ),
    Metric(
        *(
            "inception_score",
            "1",
            "higher",
            ("probabilities",),
            Call("inception_score:inception_score", ALONE),
        ),
        help="how sure a classifier is of each sample, and how many classes it sees",
        cites=("salimans2016improved",),
        group="images",
        interval="normal, on a logarithmic scale",
        depends_on_n=True,
        by_extractor=True,
        least=0.0,
    ),
    Metric(
        *("precision", "1", "higher", FEATURES, NEIGHBOURS),
        help="share of samples near a real example",
        cites=("kynkaanniemi2019improved",),
        group="images",
        interval=DEALT,
        depends_on_n=True,
        least=0.0,
        most=1.0,
    ),
    Metric(
        *("recall", "1", "higher", FEATURES, NEIGHBOURS),
        help="share of real examples near a sample",
        cites=("kynkaanniemi2019improved",),
        group="images",
        interval=DEALT,
        depends_on_n=True,
        least=0.0,
        most=1.0,
    ),
    Metric(
        *("density", "1", "higher", FEATURES, NEIGHBOURS),
        help="how many real neighbourhoods hold a sample",
        cites=("naeem2020reliable",),
        group="images",
        interval=DEALT,
        depends_on_n=True,
        least=0.0,
    ),
    Metric(
        *("coverage", "1", "higher", FEATURES, NEIGHBOURS),
        help="share of real neighbourhoods that hold a sample",
        cites=("naeem2020reliable",),
        group="images",
        interval=DEALT,
        depends_on_n=True,
        least=0.0,
        most=1.0,
    ),
    Metric(
        *("sliced_wasserstein", "1", "lower", ("projections",), Call("wasserstein:sliced_wasserstein", BOTH)),
        help="transport of the numbers themselves along random directions",
        cites=("bonneel2015sliced",),
        group="images",
        interval="of disjoint parts of the samples",
        depends_on_n=True,
        least=0.0,
    ),
    Metric(
        *("diversity", "1", "none", FEATURES, Call("kernel:diversity", ALONE)),
        help="mean distance of two samples in feature space",
        group="images",
        interval=PAIRS,
        least=0.0,
    ),
)

TEXTS = ("texts",)
MADE, MADE_AND_REAL = ("generated.texts",), ("generated.texts", "real.texts")
OF_GROUPS = "Student's, of groups of 20 texts"
STUDENT, LINEARISED, RARE = "Student's", "linearised", "linearised, or of rare events"
LENGTHS = Call("wording:lengths", MADE)

OF_TEXTS = (
    *(
        Metric(
            *(f"distinct_{n}", "1", "higher", TEXTS, Call("wording:distinct", MADE, ((n,),))),
            help=f"distinct runs of {n} words, as a share of all" if n > 1 else "distinct words, as a share",
            cites=("li2016diversity",),
            group="texts",
            interval=OF_GROUPS,
            least=0.0,
            most=1.0,
        )
        for n in (1, 2, 3, 4)
    ),
    Metric(
        *("self_bleu", "0-100", "lower", TEXTS, Call("wording:self_bleu", MADE)),
        help="how alike samples are: BLEU of each against others",
        cites=("zhu2018texygen",),
        group="texts",
        interval=OF_GROUPS,
        least=0.0,
        most=100.0,
    ),
    Metric(
        *("repeated_4grams", "1", "lower", TEXTS, Call("wording:repeated", MADE)),
        help="runs of 4 words that a text has said before",
        group="texts",
        interval=RARE,
        least=0.0,
        most=1.0,
    ),
    Metric(
        *("loops", "1", "lower", TEXTS, Call("wording:looping", MADE)),
        help="share of texts that end in a loop",
        group="texts",
        interval=WILSON,
        least=0.0,
        most=1.0,
    ),
    Metric(
        *("length_words", "words", "none", TEXTS, LENGTHS),
        help="words of a text",
        group="texts",
        interval=STUDENT,
        least=0.0,
    ),
    Metric(
        *("length_characters", "characters", "none", TEXTS, LENGTHS),
        help="characters of a text",
        group="texts",
        interval=STUDENT,
        least=0.0,
    ),
    Metric(
        *("vocabulary_overlap", "1", "higher", TEXTS, Call("wording:vocabulary_overlap", MADE_AND_REAL)),
        help="words that groups of texts share with groups of real ones",
        group="texts",
        interval=OF_GROUPS,
        least=0.0,
        most=1.0,
    ),
    Metric(
        *("mauve", "1", "higher", TEXTS, Call("mauve:of_texts")),
        help="frontier of divergences from real texts",
        cites=("pillutla2021mauve",),
        group="texts",
        interval="of halves (a jackknife)",
        depends_on_n=True,
        least=0.0,
        most=1.0,
    ),
)

COPIES = Call("memorisation:copied")
NEAR, MEMORY = ("features", "train"), Call("memorisation:remembered")
DEALS = Call("memorisation:dealt")  # its floor: held-out pictures, half against half
SOURCE = ("texts", "source")
NOVEL = ("generated.texts", "source")
SPANS = Call("copying:copied_spans", ("generated.texts", "real.texts", "source"))

OF_MEMORISATION = (
    Metric(
        *("exact_copies", "samples", "lower", ("keys", "train"), COPIES),
        help="samples that equal a training example",
        group="memorisation",
        ceiling=False,
        least=0.0,
        counted=True,
    ),
    Metric(
        *("duplicates", "samples", "lower", ("keys", "train"), COPIES),
        help="samples that equal an earlier one",
        group="memorisation",
        ceiling=False,
        least=0.0,
        counted=True,
    ),
    Metric(
        *("memorised_share", "1", "none", NEAR, MEMORY),
        help="samples nearer to a training example than held-out ones are",
        cites=("meehan2020nonparametric",),
        group="memorisation",
        interval=WILSON,
        floor=DEALS,
        ceiling=False,
        least=0.0,
        most=1.0,
    ),
    Metric(
        *("memorisation", "1", "none", NEAR, MEMORY),
        help="chance that a sample is nearer to the training set than a held-out example",
        cites=("meehan2020nonparametric",),
        group="memorisation",
        interval="normal, of Mann and Whitney's terms",
        floor=DEALS,
        ceiling=False,
        least=0.0,
        most=1.0,
    ),
    Metric(
        *("nearest_train", "1", "none", NEAR, MEMORY),
        help="mean distance to the nearest training example",
        group="memorisation",
        interval="normal",
        floor=DEALS,
        ceiling=False,
        least=0.0,
    ),
    *(
        Metric(
            *(f"novel_{n}grams", "1", "none", SOURCE, Call("copying:novelty", NOVEL, ((n,),))),
            help=f"runs of {n} words that the training text lacks" if n > 1 else "words that it lacks",
            group="memorisation",
            interval=LINEARISED,
            least=0.0,
            most=1.0,
        )
        for n in (1, 2, 4)
    ),
    Metric(
        *("copied_8grams", "1", "none", SOURCE, Call("copying:novelty", NOVEL, ((8,),))),
        help="runs of 8 words that the training text has",
        group="memorisation",
        interval=RARE,
        least=0.0,
        most=1.0,
    ),
    Metric(
        *("copied_span", "characters", "lower", SOURCE, SPANS),
        help="the longest run of characters that the training text has",
        group="memorisation",
        interval=STUDENT,
        least=0.0,
    ),
    Metric(
        *("copied_span_excess", "characters", "lower", SOURCE, SPANS),
        help="that, beyond what held-out texts have",
        group="memorisation",
        interval="Welch's",
    ),
    Metric(
        *("copied_span_above", "1", "lower", SOURCE, SPANS),
        help="samples with a longer such run than 95 % of held-out texts",
        group="memorisation",
        interval=WILSON,
        least=0.0,
        most=1.0,
    ),
    Metric(
        *("copied_whole", "1", "lower", SOURCE, SPANS),
        help="samples that stand in the training text from end to end",
        group="memorisation",
        interval=WILSON,
        least=0.0,
        most=1.0,
    ),
)
