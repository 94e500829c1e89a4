"""FEDn's REST API: the routes of 0.9 at the root, and the words and routes of 0.33 below `/api/v1`.

Most routes of 0.33 are routes of ours, in other words. So this is a façade in two parts, a pattern for others to copy:

- `dialect` says which requests are in FEDn's words; `words_in` translates what they ask, `words_out` what is
  answered, on whatever route. An answer is our document and FEDn's fields beside ours.
- `routes/` has the routes that only FEDn has. Its drafts are one route of ours with another body.

The OpenAPI document leaves all of it out: new programs use the API's own words.
"""

from flask_openapi.openapi import OpenAPI

from ...api.dialect import speak
from .dialect import dialect_of
from .routes import apis, drafts


def serve(app: OpenAPI) -> None:
    """Let an app, which has the API's own routes already, answer FEDn's clients too."""
    speak(app.extensions, dialect_of)
    for api in apis:
        app.register_api(api)
    drafts.accept(app)


__all__ = ["serve"]
