"""Published figures: whole, of known tasks, with a source that is cited and a mark that says how they are known."""

import pytest

from suite.papers import library
from suite.tasks import TASKS
from suite.tasks.published import CONFIDENCE, Figure, figures, published, read

WHOLE = {"task": "adding", "setting": "length=600", "method": "LSTM", "measure": "loss", "value": 0.164, "unit": "", "source": "le2015", "confidence": "seen"}


def written(*entries, **changed):
    def line(key, value):
        return f"{key} = {value!r}" if isinstance(value, str | int | float) and not isinstance(value, bool) else f"{key} = {str(value).lower()}"

    entries = entries or ({**WHOLE, **changed},)
    return "\n".join("\n".join(["[[figure]]", *(line(k, v) for k, v in entry.items() if v is not None)]) for entry in entries)


def test_a_whole_figure_is_read():
    (figure,) = read(written(), {"adding"})
    assert figure == Figure(**WHOLE)
    assert figure.line == "LSTM, length=600: loss 0.164 (le2015) [seen]"
    assert read(written(task="adding(length=600)"), {"adding"})[0].task == "adding(length=600)"


@pytest.mark.parametrize(("changed", "sentence"), [
    ({"unit": None, "value": None}, "figure 1: value, unit missing"),
    ({"page": "3"}, "figure 1: unknown field 'page'"),
    ({"value": "much"}, "figure 1: value must be a finite number, not 'much'"),
    ({"value": True}, "figure 1: value must be a finite number, not True"),
    ({"value": float("nan")}, "figure 1: value must be a finite number, not nan"),
    ({"unit": 3}, "figure 1: unit must be text, not 3"),
    ({"task": "ading"}, "figure 1: there is no task 'ading'"),
    ({"source": "le2014"}, "figure 1: unknown source 'le2014'; did you mean 'le2015'?"),
    ({"confidence": "sene"}, "figure 1: unknown confidence 'sene'; did you mean 'seen'?"),
])  # fmt: skip
def test_what_is_not_whole_is_one_sentence(changed, sentence):
    with pytest.raises(ValueError) as raised:
        read(written(**changed), {"adding"})
    assert str(raised.value).startswith(sentence)


def test_twice_the_same_is_an_error():
    with pytest.raises(ValueError, match="figure 2 stands there twice: LSTM"):
        read(written(WHOLE, WHOLE), {"adding"})
    assert len(read(written(WHOLE, {**WHOLE, "value": 0.2}), {"adding"})) == 2


@pytest.mark.parametrize("text", ["[[figure]", "[figures]\na = 1"])
def test_a_damaged_file_is_one_sentence(text):
    with pytest.raises(ValueError, match=r"published\.toml"):
        read(text, {"adding"})


def test_ours_are_whole():
    assert published()
    assert {figure.task.partition("(")[0] for figure in published()} <= set(TASKS)
    assert {figure.source for figure in published()} <= set(library())
    assert {figure.confidence for figure in published()} <= set(CONFIDENCE)
    assert figures("mnist-rows(train=5)") == figures("mnist-rows") != []
