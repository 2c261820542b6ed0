"""Changes that a run which began before them must not see (https://docs.temporal.io/patching).

Each is asked for by `workflow.patched` only where the old and the new course differ, so that other histories stay
as they are.
"""

SETTLE_STEPS_THAT_WERE_GIVEN_UP = "settle-steps-that-were-given-up"
"""A step that was given up is skipped however its last attempt ends, and a cancelled run stops there."""

SHOW_HAZARDS_IN_THE_LIST = "show-hazards-in-the-list"
"""A run with hazards has them in its memo, so that a list of runs can show them."""

WAIT_FOR_ZONES_BELOW_THE_HOST = "wait-for-zones-below-the-host"
"""Records wait for every requested zone that answers for one of them, also for one below the host."""

PROVE_RESTORED_CERTIFICATES = "prove-restored-certificates"
"""A Certificate that is put back is waited for until it is issued, and asked for when its zones are there."""
