"""Measures of the production code: sizes, names, imports, types.

    python -m tests.measures [--root DIR] [--names] [--chain] [--any]

Counts every Python file of the production packages, the sandbox included; migrations and empty files are left out.
"""

import argparse
import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (
    "common",
    "config",
    "roster",
    "inventory",
    "fulfillment",
    "pages",
    "desk",
    "reports",
    "api",
    "sandbox",
)
# A job is a thin call of a service and carries its name.
_NAMED_AS_THEIR_SERVICE = "jobs"
# Django finds these classes by name, one in each module.
_FIXED_NAMES = frozenset({"Command", "Meta"})
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Module:
    """One production file: its dotted name, text and syntax tree."""

    name: str
    path: Path
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        return len(self.text.splitlines())

    def public_names(self) -> list[str]:
        """Public functions and classes defined at the top of the module."""
        defined = (node for node in self.tree.body if isinstance(node, (*_FUNCTIONS, ast.ClassDef)))
        return [node.name for node in defined if not node.name.startswith("_")]

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        return (node for node in ast.walk(self.tree) if isinstance(node, _FUNCTIONS))


class Tree:
    """The production modules below a root, and their imports of one another."""

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root
        self.modules = {module.name: module for module in _modules(root)}

    @property
    def lines(self) -> int:
        return sum(module.lines for module in self.modules.values())

    @cached_property
    def imports(self) -> Mapping[str, frozenset[str]]:
        """For each module, the production modules it imports, wherever in the file."""
        return {name: frozenset(self._imported(module)) for name, module in self.modules.items()}

    def _imported(self, module: Module) -> Iterator[str]:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    full = f"{node.module}.{alias.name}"
                    yield from self._known(full if full in self.modules else node.module, module)
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    yield from self._known(alias.name, module)

    def _known(self, name: str, importer: Module) -> Iterator[str]:
        if name in self.modules and name != importer.name:
            yield name

    @cached_property
    def circles(self) -> list[list[str]]:
        """Groups of modules that import one another, largest first."""
        found = (group for group in _components(self.imports) if len(group) > 1)
        return sorted((sorted(group) for group in found), key=len, reverse=True)

    @cached_property
    def longest_chain(self) -> list[str]:
        """The longest chain of imports; the modules of a circle count as one."""
        groups = _components(self.imports)
        group_of = {name: index for index, group in enumerate(groups) for name in group}
        below = [
            {group_of[target] for name in group for target in self.imports[name]} - {index}
            for index, group in enumerate(groups)
        ]
        best: dict[int, list[int]] = {}

        def chain(index: int) -> list[int]:
            if index not in best:
                best[index] = [index, *max((chain(other) for other in below[index]), key=len, default=[])]
            return best[index]

        longest = max((chain(index) for index in range(len(groups))), key=len)
        return [min(groups[index]) for index in longest]

    @cached_property
    def shared_names(self) -> Mapping[str, list[str]]:
        """Public names defined in two or more modules, with the modules."""
        where: dict[str, list[str]] = defaultdict(list)
        for module in self.modules.values():
            if module.name.rsplit(".", 1)[-1] == _NAMED_AS_THEIR_SERVICE:
                continue
            for name in set(module.public_names()) - _FIXED_NAMES:
                where[name].append(module.name)
        self.public_names = len(where)
        return {name: sorted(modules) for name, modules in sorted(where.items()) if len(modules) > 1}

    @cached_property
    def any_lines(self) -> list[str]:
        """Lines of code that name the type Any, imports and quoted annotations included, as `path:line`."""
        found: list[str] = []
        for module in self.modules.values():
            named = {
                node.lineno
                for node in ast.walk(module.tree)
                if (isinstance(node, ast.Name) and node.id == "Any")
                or (isinstance(node, ast.Constant) and _is_quoted_any(node.value))
            } | {
                alias.lineno
                for node in ast.walk(module.tree)
                if isinstance(node, ast.ImportFrom)
                for alias in node.names
                if alias.name == "Any"
            }
            found += [f"{module.path.relative_to(self.root)}:{line}" for line in sorted(named)]
        return found

    @property
    def any_per_1000(self) -> float:
        return 1000 * len(self.any_lines) / self.lines

    def modules_by_package(self) -> Counter[str]:
        """How many modules each package holds; commands aside, for Django looks for those in one place."""
        packages = (
            name.rpartition(".")[0]
            for name, module in self.modules.items()
            if module.path.name != "__init__.py"
        )
        return Counter(package for package in packages if not package.endswith("management.commands"))


