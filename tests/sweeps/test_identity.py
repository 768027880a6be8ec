"""Which function computed a point: fingerprints, names, what happens where the function changed."""

from __future__ import annotations

import ast
import collections
import datetime
import functools
import importlib.util
import json
import operator
import re
import shutil
import sqlite3
import subprocess
import sys
import textwrap
import types
from contextlib import closing
from decimal import Decimal
from fractions import Fraction

import dimod
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import sweep_points
import xarray as xr

import spinlab as sl
from spinlab.sweeps import Store, Sweep
from spinlab.sweeps.fingerprint import fingerprint, same

BASE = '''
import numpy as np
SCALE = 2.0
UNUSED = 1

def helper(x):
    return SCALE * x

def point(x, rng):
    """What it does."""
    # how
    return {"y": helper(x)}
'''


def load(text, folder, name="script"):
    """The function of a file that was saved there and imported."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.py"
    path.write_text(text)
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)  # texts of one length and second look alike
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module.point


@pytest.fixture(autouse=True)
def no_modules_left():
    yield
    sys.modules.pop("script", None)
    sys.modules.pop("other", None)


SAME = {
    "comment": BASE.replace("# how", "# how, in other words"),
    "docstring": BASE.replace("What it does.", "What it does,\n    at length."),
    "no docstring": BASE.replace('    """What it does."""\n', ""),
    "layout": BASE.replace('{"y": helper(x)}', '{\n        "y": helper( x ),\n    }'),
    "something else": BASE.replace("UNUSED = 1", "UNUSED = 2\n\ndef more():\n    return 1"),
}
OTHER = {
    "body": BASE.replace("helper(x)}", "helper(x) + 1}"),
    "constant": BASE.replace("SCALE = 2.0", "SCALE = 2.5"),
    "helper": BASE.replace("SCALE * x", "SCALE / x"),
    "default": BASE.replace("point(x, rng)", "point(x, rng, z=3)"),
}


@pytest.mark.parametrize("change", SAME)
def test_what_is_no_change(change, tmp_path):
    assert fingerprint(load(SAME[change], tmp_path / "b")) == fingerprint(load(BASE, tmp_path / "a"))


@pytest.mark.parametrize("change", OTHER)
def test_what_is_a_change(change, tmp_path):
    assert fingerprint(load(OTHER[change], tmp_path / "b")) != fingerprint(load(BASE, tmp_path / "a"))


def test_a_moved_or_renamed_function_is_the_same(tmp_path):
    one = fingerprint(load(BASE, tmp_path / "a"))
    assert fingerprint(load(BASE, tmp_path / "b" / "c")) == one
    assert fingerprint(load(BASE, tmp_path, "other")) == one


def closure(value):
    def point(x, rng):
        return {"y": value}

    return point


CLOSED_OVER = [
    1, 1.0, True, "1", b"1", None, (1, 2), [1, 2], {1, 2}, {"a": 1}, {"a": 2}, np.arange(3), np.arange(3.0),
    np.arange(4), np.float32(1), np.array([1, "a"], dtype=object), np.sin, np.cos, len, sweep_points.pair,
    sweep_points.steps, sl.ensembles.sk(N=4, rng=0), sl.ensembles.sk(N=4, rng=1), sl.ensembles.sk(N=5, rng=0),
    closure(1), closure(2), lambda x: x, int, dict, ast.Name,
]  # fmt: skip


def test_values_closed_over_count():
    prints = [fingerprint(closure(value)) for value in CLOSED_OVER]
    assert len(set(prints)) == len(prints)
    again = [fingerprint(closure(value)) for value in CLOSED_OVER]
    assert again == prints


class Slots:
    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


class Table(dict):
    """Holds more than its class shows."""


class Sized(float):
    pass


def with_attribute(value):
    array = np.zeros(2).view(type("Named", (np.ndarray,), {"__module__": __name__}))
    array.value = value
    return array


HOLDERS = {
    "slots": Slots,
    "subclass of dict": lambda x: Table(a=x),
    "subclass of float": Sized,
    "subclass of ndarray": with_attribute,
    "masked array": lambda x: np.ma.array([1, 2], mask=[0, x - 1]),
    "DataFrame": lambda x: pd.DataFrame({"a": [x, 2]}),
    "Series": lambda x: pd.Series([x, 2]),
    "DataArray": lambda x: xr.DataArray([x, 2], dims="i"),
    "Dataset": lambda x: xr.Dataset({"a": ("i", [x, 2])}),
    "sparse": lambda x: scipy.sparse.csr_array([[x, 2]]),
    "Fraction": lambda x: Fraction(x, 3),
    "Decimal": Decimal,
    "date": lambda x: datetime.date(2020, 1, x),
    "deque": lambda x: collections.deque([x]),
    "bytearray": lambda x: bytearray([x]),
    "range": range,
    "slice": slice,
    "proxy": lambda x: types.MappingProxyType({"a": x}),
    "namedtuple": collections.namedtuple("named", "a"),
    "pattern": lambda x: re.compile("a" * x),
    "getter": operator.itemgetter,
    "polynomial": lambda x: np.poly1d([x, 2]),
}


@pytest.mark.parametrize("name", HOLDERS)
def test_what_objects_hold_counts(name):
    """Also where it is neither in __dict__ nor written in Python."""
    made = HOLDERS[name]
    one, two = fingerprint(closure(made(1))), fingerprint(closure(made(2)))
    assert one == fingerprint(closure(made(1))) != two == fingerprint(closure(made(2)))


METHOD = """
class Law{base}:
    {head}
        return 1.0

