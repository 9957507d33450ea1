"""All objects of a SpeechEngine but its Secret and its voices, in the order in which they are applied."""

from typing import NamedTuple

from timbre_operator.kube import Object, Resource
from timbre_operator.kube.resource import (
    AUTOSCALERS,
    DEPLOYMENTS,
    DISRUPTION_BUDGETS,
    SCALED_OBJECTS,
    SERVICE_ACCOUNTS,
    SERVICES,
)
from timbre_operator.manifests import scaling, services
from timbre_operator.manifests.deployment import deployment
from timbre_operator.manifests.platform import Platform, Scaler
from timbre_operator.resources.speechengine import SpeechEngine


class Wanted(NamedTuple):
    """An object and its kind."""

    resource: Resource
    obj: Object


def wanted(engine: SpeechEngine, platform: Platform) -> list[Wanted]:
    """What shall be there. Of the two kinds of autoscaler never both."""
    found = [
        Wanted(SERVICE_ACCOUNTS, services.service_account(engine)),
        Wanted(SERVICES, services.service(engine)),
        Wanted(SERVICES, services.pods_service(engine)),
        Wanted(DEPLOYMENTS, deployment(engine, platform)),
    ]
    budget = scaling.disruption_budget(engine)
    if budget is not None:
        found.append(Wanted(DISRUPTION_BUDGETS, budget))
    if engine.spec.autoscaling is not None:
        found.append(_autoscaler(engine, platform))
    return found


def _autoscaler(engine: SpeechEngine, platform: Platform) -> Wanted:
    assert engine.spec.autoscaling is not None
    if platform.scaler is Scaler.KEDA:
        return Wanted(SCALED_OBJECTS, scaling.scaled_object(engine, engine.spec.autoscaling, platform.prometheus))
    return Wanted(AUTOSCALERS, scaling.autoscaler(engine, engine.spec.autoscaling))
