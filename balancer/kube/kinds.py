"""What the controller watches, and where each kind is listed."""

from __future__ import annotations

from balancer.kube.watch import Kind

INGRESS = Kind("Ingress", "networking.k8s.io/v1", "/apis/networking.k8s.io/v1/ingresses")
INGRESS_CLASS = Kind("IngressClass", "networking.k8s.io/v1", "/apis/networking.k8s.io/v1/ingressclasses")
SERVICE = Kind("Service", "v1", "/api/v1/services")
ENDPOINT_SLICE = Kind("EndpointSlice", "discovery.k8s.io/v1", "/apis/discovery.k8s.io/v1/endpointslices")
# Of all Secrets only those are asked for that can hold a certificate, or names and passwords.
SECRET = Kind("Secret", "v1", "/api/v1/secrets", fields="type=kubernetes.io/tls")
PASSWORDS = Kind("Passwords", "v1", "/api/v1/secrets", fields="type=Opaque")


def config_map(namespace: str, name: str) -> Kind:
    """The one ConfigMap with our defaults."""
    return Kind("ConfigMap", "v1", f"/api/v1/namespaces/{namespace}/configmaps", fields=f"metadata.name={name}")


def watched(namespace: str, name: str) -> tuple[Kind, ...]:
    """All kinds; `namespace` and `name` are those of our ConfigMap."""
    return (INGRESS, INGRESS_CLASS, SERVICE, ENDPOINT_SLICE, SECRET, PASSWORDS, config_map(namespace, name))
