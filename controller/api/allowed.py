"""The answer to OPTIONS: the methods of the route itself, not of a route with an id in its place."""

from flask import Response, current_app, request


def tell_allowed(response: Response) -> Response:
    """Set the `Allow` of an answer to OPTIONS."""
    if request.method == "OPTIONS" and request.url_rule:
        rules = current_app.url_map.iter_rules()
        same = [rule for rule in rules if rule.rule == request.url_rule.rule]
        methods = {method for rule in same for method in rule.methods or ()}
        response.headers["Allow"] = ", ".join(sorted(methods))
    return response