law = Law()

def point(x, rng):
    return {{"y": x * law.{call}}}
"""


@pytest.mark.parametrize("base", ["", "(dict)", "(float)"])
@pytest.mark.parametrize(
    ("head", "call"),
    [("def f(self):", "f()"), ("@property\n    def f(self):", "f"), ("def __len__(self):", "__len__()")],
)
def test_the_class_of_an_object_counts(base, head, call, tmp_path):
    text = METHOD.format(base=base, head=head, call=call)
    one = fingerprint(load(text, tmp_path / "a"))
    assert fingerprint(load(text + "# end", tmp_path / "b")) == one
    assert fingerprint(load(text.replace("1.0", "2.0"), tmp_path / "c")) != one


def test_the_class_of_a_callable_object_counts(tmp_path):
    text = "class Law:\n    def __call__(self, x, rng):\n        return {'y': 1}\n\npoint = Law()"
    assert fingerprint(load(text, tmp_path / "a")) != fingerprint(
        load(text.replace("1}", "2}"), tmp_path / "b")
    )


def plain(x, rng):
    return {"y": float(x)}


def wrapped(factor, function=plain):
    @functools.wraps(function)
    def wrapper(**given):
        return {name: factor * y for name, y in function(**given).items()}

    return wrapper


class Wrapper:
    def __init__(self, factor):
        self.factor = factor
        functools.update_wrapper(self, plain)

    def __call__(self, **given):
        return {name: self.factor * y for name, y in plain(**given).items()}


def with_own_attribute(factor):
    def point(x, rng):
        return {"y": point.factor * x}

    point.factor, point.unused = factor, object()
    return point


class Settings:
    factor, other = 1, 3
    more: int = 4


def reads_a_class(x, rng):
    return {"y": Settings.factor * x}


FOREIGN = """
import functools

def point(factor, function):
    memory = {}
    @functools.wraps(function)
    def wrapper(**given):
        memory[len(memory)] = given
        return {name: factor * y for name, y in function(**given).items()}
    return wrapper