def _modules(root: Path) -> Iterator[Module]:
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            text = path.read_text()
            if "migrations" in path.parts or not text.strip():
                continue
            name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
            yield Module(name, path, text, ast.parse(text))


def _components(graph: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Strongly connected components (Tarjan), each as a list of nodes."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    components: list[list[str]] = []

    def visit(node: str) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in order:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == order[node]:
            index = stack.index(node)
            components.append(stack[index:])
            del stack[index:]

    for node in sorted(graph):
        if node not in order:
            visit(node)
    return components


def _spread(values: Sequence[int]) -> str:
    ranked = sorted(values)
    return f"{median(ranked):.0f} / {ranked[int(len(ranked) * 0.9)]} / {ranked[-1]}"


def report(tree: Tree) -> str:
    """The measures as a table of text."""
    functions = [function for module in tree.modules.values() for function in module.functions()]
    lengths = [(function.end_lineno or 0) - function.lineno + 1 for function in functions]
    packages = tree.modules_by_package()
    fullest, most = packages.most_common(1)[0]
    shared = tree.shared_names
    words = Counter(word for name in tree.modules for word in re.split(r"[._]", name.rsplit(".", 1)[-1]))
    rows = [
        ("files", f"{len(tree.modules):,}"),
        ("lines", f"{tree.lines:,}"),
        ("module lines, median / p90 / most", _spread([module.lines for module in tree.modules.values()])),
        ("function lines, median / p90 / most", _spread(lengths)),
        ("return-annotated", f"{sum(f.returns is not None for f in functions) / len(functions):.0%}"),
        (
            "modules with a docstring",
            f"{sum(bool(ast.get_docstring(m.tree)) for m in tree.modules.values()) / len(tree.modules):.0%}",
        ),
        ("modules per package, median / most", f"{median(packages.values()):.0f} / {most} ({fullest})"),
        ("words in module names", f"{len(words)} in {len(tree.modules)} modules"),
        (
            "public names defined twice",
            f"{len(shared)} of {tree.public_names:,} ({len(shared) / tree.public_names:.1%})",
        ),
        ("longest import chain", f"{len(tree.longest_chain)}"),
        ("import circles (files in each)", ", ".join(str(len(circle)) for circle in tree.circles) or "none"),
        ("lines with Any per 1,000", f"{tree.any_per_1000:.1f} ({len(tree.any_lines)})"),
    ]
    return "\n".join(f"{name:<38}{value}" for name, value in rows)


def _is_quoted_any(value: object) -> bool:
    """Whether the string is an annotation with Any, such as "pd.Series[Any]"."""
    return isinstance(value, str) and bool(re.fullmatch(r'[\w.]+\[[^"\n]*\bAny\b[^"\n]*\]|Any', value))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--root", type=Path, default=ROOT, help="another checkout to measure")
    parser.add_argument("--names", action="store_true", help="list the public names defined twice")
    parser.add_argument("--chain", action="store_true", help="list the longest import chain")
    parser.add_argument("--any", action="store_true", help="list the lines with Any")
    options = parser.parse_args()
    tree = Tree(options.root.resolve())
    print(report(tree))
    if options.names:
        print(*(f"{name}: {', '.join(modules)}" for name, modules in tree.shared_names.items()), sep="\n")
    if options.chain:
        print(*tree.longest_chain, sep="\n")
    if options.any:
        print(*tree.any_lines, sep="\n")


if __name__ == "__main__":
    main()
