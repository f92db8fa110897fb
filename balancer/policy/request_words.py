"""The vocabulary on single requests: redirects, rewrites, CORS, passwords, stickiness, and how pods are spoken to."""

from __future__ import annotations

from collections.abc import Mapping

from balancer.policy import request_values as values
from balancer.policy.patterns import condition
from balancer.policy.values import one_of, switch, whole
from balancer.policy.words import Word, part, parts, setting

_PROXY_HEADERS = values.choice(
    proxy="v1", proxy_v1="v1", proxy_v2="v2", proxy_v2_ssl="v2-ssl", proxy_v2_ssl_cn="v2-ssl-cn"
)

_HTTP2 = values.choice(h2="h2")

REQUEST_WORDS: Mapping[str, Word] = {
    "request-set-header": setting("request_headers", values.request_headers, "headers set on the way to the pod"),
    "response-set-header": setting("response_headers", values.response_headers, "headers set on the way to the client"),
    "set-host": setting("host", values.host, "the Host that pods see"),
    "path-rewrite": setting("rewrites", values.rewrites, "the path that pods see"),
    "request-redirect": parts("redirect", values.redirect, "another host, where the client is sent"),
    "request-redirect-code": part("redirect", "code", one_of(301, 302, 303, 307, 308), "the status of that redirect"),
    "ssl-redirect": part("https_redirect", "enabled", switch, "whether plain requests are sent to https"),
    "ssl-redirect-code": part("https_redirect", "code", one_of(301, 302, 303, 307, 308), "the status of that redirect"),
    "ssl-redirect-port": part("https_redirect", "port", whole(1, 65535), "the port of https, as clients see it"),
    "cors-enable": part("cors", "enabled", switch, "whether browsers may come from other origins"),
    "cors-allow-origin": part("cors", "origins", values.origins, "from which origins"),
    "cors-allow-methods": part("cors", "methods", values.methods, "with which methods"),
    "cors-allow-headers": part("cors", "headers", values.header_names, "with which headers of theirs"),
    "cors-expose-headers": part("cors", "exposed", values.header_names, "which headers of an answer a page may read"),
    "cors-allow-credentials": part("cors", "credentials", switch, "whether with cookies and passwords"),
    "cors-max-age": part("cors", "max_age_s", values.age_s, "how long a browser may remember all that"),
    "cors-respond-to-options": part(
        "cors", "answers_preflight", switch, "whether the proxy answers a preflight itself"
    ),
    "auth-type": part("auth", "enabled", values.auth_type, "whether a name and password are asked for"),
    "auth-secret": part("auth", "secret", values.secret, "the Secret with a password's hash by user"),
    "auth-realm": part("auth", "realm", values.realm, "what the browser shows"),
    "src-ip-header": setting("source_header", values.header_name, "the header that the client's address is taken from"),
    "forwarded-for": setting("forwarded_for", switch, "whether pods get X-Forwarded-For"),
    "cookie-persistence": setting("cookie", values.cookie, "the cookie that keeps a client at its pod"),
    "route-acl": setting("when", condition, "which requests the routes to this Service take"),
    "server-ssl": part("link", "tls", switch, "whether pods are spoken to over TLS"),
    "server-proto": part("link", "http2", lambda text: bool(_HTTP2(text)), "`h2` where pods speak HTTP/2"),
    "send-proxy-protocol": part("link", "proxy_header", _PROXY_HEADERS, "the PROXY header that pods want first"),
    "backend-config-snippet": setting("snippet", values.snippet, "lines in HAProxy's own language"),
}
# Read only where an administrator lets everybody write HAProxy's own language.
SNIPPETS = ("backend-config-snippet",)
