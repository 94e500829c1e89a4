"""The page of the settings."""


def test_settings_stand_in_it_with_variable_default_bounds_and_meaning(repository):
    """The page shows no folder of the machine on which it was made."""
    lines = (repository / "docs" / "settings.md").read_text().splitlines()

    assert (
        "| `port` | `FEDNET_CONTROLLER_PORT` | `8092` | The port of the REST API; 0 picks a free one. "
        "From 0 to 65535. |"
    ) in lines
    assert any(
        line.startswith("| `data_dir` |") and "<data folder>/client" in line for line in lines
    )
    assert any(line.startswith("| `token` |") and "**Secret.**" in line for line in lines)
