"""One profile for all property tests here: the same examples in every run, and no verdict that depends on time."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "unit",
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("unit")
