"""What depends on the environment, decided once for a run and recorded in its history."""

from temporalio import activity

from sovereign_dns.audit_messages import DECIDE_FIX, DecideFix
from sovereign_dns.fix_intent import FixIntent, derive_fix
from sovereign_dns.intent import NamingRules, ProvisioningIntent, derive_intent
from sovereign_dns.lifecycle_messages import DECIDE_REMOVAL, DECIDE_RESTORING, DecideRemoval, DecideRestoring
from sovereign_dns.messages import DECIDE_INTENT, DecideIntent
from sovereign_dns.removal_intent import RemovalIntent, derive_removal
from sovereign_dns.restoring_intent import RestoringIntent, derive_restoring


class EnvironmentActivities:
    """Holds the environment's rules, whether the namespace knows our search attributes, and where the runbook is."""

    def __init__(self, rules: NamingRules, *, search_attributes_usable: bool, runbook_url: str | None = None) -> None:
        self._rules = rules
        self._search_attributes_usable = search_attributes_usable
        self._runbook_url = runbook_url

    @activity.defn(name=DECIDE_INTENT)
    async def decide_intent(self, task: DecideIntent) -> ProvisioningIntent:
        """Decides hosts, records and certificates of a request, or refuses it."""
        intent = derive_intent(task.request, self._rules)
        return intent.changed(search_attributes_usable=self._search_attributes_usable, runbook_url=self._runbook_url)

    @activity.defn(name=DECIDE_REMOVAL)
    async def decide_removal(self, task: DecideRemoval) -> RemovalIntent:
        """Decides what a request takes away, or refuses it."""
        intent = derive_removal(task.request, self._rules)
        return intent.changed(search_attributes_usable=self._search_attributes_usable, runbook_url=self._runbook_url)

    @activity.defn(name=DECIDE_FIX)
    async def decide_fix(self, task: DecideFix) -> FixIntent:
        """Decides what is removed for a finding, or refuses it."""
        intent = derive_fix(task.request, self._rules)
        return intent.changed(search_attributes_usable=self._search_attributes_usable, runbook_url=self._runbook_url)

    @activity.defn(name=DECIDE_RESTORING)
    async def decide_restoring(self, task: DecideRestoring) -> RestoringIntent:
        """Decides what is put back, or refuses it."""
        intent = derive_restoring(task.request, self._rules)
        return intent.changed(search_attributes_usable=self._search_attributes_usable, runbook_url=self._runbook_url)
