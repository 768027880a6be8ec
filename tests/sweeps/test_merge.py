"""Several stores into one: shards of a sweep, overlaps, conflicts, and the command."""

from __future__ import annotations

import argparse
import sqlite3
from contextlib import closing

import pytest
import sweep_points

from spinlab import cli
from spinlab._commands import sweep as command
from spinlab.sweeps import Store, Sweep
from spinlab.sweeps.encode import encode

SWEEP = Sweep(sweep_points.pair, {"V": [8, 10], "std": [0.1, 1.0]}, replicas=9, seed=5)


def bits(dataset):
    return {name: (v.dims, v.dtype.str, v.values.tobytes()) for name, v in dataset.variables.items()}


def run_command(*words):
    parser = argparse.ArgumentParser(prog="spinlab")
    command.add_parser(parser.add_subparsers(dest="command"))
    args = parser.parse_args(["sweep", *map(str, words)])
    return args.run(args)


def change(path, sql, *values):
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        assert db.execute(sql, values).rowcount > 0


@pytest.fixture
def three(tmp_path):
    """Three stores whose union is the grid and which overlap: 12 points each, then 6 of the next one's."""
    paths = [tmp_path / f"part{i}.sqlite" for i in (1, 2, 3)]
    for i, path in enumerate(paths):
        SWEEP.fill(path, shard=(i + 1, 3))
        SWEEP.fill(path, shard=((i + 1) % 6 + 1, 6))
    return paths


@pytest.mark.parametrize("n", [1, 3, 7, 36, 50])
def test_shards_are_a_partition(tmp_path, n):
    counts = [SWEEP.fill(tmp_path / f"s{i}", shard=f"{i}/{n}") for i in range(1, n + 1)]
    assert sum(c["points"] for c in counts) == len(SWEEP) == 36
    assert max(c["points"] for c in counts) - min(c["points"] for c in counts) <= 1
    assert all(c["done"] == c["points"] and not c["failed"] for c in counts)
    Store(tmp_path / "s1").merge(*(tmp_path / f"s{i}" for i in range(2, n + 1)))
    assert bits(Store(tmp_path / "s1").to_xarray()) == bits(SWEEP.run())


def test_a_shard_resumes_and_retries(tmp_path, monkeypatch):
    sweep = Sweep(sweep_points.sometimes, {"x": [1, 2, 3, 4]})
    monkeypatch.setenv("SWEEP_POINTS_FAIL", "1")
    assert sweep.fill(tmp_path / "s", "2/2") == {"points": 2, "done": 1, "failed": 1}
    monkeypatch.delenv("SWEEP_POINTS_FAIL")
    assert sweep.fill(tmp_path / "s", "2/2") == {"points": 2, "done": 1, "failed": 1}
    assert sweep.fill(tmp_path / "s", "2/2", retry=True) == {"points": 2, "done": 2, "failed": 0}
    assert sweep.fill(tmp_path / "s") == {"points": 4, "done": 4, "failed": 0}


@pytest.mark.parametrize(
    "shard", ["0/3", "4/3", "3", "1/0", "a/b", "1/2/3", (0, 2), (1.5, 2), 3, (1,), "-1/2"]
)
def test_bad_shards(tmp_path, shard):
    with pytest.raises(ValueError, match="shard"):
        SWEEP.fill(tmp_path / "s", shard)
    assert list(tmp_path.iterdir()) == []


def test_merge_three_stores_with_overlaps(three, tmp_path, capsys):
    held = [Store(path).status()["done"] for path in three]
    assert sum(held) > 36  # they do overlap
    out = tmp_path / "all"
    assert run_command("merge", out, *three) == 0
    assert "36 points: 36 done, 0 failed, 0 missing" in capsys.readouterr().out
    assert bits(Store(out).to_xarray()) == bits(SWEEP.run())
    before = (tmp_path / "all.sqlite").read_bytes()
    assert run_command("merge", out, *three, out) == 0  # again, and with itself
    assert "0 results new" in capsys.readouterr().out
    with closing(sqlite3.connect(out.with_suffix(".sqlite"))) as db:
        assert db.execute("SELECT count(*) FROM sweeps").fetchone() == (1,)
        assert db.execute("SELECT count(*) FROM points").fetchone() == (36,)
    assert len(before) == (tmp_path / "all.sqlite").stat().st_size


def test_a_conflict_names_both_sources_and_keeps_what_fits(three, tmp_path):
    ids = [{p["id"] for p in map(point_of, rows(path))} for path in three]
    (name, *_) = sorted((ids[1] & ids[2]) - ids[0])
    change(three[2], "UPDATE points SET result = ? WHERE id = ?", encode({"energy": 0.25}), name)
    with pytest.raises(ValueError, match=f"point {name} .*'{three[1]}' and '{three[2]}'.*version"):
        run_command("merge", tmp_path / "all", *three)
    assert {p["id"] for p in map(point_of, rows(tmp_path / "all.sqlite"))} == ids[0] | ids[1]
    change(three[2], "DELETE FROM points WHERE id = ?", name)
    assert run_command("merge", tmp_path / "all", *three) == 0
    assert bits(Store(tmp_path / "all").to_xarray()) == bits(SWEEP.run())


def rows(path):
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT id FROM points").fetchall()


def point_of(row):
    return {"id": row[0]}


def test_a_conflict_with_the_target_itself(three):
    out, other, _ = three
    (name, *_) = sorted({row[0] for row in rows(out)} & {row[0] for row in rows(other)})
    change(other, "UPDATE points SET result = ? WHERE id = ?", encode({"energy": 0.25}), name)
    before = out.read_bytes()
    with pytest.raises(ValueError, match=f"'{out}' and '{other}'"):
        Store(out).merge(other)
    assert out.read_bytes() == before


def test_nothing_is_made_where_a_source_is_missing_or_no_store(three, tmp_path):
    (tmp_path / "text.sqlite").write_text("no store")
    for wrong, error in (("nowhere", FileNotFoundError), ("text", ValueError)):
        with pytest.raises(error, match=wrong):
            run_command("merge", tmp_path / "all", three[0], tmp_path / wrong)
        assert not (tmp_path / "all.sqlite").exists()


def test_shards_from_the_command_line(tmp_path, capsys):
    words = ["accessibility", "sk", "-N", "6", "--std", "1", "2", "--instances", "3", "--quiet"]
    for i in (1, 2):
        assert cli.main([*words, "--store", str(tmp_path / f"part{i}"), "--shard", f"{i}/2"]) == 0
    assert "3 of 3 points done, 0 failed" in capsys.readouterr().out
    assert (
        cli.main(["sweep", "merge", str(tmp_path / "all"), *(str(tmp_path / f"part{i}") for i in (1, 2))])
        == 0
    )
    assert "6 points: 6 done, 0 failed, 0 missing" in capsys.readouterr().out
    assert cli.main([*words, "--shard", "1/2"]) == 1
    assert "--shard needs --store" in capsys.readouterr().err
