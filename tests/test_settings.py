"""Settings come from flags, the environment and a file; a wrong one is refused with what to do."""

import sys
import traceback
from pathlib import Path

import pytest

from fednet import limits
from fednet.errors import InvalidInput
from fednet.settings import ClientSettings, CombinerSettings, ControllerSettings, load

KINDS = [ControllerSettings, CombinerSettings, ClientSettings]
COMBINER = {"name": "a", "api_url": "http://127.0.0.1:8092"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A config file with a section for each component."""
    path = tmp_path / "fednet.yaml"
    path.write_text("controller: {port: 1, threads: 3}\ncombiner: {port: 4}\nclient:\n")
    return path


def refusal(kind: type = ControllerSettings, **sources: object) -> InvalidInput:
    """The error that loading these settings raises."""
    with pytest.raises(InvalidInput) as caught:
        load(kind, **sources)
    return caught.value


def test_a_controller_needs_no_setting() -> None:
    """Everything that a controller must know has a default, on loopback only."""
    loaded = load(ControllerSettings)

    assert (loaded.host, loaded.port) == ("127.0.0.1", 8092)


def test_flag_wins_over_environment_wins_over_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each source adds what the stronger ones leave open."""
    in_file = load(ControllerSettings, file=file)
    monkeypatch.setenv("FEDNET_CONTROLLER_PORT", "2")
    in_environment = load(ControllerSettings, file=file)
    in_flag = load(ControllerSettings, file=file, flags={"port": 3})

    assert [in_file.port, in_environment.port, in_flag.port] == [1, 2, 3]
    assert in_flag.threads == 3


def test_a_flag_that_was_not_given_does_not_count(file: Path) -> None:
    """None is how the command line says that a flag is absent."""
    assert load(ControllerSettings, file=file, flags={"port": None}).port == 1


def test_an_empty_variable_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable is how a shell says that it has no value."""
    monkeypatch.setenv("FEDNET_CONTROLLER_PORT", "")

    assert load(ControllerSettings).port == 8092


def test_own_variable_wins_over_the_shared_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """FEDNET_URL and FEDNET_TOKEN serve all components; a component's own variable is closer."""
    monkeypatch.setenv("FEDNET_URL", "http://shared:8092")
    monkeypatch.setenv("FEDNET_TOKEN", "shared")
    monkeypatch.setenv("FEDNET_COMBINER_TOKEN", "own")

    loaded = load(CombinerSettings, flags={"name": "a"})

    assert (loaded.api_url, loaded.token) == ("http://shared:8092", "own")


def test_opentelemetrys_variable_is_the_default_of_an_endpoint_for_traces(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each setting of fednet's own wins over it."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")
    (tmp_path / "fednet.yaml").write_text("controller: {traces_endpoint: 'http://ours:4318'}")

    assert load(ControllerSettings).traces_endpoint == "http://collector:4318"
    ours = load(ControllerSettings, file=tmp_path / "fednet.yaml")
    assert ours.traces_endpoint == "http://ours:4318"


@pytest.mark.parametrize(
    ("endpoint", "missing", "reason"),
    [
        ("collector:4317", None, "OTLP over HTTP"),
        ("http://collector:4318", "opentelemetry.sdk.trace", "not installed"),
        ("http://collector:4318", "opentelemetry.exporter.otlp.proto.http", "not installed"),
        ("http://collector:4318", "opentelemetry", "not installed"),
    ],
)
def test_a_variable_for_other_programs_stops_no_component(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    endpoint: str,
    missing: str | None,
    reason: str,
) -> None:
    """It starts without traces, and warns once; the same in a setting of fednet's own is refused."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    if missing:
        hidden = [name for name in sys.modules if name.startswith(f"{missing}.")]
        for name in [missing, *hidden]:
            monkeypatch.setitem(sys.modules, name, None)

    assert load(ControllerSettings).traces_endpoint is None
    [warning] = caplog.records
    assert warning.levelname == "WARNING"
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in warning.getMessage()
    assert reason in warning.getMessage()
    if not missing:
        with pytest.raises(InvalidInput, match="FEDNET_CONTROLLER_TRACES_ENDPOINT"):
            load(ControllerSettings, flags={"traces_endpoint": endpoint})


def test_a_component_reads_its_own_section_only(file: Path) -> None:
    """One file may serve a whole network."""
    assert load(CombinerSettings, file=file, flags=COMBINER).port == 4


def test_an_empty_section_and_an_empty_file_say_nothing(file: Path, tmp_path: Path) -> None:
    """A section whose lines are all commented out is no mistake, nor is an empty file."""
    empty = tmp_path / "empty.yaml"
    empty.touch()

    assert load(ClientSettings, file=file, flags=COMBINER) == load(ClientSettings, flags=COMBINER)
    assert load(ControllerSettings, file=empty) == load(ControllerSettings)


def test_an_unknown_key_in_the_file_is_refused(tmp_path: Path) -> None:
    """A typing mistake is named, and the known settings are listed instead of a flag for it."""
    path = tmp_path / "fednet.yaml"
    path.write_text("controller: {prot: 1}\n")

    error = refusal(file=path)

    assert error.field == "prot"
    assert "'prot' is unknown" in error.message
    assert "port" in error.message
    assert "--prot" not in error.message


def test_a_key_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """YAML reads `8092:` as a number and `on:` as a truth value; neither is a setting."""
    path = tmp_path / "fednet.yaml"
    path.write_text("controller: {8092: 1}\n")

    assert refusal(file=path).field == "8092"


def test_an_unknown_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A typing mistake in the environment is named like one in the file."""
    monkeypatch.setenv("FEDNET_CONTROLLER_PROT", "1")

    error = refusal()

    assert error.field == "prot"
    assert "FEDNET_CONTROLLER_PROT" in error.message


def test_a_variable_of_another_component_is_none_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """One environment may serve a whole network."""
    monkeypatch.setenv("FEDNET_CLIENT_NAME", "site-1")

    assert load(ControllerSettings).port == 8092


def test_an_unknown_section_is_refused(tmp_path: Path) -> None:
    """A misspelt section would silently leave every default in force."""
    path = tmp_path / "fednet.yaml"
    path.write_text("controler: {port: 1}\n")

    error = refusal(file=path)

    assert error.field == "controler"
    assert "controller" in error.message


@pytest.mark.parametrize(
    ("field", "value"),
    [("port", "http"), ("port", 65_536), ("port", -1), ("threads", 1), ("host", 7)],
)
def test_a_wrong_value_is_refused_with_what_to_set(field: str, value: object) -> None:
    """The error names the field, its flag and its variable."""
    error = refusal(flags={field: value})

    assert error.field == field
    assert f"--{field}" in error.message
    assert f"FEDNET_CONTROLLER_{field.upper()}" in error.message


def test_more_statuses_than_the_network_keeps_are_refused() -> None:
    """It would keep no more, whatever the setting says."""
    ControllerSettings(keep_statuses=limits.kept_reports_max)

    error = refusal(flags={"keep_statuses": limits.kept_reports_max + 1})

    assert error.field == "keep_statuses"
    assert f"{limits.kept_reports_max}" in error.message.replace(",", "")


@pytest.mark.parametrize("name", ["", "-a", "a b", "a\n", "x" * 129])
def test_a_name_that_no_controller_may_have_is_refused(name: str) -> None:
    """It becomes part of paths and messages."""
    assert refusal(flags={"name": name}).field == "name"


@pytest.mark.parametrize("kind", [CombinerSettings, ClientSettings])
def test_several_controllers_are_separated_by_commas(kind: type) -> None:
    """An empty address among them is refused, with the setting's name."""
    loaded = load(kind, flags={"name": "a", "api_url": "http://a:1/, http://b:1"})

    assert loaded.api_url == "http://a:1,http://b:1"
    assert refusal(kind, flags={"name": "a", "api_url": "http://a:1,"}).field == "api_url"


def test_a_missing_value_is_refused_with_what_to_set() -> None:
    """What has no default must be given, and the error says where."""
    error = refusal(CombinerSettings, flags={"name": "a"})

    assert error.field == "api_url"
    assert "--api-url" in error.message


@pytest.mark.parametrize(
    "content", [b"controller: [", b"\xff\xfe\xff", b"- a list", b"controller: [1]", b"a word"]
)
def test_a_file_that_is_no_config_is_refused(tmp_path: Path, content: bytes) -> None:
    """Bad YAML, bad text and other shapes are refused with the file's name."""
    path = tmp_path / "fednet.yaml"
    path.write_bytes(content)

    error = refusal(file=path)

    assert error.field == "config"
    assert str(path) in error.message


def test_a_file_that_is_absent_is_refused(tmp_path: Path) -> None:
    """A config file that was named must be there."""
    assert refusal(file=tmp_path / "absent.yaml").field == "config"


def test_store_urls_default_to_the_data_folder(tmp_path: Path) -> None:
    """The embedded stores lie in the data folder unless a URL is given."""
    embedded = load(ControllerSettings, flags={"data_dir": tmp_path})
    given = load(ControllerSettings, flags={"state_store": "memory://", "blob_store": "memory://"})

    assert embedded.state_store_url == f"sqlite:///{tmp_path}/state.db"
    assert embedded.blob_store_url == f"file://{tmp_path}/blobs"
    assert {given.state_store_url, given.blob_store_url} == {"memory://"}


@pytest.mark.parametrize("kind", [ControllerSettings, CombinerSettings])
def test_the_keys_of_a_bucket_may_be_given_apart(kind: type, tmp_path: Path) -> None:
    """From files, say; keys in the URL itself win, and no other kind of store takes any."""
    (tmp_path / "secret").write_text("s/e+c ret\n")
    keys = {"blob_store_key": "k:1", "blob_store_secret_file": str(tmp_path / "secret")}
    others = COMBINER if kind is CombinerSettings else {}

    def url(blob_store: str) -> str | None:
        found: str | None = load(
            kind, flags={**others, **keys, "blob_store": blob_store}
        ).blob_store_url
        return found

    assert url("s3://host/bucket?secure=false") == (
        "s3://k%3A1:s%2Fe%2Bc%20ret@host/bucket?secure=false"
    )
    assert url("s3://a:b@host/bucket") == "s3://a:b@host/bucket"
    assert url("file:///blobs") == "file:///blobs"


def test_the_data_folder_follows_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """FEDNET_DATA_DIR, else XDG_DATA_HOME, says where data lies."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    by_xdg = load(ControllerSettings).data_dir
    monkeypatch.setenv("FEDNET_DATA_DIR", str(tmp_path / "chosen"))
    by_name = load(ControllerSettings).data_dir

    assert [by_xdg, by_name] == [tmp_path / "fednet", tmp_path / "chosen"]


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        (ControllerSettings, "state_store"),
        (ControllerSettings, "blob_store"),
        (CombinerSettings, "token"),
        (CombinerSettings, "blob_store"),
        (ClientSettings, "token"),
    ],
)
def test_a_secret_is_not_shown(kind: type, field: str) -> None:
    """Settings may be logged: their text form leaves out tokens, and addresses that hold passwords."""
    others = {} if kind is ControllerSettings else COMBINER

    assert "hunter2" not in repr(load(kind, flags=others | {field: "hunter2"}))


@pytest.mark.parametrize("wrong", [{"token": "hunter2"}, COMBINER | {"tokn": "hunter2"}])
def test_a_refusal_shows_no_secret_in_its_traceback(wrong: dict[str, str]) -> None:
    """Nor what looks like one: a notebook prints all of it."""
    error = refusal(ClientSettings, flags=wrong)

    assert "hunter2" not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("hunter2: x: y", "not valid YAML in line 2"),
        ("!hunter2 x", "not valid YAML in line 2"),
        ('"hunter2', "not valid YAML in line 3"),
        ("\0hunter2", "not valid YAML:"),
    ],
)
def test_a_file_that_is_no_yaml_is_refused_with_the_line_but_not_what_stands_there(
    tmp_path: Path, wrong: str, said: str
) -> None:
    """It may be a secret."""
    path = tmp_path / "fednet.yaml"
    path.write_text(f"controller:\n  state_store: {wrong}\n")

    error = refusal(file=path)

    assert error.field == "config"
    assert said in error.message
    assert "hunter2" not in "".join(traceback.format_exception(error))


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file with a secret."""
    path = tmp_path / "secret"
    path.write_text("from-file\n")
    return path


def test_a_secret_may_lie_in_a_file_wherever_its_path_is_given(
    tmp_path: Path, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the config file, in the environment and as a flag; space around it does not count."""
    config = tmp_path / "fednet.yaml"
    config.write_text(f"controller: {{state_store_file: {secret}}}\n")
    in_file = load(ControllerSettings, file=config)
    in_flag = load(ControllerSettings, flags={"blob_store_file": str(secret)})
    monkeypatch.setenv("FEDNET_COMBINER_TOKEN_FILE", str(secret))
    in_environment = load(CombinerSettings, flags=COMBINER)

    assert in_file.state_store == in_flag.blob_store == in_environment.token == "from-file"


def test_a_stronger_source_wins_over_a_secret_file_and_the_other_way_round(
    secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which of the two ways is taken does not matter: the place decides."""
    monkeypatch.setenv("FEDNET_TOKEN_FILE", str(secret))
    shared = load(ClientSettings, flags=COMBINER)
    monkeypatch.setenv("FEDNET_CLIENT_TOKEN", "own")
    own = load(ClientSettings, flags=COMBINER)
    flag = load(ClientSettings, flags=COMBINER | {"token_file": str(secret)})

    assert [shared.token, own.token, flag.token] == ["from-file", "own", "from-file"]


def test_a_secret_given_twice_in_one_place_is_refused(secret: Path) -> None:
    """Nobody can know which is meant."""
    error = refusal(flags={"state_store": "memory://", "state_store_file": str(secret)})

    assert error.field == "state_store"
    assert "memory://" not in error.message


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe"])
def test_a_secret_file_without_a_secret_is_refused(tmp_path: Path, content: bytes | None) -> None:
    """Absent, empty or no text: the error names the setting and the file."""
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)

    error = refusal(flags={"state_store_file": str(path)})

    assert error.field == "state_store_file"
    assert str(path) in error.message


def test_only_a_secret_may_lie_in_a_file(secret: Path) -> None:
    """Other settings have no second name."""
    error = refusal(flags={"host_file": str(secret)})

    assert error.field == "host_file"
    assert "state_store_file" in error.message


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.section)
def test_every_field_is_described(kind: type) -> None:
    """Each setting has a docstring, from which the reference page is made."""
    undescribed = [name for name, field in kind.model_fields.items() if not field.description]

    assert undescribed == []


def test_settings_cannot_be_changed() -> None:
    """What was checked once stays as it was checked."""
    loaded = load(ControllerSettings)

    with pytest.raises(ValueError, match="frozen"):
        loaded.port = 1


@pytest.mark.parametrize(
    ("kind", "values", "field"),
    [
        (ClientSettings, {"name": "", "api_url": "http://a"}, "name"),
        (ClientSettings, {"name": "x" * 129, "api_url": "http://a"}, "name"),
        (ClientSettings, {"name": None, "api_url": "http://a"}, "name"),
        (ClientSettings, {"name": "a", "api_url": "http://a", "transfer": "pigeon"}, "transfer"),
        (CombinerSettings, {"name": "x" * 129, "api_url": "http://a"}, "name"),
        (ControllerSettings, {"port": 99_999}, "port"),
        (ControllerSettings, {"prot": 1}, "prot"),
    ],
)
def test_a_constructor_refuses_with_the_field(kind, values, field):
    """As `load` does, never with an error of the checking library."""
    with pytest.raises(InvalidInput) as refused:
        kind(**values)

    assert refused.value.field == field


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("controller: " + "[" * 5000 + "]" * 5000, "nested too deep"),
        ("#" * (limits.config_bytes_max + 1), "more than"),
    ],
)
def test_a_config_file_that_is_none_is_refused(file: Path, text: str, words: str) -> None:
    """One that is nested without end, or far too long."""
    file.write_text(text)

    assert words in refusal(file=file).message


@pytest.mark.parametrize(
    ("given", "missing"),
    [({"xaynet_port": "1"}, "xaynet_config"), ({"xaynet_config": "a.toml"}, "xaynet_port")],
)
def test_participants_of_xaynet_need_a_port_and_a_configuration(
    given: dict[str, str], missing: str
) -> None:
    """The error names the one that is missing."""
    assert refusal(flags=given).field == missing
