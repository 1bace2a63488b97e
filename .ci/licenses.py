"""Print, as docs/licenses.md, which license each package of requirements.lock has.

    make licenses

What a package says of itself is asked in this order: its license expression, its classifiers, the first
words of its license field, the first line of its license's file.
"""

import re
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
STRONG = ("GPL", "General Public")  # that ask something of who passes them on


def license_of(package: metadata.Distribution) -> str:
    """In a few words."""
    facts = package.metadata
    found = facts.get("License-Expression")
    if not found:
        classes = facts.get_all("Classifier") or []
        names = [c.rpartition(" :: ")[2] for c in classes if c.startswith("License ::")]
        found = ", ".join(name for name in names if name != "OSI Approved")
    if not found:
        found = (facts.get("License") or "").strip().partition("\n")[0]
    if not found:
        texts = [file for file in package.files or () if "LICEN" in file.name.upper()]
        found = next((text.read_text().strip().partition("\n")[0] for text in texts), "")
    return re.sub(r"\s+", " ", found)[:60] or "not said"


def main() -> None:
    """The command."""
    rows = []
    for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines():
        if not line or line[0] == "#":
            continue
        needed = Requirement(line)
        if needed.marker is None or needed.marker.evaluate():
            try:
                rows.append((needed.name, license_of(metadata.distribution(needed.name))))
            except metadata.PackageNotFoundError:
                rows.append((needed.name, "not installed here"))
    strong = [name for name, told in rows if any(word in told for word in STRONG)]
    print("# Licenses of what is installed\n")
    print(
        "`make licenses` writes this page from what each package says of itself: those that the project\n"
        "needs, its tests, notebooks, exports and book, and what these need, on this kind of computer.\n"
        "The pictures of `openmoji` are CC BY-SA 4.0, see the [README](../README.md).\n"
    )
    if strong:
        print(
            f"Of a GPL or LGPL, which ask something of who passes them on: {', '.join(strong)}.\n"
        )
    print("| package | license |\n|---|---|")
    for name, told in rows:
        print(f"| {name} | {told} |")
    print("\nBack to the [README](../README.md).")


if __name__ == "__main__":
    main()
