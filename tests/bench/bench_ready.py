"""Time from the request that changes or makes a VoiceProfile until its status says Ready, on a cluster with pods.

The cluster is that of TIMBRE_TEST_KUBECONFIG, with this checkout's images (make images): the chart is installed in a
namespace of its own, three voices are applied, then one is changed again and again, and others are added. Prints one
JSON document; seconds.

Usage: bench_ready.py [--changes 20]
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

from kubernetes import client, config, watch

sys.path.append(str(Path(__file__).parents[1]))

from pods.release import Release
from support import cluster
from support.cluster import Manifest

AGENTS = ["electra", "lisa", "renarde"]
_LIMIT_S = 60


class Profiles:
    """VoiceProfiles over one connection, so that no start of kubectl is measured."""

    def __init__(self, kubeconfig: str, namespace: str) -> None:
        self._api = client.CustomObjectsApi(config.new_client_from_config(kubeconfig))
        self._kind: dict[str, Any] = {
            "group": "timbre.dev",
            "version": "v1alpha1",
            "namespace": namespace,
            "plural": "voiceprofiles",
        }

    def create(self, profile: Manifest) -> Manifest:
        """The object as the server has it."""
        return cast(Manifest, self._api.create_namespaced_custom_object(**self._kind, body=profile))

    def patch(self, name: str, spec: dict[str, Any]) -> Manifest:
        """The object as the server has it."""
        body = {"spec": spec}
        return cast(Manifest, self._api.patch_namespaced_custom_object(**self._kind, name=name, body=body))

    def until_ready(self, change: Callable[[], Manifest]) -> float:
        """Seconds from before the request until Ready at its generation."""
        began = time.monotonic()
        made = change()["metadata"]
        events = watch.Watch().stream(
            self._api.list_namespaced_custom_object,
            **self._kind,
            field_selector=f"metadata.name={made['name']}",
            timeout_seconds=_LIMIT_S,
        )
        for event in events:
            conditions = event["object"].get("status", {}).get("conditions", [])
            if ("Ready", "True", made["generation"]) in [
                (each["type"], each["status"], each["observedGeneration"]) for each in conditions
            ]:
                return time.monotonic() - began
        raise SystemExit(f"{made['name']} is not Ready after {_LIMIT_S} s: {event['object'].get('status')}")


def summary(seconds: list[float]) -> dict[str, float]:
    """p50, p95 and the largest."""
    p95 = statistics.quantiles(seconds, n=20, method="inclusive")[-1]
    return {"p50": round(statistics.median(seconds), 2), "p95": round(p95, 2), "max": round(max(seconds), 2)}


def run(changes: int) -> dict[str, Any]:
    """Measure in a namespace that goes afterwards."""
    with cluster.namespace("bench") as namespace:
        release = Release(namespace)
        release.install()
        release.ready("speechengine", "default")
        namespace.apply(*(release.profile(agent) for agent in AGENTS))
        release.ready("voiceprofile", *AGENTS)
        print(namespace.kubectl("get", "spe,vp"), file=sys.stderr)
        profiles = Profiles(namespace.kubeconfig, namespace.name)
        before = release.engine_pods("default")
        changed, added = [], []
        for number in range(changes):
            prosody = {"prosody": {"speed": 1 + number / 100}}
            changed.append(profiles.until_ready(partial(profiles.patch, "lisa", prosody)))
            one = release.profile("renarde", agentID=f"agent-{number}")
            one["metadata"]["name"] = f"agent-{number}"
            added.append(profiles.until_ready(partial(profiles.create, one)))
        return {
            "unit": "s",
            "changes": changes,
            "changed": summary(changed),
            "added": summary(added),
            "engine_pods_restarted": release.engine_pods("default") != before,
        }


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=20)
    print(json.dumps(run(parser.parse_args().changes), indent=2))


if __name__ == "__main__":
    main()