"""


@pytest.mark.parametrize(
    "name", ["wraps", "update_wrapper", "two wraps", "attribute", "decorator of another module"]
)
def test_what_wraps_a_function_counts(name, tmp_path):
    foreign = load(FOREIGN, tmp_path, "decorators")
    make = {
        "wraps": wrapped,
        "update_wrapper": Wrapper,
        "two wraps": lambda factor: wrapped(5, wrapped(factor)),
        "attribute": with_own_attribute,
        "decorator of another module": lambda factor: foreign(factor, plain),
    }[name]
    one, two = make(1), make(2)
    before = fingerprint(one)
    assert before == fingerprint(make(1)) != fingerprint(two)
    one(x=1, rng=0)  # what a wrapper remembers does not count
    assert fingerprint(one) == before
    run(make(1), tmp_path / "store")
    with pytest.raises(ValueError, match="another function of this name"):
        run(two, tmp_path / "store")


def test_attributes_of_a_class_that_were_set_later_count(monkeypatch):
    before = fingerprint(reads_a_class)
    monkeypatch.setattr(Settings, "factor", 2)
    changed = fingerprint(reads_a_class)
    monkeypatch.setattr(Settings, "factor", 1)
    assert fingerprint(reads_a_class) == before != changed


def test_generators_and_tables_change_with_use():
    """What is drawn or looked up is no other function."""
    generator, table = np.random.default_rng(1), pd.DataFrame({"a": [1, 2]})
    before = [fingerprint(closure(value)) for value in (generator, table)]
    generator.random(3)
    table.a.loc[1]
    assert [fingerprint(closure(value)) for value in (generator, table)] == before
    with open(__file__) as file:  # cannot be kept
        assert fingerprint(closure(file)) == fingerprint(closure(file))


def test_use_of_an_object_is_no_change():
    model = sl.ensembles.ra_rbm(V=4, H=5, K=2, rng=0)
    before = fingerprint(closure(model))
    model.energy(np.ones(9))
    sl.ground_state(model)
    assert fingerprint(closure(model)) == before


def test_notes_that_other_packages_keep_are_no_change():
    """dimod keeps views, scipy what it found out about the order of entries; what they hold counts."""
    bqm = dimod.BinaryQuadraticModel({"a": 1.0, "b": -1.0}, {"ab": 0.5}, 0.0, "SPIN")
    matrix = scipy.sparse.csr_array(np.array([[0.0, 2.0], [2.0, 0.0]]))
    before = [fingerprint(closure(value)) for value in (bqm, matrix)]
    sl.ground_state(bqm)
    assert bqm.linear is not None
    assert bqm.binary.num_variables == 2
    assert matrix.has_canonical_format
    assert (matrix @ matrix).nnz == 2
    assert [fingerprint(closure(value)) for value in (bqm, matrix)] == before
    bqm.add_linear("a", 0.25)
    matrix.data[0] = 3.0
    after = [fingerprint(closure(value)) for value in (bqm, matrix)]
    assert after[0] != before[0]
    assert after[1] != before[1]
    bqm.add_linear("a", -0.25)
    bqm.offset = 1.0
    names = bqm.copy().relabel_variables({"a": "c"}, inplace=False)
    binary = bqm.change_vartype("BINARY", inplace=False)
    other = [fingerprint(closure(value)) for value in (bqm, names, binary)]
    assert len({before[0], *other}) == 4


def test_circles_end():
    circle: list = []
    circle.append(circle)

    def even(n):
        return n == 0 or odd(n - 1)

    def odd(n):
        return n != 0 and even(n - 1)

    assert fingerprint(closure(circle)) == fingerprint(closure(circle))
    assert fingerprint(even) == fingerprint(even) != fingerprint(odd)


def test_without_source():
    def made(text):
        scope: dict = {}
        exec(text, scope)
        return scope["point"]

    one = fingerprint(made("def point(x, rng):\n    'doc'\n    return {'y': x}"))
    assert one.startswith("bytecode 3.")
    assert fingerprint(made("\n\ndef point(x, rng):\n    return {'y': x}  # said")) == one
    assert fingerprint(made("def point(x, rng):\n    return {'y': -x}")) != one


def test_prints_of_two_kinds_say_nothing():
    """A store taken to another Python, or from a notebook to `python -c`."""
    assert same(None, "ab")
    assert same("ab", "ab")
    assert not same("ab", "cd")
    assert same("bytecode 3.11 ab", "cd")
    assert same("bytecode 3.11 ab", "bytecode 3.12 cd")
    assert not same("bytecode 3.11 ab", "bytecode 3.11 cd")


def test_the_same_tree_in_every_python():
    """Known answer: what the syntax trees of 3.11 to 3.14 have in common."""
    assert fingerprint(sweep_points.product) == fingerprint(sweep_points.product)
    source = "def point(x, rng):\n    return {f'{x!r:>3}': x[1:], 'b': [*x, None, ...], 'c': (yield)}"
    from spinlab.sweeps.fingerprint import _dump

    text = repr(_dump(ast.parse(source).body[0], top=True))
    assert "type_params" not in text
    assert text.startswith("('FunctionDef', ('args', ('arguments', ('args', (('arg', ('arg', ('str', \"'x'\"")
    assert "('Constant', ('value', ('NoneType', 'None')))" in text


# --- stores -------------------------------------------------------------------------------------------


def run(function, store, **options):
    return Sweep(function, {"x": [1, 2]}).run(store, **options).y.values.ravel().tolist()


def test_two_scripts_of_one_name_do_not_share_numbers(tmp_path):
    store = tmp_path / "store"
    assert run(load(BASE, tmp_path / "a"), store) == [2, 4]
    assert run(load(SAME["comment"], tmp_path / "b"), store) == [2, 4]
    changed = load(OTHER["body"], tmp_path / "c")
    with pytest.raises(
        ValueError, match=r'2 points of script:point .* changed="keep".*changed="redo"'
    ) as info:
        run(changed, store)
    assert str(store) in str(info.value)
    with pytest.raises(ValueError, match="another function of this name"):
        Sweep(changed, {"x": [7]}).run(store)  # no common point, but one grid
    assert run(changed, store, changed="redo") == [3, 5]
    assert run(changed, store) == [3, 5]
    with pytest.raises(ValueError, match="another function"):
        run(load(BASE, tmp_path / "a"), store)


def test_keep_is_remembered(tmp_path):
    store = tmp_path / "store"
    run(load(BASE, tmp_path / "a"), store)
    changed = load(OTHER["body"], tmp_path / "c")
    assert run(changed, store, changed="keep") == [2, 4]
    assert run(changed, store) == [2, 4]
    assert Sweep(changed, {"x": [1, 2, 3]}).run(store).y.values.ravel().tolist() == [2, 4, 7]
    (sweep,) = Store(store).status()["sweeps"]
    assert sweep["done"] == 3
    back = load(BASE, tmp_path / "a")
    assert run(back, store, changed="keep") == [2, 4]
    assert run(load(OTHER["body"], tmp_path / "c"), store, changed="keep") == [2, 4]


def test_other_versions_names_and_seeds_are_other_sweeps(tmp_path):
    run(load(BASE, tmp_path / "a"), tmp_path / "store")
    changed = load(OTHER["body"], tmp_path / "c")
    for options in ({"version": "2"}, {"name": "mine"}, {"seed": 1}):
        data = Sweep(changed, {"x": [1, 2]}, **options).run(tmp_path / "store")
        assert data.y.values.ravel().tolist() == [3, 5]
    assert len(Store(tmp_path / "store").status()["sweeps"]) == 4


def test_stores_of_earlier_versions_have_no_fingerprint(tmp_path):
    run(load(BASE, tmp_path / "a"), tmp_path / "store")
    with closing(sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None)) as db:
        (made,) = db.execute("SELECT made FROM sweeps").fetchone()
        assert "fingerprint" in json.loads(made)
        db.execute("UPDATE sweeps SET made = json_remove(made, '$.fingerprint')")
    assert run(load(OTHER["body"], tmp_path / "c"), tmp_path / "store") == [2, 4]


def test_retry_and_merge_look_at_the_function_too(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path / "a")
    run(load(BASE, tmp_path / "a"), tmp_path / "one")
    failing = load(BASE.replace("helper(x)}", "1 / 0}"), tmp_path / "a")
    with pytest.warns(RuntimeWarning, match="1 of 1"):
        Sweep(failing, {"x": [3]}).run(tmp_path / "two")
    load(BASE, tmp_path / "a")
    with pytest.raises(ValueError, match="another function"):
        Store(tmp_path / "two").retry()
    with pytest.raises(
        ValueError, match=r'script:point in .* and in .* are different functions.*changed="keep"'
    ):
        Store(tmp_path / "one").merge(tmp_path / "two")
    assert Store(tmp_path / "two").retry(changed="keep") == 0
    Store(tmp_path / "one").merge(tmp_path / "two")
    assert Store(tmp_path / "one").to_xarray().y.values.ravel().tolist() == [2, 4, 6]
    run(load(OTHER["helper"], tmp_path / "a"), tmp_path / "three")
    with pytest.raises(ValueError, match="different"):
        Store(tmp_path / "one").merge(tmp_path / "three", changed="keep")  # and so are the results
    with pytest.raises(ValueError, match="changed must be"):
        Store(tmp_path / "one").merge(tmp_path / "three", changed="redo")


@pytest.mark.parametrize("changed", ["no", True, 1])
def test_bad_changed(changed, tmp_path):
    with pytest.raises(ValueError, match='changed must be None, "keep" or "redo"'):
        run(sweep_points.sometimes, tmp_path / "store", changed=changed)


# --- names --------------------------------------------------------------------------------------------


def test_relabel_after_a_rename(tmp_path):
    old = Sweep(sweep_points.product, {"a": [1, 2], "b": [1]}, replicas=2, pair_over=["a"])
    before = old.run(tmp_path / "store")
    renamed = Sweep(sweep_points.product_renamed, {"a": [1, 2, 3], "b": [1]}, replicas=2, pair_over=["a"])
    Store(tmp_path / "store").relabel("sweep_points:product", "sweep_points:product_renamed")
    data = renamed.run(tmp_path / "store")
    assert Store(tmp_path / "store").status()["sweeps"][0]["function"] == "sweep_points:product_renamed"
    np.testing.assert_array_equal(data.y.sel(a=[1, 2]), before.y)
    assert (data.y.sel(a=3) == before.y.sel(a=1)).all()  # pairing goes on, by the seeds of the first name
    with pytest.raises(ValueError, match="has no points of 'sweep_points:product'; it has"):
        Store(tmp_path / "store").relabel("sweep_points:product", "x:y")
    with pytest.raises(ValueError, match="one that the store does not have"):
        Store(tmp_path / "store").relabel("sweep_points:product_renamed", "sweep_points:product_renamed")
    Store(tmp_path / "store").relabel("sweep_points:product_renamed", "a:b")
    Store(tmp_path / "store").relabel("a:b", "sweep_points:product")
    assert old.run(tmp_path / "store").identical(before.assign_attrs(old.run(tmp_path / "store").attrs))
    Store(tmp_path / "store").relabel("sweep_points:product", "sweep_points:product_renamed")
    renamed.fill(tmp_path / "second", shard="1/2")
    Store(tmp_path / "second").merge(tmp_path / "store")


def test_a_name_keeps_the_seeds_after_a_rename():
    old = Sweep(sweep_points.product, {"a": [1, 2], "b": [1]})
    new = Sweep(sweep_points.product_renamed, {"a": [1, 2], "b": [1]}, name="sweep_points:product")
    assert list(old.points()) == list(new.points())


@pytest.mark.parametrize("name", ["", " ", 3, b"x"])
def test_bad_names(name):
    with pytest.raises(ValueError, match="name must be a text"):
        Sweep(sweep_points.product, {"a": [1], "b": [1]}, name=name)


class Holder:
    """Functions in a class."""

    @staticmethod
    def point(x, rng):
        return {"y": x}


@pytest.mark.parametrize("options", [{"executor": 1}, {"store": "store"}])
def test_static_and_nested_functions_go_everywhere(options, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def nested(x, rng):
        return {"y": x + offset}

    offset = 10
    assert run(Holder.point, **{"store": None} | options) == [1, 2]
    assert run(nested, **{"store": None} | options) == [11, 12]
    offset = 20
    if "store" in options:
        with pytest.raises(ValueError, match="a value that it closes over"):
            run(nested, **options)
        functions = [sweep["function"] for sweep in Store("store").status()["sweeps"]]
        assert functions[0].endswith(":Holder.point")
        assert functions[1].endswith(".<locals>.nested")
    else:
        assert run(nested, None, **options) == [21, 22]


def test_a_lambda_needs_a_name_for_the_store(tmp_path):
    point = lambda x, rng: {"y": x}  # noqa: E731
    with pytest.raises(ValueError, match=r"a lambda has no name.*name="):
        run(point, tmp_path / "store")
    assert list(tmp_path.iterdir()) == []
    assert run(point, None, executor=1) == [1, 2]
    assert Sweep(point, {"x": [1]}, name="one").run(tmp_path / "store", executor=1).y.item() == 1


def test_a_function_that_cannot_travel(tmp_path):
    with open(tmp_path / "file", "w") as file:

        def point(x, rng):
            return {"y": file.fileno()}

        with pytest.raises(ValueError, match=r"point cannot be sent to worker processes.*pickled.*without"):
            run(point, None, executor=1)
        assert len(run(point, None)) == 2


NOTEBOOK = """
import numpy as np
import spinlab as sl
SCALE = 3
def helper(x): return SCALE * x
def point(x, rng): return {"y": helper(x) + 0 * np.random.default_rng(rng).normal()}
sweep = sl.sweeps.Sweep(point, {"x": [1, 2]})
print(sweep.run("store", executor=2, progress=False).y.values.ravel(), sweep.plan.function)
"""


@pytest.mark.parametrize("how", ["-c", "-"])
def test_functions_typed_in(how, tmp_path):
    """`python -c`, whose source Python 3.13 knows, and standard input: no file that a worker could import."""

    def run(code):
        arguments = [sys.executable, how] + ([code] if how == "-c" else [])
        return subprocess.run(
            arguments, input=code, cwd=tmp_path, capture_output=True, text=True, timeout=300
        )

    done = run(NOTEBOOK)
    assert done.stdout == "[3. 6.] __main__:point\n", done.stderr
    done = run(NOTEBOOK.replace("SCALE = 3", "SCALE = 4"))
    assert 'changed="redo"' in done.stderr.splitlines()[-1]


def test_values_that_differ_by_rounding_are_pointed_out(tmp_path):
    with pytest.warns(RuntimeWarning, match=r"axis 'x' has 0.3 and 0.30000000000000004: two points.*round"):
        Sweep(sweep_points.sometimes, {"x": [0.3, 0.1 + 0.2]})
    run(sweep_points.sometimes, tmp_path / "store")
    Sweep(sweep_points.sometimes, {"x": [0.3]}).run(tmp_path / "store")
    with pytest.warns(RuntimeWarning, match=r"store.sqlite: axis 'x' has 0.3 and 0.30000000000000004"):
        Sweep(sweep_points.sometimes, {"x": [0.1 + 0.2]}).run(tmp_path / "store")
    Sweep(sweep_points.sometimes, {"x": [0.3, 0.30001, 1e-300, 2e-300, 10**20, 10**20 + 1]})


def test_seeds_keep_their_formula(tmp_path):
    """A fingerprint is beside the points, not in them."""
    load(textwrap.dedent(BASE), tmp_path)
    points = [list(Sweep(load(text, tmp_path), {"x": [1]}).points()) for text in (BASE, OTHER["body"])]
    assert points[0] == points[1]
