"""The page of permissions."""


def test_every_role_and_kind_of_route_stands_in_it(repository):
    """Routes of the API, FEDn's at the root, open ones, and rpcs."""
    lines = (repository / "docs" / "permissions.md").read_text().splitlines()

    head = "| route | permission | admin | operator | scientist | viewer | monitor | client | combiner | controller |"
    assert head in lines
    assert "| `POST /api/v1/sessions/` | `sessions:write` | yes | | yes | | | | | |" in lines
    assert "| `GET /list_models` | `models:read` | yes | | yes | yes | | | | |" in lines
    assert "| `GET /metrics` | `metrics:read` | yes | yes | | | yes | | | |" in lines
    assert any(line.startswith("| `GET /health` | open to all") for line in lines)
    assert "| `Rounds.Start` | `rounds:order` | | | | | | | | yes |" in lines
