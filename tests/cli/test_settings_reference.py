"""The reference page of the settings."""

from fednet.cli._settings_reference import reference


def test_the_page_is_current(repository):
    """If not: `python -m fednet.cli._settings_reference > docs/settings.md`."""
    assert (repository / "docs" / "settings.md").read_text() == reference()


def test_settings_stand_in_it_with_variable_default_bounds_and_meaning():
    """As the classes have them; folders are shown without the place of whoever made the page."""
    lines = reference().splitlines()

    assert (
        "| `port` | `FEDNET_CONTROLLER_PORT` | `8092` | The port of the REST API; 0 picks a free one. "
        "From 0 to 65535. |"
    ) in lines
    assert any(
        line.startswith("| `data_dir` |") and "<data folder>/client" in line for line in lines
    )
    assert any(line.startswith("| `token` |") and "**Secret.**" in line for line in lines)
