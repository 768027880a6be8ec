"""What a point function does, as a hash: its syntax tree and what it closes over, not where it lies.

Comments, docstrings, the function's own name, the folder and the file do not count. Followed are the
values of closures and defaults, and what is used by name of the function's own module: constants,
functions and classes. What comes from other modules counts by its name alone; their versions are in
the store.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import random
import sys
import textwrap
import types
from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import blake2b
from typing import Any

import numpy as np

_IGNORED = {"type_comment", "type_params", "kind", "lineno", "col_offset", "end_lineno", "end_col_offset"}
_BYTECODE = "bytecode "
_ATOMS = (type(None), type(Ellipsis), bool, int, float, complex, str, bytes)
_LASTING = (*_ATOMS, tuple, np.ndarray, np.generic, types.FunctionType, functools.partial, type)
_UNKNOWN = object()
_SOURCES = (random.Random, np.random.Generator, np.random.RandomState, np.random.BitGenerator)


def fingerprint(function: Any) -> str:
    """A hash of 16 bytes as text; of the bytecode, for this version of Python, where there is no source."""
    first = function
    while isinstance(first, functools.partial):
        first = first.func
    walk = _Walk(getattr(first, "__module__", None))
    parts = walk.describe(function)
    digest = blake2b(repr(parts).encode(errors="backslashreplace"), digest_size=16).hexdigest()
    python = "{}.{}".format(*sys.version_info)
    return f"{_BYTECODE}{python} {digest}" if walk.bytecode else digest


def same(one: str | None, other: str | None) -> bool:
    """Whether two fingerprints do not contradict each other: unknown ones, or ones of two kinds, do not."""
    if one is None or other is None:
        return True
    return one.split()[:-1] != other.split()[:-1] or one == other


class _Walk:
    """Describes values as nested tuples of texts; every function and object once."""

    def __init__(self, home: str | None) -> None:
        self.seen: dict[int, int] = {}
        self.keep: list[Any] = []  # so that no id is used twice
        self.bytecode = False
        self.home = home

    def describe(self, value: Any) -> Any:
        kind = type(value)  # an instance of a subclass is an object, with a class
        if kind in _ATOMS:
            return kind.__name__, repr(value)
        if kind is tuple:  # before the memory of what was seen: equal ones may be one object
            return "tuple", *map(self.describe, value)
        if isinstance(value, np.generic) or kind is np.ndarray:
            if value.dtype.hasobject:
                return "objects", self.describe(value.tolist())
            content = blake2b(np.ascontiguousarray(value).tobytes(), digest_size=16).hexdigest()
            return "array", value.dtype.str, np.shape(value), content
        if isinstance(value, types.ModuleType | types.BuiltinFunctionType | np.ufunc):
            return "name", getattr(value, "__module__", None), value.__name__
        if id(value) in self.seen:
            return "seen", self.seen[id(value)]
        self.seen[id(value)] = len(self.seen)
        self.keep.append(value)
        if kind is list:
            return "list", *map(self.describe, value)
        if kind in (set, frozenset):
            return kind.__name__, *sorted(repr(self.describe(item)) for item in value)
        if kind is dict:
            return "mapping", *((self.describe(k), self.describe(v)) for k, v in value.items())
        if isinstance(value, functools.partial):
            return (
                "partial",
                self.describe(value.func),
                self.describe(value.args),
                self.describe(value.keywords),
            )
        if isinstance(value, types.MethodType):
            return "method", self.describe(value.__func__), self.describe(value.__self__)
        if isinstance(value, type):
            return self._class(value)
        inner = getattr(value, "py_func", value)  # compiled by numba
        if isinstance(inner, types.FunctionType):
            return self._function(inner)
        if callable(value) and kind.__module__ != self.home and hasattr(value, "__wrapped__"):
            return self.describe(value.__wrapped__)  # of functools.lru_cache, joblib: they keep, not change
        return self._object(value)

    def _function(self, function: types.FunctionType) -> Any:
        if self.home is None:
            self.home = function.__module__
        wrapped = vars(function).get("__wrapped__")
        if wrapped is not None and function.__globals__.get("__name__") != self.home:
            return self._foreign_wrapper(function, wrapped)
        if function.__module__ != self.home:
            return "name", function.__module__, function.__qualname__
        # By its code: functools.wraps gives a wrapper the name, the module and the source of what it wraps.
        tree, names = _tree(function.__code__, function.__code__.co_name), _names_in_code(function.__code__)
        own = {name: x for name, x in vars(function).items() if name in names and isinstance(x, _LASTING)}
        if tree is None:
            self.bytecode = True
            body: Any = _code(function.__code__, function.__doc__)
        else:
            decorators = {
                name for node in getattr(tree, "decorator_list", ()) for name in _names_in_tree(node)
            }
            body, names = _dump(tree, top=True), names & _names_in_tree(tree) | decorators
        return (
            "function",
            body,
            self.describe(function.__defaults__),
            self.describe(function.__kwdefaults__),
            tuple(self._cell(cell) for cell in function.__closure__ or ()),
            tuple(self._globals(names, function.__globals__)),
            *((self.describe(own),) if own else ()),
            *((self.describe(wrapped),) if wrapped is not None else ()),
        )

    def _foreign_wrapper(self, function: types.FunctionType, wrapped: Any) -> Any:
        """What a decorator of another module made: by name, with the settings that it closes over."""
        cells = [_content(cell) for cell in function.__closure__ or ()]
        settings = tuple(x for x in cells if isinstance(x, _LASTING))  # not the memory that it may keep there
        name = function.__globals__.get("__name__"), function.__code__.co_name
        return "wrapper", name, self.describe(settings), self.describe(wrapped)

    def _globals(self, names: set[str], scope: Mapping[str, Any]) -> Iterator[Any]:
        for name in sorted(names):
            if name in scope:
                yield name, self.describe(scope[name])

    def _cell(self, cell: types.CellType) -> Any:
        content = _content(cell)
        return "empty" if content is cell else self.describe(content)

    def _class(self, value: type) -> Any:
        if value.__module__ != self.home:
            return "name", value.__module__, value.__qualname__
        tree = _tree(value, value.__name__)
        if tree is None:
            members = {k: v for k, v in vars(value).items() if isinstance(v, types.FunctionType)}
            return "class", value.__qualname__, self.describe(dict(sorted(members.items())))
        scope = vars(sys.modules[value.__module__]) if value.__module__ in sys.modules else {}
        later = _set_later(value, tree)
        added = (self.describe(later),) if later else ()
        return "class", _dump(tree), tuple(self._globals(_names_in_tree(tree), scope)), *added

    def _object(self, value: Any) -> Any:
        """Its class and what it holds; nothing of what it has computed for later use."""
        kind = type(value)
        if isinstance(value, _SOURCES):  # they change with every use, and a point has a seed of its own
            return "random", kind.__qualname__
        what = self.describe(kind) if kind.__module__ == self.home else (kind.__module__, kind.__qualname__)
        content = _foreign(value)
        if content is not None:
            return "object", what, self.describe(content)
        if dataclasses.is_dataclass(value):
            state = {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)}
        elif _says_itself(kind):
            added = _own(value) if kind.__module__ == self.home else {}  # others may keep caches there
            return "object", what, self._content(value), self._reduced(value), self.describe(added)
        else:
            members = [item for parent in kind.__mro__ for item in vars(parent).items()]
            cached = {name for name, member in members if isinstance(member, functools.cached_property)}
            slots = [name for name, member in members if isinstance(member, types.MemberDescriptorType)]
            state = {name: getattr(value, name) for name in slots if hasattr(value, name)}
            state |= _own(value)
            state = {name: x for name, x in state.items() if name not in cached | {"_cache"}}
        return "object", what, self._content(value), self.describe(state)

    def _content(self, value: Any) -> Any:
        """What an instance of a subclass of a built-in type holds as such."""
        if isinstance(value, Mapping):
            return self.describe(dict(value.items()))
        if isinstance(value, list | tuple):
            return self.describe(list(value))
        if isinstance(value, set | frozenset):
            return self.describe(set(value))
        base: Any = next((atom for atom in _ATOMS if isinstance(value, atom)), None)
        return None if base is None else (base.__name__, base.__repr__(value))

    def _reduced(self, value: Any) -> Any:
        """What pickle would keep (arrays of other packages, tables, generators of random numbers)."""
        try:
            parts = value.__reduce_ex__(4)
        except Exception:  # no two of them can be told apart: files, locks, iterators
            return "unknown"
        if isinstance(parts, str):
            return "name", parts
        made, given, *rest = parts
        state, items, pairs = (*rest, None, None, None)[:3]
        return tuple(map(self.describe, (made, given, state, list(items or ()), dict(pairs or ()))))


def _content(cell: types.CellType) -> Any:
    """What a closure holds; the cell itself where it is empty."""
    try:
        return cell.cell_contents
    except ValueError:
        return cell


def _set_later(kind: type, tree: Any) -> dict[str, Any]:
    """Plain attributes of a class that are not what its source says: set since it was defined."""
    written: dict[str, Any] = {}
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            if isinstance(target, ast.Name):
                with suppress(ValueError, TypeError, AttributeError):
                    written[target.id] = ast.literal_eval(node.value)
                written.setdefault(target.id, _UNKNOWN)
    return {
        name: x
        for name, x in sorted(vars(kind).items())
        if type(x) in _ATOMS
        and not (name[0] == name[-1] == "_")
        and written.get(name, name) not in (x, _UNKNOWN)
    }


def _foreign(value: Any) -> tuple[Any, ...] | None:
    """What sparse arrays of scipy and quadratic models of dimod hold, without the notes of their use."""
    package = type(value).__module__.partition(".")[0]
    if package == "scipy" and hasattr(value, "tocoo"):
        entries = value.tocoo(copy=True)
        entries.sum_duplicates()
        return tuple(entries.shape), tuple(map(np.asarray, entries.coords)), np.asarray(entries.data)
    if package == "dimod" and hasattr(value, "to_numpy_vectors"):
        names = list(value.variables)
        linear, quadratic, offset = value.to_numpy_vectors(names, sort_indices=True)
        return value.vartype.name, names, linear, tuple(quadratic), offset
    return None


def _own(value: Any) -> dict[str, Any]:
    return dict(getattr(value, "__dict__", {}))


def _says_itself(kind: type) -> bool:
    """Whether a class has its own way of being kept, or hides what it holds from Python."""
    own = ("__reduce__", "__reduce_ex__", "__getstate__")
    if any(getattr(kind, name, None) is not getattr(object, name, None) for name in own):
        return True
    plain = any(
        isinstance(member, types.MemberDescriptorType) for p in kind.__mro__ for member in vars(p).values()
    )
    return not (plain or kind.__dictoffset__)


def _tree(thing: Any, name: str) -> ast.AST | None:
    """The definition; None without source, or where several lambdas share a line."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(thing)))
    except (OSError, TypeError, SyntaxError, ValueError, RecursionError):
        return None
    if name == "<lambda>":
        found: list[Any] = [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]
    else:
        found = [n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef) and n.name == name]
    return found[0] if len(found) == 1 else None


def _dump(node: Any, top: bool = False) -> Any:
    """The tree as nested tuples, the same in every version of Python: no positions, no empty fields."""
    if isinstance(node, list):
        return tuple(map(_dump, node))
    if not isinstance(node, ast.AST):
        return type(node).__name__, repr(node)
    fields = []
    for name, value in ast.iter_fields(node):
        if name in _IGNORED or value == [] or (value is None and not isinstance(node, ast.Constant)):
            continue
        if name == "name" and top:
            continue
        if name == "body" and _is_documented(node):
            value = value[1:]
        fields.append((name, _dump(value)))
    return type(node).__name__, *fields


def _is_documented(node: ast.AST) -> bool:
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None


def _names_in_tree(tree: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def _code(code: types.CodeType, doc: str | None = None) -> Any:
    constants = tuple(
        _code(value) if isinstance(value, types.CodeType) else "None" if value == doc else repr(value)
        for value in code.co_consts
    )
    return code.co_code.hex(), constants, code.co_names, code.co_varnames


def _names_in_code(code: types.CodeType) -> set[str]:
    inner = (_names_in_code(value) for value in code.co_consts if isinstance(value, types.CodeType))
    return set(code.co_names).union(*inner)
