"""The kinds of operators that the chart uses, with the fields that it gives them: Kubernetes itself does not know them.

Written after the references of cert-manager (https://cert-manager.io/docs/reference/api-docs/) and of the Prometheus
operator (https://prometheus-operator.dev/docs/api-reference/api/).
"""

from collections.abc import Mapping
from typing import Any

import jsonschema


def _exactly(**properties: Any) -> dict[str, Any]:
    """Return the schema of an object with exactly these fields."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


TEXT = {"type": "string", "minLength": 1}
TEXTS = {"type": "array", "items": TEXT, "minItems": 1}

KEY = _exactly(name=TEXT, key=TEXT)
ENDPOINT = {
    **_exactly(
        port=TEXT,
        path=TEXT,
        interval=TEXT,
        scheme={"enum": ["http", "https"]},
        authorization=_exactly(credentials=KEY),
        tlsConfig=_exactly(
            serverName=TEXT,
            ca={
                "type": "object",
                "properties": {"secret": KEY, "configMap": KEY},
                "additionalProperties": False,
                "minProperties": 1,
                "maxProperties": 1,
            },
        ),
    ),
    "required": ["port", "path", "interval", "scheme"],
}

SPECIFICATIONS: Mapping[tuple[str, str], Any] = {
    ("cert-manager.io/v1", "Certificate"): _exactly(
        secretName=TEXT,
        issuerRef=_exactly(name=TEXT, kind={"enum": ["Issuer", "ClusterIssuer"]}),
        privateKey=_exactly(
            algorithm={"enum": ["RSA", "ECDSA", "Ed25519"]},
            rotationPolicy={"enum": ["Never", "Always"]},
        ),
        dnsNames=TEXTS,
        ipAddresses=TEXTS,
    ),
    ("monitoring.coreos.com/v1", "ServiceMonitor"): _exactly(
        selector=_exactly(matchLabels={"type": "object"}),
        endpoints={"type": "array", "items": ENDPOINT, "minItems": 1},
    ),
}


def check_foreign(manifest: Mapping[str, Any]) -> None:
    """Check a manifest of a kind that only an operator knows.

    Raises:
        KeyError: No operator of ours has this kind.
        jsonschema.ValidationError: A field is unknown, missing or wrong.
    """
    schema = SPECIFICATIONS[manifest["apiVersion"], manifest["kind"]]
    jsonschema.validate(manifest["spec"], schema)
    assert set(manifest) == {"apiVersion", "kind", "metadata", "spec"}
    assert set(manifest["metadata"]) == {"name", "labels"}
