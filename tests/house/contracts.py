"""Kinds of import contract that import-linter has no word for; `pyproject.toml` names them and uses
them.

doors   one `protected` contract for every module that has a `port`
rooms   a package is imported in these rooms only; nobody importing it is fine
apart   these never import those, as far as both exist
plain   everything these reach is listed, or part of Python itself
"""

import sys
from copy import deepcopy
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.protected import ProtectedContract
from importlinter.domain.helpers import module_expressions_to_modules
from importlinter.domain.imports import ModuleExpression

OPEN_TO_ALL = ("port", "http")
INNER_ROOMS = frozenset({"http", "jobs", "service", "store"})  # Of a module; no door leads there.


def present(graph: ImportGraph, expressions: Any) -> list[ModuleExpression]:
    """Keep the expressions that mean something in this tree: a module may not be built yet."""
    return [
        expression
        for expression in expressions
        if expression.has_wildcard_expression() or expression.expression in graph.modules
    ]


class RoomsContract(ProtectedContract):
    """A package is imported directly in its rooms only."""

    type_name = "rooms"

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        self.protected_modules = present(graph, self.protected_modules)
        self.allowed_importers = present(graph, self.allowed_importers)
        return super().check(graph, verbose)


class ApartContract(ForbiddenContract):
    """Some modules never import some others."""

    type_name = "apart"

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        self.source_modules = present(graph, self.source_modules)
        self.forbidden_modules = present(graph, self.forbidden_modules)
        return super().check(graph, verbose)


class DoorsContract(Contract):
    """Every module of the root package that has a port is entered by its doors only."""

    type_name = "doors"

    root = fields.StringField()
    keyholders = fields.ListField(subfield=fields.ModuleExpressionField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        checks = [
            (door := self._door(graph, module), door.check(deepcopy(graph), verbose))
            for module in sorted(graph.find_children(str(self.root)))
            if f"{module}.port" in graph.modules
        ]
        return ContractCheck(
            kept=all(check.kept for _, check in checks),
            metadata={"broken": [pair for pair in checks if not pair[1].kept]},
        )

    def _door(self, graph: ImportGraph, module: str) -> ProtectedContract:
        doors = {f"{module}.{name}" for name in OPEN_TO_ALL}
        keyholders = [str(holder) for holder in present(graph, self.keyholders)]
        return ProtectedContract(
            name=f"{module} is entered by its doors",
            session_options=self.session_options,
            contract_options={
                "protected_modules": sorted(graph.find_children(module) - doors),
                "allowed_importers": [module, *keyholders],
            },
        )

    def render_broken_contract(self, check: ContractCheck) -> None:
        for door, broken in check.metadata["broken"]:
            output.print_error(door.name)
            door.render_broken_contract(broken)


class PlainContract(Contract):
    """Everything the sources reach, directly or not, is allowed by name or part of Python
    itself.
    """

    type_name = "plain"

    sources = fields.ListField(subfield=fields.ModuleExpressionField())
    allowed = fields.ListField(subfield=fields.ModuleExpressionField())
    refused = fields.ListField(subfield=fields.StringField(), required=False, default=[])

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        del verbose
        found = module_expressions_to_modules(graph, present(graph, self.sources))
        chains: list[tuple[str, ...]] = []
        for source in sorted(module.name for module in found):
            chains.extend(self._strays(graph, source))
        return ContractCheck(kept=not chains, metadata={"chains": chains})

    def _strays(self, graph: ImportGraph, source: str) -> list[tuple[str, ...]]:
        names = {str(expression) for expression in present(graph, self.allowed)}
        for name in tuple(names):
            if not graph.is_module_squashed(name):
                names |= graph.find_descendants(name)
        home = source.rpartition(".")[0]
        reached = graph.find_upstream_modules(source)
        strays = {module for module in reached - names if not self._harmless(module, home)}
        chains = [graph.find_shortest_chain(source, stray) for stray in strays]
        return sorted(chain for chain in chains if chain)

    def _harmless(self, module: str, home: str) -> bool:
        if module in self.refused:
            return False
        parent, _, name = module.rpartition(".")
        if parent == home and name not in INNER_ROOMS:
            return True
        return module in sys.stdlib_module_names

    def render_broken_contract(self, check: ContractCheck) -> None:
        for chain in check.metadata["chains"]:
            output.print_error(" -> ".join(chain), bold=False)
