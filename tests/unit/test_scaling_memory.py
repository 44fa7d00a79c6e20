"""The histories of a memory: what they keep, what they merge, and in which direction they err."""

from __future__ import annotations

from headpond.scaling.memory import KEPT, add_move, bounded, remember_high, remember_low, since


def test_highs_keep_what_can_still_be_a_highest() -> None:
    """A recommendation that is older and not higher is forgotten."""
    history = remember_high(((1, 9), (2, 5), (3, 4)), 4, 5)
    assert history == ((1, 9), (4, 5))


def test_lows_keep_what_can_still_be_a_lowest() -> None:
    """A recommendation that is older and not lower is forgotten."""
    assert remember_low(((1, 2), (2, 5)), 3, 5) == ((1, 2), (3, 5))


def test_a_full_history_merges_the_closest_and_keeps_longer() -> None:
    """The older value lives on at the later time, so that a window is never cut short."""
    history = tuple((at * 100, 90 - at) for at in range(KEPT))
    longer = bounded((*history, (KEPT * 100 - 99, 1)))
    assert len(longer) == KEPT
    assert longer[-1] == (KEPT * 100 - 99, 90 - (KEPT - 1))


def test_moves_add_up_when_merged() -> None:
    """No move is lost for the rates; the merged ones count until the later one ages."""
    history: tuple[tuple[int, int], ...] = ()
    for at in range(KEPT + 5):
        history = add_move(history, at, 2)
    assert len(history) == KEPT
    assert sum(count for _, count in history) == 2 * (KEPT + 5)


def test_since_is_open_at_its_begin() -> None:
    """What is exactly a window old counts no more."""
    assert since(((1, 5), (2, 5), (3, 5)), 2) == ((3, 5),)
