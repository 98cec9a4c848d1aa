"""Chat templates of tokenisers: laid out as transformers does it, learnt in the right places, and bounded."""

import json
import time

import numpy as np
import pytest

from genkit.core.pairs import ASSISTANT, SYSTEM, USER, ChatPairs, Turn, pairs_from_dict
from genkit.core.spec import TokenSpec, View, spec_from_dict
from genkit.data.pair_knobs import PairKnobs
from genkit.data.pair_table import PairRow, PairSource
from genkit.data.pair_views import layout, pair_windows
from genkit.data.text.tokenisers import train_bpe
from genkit.system import templates
from genkit.system.errors import ConfigError, DataError

CHATML = (
    "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}<|im_start|>system\n"
    "You help.<|im_end|>\n{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] +"
    " '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA_2 = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system here') }}{% endif %}"
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}"
    "{{ '[INST] ' + message['content'].strip() + ' [/INST]' }}{% else %}"
    "{% generation %}{{ ' ' + message['content'] | trim + eos_token }}{% endgeneration %}{% endif %}"
    "{% endfor %}"
)
ZEPHYR = (
    "{%- for m in messages %}\n{{- '<|' + m.role + '|>\n' + m.content + eos_token }}\n{%- endfor %}\n"
    "{%- if add_generation_prompt %}\n{{- '<|assistant|>\n' }}\n{%- endif %}"
)
# Of the last answer alone it writes what was thought before.
THINKING = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' and loop.last %}<think>\n\n"
    "</think>\n\n{% endif %}{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TOKENS = ("<|im_start|>", "<|im_end|>", "<s>", "</s>")
TALK = (Turn(USER, "Hi"), Turn(ASSISTANT, "Hello."), Turn(USER, "And?"), Turn(ASSISTANT, "Bye."))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tokeniser as transformers writes it, without a template."""
    from transformers import PreTrainedTokenizerFast

    path = tmp_path_factory.mktemp("tokeniser")
    tokenizer = json.loads(train_bpe(["Hi Hello And Bye You help me now"] * 3, 300).to_dict()["tokenizer"])
    (path / "plain.json").write_text(json.dumps(tokenizer))
    fast = PreTrainedTokenizerFast(tokenizer_file=str(path / "plain.json"), bos_token="<s>", eos_token="</s>")
    fast.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    fast.save_pretrained(path)
    return path


def with_template(folder, tmp_path, template):
    for file in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / file).write_text((folder / file).read_text())
    (tmp_path / "chat_template.jinja").write_text(template)
    return tmp_path


def knobs(path, **more):
    return PairKnobs(name="made", tokenizer="hf", tokenizer_path=str(path), **more)


class Talks(PairSource):
    listing = "talks"

    def __init__(self, turns):
        self.said = turns

    def rows(self):
        for i in range(20):
            yield PairRow(self.said, f"line {i + 1}")


@pytest.mark.parametrize("template", [CHATML, LLAMA_2, ZEPHYR], ids=["chatml", "llama-2", "zephyr"])
def test_ids_are_those_of_transformers(folder, tmp_path, template):
    from transformers import AutoTokenizer

    place = with_template(folder, tmp_path, template)
    theirs = AutoTokenizer.from_pretrained(place)
    messages = [{"role": turn.role, "content": turn.content} for turn in TALK]
    dataset = pair_windows(
        "made", Talks(TALK), knobs(place), {"cache_dir": str(tmp_path / "c")}, View("tokens", block_size=256)
    )
    spec = dataset.spec
    begins = not template.startswith("{%- for")  # that one begins with no token of its own
    for count, ask in ((1, True), (3, True)):
        expected = theirs.apply_chat_template(
            messages[:count], add_generation_prompt=ask, tokenize=True, return_dict=False
        )
        own = spec.asked(TALK[:count]).tolist()
        assert (spec.opening.tolist() if begins else []) + own == expected
    data, _, _ = dataset.split("test").gather(np.array([0]))
    expected = theirs.apply_chat_template(messages, tokenize=True, return_dict=False)
    window = data[0].tolist()[0 if begins else 1 :]
    # (What follows the end of the last answer, a line end, is not learnt and not kept.)
    end = spec.codec.mark(spec.pairs.end)[0]
    last = len(expected) - expected[::-1].index(end)
    assert window[:last] == expected[:last]
    # What is learnt is what is answered, and its end.
    _, scored = dataset.split("test").packing(np.array([0]))
    learnt = [spec.codec.decode([token]) for token, own in zip(data[0][1:], scored[0], strict=True) if own]
    text = "".join(learnt).split(spec.separator if spec.pairs.end == spec.separator else spec.pairs.end)
    assert [part.strip() for part in text if part.strip()][:2] == ["Hello.", "Bye."]


@pytest.mark.parametrize("template", [CHATML, LLAMA_2], ids=["chatml", "llama-2"])
def test_an_exported_model_answers_in_its_template(folder, tmp_path, template):
    """transformers lays a conversation out by what was exported, and stops where an answer ends."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from genkit.families.gpt import GPT
    from genkit.interop import model_folder

    place = with_template(folder, tmp_path, template)
    paths = {"cache_dir": str(tmp_path / "c")}
    dataset = pair_windows("made", Talks(TALK), knobs(place), paths, View("tokens", block_size=256))
    module = GPT(dataset.spec, block_size=256, n_layer=1, n_head=2, n_embd=16)
    out = model_folder.write(module, tmp_path / "out")
    tokenizer, model = AutoTokenizer.from_pretrained(out), AutoModelForCausalLM.from_pretrained(out)
    messages = [{"role": turn.role, "content": turn.content} for turn in TALK[:3]]
    said = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    assert said == [*dataset.spec.opening.tolist(), *dataset.spec.asked(TALK[:3]).tolist()]
    ends = "<|im_end|>" if template is CHATML else "</s>"
    assert tokenizer.decode([model.generation_config.eos_token_id]) == ends


