"""Pods are asked and told, all at the same time; one that does not answer never keeps the others."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from timbre_common.documents import VoicesDocument, VoicesStatus
from timbre_common.errors import TimbreError
from timbre_operator.voices.listed import PodList


class Administration(Protocol):
    """What is needed of timbre_operator.pods.Pods; its errors are TimbreError."""

    async def ask(self, address: str, tokens: Sequence[str]) -> VoicesStatus:
        """See Pods."""
        ...

    async def tell(self, address: str, tokens: Sequence[str], document: VoicesDocument) -> VoicesStatus:
        """See Pods."""
        ...


async def ask(pods: Administration, lists: Sequence[PodList], tokens: Sequence[str]) -> list[PodList]:
    """The same pods with what each tells, or why it could not be asked."""

    async def one(pod: PodList) -> PodList:
        if not pod.address:
            return pod
        try:
            return replace(pod, status=await pods.ask(pod.address, tokens))
        except TimbreError as error:
            return replace(pod, reason=str(error))

    return list(await asyncio.gather(*map(one, lists)))


async def tell(
    pods: Administration, lists: Sequence[PodList], tokens: Sequence[str], document: VoicesDocument, *, again: bool
) -> list[PodList]:
    """Tell those that are behind, and where `again` those with a voice that failed, which try it once more.

    What the latter tell of it is left to the next look: while they try, nothing is known that was not before.
    """

    async def one(pod: PodList) -> PodList:
        behind = pod.behind(document)
        if not behind and not (again and pod.failing):
            return pod
        try:
            told = await pods.tell(pod.address, tokens, document)
        except TimbreError as error:
            return replace(pod, status=None, reason=str(error)) if behind else pod
        return replace(pod, status=told) if behind else pod

    return list(await asyncio.gather(*map(one, lists)))
