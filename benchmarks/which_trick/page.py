"""The page "Which trick when", put together in one language from effects, words and prose."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.experiments.ablation import Options as Ablation
from benchmarks.which_trick import evidence, prose, story, words
from benchmarks.which_trick.evidence import HARMED, HELPED, MEASURES, UNCLEAR, Effect
from benchmarks.which_trick.words import Text
from gan_common import catalogue

ROOT = Path(__file__).resolve().parent.parent.parent
LANGUAGES = {"en": "docs/which-trick-when.md", "zh": "docs/zh/which-trick-when.md"}
FIGURE = "docs/which-trick-when.png"
# What the figure shows: heading, patient, measure.
SHOWN = (
    ("ring: change in modes of 8 (right is better)", "ring", "modes"),
    ("grid: change in modes of 25 (right is better)", "grid", "modes"),
    ("digits: FID, times that without (left is better)", "digits", "fid"),
)
PERCENT = ("high_quality", "wrong", "test_error")
NOTHING = "–"


def page(results: Path, language: str) -> str:
    """The page in a language of `LANGUAGES`, from a folder's files."""
    return Page(results, language).text()


def panels(results: Path) -> list[tuple[str, bool, dict[str, tuple[float, float, float, str]]]]:
    """What `plotting.intervals` draws: effects of one trick alone on three patients, in the page's order."""
    order = [name for symptom in story.SYMPTOMS for name in symptom.tricks]
    found = evidence.effects(results)
    drawn = []
    for heading, patient, measure in SHOWN:
        chosen = {
            each.trial.trick: each
            for each in found
            if (each.trial.patient, each.trial.setting, each.trial.measure)
            == (patient, "plain", measure)
            and each.difference.seeds > 1
        }
        effects = {
            words.ENGLISH.get(name, name.replace("_", " ")): (
                *(getattr(chosen[name].difference, part) for part in ("mean", "low", "high")),
                words.VERDICTS[chosen[name].verdict].en,
            )
            for name in order
            if name in chosen
        }
        if effects:
            drawn.append((heading, MEASURES[measure].ratio, effects))
    return drawn


