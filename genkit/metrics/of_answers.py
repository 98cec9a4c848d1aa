"""Declarations of what is built in: answers to held-out prompts, beside those that are right.  No torch here.

What knows nothing of the question still writes answers of the right form: the commonest answer, or that of
the most alike question that was learnt from.  Those numbers stand beside every other.
"""

from __future__ import annotations

from genkit.metrics.declaration import Call, Metric
from genkit.metrics.of_samples import RARE, WILSON

ANSWERED = ("answers", "texts")
BLIND = Call("answers:blind")  # the best of what knows nothing
BOOTSTRAP = "bootstrap over prompts"
TRIVIAL = {
    "commonest_exact_match": "of the training part's commonest answer, given to every prompt",
    "copied_exact_match": "of the answer to the most alike prompt of the training part",
}
EXACT = Call("answers:exact")
CITED = {"chrf": "popovic2015chrf", "bleu": "papineni2002bleu"}
RUNS = {
    "chrf": "6 characters shared with the right answers (chrF2 of sacrebleu)",
    "bleu": "4 words shared with the right answers (BLEU of sacrebleu)",
}
OVERLAPS = {
    "rouge_1": "words that an answer shares with the right one (F1 of ROUGE-1)",
    "rouge_2": "pairs of words that it shares (F1 of ROUGE-2)",
    "rouge_l": "the longest sequence of words that it shares (F1 of ROUGE-L)",
}

OF_ANSWERS = (
    Metric(
        *("exact_match", "1", "higher", ANSWERED, EXACT),
        help="answers that are right: the same text, or, of a task, the same thing",
        group="answers",
        interval=WILSON,
        floor=False,
        ceiling=BLIND,
        least=0.0,
        most=1.0,
        beside=tuple(TRIVIAL),
    ),
    *(
        Metric(
            *(name, "0-100", "higher", ANSWERED, Call(f"answers:{name}")),
            help=f"runs of up to {said}",
            cites=(CITED[name],),
            group="answers",
            interval=BOOTSTRAP,
            floor=False,
            ceiling=BLIND,
            least=0.0,
            most=100.0,
        )
        for name, said in RUNS.items()
    ),
    *(
        Metric(
            *(name, "1", "higher", ANSWERED, Call("answers:rouge")),
            help=said,
            cites=("lin2004rouge",),
            group="answers",
            interval=RARE,
            floor=False,
            ceiling=BLIND,
            least=0.0,
            most=1.0,
        )
        for name, said in OVERLAPS.items()
    ),
    Metric(
        *("token_f1", "1", "higher", ANSWERED, Call("answers:token_f1")),
        help="words, marks and CJK characters shared with the right answer (F1)",
        cites=("rajpurkar2016squad",),
        group="answers",
        interval=RARE,
        floor=False,
        ceiling=BLIND,
        least=0.0,
        most=1.0,
    ),
    *(
        Metric(
            *(name, "1", "none", ANSWERED, EXACT),
            help=f"answers that are right, {said}",
            group="answers",
            interval=WILSON,
            floor=False,
            ceiling=False,
            least=0.0,
            most=1.0,
        )
        for name, said in TRIVIAL.items()
    ),
)
