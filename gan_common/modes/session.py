"""A game that is played step by step, looked at, and wound back: what a page shows.

The steps are those of the command, `python -m gan_common.modes`, bit for bit (tests/gan_common/modes).
"""

import collections
import copy

import numpy as np
import tensorflow as tf

from gan_common import doctor
from gan_common.doctor.treatment import Treatment
from gan_common.modes.config import Options
from gan_common.modes.curve import Curve
from gan_common.modes.game import CALL_STEPS, GENERATED_AT_ONCE, Game
from gan_common.modes.points import REACH, SAMPLES, evenness, mode_counts
from gan_common.modes.seen import LATELY, TOLD, Kept, Seen, State
from gan_common.modes.tasks import Points
from gan_common.plotting import planes

REACH_OF_OTHERS = 1.8  # how far a plane of other centres goes from its middle
COUNTED = SAMPLES["ring"]
SIDE = 40  # of the lattice that D's surface is taken on
KEPT_EVERY = CALL_STEPS // 5  # steps from one state that is kept to the next, at first
KEPT = 32  # states at most; then every other one goes
# Losses without a logit that means "as likely real as not": only differences of logits count.
DIFFERENCES = ("wasserstein", "relativistic")


class Session:
    """The training of one setting on points in the plane, from one seed at a time.

    Args:
        options: resolved; its seed is the first.
        data: points; by default those of the task.

    Attributes:
        game: the networks and their training.
        reach: the plane goes from −reach to reach, both ways.
    """

    def __init__(self, options: Options, data: Points | None = None) -> None:
        self.options = options
        self.data = data or Points(options.task)
        self.game = Game(options, self.data)
        self.reach = REACH_OF_OTHERS if data else REACH[options.task]
        self._lattice = planes.lattice(self.reach, SIDE)
        self._pull = tf.function(self._pull_of)  # each session's own
        self._verdicts = tf.function(self.game.verdicts, reduce_retracing=True)
        self.restart(options.seed)

    def restart(self, seed: int) -> None:
        """Back to before the first step, of any seed."""
        self.seed = seed
        self.game.reset(seed)
        self._told = Curve(TOLD)
        self._counted = Curve(("modes", "high_quality", "least"))
        self._lately: collections.deque = collections.deque()
        self._kept: list[Kept] = []
        self._every = KEPT_EVERY
        self._treatment = Treatment(
            self._doctor(), "warn", lambda *_: None, self._look, lambda _: None
        )
        # Not `start`: how wide an untrained G draws says nothing here, two dense layers recover from any.
        self._keep()

    # ------------------------------------------------------------------------- the doctor

    def _doctor(self) -> doctor.Doctor:
        options = self.options
        smoothed = "label_smoothing" in options.tricks
        real, _ = self.data.draw(doctor.LOOKED_AT, lambda stream: tf.stack([0, -2 - stream]))
        return doctor.Doctor(
            doctor.look_at(self._as_images(real.numpy())),
            doctor.GUESSING[options.loss],
            doctor.least_loss(options.loss, 1 - options.alpha if smoothed else 1.0),
            needs_verdict="feature_matching" not in options.tricks,
        )

    def _as_images(self, points: np.ndarray) -> np.ndarray:
        """Points as the doctor takes images: of two pixels, −1 and 1 where the plane ends."""
        return (points / self.reach).reshape(len(points), 1, 1, 2)

    def _look(self) -> np.ndarray:
        """Count the modes of now; the samples that the doctor sees."""
        samples = self.game.samples(COUNTED)
        filled, step = mode_counts(samples, self.data.centres, self.data.sigma), self.step
        even = evenness(filled, COUNTED)
        row = [even["modes"], filled.sum() / COUNTED, even["least"]]
        self._counted.add(step, np.array([row]))
        self._lately.append((step, filled > 0))
        while self._lately[0][0] < step - LATELY:
            self._lately.popleft()
        return self._as_images(samples[: doctor.LOOKED_AT])

    # ------------------------------------------------------------------------------ steps

    @property
    def step(self) -> int:
        """Steps done."""
        return self.game.steps_done

    @property
    def finite(self) -> bool:
        """Whether all numbers were so far; a session whose were not goes on no further."""
        return "nan" not in self._treatment.doctor.active

    def advance(self, steps: int) -> None:
        """Go on by so many steps, and tell the doctor of each."""
        last = self.step + steps
        while self.step < last and self.finite:
            end = min(last, self.game.call_end)
            end = next((s for s in range(self.step + 1, end) if self._is_due(s)), end)
            told = self.game.advance(end).numpy()
            for step, row in enumerate(told.tolist(), end - len(told) + 1):
                self._treatment.after_step(step, dict(zip(TOLD, row, strict=True)))
            self._told.add(end, told)
            if self.finite and end % self._every == 0:
                self._keep()

    def _is_due(self, step: int) -> bool:
        return doctor.look_due(step) or step % self._every == 0

    # --------------------------------------------------------------------------- rewinding

    def _keep(self) -> None:
        if self._kept and self._kept[-1].step >= self.step:
            return
        self._kept.append(self._now())
        if len(self._kept) > KEPT:
            self._kept = self._kept[::2]
            self._every *= 2

    def _now(self) -> Kept:
        step, arrays = self.game.save()
        return Kept(step, arrays, copy.deepcopy(self._treatment.state()), list(self._lately))

    def _bring(self, kept: Kept) -> None:
        self.game.restore((kept.step, kept.arrays))
        self._treatment.restore(kept.watched)
        self._lately = collections.deque(kept.lately)

    @property
    def marks(self) -> list[int]:
        """The steps that `rewind` finds at once, in order; 0 is one."""
        return [kept.step for kept in self._kept]

    def rewind(self, step: int) -> None:
        """Back to a step that was done: from the last state before it that was kept, by the same steps again.

        Raises:
            ValueError: it was not done yet.
        """
        if not 0 <= step <= self.step:
            raise ValueError(f"step must be from 0 to {self.step}. Received: {step}")
        while self._kept[-1].step > step:
            self._kept.pop()
        kept = self._kept[-1]
        self._bring(kept)
        self._told.cut(kept.step)
        self._counted.cut(kept.step)
        self.advance(step - kept.step)

    def state(self) -> State:
        """All that another session of the same setting needs to go on."""
        kept = list(self._kept)
        return State(self.seed, self._now(), kept, self._every, self._told, self._counted)

    def resume(self, state: State) -> None:
        """Go on from the `state` of a session of the same setting, with all that it can be wound back to."""
        self.restart(state.seed)
        self._kept, self._every = list(state.kept), state.every
        self._told, self._counted = copy.deepcopy((state.told, state.counted))
        self._bring(state.now)

    # ----------------------------------------------------------------------------- looking

    def seen(self) -> Seen:
        """A look at it now."""
        samples = self.game.samples(COUNTED)
        filled = mode_counts(samples, self.data.centres, self.data.sigma)
        even = evenness(filled, COUNTED)
        places, pulls = (of.numpy() for of in self._pull())
        visited = [good for _, good in self._lately] + [filled > 0]
        watching = self._treatment.doctor
        return Seen(
            step=self.step,
            samples=samples,
            places=places,
            pulls=pulls,
            surface=self._surface(places),
            filled=filled,
            modes=int(even["modes"]),
            high_quality=float(filled.sum() / COUNTED),
            least=even["least"],
            kl=even["kl"],
            visited=int(np.count_nonzero(np.any(visited, axis=0))),
            told=self._told.table(),
            counted=self._counted.table(),
            findings={
                finding.name: finding
                for finding in self._treatment.findings
                if finding.began and watching.active.get(finding.name) == finding.step
            },
        )

    def _surface(self, fake: np.ndarray) -> np.ndarray | None:
        if self.game.discriminator.minibatch is not None:
            return None
        logits = self._verdicts(tf.constant(self._lattice)).numpy()
        if self.options.loss == "least_squares":  # D's value is itself the label that it expects
            return np.clip(logits, 0, 1).reshape(SIDE, SIDE)
        if self.options.loss in DIFFERENCES:
            known = self._verdicts(tf.concat([fake, self.data.centres], axis=0)).numpy()
            logits = (logits - known.mean()) / max(float(known.std()), 1e-6)
        return tf.sigmoid(logits).numpy().reshape(SIDE, SIDE)

    def _pull_of(self) -> tuple[tf.Tensor, tf.Tensor]:
        game = self.game
        n = min(self.options.batch_size, GENERATED_AT_ONCE) // game.packed * game.packed
        z, labels = (of[:n] for of in game.latents(tf.constant(0)))
        real, _ = self.data.draw(
            n, lambda stream: tf.stack([game.seed + 1_000_000_007, tf.constant(stream, tf.int64)])
        )
        fake = game.generate(game.g, z, labels)
        if "unrolled" in self.options.tricks:
            moved = tf.zeros_like(fake)
            gradient = game.ahead(lambda: fake + moved, moved, real, labels)
        else:
            with tf.GradientTape() as tape:
                tape.watch(fake)
                loss = game.generator_loss(
                    game.judge(game.d, real, labels), game.judge(game.d, fake, labels)
                )
            gradient = tape.gradient(loss, fake)
        return fake, -n * gradient
