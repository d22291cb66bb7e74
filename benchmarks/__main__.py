"""`make bench`: every benchmark in a process of its own, each a ratio against a baseline of the same run.

Name some to run only those: `python -m benchmarks roster_import`.
"""

import subprocess
import sys
from pathlib import Path


def names() -> list[str]:
    """The modules of this package, in order."""
    here = Path(__file__).parent
    return sorted(path.stem for path in here.glob("*.py") if not path.stem.startswith("_"))


def main(wanted: list[str]) -> int:
    if unknown := sorted(set(wanted) - set(names())):
        print(f"No benchmark {', '.join(unknown)}; there are {', '.join(names())}.", file=sys.stderr)
        return 2
    failed = 0
    for name in wanted or names():
        print(f"== {name}", flush=True)
        failed |= subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
