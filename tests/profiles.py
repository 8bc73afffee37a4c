"""How many examples the property tests try.

`default`, in `make test`: the same ones each time, so that a failure belongs to the change that is tested. `long`, in `make fuzz`
and `make chaos`: twenty times as many, new ones each time, and what failed is kept in `.hypothesis/` and tried first in the next
run. `pytest --hypothesis-profile NAME` chooses.
"""

from hypothesis import HealthCheck, settings

# Nothing is held to a time: how fast an example is says how busy the machine is.
SLOW = HealthCheck.too_slow
settings.register_profile(
    "default", max_examples=100, deadline=None, suppress_health_check=[SLOW], database=None, derandomize=True
)
settings.register_profile("long", max_examples=2_000, deadline=None, suppress_health_check=[SLOW], print_blob=True)
settings.load_profile("default")


def examples(share: float, *unchecked: HealthCheck) -> settings:
    """Return settings for this share of the profile's examples: under 1 for what is slow, over 1 for what seldom meets.

    `unchecked`: health checks that do not fit the test, beside those of the profile.
    """
    profile = settings.default
    assert profile is not None
    checks = [*profile.suppress_health_check, *unchecked]
    return settings(max_examples=max(1, round(profile.max_examples * share)), suppress_health_check=checks)
