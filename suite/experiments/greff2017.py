"""The search of "LSTM: A Search Space Odyssey": which part of a long short-term memory matters, once each variant is tuned?

Question: is any of eight variants better or worse than the vanilla cell, each at the best settings that random search finds,
and which settings matter?

Source: Greff, Srivastava, Koutník, Steunebrink & Schmidhuber (2017). Random search over units, rate, momentum and input noise in
the paper's ranges; stochastic gradient descent with Nesterov momentum, the rate multiplied with 1 - momentum, an update
after each sequence, the whole gradient, no clipping; weights from N(0, 0.1); the end after 150 passes, or 15 without a better
validation score; test score at the best of them. The paper ran 200 trials of nine variants on each of three data sets; `--trials`
says how many are run here, and trial k is the same whatever their number.

JSB Chorales is one of the three. The others are licensed (TIMIT, IAM-OnDB); PenDigits and spoken digits are their open counterparts: a
bidirectional network on pen and on speech.

Deviations: keys as stored, not transposed to C (the paper's release of the tunes is not known). Every variant gets the same trials, where
the paper draws anew for each. With fewer than 100 trials the best quarter of them is compared instead of the best tenth, and p is corrected for
the number of variants, which the paper does not do. Our loss is the mean over the frames of a tune. The paper does not say that its own is
the sum, but so its rates fit: at 0.01, the highest, the mean over frames comes to 10.0 nats after 30 passes of one vanilla cell with 60 units, at
0.6 to 8.5, and the paper's best after up to 150 is 8.4 (a figure from memory). So the range of rates is the paper's times 60, the mean length of a tune; with a
sum a long tune would weigh more than a short one besides. Digits are said by one answer a sequence, so theirs are the paper's rates. What the paper says is of
its own three data sets: on pen and on speech it is asked of other data. Counted in passes, an evaluation is one too.
"""

from suite.experiments.experiment import Experiment, Recipe
from suite.experiments.points import Distribution, Sample
from suite.experiments.study import Claim, Study
from suite.runs.spec import Optimiser

VARIANTS = ("lstm-peephole", "lstm-nig", "lstm-nfg", "lstm-nog", "lstm-niaf", "lstm-noaf", "lstm-cifg", "lstm", "lstm-fgr")
PASSES, PATIENCE = 150, 15
TUNE = 60  # frames
TRIALS = 1_800  # on a data set: 200 of each variant
RATE, UNITS, NOISE, MOMENTUM = "optimiser.lr", "units", "input_noise", "optimiser.momentum"

CLAIMS = (
    Claim(says="No variant is significantly better than the vanilla cell.", mark="seen", kind="none better"),
    Claim(says="Without a forget gate, or without output activation, the cell is significantly worse.", mark="seen", kind="worse", of=("lstm-nfg", "lstm-noaf")),
    Claim(says="Coupling input and forget gate changes nothing significantly.", mark="known", kind="alike", of=("lstm-cifg",)),
    Claim(says="Leaving out peepholes changes nothing significantly.", mark="known", kind="alike", of=("lstm",)),
    Claim(says="The rate matters most, then the number of units.", mark="known", kind="order", of=(RATE, UNITS)),
    Claim(says="Momentum hardly matters.", mark="known", kind="minor", of=(MOMENTUM,)),
    Claim(says="Rate and number of units interact little, so the rate can be tuned on a small network.", mark="known", kind="independent", of=(RATE, UNITS)),
    Claim(says="More units help.", mark="known", kind="helps", of=(UNITS,)),
)
JSB_CLAIMS = (
    Claim(says="On JSB Chorales full gate recurrence makes the cell worse.", mark="known", kind="worse", of=("lstm-fgr",)),
    Claim(says="On JSB Chorales the cell does as well without input gate, without output gate or without input activation.", mark="known", kind="alike", of=("lstm-nig", "lstm-nog", "lstm-niaf")),
    Claim(says="On JSB Chorales noise on the inputs hurts.", mark="known", kind="hurts", of=(NOISE,)),
)


def odyssey(name: str, task: str, examples: int, scale: float, question: str, claims: tuple[Claim, ...] = (), **settings: object) -> Experiment:
    """The search on one data set; `scale` multiplies the rates."""
    online = {
        "batch": 1,
        "steps": PASSES * examples,
        "evaluate_every": examples,
        "patience": PATIENCE,
        "init": "normal(deviation=0.1)",
        "optimiser": Optimiser(name="sgd", rescaled=True, clip_norm=0.0),
    }
    space = {
        UNITS: Distribution(integer_log_uniform=(20, 200)),
        RATE: Distribution(log_uniform=(1e-6 * scale, 1e-2 * scale)),
        MOMENTUM: Distribution(one_minus_log_uniform=(0.01, 1.0)),
        NOISE: Distribution(uniform=(0.0, 1.0)),
    }
    recipe = Recipe(task, online | settings)
    study = Study(baseline=VARIANTS[0], trials=TRIALS, claims=(*CLAIMS, *claims))
    return Experiment(name=name, question=question, cells=VARIANTS, recipes=(recipe,), seeds=1, sample=Sample(trials=10, space=space), study=study)


JSB = odyssey("greff2017", "jsb", 229, TUNE, "Which part of the LSTM matters for polyphonic music, once each variant is tuned by random search?", JSB_CLAIMS)
PEN = odyssey("greff2017-pen", "pendigits", 6_744, 1.0, "Which part of the LSTM matters for digits that a pen writes, once each variant is tuned by random search?", bidirectional=True)
SPEECH = odyssey("greff2017-speech", "spoken-digits", 2_429, 1.0, "Which part of the LSTM matters for spoken digits, once each variant is tuned by random search?", bidirectional=True)
