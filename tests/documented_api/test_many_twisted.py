"""`get_many` and `set_many` in programs of Twisted's, each story in a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.documented_api.program_runner import run

PROGRAM = Path(__file__).parent / "programs" / "twisted_many.py"

pytestmark = [pytest.mark.processes, pytest.mark.slow]


@pytest.mark.parametrize(
    "story",
    [
        "they_are_deferreds_of_dicts",
        "on_result_is_told_each_in_the_order_of_the_dict",
        "an_on_result_that_raises_does_no_harm",
        "the_own_values_are_there_at_once",
        "cancelling_ends_the_batch",
        "a_time_out_ends_the_batch",
        "wrong_arguments_raise_at_the_call",
        "stopping_the_node_ends_its_batches_with_a_result_for_every_key",
    ],
)
def test_under_twisted(story: str) -> None:
    """Each story checks itself; after it no call of ours is left in the reactor."""
    assert run(PROGRAM, story) == f"{story}\n"
