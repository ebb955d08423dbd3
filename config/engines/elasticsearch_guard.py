"""Close an embedded Elasticsearch node to other users of this machine: a password for HTTP, and no port between nodes.

The jars have no security module. So the checks are put into private fields of the node, from which Elasticsearch reads
them; if one is renamed, the node does not start.
"""

from typing import Any

import jpype


def demand_password(node: Any, authorization: str) -> None:
    """Let the node, before it starts, serve only requests with this Authorization header."""
    java = jpype.JClass
    http = node.injector().getInstance(java("org.elasticsearch.http.HttpServerTransport").class_)
    controller = _field("org.elasticsearch.http.AbstractHttpServerTransport", "dispatcher").get(http)
    _field("org.elasticsearch.rest.RestController", "interceptor").set(controller, _interceptor(authorization))


def close_port(node: Any) -> None:
    """Let the node, before it starts, listen for no other node: whoever speaks their protocol may do everything."""
    java, owner = jpype.JClass, "org.elasticsearch.transport.TcpTransport"
    service = node.injector().getInstance(java("org.elasticsearch.transport.TransportService").class_)
    transport = _field("org.elasticsearch.transport.TransportService", "transport").get(service)
    _field(owner, "profileSettingsSet").set(transport, java("java.util.Set").of())
    loopback = java("java.net.InetAddress").getLoopbackAddress()
    nowhere = java("org.elasticsearch.common.transport.TransportAddress")(loopback, 1)
    bound = java("org.elasticsearch.common.transport.BoundTransportAddress")([nowhere], nowhere)
    _field(owner, "boundAddress").set(transport, bound)


def _field(class_name: str, name: str) -> Any:
    field = jpype.JClass(class_name).class_.getDeclaredField(name)
    field.setAccessible(True)
    return field


def _interceptor(authorization: str) -> Any:
    """Return a RestInterceptor: `listener.onResponse(true)` if the header is equal, else `listener.onFailure(401)`.

    It is composed of method handles, so that no request calls Python.
    """
    java, methods = jpype.JClass, jpype.JClass("java.lang.invoke.MethodHandles")
    refusal = java("org.elasticsearch.ElasticsearchStatusException")(
        "set ELASTICSEARCH_URL with user and password", java("org.elasticsearch.rest.RestStatus").UNAUTHORIZED, []
    )
    decide = methods.guardWithTest(
        _is_equal(authorization),
        _tell_listener("onResponse", java("java.lang.Object"), java("java.lang.Boolean").TRUE),
        _tell_listener("onFailure", java("java.lang.Exception"), refusal),
    )
    interface = java("org.elasticsearch.rest.RestInterceptor").class_
    return java("java.lang.invoke.MethodHandleProxies").asInterfaceInstance(interface, decide)


def _is_equal(authorization: str) -> Any:
    """Return `request -> Objects.equals(authorization, request.header("Authorization"))`."""
    java, methods = jpype.JClass, jpype.JClass("java.lang.invoke.MethodHandles")
    text, anything, truth = java("java.lang.String"), java("java.lang.Object").class_, java("java.lang.Boolean").TYPE
    request = java("org.elasticsearch.rest.RestRequest").class_
    header = methods.publicLookup().findVirtual(request, "header", _signature(text.class_, text.class_))
    equals = methods.publicLookup().findStatic(
        java("java.util.Objects").class_, "equals", _signature(truth, anything, anything)
    )
    return methods.filterReturnValue(
        methods.insertArguments(header, 1, [text("Authorization")]),
        methods.insertArguments(equals, 0, [text(authorization)]).asType(_signature(truth, text.class_)),
    )


def _tell_listener(name: str, kind: Any, value: Any) -> Any:
    """Return `(request, channel, handler, listener) -> listener.name(value)`."""
    java, methods = jpype.JClass, jpype.JClass("java.lang.invoke.MethodHandles")
    listener = java("org.elasticsearch.action.ActionListener").class_
    method = methods.publicLookup().findVirtual(listener, name, _signature(java("java.lang.Void").TYPE, kind.class_))
    before = [java(f"org.elasticsearch.rest.Rest{part}").class_ for part in ("Request", "Channel", "Handler")]
    return methods.dropArguments(methods.insertArguments(method, 1, [value]), 0, before)


def _signature(answer: Any, *arguments: Any) -> Any:
    return jpype.JClass("java.lang.invoke.MethodType").methodType(answer, list(arguments))