class Page:
    """The page, and what all its parts need.

    Args:
        results: the folder with the numbers.
        language: one of `LANGUAGES`.
    """

    def __init__(self, results: Path, language: str) -> None:
        self.results, self.language = results, language
        self.effects, self.slower = evidence.effects(results), evidence.slower(results)
        depth = LANGUAGES[language].count("/")
        self.top, self.docs = "../" * depth, "../" * (depth - 1)

    def say(self, text: Text, **names: object) -> str:
        """The text in the page's language, its names filled in."""
        told: str = getattr(text, self.language)
        return told.format(**names) if names else told.replace("DOCS/", self.docs)

    def listed(self, names: Iterable[str]) -> str:
        """Names one after the other."""
        return self.say(prose.COMMA).join(names)

    def text(self) -> str:
        """All of it."""
        tests = sum(effect.difference.seeds > 1 for effect in self.effects)
        places = {
            "results": f"{self.top}results/README.md",
            "figure": self.docs + Path(FIGURE).name,
        }
        head = self.say(prose.HEAD, tests=tests, **places)
        parts = [head, *map(self._symptom, story.SYMPTOMS), self._list(), self._sections()]
        return "\n\n".join([*parts, self._after(), self._sources(), self.say(prose.BACK)]) + "\n"

    # ------------------------------------------------------------------------------------ parts

    def _part(
        self, title: Text, told: str, columns: Iterable[Text], rows: Iterable[Sequence[str]]
    ) -> str:
        """A heading, a paragraph if there is one, a table."""
        head = [self.say(column) for column in columns]
        lines = [head, ["---"] * len(head), *rows]
        table = "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
        return "\n\n".join(filter(None, [f"## {self.say(title)}", told, table]))

    def _symptom(self, symptom: story.Symptom) -> str:
        clean = [n for n in symptom.tricks if self.of(n, HELPED) and not self.of(n, HARMED)]
        told = self.say(symptom.seen)
        if clean:
            told += self.say(prose.CLEAN, names=self.listed(map(self.name, clean)))
        rows = []
        for name in symptom.tricks:
            cells = [self._effects(name, verdict) for verdict in words.VERDICTS]
            if not self.of(name):
                cells = [self.say(prose.NOT_MEASURED), NOTHING, NOTHING]
            rows.append([self._introduction(name), *cells])
        return self._part(symptom.title, told, (prose.TRICK, *words.VERDICTS.values()), rows)

    def _list(self) -> str:
        rows = []
        for number, entry in enumerate(story.LIST, 1):
            told = [self.listed(map(self.name, entry.tricks)), self.say(entry.note)]
            here = self.say(prose.SEMICOLON).join(filter(None, told))
            rows.append([str(number), self.say(entry.told), here, *self._summary(entry.tricks)])
        columns = (prose.NUMBER, prose.ENTRY, prose.HERE, *_SUMMARY)
        return self._part(prose.LIST, self.say(prose.LIST_TOLD), columns, rows)

    def _sections(self) -> str:
        tricks = catalogue.TRICKS
        counted = [n for n, t in tricks.items() if t.section.startswith(("2.4", "appendix"))]
        rows = []
        for name, trick in tricks.items():
            number = str(counted.index(name) + 1) if name in counted else ""
            section = trick.section if trick.section[0].isdigit() else self.say(prose.APPENDIX)
            rows.append([number, section, self.name(name), *self._summary([name])])
        told = self.say(prose.SECTIONS_TOLD, count=len(counted))
        return self._part(
            prose.SECTIONS, told, (prose.NUMBER, prose.SECTION, prose.TRICK, *_SUMMARY), rows
        )

    def _after(self) -> str:
        rows = []
        for later in story.AFTER:
            here = [self.say(prose.NOT_MEASURED), NOTHING]
            if any(self.of(name) for name in later.tricks):
                here = self._summary(later.tricks)
            rows.append([later.name, self.say(later.idea), self.say(later.published), *here])
        told = self.say(prose.AFTER_TOLD, modern=f"{self.top}gan_common/modern.py")
        return self._part(
            prose.AFTER, told, (prose.WHAT, prose.IDEA, prose.PUBLISHED, *_SUMMARY), rows
        )

    def _sources(self) -> str:
        rows = []
        for source in dict.fromkeys(effect.trial.source for effect in self.effects):
            content = evidence.load(self.results, source.removesuffix(".json"))
            link = f"[{source}]({self.top}results/{source})"
            rows.append([link, f"`{content['command']}`", self._age(content)])
        return self._part(prose.SOURCES, "", (prose.FILE, prose.COMMAND, prose.IN_MIND), rows)

    def _age(self, content: dict) -> str:
        """What is old about a file's numbers, as far as the file tells."""
        if "did not help" in content:
            steps, now = content["steps"]["mnist5k"], Ablation().steps
            if steps < 0.9 * now:
                seeds = len(content["rows"]["plain"]["mnist5k"])
                results = f"{self.top}results/README.md#the-tricks-one-at-a-time"
                names = {"steps": steps, "now": now, "seeds": seeds, "results": results}
                return self.say(prose.OLD_ABLATION, **names)
        if "settings" in content:
            runs = [run for row in content["settings"].values() for run in row["runs"]]
            if old := sum("high_quality" in run and "filled" not in run for run in runs):
                return self.say(prose.OLD_MODES, old=old, runs=len(runs))
        return self.say(prose.SHAPES) if "shares" in content else ""

    # ------------------------------------------------------------------------------------ cells

    def of(self, name: str, verdict: str | None = None) -> list[Effect]:
        """A trick's effects; those with a verdict."""
        return [
            effect
            for effect in self.effects
            if effect.trial.trick == name and verdict in (None, effect.verdict)
        ]

    def name(self, name: str) -> str:
        """What a reader searches for."""
        if self.language == "zh":
            return words.CHINESE[name][0]
        return words.ENGLISH.get(name, name.replace("_", " "))

    def _introduction(self, name: str) -> str:
        """A trick's name, its notebook, its flag, and one line."""
        more = words.MORE.get(name)
        section = more.section if more else catalogue.TRICKS[name].section
        flag = more.flag if more else f"--tricks {name}"
        told = self.say(
            more.effect if more else Text(catalogue.TRICKS[name].effect, words.CHINESE[name][1])
        )
        if times := self.slower.get(name):
            told += self.say(prose.SLOWER, times=times)
        shown = f"**{self.name(name)}**"
        if notebook := notebook_of(section, self.language):
            shown += f" ([{section}]({self.top}notebooks/{notebook}))"
        return "<br>".join(filter(None, [shown, f"`{flag}`" if flag else "", told]))

    def _effects(self, name: str, verdict: str) -> str:
        """A trick's effects with a verdict; what is not visible is folded where it is more than a line."""
        found = self.of(name, verdict)
        lines = [self._effect(effect) for effect in found]
        if len(lines) < 2:
            return lines[0] if lines else NOTHING
        listed = "<br>".join(f"• {line}" for line in lines)
        if verdict != UNCLEAR:
            return listed
        patients = dict.fromkeys(self.say(words.PATIENTS[effect.trial.patient]) for effect in found)
        told = self.say(prose.COMPARISONS, count=len(lines), names=self.listed(patients))
        return f"<details><summary>{told}</summary>{listed}</details>"

    def _effect(self, effect: Effect) -> str:
        """One effect on one line: the means, the interval of their difference or ratio, the worst seed."""
        trial, seeds = effect.trial, effect.difference.seeds
        before, after = (
            number(trial.measure, sum(values) / len(values))
            for values in (trial.without, trial.found)
        )
        where = self.say(words.PATIENTS[trial.patient])
        names = [self.say(words.SETTINGS.get(n, Text(n, n))) for n in trial.setting.split("; ")]
        if setting := self.say(prose.SEMICOLON).join(filter(None, names)):
            where += self.say(prose.BRACKETS, inside=setting)
        told = self.say(prose.WHERE, where=where, measure=self.say(words.MEASURES[trial.measure]))
        told += f"{before} → {after}"
        if seeds < 2:
            return told + self.say(prose.ONE_TRAINING)
        if not effect.varies:
            return told + self.say(prose.ALIKE, seeds=seeds)
        worst = self.say(prose.WORST, worst=number(trial.measure, effect.worst), seeds=seeds)
        return f"{told} ({self._interval(effect)}){worst}"

    def _interval(self, effect: Effect) -> str:
        measure, found = effect.trial.measure, effect.difference
        to = self.say(prose.TO)
        if MEASURES[measure].ratio:
            mean, low, high = map(factor, (found.mean, found.low, found.high))
            return f"×{mean}; {low} {to} {high}"
        low, high = (shift(measure, value) for value in (found.low, found.high))
        return f"{low} {to} {high}{self.say(prose.POINTS) if measure in PERCENT else ''}"

    def _summary(self, names: Iterable[str]) -> list[str]:
        """Where tricks helped, and where they did harm: patients with their measures."""
        tricks = list(names)
        return [
            self._patients([effect for name in tricks for effect in self.of(name, verdict)])
            for verdict in (HELPED, HARMED)
        ]

    def _patients(self, effects: Iterable[Effect]) -> str:
        found: dict[str, dict[str, None]] = {}
        for effect in effects:
            measures = found.setdefault(self.say(words.PATIENTS[effect.trial.patient]), {})
            measures[self.say(words.MEASURES[effect.trial.measure])] = None
        told = [
            patient + self.say(prose.BRACKETS, inside=self.listed(measures))
            for patient, measures in found.items()
        ]
        return self.say(prose.SEMICOLON).join(told) or NOTHING


