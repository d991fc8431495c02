"""`Doctor` of a server, over REST. Reading a large store takes minutes, and the answer comes when it is done."""

from memory_client.rest import LONG_TIMEOUT_S, Rest
from memory_core.diagnosis import Diagnosis, RepairReport


class RemoteDoctor:
    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def diagnose(self, *, integrity: bool = False) -> Diagnosis:
        if not integrity:
            return await self._rest.call("GET", "/admin/diagnosis", Diagnosis)
        params = [("integrity", "true")]
        return await self._rest.call("GET", "/admin/diagnosis", Diagnosis, params=params, timeout_s=LONG_TIMEOUT_S)

    async def repair(self) -> RepairReport:
        return await self._rest.call("POST", "/admin/repair", RepairReport, timeout_s=LONG_TIMEOUT_S)
