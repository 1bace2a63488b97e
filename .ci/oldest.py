"""Print what setup.cfg asks for at its lower bounds: `keras>=3.8` becomes `keras==3.8.*`."""

import configparser
import re
import sys
from pathlib import Path

setup = configparser.ConfigParser()
setup.read(Path(__file__).resolve().parent.parent / "setup.cfg", encoding="utf-8")
lines = setup["options"]["install_requires"] + "\n" + setup["options.extras_require"]["dev"]
requirements = [line.strip() for line in lines.splitlines() if line.strip() and line[0] != "#"]
print("\n".join(re.sub(r">=([^;\s]+)", r"==\1.*", line) for line in requirements))
# Matplotlib before 3.11 calls pyparsing by names that 3.3 warns of; setup.cfg does not name pyparsing.
print("pyparsing<3.3")
sys.exit(not requirements)
