"""Schedules are functions of the step; the keeper spaces them out."""

import pytest
from hypothesis import given, strategies as st

from lepton_lab.errors import TrainingError
from lepton_lab.probes import adaptive, every, log_spaced, on_epoch
from lepton_lab.probes.budget import Keeper
from lepton_lab.probes.schedules import NEVER, Place, as_schedule
from tests.probes.networks import build, data_for


def due(schedule, until: int) -> list[int]:
    return [step for step in range(1, until + 1) if schedule(step)]


def test_every() -> None:
    assert due(every(50), 220) == [50, 100, 150, 200]


def test_log_spaced_is_dense_first() -> None:
    found = due(log_spaced(4), 10_000)
    assert found[:6] == [1, 2, 3, 6, 10, 18]
    assert sum(100 < s <= 1000 for s in found) == sum(1000 < s <= 10_000 for s in found) == 4


def test_on_epoch() -> None:
    schedule = on_epoch()
    assert schedule(11, Place(0, 10))
    assert not schedule(12, Place(1, 9))
    assert schedule.next(12, Place(1, 9), 11) == 21


def test_a_function_of_the_step() -> None:
    assert due(as_schedule(lambda step: step % 7 == 3), 20) == [3, 10, 17]
    assert as_schedule(lambda step: False).next(1, Place(), 0) == NEVER
    with pytest.raises(TrainingError, match="no schedule"):
        as_schedule("often")  # type: ignore[arg-type]


@pytest.mark.parametrize("make", [every, log_spaced, adaptive])
def test_numbers_are_whole(make) -> None:
    for bad in (0, -1, 1.5, True):
        with pytest.raises(TrainingError, match="whole number"):
            make(bad)


@given(
    st.one_of(
        st.builds(every, st.integers(1, 90)), st.builds(log_spaced, st.integers(1, 30)),
        st.builds(adaptive, st.integers(1, 30), st.integers(1, 900)),
    ),
    st.integers(1, 10**7),
    st.integers(0, 10**6),
)  # fmt: skip
def test_the_next_step_is_due_and_none_before_it_is(schedule, step: int, last: int) -> None:
    last = min(last, step - 1)
    found = schedule.next(step, Place(), last)
    assert found >= step
    assert schedule.next(found, Place(), last) == found
    if found > step:
        assert schedule.next(found - 1, Place(), last) == found


def test_adaptive_keeps_the_record_bounded() -> None:
    schedule, step, count = adaptive(points=100), 0, 0
    while step < 10**6:
        step = schedule.next(step + 1, Place(), step)
        count += 1
    assert 500 < count < 1200


@given(
    st.floats(1e-5, 1e-1), st.floats(1e-5, 1e-1), st.floats(0.001, 0.5),
    st.lists(st.floats(0.5, 2.0), min_size=1, max_size=20),
)  # fmt: skip
def test_the_budget_is_kept_whatever_a_measurement_costs(
    cost: float, step_seconds: float, budget: float, noise: list[float]
) -> None:
    """A training whose every affordable step is measured stays within the budget, the first readings aside."""
    keeper = Keeper(budget, step_seconds)
    step, spent, dearest = 1, 0.0, 0.0
    for i in range(60):
        at = keeper.earliest(step)
        if at > step:
            keeper.passed(at - step, (at - step) * step_seconds)
            step = at
            if keeper.earliest(step) > step:
                continue
        own = cost * noise[i % len(noise)]
        keeper.paid(step, own)
        real = keeper.spent - spent
        assert own <= real <= 2 * own + 1e-12
        keeper.passed(1, real + step_seconds)
        spent, dearest, step = spent + real, max(dearest, real), step + 1
    assert keeper.spent == pytest.approx(spent)
    assert keeper.spent <= budget * keeper.trained + 2 * dearest


def test_without_a_budget_every_scheduled_step_is_measured(fit) -> None:
    from lepton_lab.probes import PROBES

    probes = [PROBES["grad_norm"](every(5)), PROBES["act_mean"](on_epoch()), PROBES["weight_norm"](lambda s: s == 7)]
    run = fit(build("mlp"), data_for("mlp"), 2, probes=probes)
    assert run.probes.series("grad_norm").steps.tolist() == [5, 10, 15, 20]
    assert run.probes.series("act_mean").steps.tolist() == [1, 13]
    assert run.probes.series("weight_norm").steps.tolist() == [7]


def test_scheduled_steps_are_passed_by_where_they_cost_too_much(fit) -> None:
    from lepton_lab.probes import PROBES

    run = fit(build("mlp"), data_for("mlp"), 20, probes=[PROBES["grad_hist"](every(5))], probe_budget=0.02)
    steps = run.probes.series("grad_hist").steps
    assert steps[0] == 5
    assert (steps[1:] - steps[:-1] >= 5).all()
    assert len(steps) < 240 / 5


def test_rare_steps_do_not_starve_beside_probes_that_take_every_step() -> None:
    """A step that was due while the budget allowed none is made up for at the next one that it allows."""
    from lepton_lab.probes.base import make_probes
    from lepton_lab.probes.session import Session

    often, rare = make_probes(["grad_norm", "weight_norm"])
    often.schedule, rare.schedule = adaptive(), every(10)
    session = Session.__new__(Session)
    session.probes, session._last, session._wish, session.due = [often, rare], {}, {}, 0

    class Slow:
        def earliest(self, step: int) -> int:
            return step + 6

    session.keeper = Slow()
    step, seen = 1, {often.name: [], rare.name: []}
    while step < 100:
        session.plan(step, Place(step, 1000 - step))
        for probe in session.chosen(session.due):
            seen[probe.name].append(session.due)
            session._last[probe.name] = session.due
        step = session.due + 1
    assert len(seen[rare.name]) >= 7
    assert len(seen[often.name]) >= len(seen[rare.name])
