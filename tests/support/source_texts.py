"""What an expression of our source may say: its texts, followed through names, calls and callers.

By rules of thumb, as a reader would: a variable is what the same function puts into it, a call what the function of
that name returns, a parameter what callers pass to a function that makes errors. `…` stands for what is not text.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GAP = "…"
Function = ast.FunctionDef | ast.AsyncFunctionDef
Text = tuple[str, str]
"""What may be said, and where it stands."""

_LEAST_WORDS_WITHIN = 6
_WORD = re.compile(r"(?<!\S)[^\s_]*[A-Za-z][^\s_]*(?!\S)")
_FORMATTED = re.compile(r"%(?:\(\w+\))?[-\d.]*[sdrfg]|{[^{}]*}")
_MAKES_ERRORS = re.compile(r"Error\b|Finding|Verdict|NoReturn")


def words(text: str) -> int:
    return len(_WORD.findall(text))


class Module:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        self.constants: dict[str, ast.expr] = {}
        self.parents: dict[ast.AST, ast.AST] = {}
        for node in ast.walk(self.tree):
            for child in ast.iter_child_nodes(node):
                self.parents[child] = node
        for node in self.tree.body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                for name in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    if isinstance(name, ast.Name):
                        self.constants[name.id] = node.value

    def function_of(self, node: ast.AST) -> Function | None:
        while node in self.parents:
            node = self.parents[node]
            if isinstance(node, Function):
                return node
        return None


class Programs:
    """The modules at `paths`. Functions called as one of `makers` make an error of what is passed to them."""

    def __init__(self, paths: Iterable[Path], *, makers: Collection[str]) -> None:
        self._makers = makers
        self.modules = [Module(path) for path in paths]
        self._functions: dict[str, list[tuple[Module, Function]]] = defaultdict(list)
        self._calls: dict[str, list[tuple[Module, ast.Call]]] = defaultdict(list)
        self._constants: dict[str, list[tuple[Module, ast.expr]]] = defaultdict(list)
        for module in self.modules:
            for node in ast.walk(module.tree):
                if isinstance(node, Function):
                    self._functions[node.name].append((module, node))
                elif isinstance(node, ast.Call):
                    self._calls[name_of(node.func)].append((module, node))
            for name, value in module.constants.items():
                self._constants[name].append((module, value))
        self._seen: set[ast.AST] = set()

    def texts(self, node: ast.expr, module: Module) -> Iterator[Text]:
        """What `node`, which stands in `module`, may say.

        A text within another counts by itself once it has six words: less could not be searched for.
        """
        self._seen = set()
        yield from self._texts(node, module)

    def _texts(self, node: ast.expr, module: Module) -> Iterator[Text]:
        if node in self._seen:
            return
        self._seen.add(node)
        place = f"{module.path.relative_to(ROOT).as_posix()}:{node.lineno}"
        match node:
            case ast.Constant(value=str(text)):
                yield _FORMATTED.sub(GAP, text) if "%" in text else text, place
            case ast.JoinedStr():
                yield "".join(self._part(part, module) for part in node.values), place
                for part in node.values:
                    if isinstance(part, ast.FormattedValue) and not self._constant(part.value, module):
                        yield from _long(self._texts(part.value, module))
            case ast.BinOp(op=ast.Add()) if any(isinstance(n, ast.Constant | ast.JoinedStr) for n in ast.walk(node)):
                yield self._part(node, module), place
                yield from _long(self._all(self._operands(node), module))
            case ast.IfExp():
                yield from self._all([node.body, node.orelse], module)
            case ast.BoolOp():
                yield from self._all(node.values, module)
            case ast.Tuple() | ast.List() | ast.Set():
                yield from self._all(node.elts, module)
            case ast.Dict():
                yield from self._all(node.values, module)
            case ast.Starred() | ast.Await() | ast.NamedExpr() | ast.Subscript():
                yield from self._texts(node.value, module)
            case ast.GeneratorExp() | ast.ListComp():
                yield from self._texts(node.elt, module)
            case ast.Name():
                yield from self._named(node, module)
            case ast.Attribute(attr=name) if name.isupper():
                yield from self._constants_called(name)
            case ast.Call():
                yield from self._called(node, module)

    def _all(self, nodes: Iterable[ast.expr], module: Module) -> Iterator[Text]:
        for node in nodes:
            yield from self._texts(node, module)

    def _operands(self, node: ast.expr) -> list[ast.expr]:
        if isinstance(node, ast.BinOp):
            return [*self._operands(node.left), *self._operands(node.right)]
        return [] if isinstance(node, ast.Constant | ast.JoinedStr) else [node]

    def _part(self, node: ast.expr, module: Module) -> str:
        """What stands for `node` within a longer text."""
        match node:
            case ast.Constant(value=str(text)):
                return text
            case ast.JoinedStr():
                return "".join(self._part(part, module) for part in node.values)
            case ast.BinOp(op=ast.Add()):
                return self._part(node.left, module) + self._part(node.right, module)
            case ast.FormattedValue():
                return self._constant(node.value, module) or GAP
        return self._constant(node, module) or GAP

    def _constant(self, node: ast.expr, module: Module) -> str | None:
        name = name_of(node)
        known = [(module, module.constants[name])] if name in module.constants else self._constants.get(name, [])
        if isinstance(node, ast.Name | ast.Attribute) and len(known) == 1:
            home, value = known[0]
            if isinstance(value, ast.Constant | ast.JoinedStr | ast.BinOp):
                text = self._part(value, home)
                return text if re.search("[A-Za-z]", text) else None
        return None

    def _named(self, node: ast.Name, module: Module) -> Iterator[Text]:
        function = module.function_of(node)
        while function is not None:
            if node.id in (names := [arg.arg for arg in _arguments(function)]):
                yield from self._passed(function, names.index(node.id), node.id, module)
            yield from self._all(_assigned(function, node.id), module)
            function = module.function_of(function)
        if node.id in module.constants:
            yield from self._texts(module.constants[node.id], module)
        elif node.id.isupper():
            yield from self._constants_called(node.id)

    def _constants_called(self, name: str) -> Iterator[Text]:
        for home, value in self._constants.get(name, []):
            yield from self._texts(value, home)

    def _passed(self, function: Function, at: int, name: str, module: Module) -> Iterator[Text]:
        """What callers give as the parameter `name`, where the function is there to make an error of it."""
        parent = module.parents.get(function)
        makes_errors = _MAKES_ERRORS.search(_returned(function)) or function.name in self._makers
        if not (makes_errors or function.name.startswith("_")):
            return
        is_method = isinstance(parent, ast.ClassDef)
        called = parent.name if isinstance(parent, ast.ClassDef) and function.name == "__init__" else function.name
        for caller, call in self._calls.get(called, []):
            if called.startswith("_") and caller is not module:
                continue
            position = at - is_method
            if 0 <= position < len(call.args):
                yield from self._texts(call.args[position], caller)
            yield from self._all((word.value for word in call.keywords if word.arg == name), caller)

    def _called(self, node: ast.Call, module: Module) -> Iterator[Text]:
        name = name_of(node.func)
        if name in {"join", "filter", "str"}:
            yield from self._all(node.args, module)
        elif name in {"strip", "rstrip"} and isinstance(node.func, ast.Attribute):
            yield from self._texts(node.func.value, module)
        elif name == "format" and isinstance(node.func, ast.Attribute):
            for text, place in self._texts(node.func.value, module):
                yield _FORMATTED.sub(GAP, text), place
        own = [one for one in self._functions.get(name, []) if one[0] is module]
        known = own or ([] if name.startswith("_") else self._functions.get(name, []))
        for home, function in known if len(known) <= 2 else []:
            if "str" in _returned(function):
                yield from self._all(_given_back(function, home), home)


def _long(texts: Iterator[Text]) -> Iterator[Text]:
    return (found for found in texts if words(found[0]) >= _LEAST_WORDS_WITHIN)


def name_of(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call():
            return name_of(node.func)
    return ""


def _returned(function: Function) -> str:
    return "" if function.returns is None else ast.unparse(function.returns)


def _arguments(function: Function) -> list[ast.arg]:
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]


def _assigned(function: Function, name: str) -> Iterator[ast.expr]:
    for node in ast.walk(function):
        if isinstance(node, ast.NamedExpr) and node.target.id == name:
            yield node.value
        elif isinstance(node, ast.For | ast.comprehension) and isinstance(node.target, ast.Name):
            yield from [node.iter] if node.target.id == name else []
        elif isinstance(node, ast.AugAssign) and name_of(node.target) == name:
            yield node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and name_of(node.func.value) == name:
            yield from node.args if node.func.attr in {"append", "extend"} else []
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name) and target.id == name:
                    yield node.value
                elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    pairs = zip(target.elts, node.value.elts, strict=False)
                    yield from (value for one, value in pairs if isinstance(one, ast.Name) and one.id == name)


def _given_back(function: Function, module: Module) -> Iterator[ast.expr]:
    for node in ast.walk(function):
        if isinstance(node, ast.Return | ast.Yield) and node.value is not None and module.function_of(node) is function:
            yield node.value
