"""Words of haproxytech's controller that are not taken, and why; and those that say what holds here anyway."""

from __future__ import annotations

from collections.abc import Mapping

_SNIPPET = "`backend-config-snippet` on a Service, since a mistake here would cost everybody"
_LOG = "nothing: matchday's log has one format, which its reports read"
_CLIENT_TLS = "nothing: matchday asks clients for no certificates"
_POD_TLS = "`server-ssl: true` alone, which does not verify pods' certificates"
_SLOTS = "pods come at run time, without slots"

# What stands behind the word in a warning: what to use instead.
REFUSED: Mapping[str, str] = {
    "global-config-snippet": _SNIPPET,
    "frontend-config-snippet": _SNIPPET,
    "stats-config-snippet": _SNIPPET,
    "client-ca": _CLIENT_TLS,
    "client-crt-optional": _CLIENT_TLS,
    "client-strict-sni": "nothing: the first certificate is shown to clients that ask for another host",
    "generate-certificates-signer": "a Secret for each host in spec.tls",
    "ssl-certificate": "a Secret in spec.tls of an Ingress",
    "ssl-passthrough": "`server-ssl: true`, which encrypts anew",
    "tls-alpn": "nothing: h2 and http/1.1 are offered",
    "quic-alt-svc-max-age": "nothing: HTTP/3 is not spoken",
    "server-ca": _POD_TLS,
    "server-crt": _POD_TLS,
    "cookie-persistence-no-dynamic": "`cookie-persistence`, whose cookie every proxy understands",
    "source-ip-persistence": "`load-balance: source`",
    "standalone-backend": "a Service of its own for that Ingress",
    "request-capture": _LOG,
    "request-capture-len": _LOG,
    "log-format": _LOG,
    "log-format-tcp": _LOG,
    "logasap": _LOG,
    "syslog-server": "the container's standard output, where the log goes",
    "maxconn": "nothing: it follows the limit of open files",
    "nbthread": "more replicas: a second thread breaks the limits of pods now and then",
    "hard-stop-after": "`--grace` of the proxy's container",
    "proxy-protocol": "externalTrafficPolicy: Local, which keeps clients' addresses",
    "http-connection-mode": "nothing: connections are kept alive on both sides",
    "http-server-close": "nothing: connections are kept alive on both sides",
    "timeout-client-fin": "`timeout-client`",
    "timeout-server-fin": "`timeout-server`",
}
# They ask for what is so here anyway, or speak to others: no warning.
NEEDLESS: Mapping[str, str] = {
    "scale-server-slots": _SLOTS,
    "servers-increment": _SLOTS,
    "server-slots": _SLOTS,
    "abortonclose": "a request whose client is gone is not sent to a pod",
    "http-keep-alive": "connections are kept alive on both sides",
    "dontlognull": "connections without a request are not logged as requests",
    "clean-certs": "certificates that no Ingress names go",
    "ingress.class": "read as the class of an Ingress",
}