_SUMMARY = (words.VERDICTS[HELPED], words.VERDICTS[HARMED])


def number(measure: str, value: float) -> str:
    """A value as the page shows it: shares in percent, others with the digits that tell."""
    if measure == "test_error":
        return f"{value:.{1 if value >= 10 else 2}f}%"
    if measure in PERCENT:
        return f"{100 * value:.{0 if value == 0 or 0.1 <= value < 0.9 else 1}f}%"
    if measure in ("modes", "filled") and abs(value) < 100:
        return f"{value:.1f}".removesuffix(".0")
    return f"{value:,.{0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2}f}"


def shift(measure: str, value: float) -> str:
    """A difference with its sign; of shares in points."""
    sign, size = "−" if value < 0 else "+", abs(value)
    if measure in PERCENT:
        return f"{sign}{100 * size:.{0 if size >= 0.1 else 1}f}"
    return sign + number(measure, size)


def factor(value: float) -> str:
    """A ratio with two digits that tell."""
    return f"{value:.{max(0, 1 - math.floor(math.log10(value)))}f}" if value > 0 else "0"


def notebook_of(section: str, language: str = "en") -> str | None:
    """The path of a section's notebook in `notebooks/`, or of its prose in another language."""
    folder = ROOT / "notebooks"
    found = sorted(folder.glob(f"{language}/{section}_*.md"))
    found += sorted(folder.glob(f"{section}_*.ipynb"))
    return found[0].relative_to(folder).as_posix() if found else None
