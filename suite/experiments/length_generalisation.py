"""Does a cell that has learnt a rule on short sequences keep to it on long ones?

Question: which cells, trained at one length, still answer right at two to sixteen times as many steps?

Tasks whose rule is the same at every length: parity of every prefix, the order of two symbols (Hochreiter & Schmidhuber 1997), copying (Graves et al.
2014) and reversing. The networks train and are chosen at the short length alone; the same weights are then scored at the
others. 32 units, 64 for copying and reversing, batches of 32, Adam at one rate a task. The conditions are ours.
"""

from suite.experiments.experiment import Experiment, Recipe, adam

SHARED = {"units": 32, "batch": 32}


def longer(task: str, argument: str, *values: int) -> str:
    """A task with what it is tested at besides."""
    name, _, inside = task.partition("(")
    return f"{name}(beyond={{{argument!r}: {values!r}}}, {inside}"


LENGTH_GENERALISATION = Experiment(
    name="length-generalisation",
    question="Which cells keep to a rule on sequences longer than those they were trained on?",
    cells=("rnn", "lstm", "lstm-peephole", "gru"),
    recipes=(
        Recipe(longer("parity(length=20, supervision='every')", "length", 40, 80, 160, 320), {**SHARED, "steps": 3_000, "evaluate_every": 100, "optimiser": adam(3e-3)}),
        Recipe(longer("reverse(length=6)", "length", 12, 24), {**SHARED, "units": 64, "steps": 4_000, "evaluate_every": 200, "optimiser": adam(3e-3)}),
        Recipe(longer("ntm-copy(longest=10)", "longest", 20, 40, 80), {**SHARED, "units": 64, "steps": 4_000, "evaluate_every": 200, "optimiser": adam(3e-3)}),
        Recipe(longer("temporal-order(length=25)", "length", 50, 100, 200, 400), {**SHARED, "steps": 2_000, "evaluate_every": 100, "optimiser": adam(3e-3)}),
    ),
    seeds=5,
)
