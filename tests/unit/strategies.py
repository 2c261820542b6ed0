"""What property tests draw: names, addresses and whole requests, as a caller would send them."""

from typing import Any

from hypothesis import strategies as st

LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,6}[a-z0-9])?", fullmatch=True).filter(lambda s: not s.startswith("xn--"))
TOP_LABELS = st.sampled_from(["works", "homes", "io", "example", "xn--p1ai"])
FQDNS = st.builds(lambda labels, top: ".".join([*labels, top]), st.lists(LABELS, min_size=1, max_size=4), TOP_LABELS)

IPV4 = st.ip_addresses(v=4).map(str)
IPV6 = st.ip_addresses(v=6).map(str)

KUBERNETES_NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
DEPLOYMENTS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
SECONDS = st.integers(min_value=1, max_value=7 * 24 * 3600)


@st.composite
def request_bodies(draw: st.DrawFn) -> dict[str, Any]:
    """The JSON object of a valid ProvisionSovereign request; every optional field is there, null or left out."""
    fqdn = draw(FQDNS.filter(lambda name: name.count(".") >= 2))
    label, _, parent = fqdn.partition(".")
    body: dict[str, Any] = {
        "deploymentId": draw(DEPLOYMENTS),
        "sovereignFQDN": draw(st.sampled_from([fqdn, fqdn.upper(), f"{fqdn}."])),
        "loadBalancerIP": draw(IPV4),
    }
    optional: dict[str, st.SearchStrategy[Any]] = {
        "loadBalancerIPv6": IPV6,
        "consoleLoadBalancerIP": IPV4,
        "parentDomains": _parents(parent),
        "pool": st.fixed_dictionaries(
            {"domain": st.just(parent), "subdomain": st.just(label)},
            optional={"reservationToken": st.none() | st.text(min_size=1, max_size=20), "createdBy": LABELS},
        ),
        "subdomains": st.lists(LABELS, max_size=5, unique=True),
        "ttl": st.integers(min_value=1, max_value=86400),
        "certificate": st.fixed_dictionaries(
            {},
            optional={
                "enabled": st.booleans() | st.none(),
                "name": KUBERNETES_NAMES | st.none(),
                "issuer": KUBERNETES_NAMES | st.none(),
                "namespace": KUBERNETES_NAMES,
                "deadlineSeconds": SECONDS | st.none(),
            },
        ),
        "verification": st.fixed_dictionaries(
            {},
            optional={
                "level": st.sampled_from(["authoritative", "delegated", "propagated", None]),
                "deadlineSeconds": SECONDS,
            },
        ),
        "removeWildcards": st.lists(FQDNS.map("*.{}".format), max_size=3, unique=True),
        "takeover": st.booleans(),
        "dryRun": st.booleans(),
    }
    return body | draw(st.fixed_dictionaries({}, optional={key: st.none() | s for key, s in optional.items()}))


def _parents(containing: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    others = FQDNS.filter(lambda name: name != containing)
    domains = st.lists(others, max_size=3, unique=True).map(lambda rest: [containing, *rest])
    roles = st.sampled_from(["org-pool", None])
    return domains.flatmap(
        lambda names: st.tuples(st.sampled_from(["primary", "org-pool", None]), *(roles for _ in names[1:])).map(
            lambda drawn: [{"name": name, "role": role} for name, role in zip(names, drawn, strict=True)]
        )
    )