def test_a_template_that_writes_earlier_turns_another_way_makes_an_example_of_each_answer():
    pairs = ChatPairs.of(THINKING, {}, TOKENS, None)
    assert (pairs.separator, pairs.end) == ("<|im_start|>", "<|im_end|>")
    first, second = pairs.laid_out(TALK)
    assert [stretch.text for stretch in first] == [
        "user\nHi<|im_end|>\n<|im_start|>assistant\n",
        "<think>\n\n</think>\n\nHello.<|im_end|>",
    ]
    assert [stretch.text for stretch in second] == [
        "user\nHi<|im_end|>\n<|im_start|>assistant\nHello.<|im_end|>\n<|im_start|>user\nAnd?<|im_end|>\n"
        "<|im_start|>assistant\n",
        "<think>\n\n</think>\n\nBye.<|im_end|>",
    ]
    assert [stretch.answered for stretch in second] == [False, True]


def test_what_ends_an_answer_is_found():
    chatml = ChatPairs.of(CHATML, {}, TOKENS, None)
    assert (chatml.separator, chatml.end) == ("<|im_start|>", "<|im_end|>")
    words = {"bos_token": "<s>", "eos_token": "</s>"}
    llama = ChatPairs.of(LLAMA_2, words, TOKENS, None)
    assert (llama.separator, llama.end) == ("<s>", "</s>")
    zephyr = ChatPairs.of(ZEPHYR, words, TOKENS, None)
    assert (zephyr.separator, zephyr.end) == ("</s>", "</s>")
    assert zephyr.laid_out(TALK)[0][-1].text == "Bye."
    assert ChatPairs.of(ZEPHYR, words, TOKENS, "<s>").separator == "<s>"


def test_a_template_is_saved_and_read_back():
    pairs = ChatPairs.of(CHATML, {"eos_token": "</s>"}, TOKENS, None).of_several(True)
    plain = json.loads(json.dumps(pairs.to_dict()))
    assert pairs_from_dict(plain) == pairs
    assert pairs.several
    spec = TokenSpec(train_bpe(["a"], 300), pairs.separator, pairs=pairs)
    assert spec_from_dict(json.loads(json.dumps(spec.to_dict()))).pairs == pairs
    with pytest.raises(ValueError, match="ends its answers"):
        pairs_from_dict({**plain, "end": ""})


