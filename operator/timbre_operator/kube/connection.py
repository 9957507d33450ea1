"""How the API server is reached: as a pod's ServiceAccount, or as a kubeconfig says."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import kopf
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config

from timbre_common.errors import SetupError

_TOKEN_AGE: Final = timedelta(minutes=30)
"""A pod's token is written anew after 80 % of an hour at the latest."""
_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")


async def configuration(kubeconfig: Path | None = None) -> Configuration:
    """Address and credentials: of the file where one is named, else of the pod, else of KUBECONFIG.

    Raises SetupError that says what is missing.
    """
    found = Configuration()
    try:
        if kubeconfig is None and "KUBERNETES_SERVICE_HOST" in os.environ:
            load_incluster_config(found)
        else:
            file = str(kubeconfig) if kubeconfig else os.environ.get("KUBECONFIG")
            await load_kube_config(file, client_configuration=found, persist_config=False)
    except (ConfigException, OSError) as error:
        raise SetupError(f"no way to a Kubernetes API server: {error}; run in a pod, or set KUBECONFIG") from error
    return found


def own_namespace() -> str:
    """The namespace of the pod; `default` outside of one."""
    try:
        return (_ACCOUNT / "namespace").read_text(encoding="utf-8").strip()
    except OSError:
        return "default"


async def for_kopf(found: Configuration) -> kopf.ConnectionInfo:
    """The same address and credentials for kopf's watches, with the token as it is at this moment.

    They expire for kopf, so that it reads the token again, and no two are equal: kopf refuses for ever what the server
    refused once, as it may while it starts.
    """
    credentials: dict[str, Any] = {
        "server": found.host,
        "ca_path": found.ssl_ca_cert,
        "insecure": not found.verify_ssl,
        "certificate_path": found.cert_file,
        "private_key_path": found.key_file,
        "username": found.username or None,
        "password": found.password or None,
    }
    token = await found.get_api_key_with_prefix("BearerToken")
    scheme, _, value = (token or "").rpartition(" ")
    expiration = datetime.now(UTC) + _TOKEN_AGE
    return kopf.ConnectionInfo(**credentials, scheme=scheme or None, token=value or None, expiration=expiration)
