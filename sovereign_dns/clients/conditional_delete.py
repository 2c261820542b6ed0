"""A deletion in Kubernetes on the condition that the object is still as it was seen.

lightkube's own `delete` sends no preconditions, so this goes through the parts that it is made of.
"""

from lightkube import AsyncClient
from lightkube.generic_resource import GenericNamespacedResource

from sovereign_dns.issuance import KubernetesObject


async def delete_as_seen(client: AsyncClient, kind: type[GenericNamespacedResource], seen: KubernetesObject) -> None:
    """Deletes the very object that was seen.

    Raises:
        ApiError: 409 where it was changed or made anew since, 404 where it is gone.
        ValueError: what answers is not the API: it shows neither the object nor a `Status`.
    """
    metadata = seen["metadata"]
    parts = client._client  # noqa: SLF001 (see above)
    request = parts.prepare_request("delete", res=kind, name=metadata["name"], namespace=metadata["namespace"])
    request.data = {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]},
    }
    answer = await parts.send(parts.build_adapter_request(request))  # type: ignore[no-untyped-call]
    parts.raise_for_status(answer)  # type: ignore[no-untyped-call]
    told = answer.json()
    if not isinstance(told, dict) or told.get("kind") not in {"Status", kind._api_info.resource.kind}:  # noqa: SLF001
        raise ValueError("what answered a deletion is no object of Kubernetes")
