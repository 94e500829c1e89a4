"""The pods are as little trusted as their work allows, and secrets go only where they are needed."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from rendered import SETS

SERVERS = {
    "controller": "*.trial-fednet-controllers.lab.svc.cluster.local",
    "combiner": "*.trial-fednet-combiner.lab.svc.cluster.local",
    "objects": "trial-fednet-objects.lab.svc.cluster.local",
}


def test_pods_are_allowed_where_pod_security_is_restricted(rendering):
    """Every rule of the profile "restricted" of the Pod Security Standards that a pod can break."""
    for workload in rendering.workloads:
        pod = workload.pod
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in workload.containers:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert context["readOnlyRootFilesystem"] is True
            assert not any("hostPort" in port for port in container.get("ports", []))


def test_the_chart_itself_asks_for_no_volume_that_is_restricted(rendering):
    """Only the site's data, which the operator names, may be on the node."""
    allowed = {"configMap", "emptyDir", "persistentVolumeClaim", "secret"}
    for workload in rendering.workloads:
        for volume in workload.pod["volumes"]:
            assert volume["name"] == "site" or set(volume) - {"name"} <= allowed


def test_no_pod_has_a_token_of_the_cluster(rendering):
    """No program of ours calls Kubernetes."""
    assert all(each.pod["automountServiceAccountToken"] is False for each in rendering.workloads)


def test_services_never_become_settings(rendering):
    """For a service fednet-controller, Kubernetes would set FEDNET_CONTROLLER_PORT to tcp://…, which is no port."""
    assert all(each.pod["enableServiceLinks"] is False for each in rendering.workloads)


def test_every_container_says_how_much_it_needs(rendering):
    """Processor and memory at least, and a bound on its memory."""
    for workload in rendering.workloads:
        for container in workload.containers:
            assert set(container["resources"]["requests"]) == {"cpu", "memory"}
            assert "memory" in container["resources"]["limits"]


def test_no_manifest_but_a_secret_holds_a_secret(renderings):
    """Variables name files; only rclone, which has no such setting, gets a reference to its keys."""
    rendering = renderings["trial"]
    words = {
        word
        for secret in rendering.of_kind("Secret")
        for key, word in rendering.secret(secret["metadata"]["name"]).items()
        if key not in {"key", "ca.crt", "tls.crt"}
    }
    rest = [
        text
        for name, text in rendering.files.items()
        if not name.endswith(("/secrets.yaml", "/certificates.yaml"))
    ]

    assert len(words) == 8
    assert not any(word in text for word in words for text in rest)
    for workload in rendering.workloads:
        for container in workload.containers:
            referred = [
                each["name"]
                for each in container["env"]
                if "secretKeyRef" in each.get("valueFrom", {})
            ]
            assert referred == (["RCLONE_AUTH_KEY"] if container["name"] == "rclone" else [])


def test_the_signing_key_is_seen_by_controllers_and_by_what_enrols(rendering):
    """Whoever sees it can make any token: the agents themselves do not."""
    seen_by = {
        container["name"]
        for workload in rendering.workloads
        for container in workload.containers
        for mount in container["volumeMounts"]
        if mount["name"] == "signing-key"
    }

    assert seen_by == {"controller", "enrol"}


def test_generated_certificates_are_for_the_names_by_which_servers_are_called(renderings):
    """And the key of their authority is nowhere."""
    rendering = renderings["trial"]
    secrets = {each: rendering.secret(f"trial-fednet-{each}-tls") for each in SERVERS}
    authority = x509.load_pem_x509_certificate(secrets["controller"]["ca.crt"].encode())

    for component, called in SERVERS.items():
        certificate = x509.load_pem_x509_certificate(secrets[component]["tls.crt"].encode())
        key = load_pem_private_key(secrets[component]["tls.key"].encode(), None)
        named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        certificate.verify_directly_issued_by(authority)
        assert certificate.public_key() == key.public_key() != authority.public_key()
        assert called in named.get_values_for_type(x509.DNSName)


def test_without_certificates_clear_text_is_asked_for_in_that_many_words(renderings):
    """The settings say insecure, and the addresses say http."""
    for component in ("controller", "combiner"):
        (workload,) = renderings["no-clients"].of_component(component)
        variables = {
            each["name"]: each.get("value") for each in workload.pod["containers"][0]["env"]
        }
        assert variables[f"FEDNET_{component.upper()}_INSECURE"] == "true"
        assert not any("TLS" in name or name.endswith("_CA") for name in variables)


def test_only_controllers_see_the_state_store(rendering):
    """Its URL has a password, and its content has every secret; the server itself has the password."""
    seen_by = {
        workload.component
        for workload in rendering.workloads
        for volume in workload.pod["volumes"]
        if volume["name"] == "state-store"
    }

    assert "controller" in seen_by
    assert seen_by <= {"controller", "state"}


def test_secrets_are_mounted_read_only(rendering):
    """A program that is broken into cannot put another one there."""
    for workload in rendering.workloads:
        secret = {each["name"] for each in workload.pod["volumes"] if "secret" in each}
        for container in workload.containers:
            for mount in container["volumeMounts"]:
                assert mount["name"] not in secret or mount["readOnly"] is True


def test_the_state_takes_connections_from_controllers_alone(renderings):
    """And makes none."""
    policy = renderings["trial"].named("NetworkPolicy", "trial-fednet-state")["spec"]

    peers = [peer for rule in policy["ingress"] for peer in rule["from"]]
    assert [
        each["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for each in peers
    ] == ["controller"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert "egress" not in policy


def test_a_client_reaches_its_network_and_nothing_else(renderings):
    """So does the code of a package."""
    policy = renderings["trial"].named("NetworkPolicy", "trial-fednet-client")["spec"]

    rules = [
        (peer, port["port"])
        for rule in policy["egress"]
        for peer in rule["to"]  # a rule without peers would be for all
        for port in rule["ports"]
    ]
    own = {
        (peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"], port)
        for peer, port in rules
        if port != 53
    }
    assert own == {("controller", 8092), ("combiner", 12080), ("objects", 8080)}
    resolvers = [peer for peer, port in rules if port == 53]
    system = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}
    assert resolvers == [system, system]  # UDP and TCP
    assert "ingress" not in policy


def test_without_resolvers_a_client_asks_none(chart):
    """An empty list of peers would mean everybody."""
    values = SETS["trial"] | {"networkPolicy": {"dns": []}}
    policy = chart.render(values).named("NetworkPolicy", "trial-fednet-client")["spec"]

    assert all(rule["to"] for rule in policy["egress"])
    assert 53 not in {port["port"] for rule in policy["egress"] for port in rule["ports"]}


@pytest.mark.parametrize("name", SETS)
def test_every_component_has_a_policy(renderings, name):
    """A pod without one is open to the whole cluster."""
    rendering = renderings[name]
    policies = [
        each["spec"]["podSelector"]["matchLabels"] for each in rendering.of_kind("NetworkPolicy")
    ]

    for workload in rendering.workloads:
        assert any(each.items() <= workload.labels.items() for each in policies), workload.name
