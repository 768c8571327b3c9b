"""Do the gates of a GRU need to see the input?

Question: does a GRU whose gates hear less (GRU1: state and bias, GRU2: the state alone, GRU3: a bias alone) score like the whole one on
MNIST, row by row and pixel by pixel, and on IMDB?

Source: Dey & Salem (2017). Of its protocol we know, from memory and not from its text: 100 units on MNIST, 128 units on an embedding of
128 on IMDB (80 words), RMSprop at a rate of 0.001 and smaller ones, and, less surely, 100 passes (pixels) and 50 (rows). `dey2017-paper` has these; `dey2017`
has the same networks at a budget for two cores, and speaks to what is said of the beginning of training alone.

Deviations: batches of 32, passes over IMDB (100), its vocabulary of 20,000 words and the smaller rate (0.0001) are not known of the paper and are ours;
RMSprop forgets squares at 0.9; gradients are not clipped; candidates are tanh (the paper has ReLU as well). `dey2017` makes 3,000 updates of batches of 32
on rows, 600 on pixels, 1,500 on IMDB.
"""

from suite.experiments.experiment import Experiment, Recipe
from suite.experiments.study import Claim, Study
from suite.runs.spec import Optimiser

CELLS = ("gru-cho", "gru1", "gru2", "gru3")
RULE = Optimiser(name="rmsprop", momentum=0.0, decay=0.9, clip_norm=0.0)
BATCH, IMAGES, REVIEWS = 32, 54_000, 22_000
NETWORKS = {  # task -> settings, updates of the small budget, passes and examples of the paper's
    "mnist-rows": ({"units": 100}, 3_000, 50, IMAGES),
    "mnist-pixels": ({"units": 100}, 600, 100, IMAGES),
    "imdb(length=80, words=20000)": ({"units": 128, "embedding": 128}, 1_500, 100, REVIEWS),
}
ALIKE = Claim(says="GRU1 and GRU2 do as well as the GRU.", mark="seen", kind="alike", of=("gru1", "gru2"))
COMPARABLE = Claim(says="GRU3 is comparable on rows and on IMDB.", mark="seen", kind="alike", of=("gru3",), tasks=("mnist-rows", "imdb"))
BEHIND = Claim(says="On pixels GRU3 is behind at first.", mark="seen", kind="worse", of=("gru3",), tasks=("mnist-pixels",))


def gates(name: str, budget: str, recipes: tuple[Recipe, ...], claims: tuple[Claim, ...]) -> Experiment:
    """The experiment on one budget, each network at each rate."""
    question = f"Do the gates of a GRU need to see the input? Dey & Salem's networks, {budget}"
    return Experiment(name=name, question=question, cells=CELLS, recipes=recipes, grid={"optimiser.lr": (1e-3, 1e-4)}, seeds=3, study=Study(baseline="gru-cho", claims=claims))


SHORT = gates(
    "dey2017",
    "at a budget for two cores",
    tuple(Recipe(task, {"batch": BATCH, "optimiser": RULE, "steps": steps, "evaluate_every": steps // 10, **settings}) for task, (settings, steps, _, _) in NETWORKS.items()),
    (ALIKE, COMPARABLE, BEHIND),
)
PAPER = gates(
    "dey2017-paper",
    "at the paper's budget",
    tuple(
        Recipe(task, {"batch": BATCH, "optimiser": RULE, "steps": passes * (examples // BATCH), "evaluate_every": examples // BATCH, **settings})
        for task, (settings, _, passes, examples) in NETWORKS.items()
    ),
    (ALIKE, COMPARABLE),
)
