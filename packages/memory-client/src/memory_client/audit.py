"""The `Audit` of a server, over REST."""

from memory_client.rest import Rest, query_params
from memory_core.auditing import AuditPage, AuditQuery


class RemoteAudit:
    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def list(self, query: AuditQuery) -> AuditPage:
        return await self._rest.call("GET", "/admin/audit", AuditPage, params=query_params(query))
