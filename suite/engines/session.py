"""Sequences of one cell and one shape on a device: fixed memory, and the loop each way over it.

Two ways. By steps: a product a source and a kernel a stage, 2 to 4 launches a step, which are recorded as one graph. On
chip: one kernel for the whole sequence, a program a replica and a few sequences, where `device_plan.ON_CHIP` says that the
recurrent weights stay in registers and shared memory.
"""

from __future__ import annotations

from suite.engines.capture import Replayed
from suite.engines.device_loops import Loops
from suite.engines.device_memory import Memory
from suite.engines.device_plan import DevicePlan, Form


class Session:
    """The memory of a form, and the loops over it, each recorded at its first call; `device_exchange` copies in and out."""

    def __init__(self, plan: DevicePlan, form: Form) -> None:
        self.memory = Memory(plan, form)
        self._loops = Loops(self.memory)
        self._forwards = Replayed(form.device)
        self._backwards = {wants_x: Replayed(form.device) for wants_x in (False, True)}

    def forwards(self) -> None:
        """A forward pass over what was loaded."""
        self._forwards(self._loops.forwards)

    def backwards(self, wants_x: bool) -> None:
        """Its reverse."""
        self._backwards[wants_x](lambda: self._loops.backwards(wants_x))