def test_what_a_template_refuses_is_said():
    pairs = ChatPairs.of(LLAMA_2, {"bos_token": "<s>", "eos_token": "</s>"}, TOKENS, None)
    with pytest.raises(DataError, match="the chat template: no system here"):
        pairs.laid_out((Turn(SYSTEM, "x"), *TALK))
    with pytest.raises(DataError, match="the answer holds '</s>', which ends answers"):
        pairs.laid_out((Turn(USER, "x"), Turn(ASSISTANT, "a</s>b")))


HOSTILE = {
    "loops": (
        "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
        "3 seconds",
    ),
    "power": ("{{ 10 ** (10 ** 9) }}", "3 seconds|memory"),
    "range": ("{% for i in range(10 ** 9) %}{% endfor %}", "Range too big"),
    "length": ("{{ 'a' * 10 ** 8 }}", "writes more than 10,000,000 characters"),
    "memory": ("{{ ('a' * 10 ** 9) * 10 }}", "more memory"),
    "pieces": (
        "{% for i in range(99999) %}{% for j in range(99) %}aaaaaaaa{% endfor %}{% endfor %}",
        "writes more",
    ),
    "recursion": ("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", "calls itself"),
    "syntax": ("{% for %}", "Expected"),
    "escape": ("{{ ''.__class__.__mro__ }}", "is unsafe"),
    "import": ("{% import 'os' as os %}", "loader"),
    "silent": ("hello", "writes no answer behind"),
    "failing": ("{{ raise_exception('never') }}", "never"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_template_is_refused_in_one_line_and_in_time(name, folder, tmp_path):
    template, said = HOSTILE[name]
    begun = time.monotonic()
    with pytest.raises(ConfigError, match=said) as refusal:
        layout(knobs(with_template(folder, tmp_path, template)))
    assert "\n" not in str(refusal.value)
    assert time.monotonic() - begun < 30
    # And one of another run is none of this one's business.
    assert ChatPairs.of(CHATML, {}, TOKENS, None).asked((Turn(USER, "Hi"),)).endswith("assistant\n")


def test_a_template_that_turns_hostile_later_is_ended_too(folder, tmp_path):
    trap = "{% if messages[0].content == 'x' %}" + HOSTILE["loops"][0] + "{% endif %}" + CHATML
    pairs = ChatPairs.of(trap, {}, TOKENS, None)
    for _ in range(2):
        with pytest.raises(DataError, match="3 seconds"):
            pairs.asked((Turn(USER, "x"),))
        assert pairs.asked((Turn(USER, "Hi"),)).endswith("assistant\n")
    templates.close()


def test_without_a_template_in_the_folder_there_is_the_plain_one(folder, tmp_path):
    pairs, separator = layout(knobs(folder))
    assert (pairs.template, separator) == ("{prompt}\n{answer}", "<s>")
    with pytest.raises(ConfigError, match=r"data\.template=chat is the template of a tokeniser's folder"):
        layout(knobs(folder, template="chat"))
    place = with_template(folder, tmp_path, CHATML)
    assert layout(knobs(place))[0].kind == layout(knobs(place, template="chat"))[0].kind == "chat"
    assert layout(knobs(place, template=r"{prompt}\n=\n{answer}"))[0].template == "{prompt}\n=\n{answer}"
    (place / "tokenizer_config.json").write_text("[1]")
    with pytest.raises(DataError, match=r"tokenizer_config\.json is damaged"):
        layout(knobs(place))


@pytest.mark.parametrize("listed", [False, True])
def test_templates_within_the_configuration_are_read(folder, tmp_path, listed):
    place = with_template(folder, tmp_path, CHATML)
    (place / "chat_template.jinja").unlink()
    about = json.loads((place / "tokenizer_config.json").read_text())
    template = [{"name": "tool_use", "template": "x"}, {"name": "default", "template": CHATML}]
    about["chat_template"] = template if listed else CHATML
    (place / "tokenizer_config.json").write_text(json.dumps(about))
    assert layout(knobs(place))[0].template == CHATML
