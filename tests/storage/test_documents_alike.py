"""Every backend and the twin in memory answer alike, whatever is asked of them."""

from contextlib import closing

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from fednet.errors import FednetError
from fednet.storage import Collection, Query, open_documents

THINGS = Collection("things", indexed=("kind", "sender.name"), unique=("name",))

ids = st.sampled_from(["a", "b", "c", "", "é", "\0"])
texts = st.sampled_from(["", "a", "B", "é", "🤖", "\x01", "\x03", "\x04", "1", "\0", "\ud800"])
numbers = st.sampled_from([0, -0.0, 1, 1.0, -1, 2.5, 1e300, -1e-300, 2**53, 2**53 + 1])
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)
values = st.one_of(scalars, st.lists(scalars, max_size=2))
changes = st.fixed_dictionaries(
    {},
    optional={
        "id": ids,
        "name": values,
        "kind": values,
        "sender": st.one_of(scalars, st.fixed_dictionaries({}, optional={"name": values})),
        "text": values,
        "version": st.integers(0, 3),
    },
)
fields = st.sampled_from(["id", "name", "kind", "sender.name", "text"])
queries = st.builds(
    Query,
    where=st.dictionaries(fields, values, max_size=2),
    sort=st.one_of(st.none(), fields),
    descending=st.booleans(),
    skip=st.integers(0, 3),
    limit=st.one_of(st.none(), st.integers(0, 3)),
)


class Twins(RuleBasedStateMachine):
    """Every call goes to both stores, and what they return or raise is the same."""

    def __init__(self, stores):
        super().__init__()
        self._stores = stores

    def teardown(self):
        for store in self._stores:
            for document in store.find("things"):
                store.delete("things", document["id"])

    def _same(self, method, *arguments, **options):
        one, other = (outcome(store, method, arguments, options) for store in self._stores)
        assert one == other

    @rule(document=changes)
    def insert(self, document):
        self._same("insert", "things", document)

    @rule(id=ids)
    def get(self, id):  # noqa: A002
        self._same("get", "things", id)

    @rule(query=queries)
    def find(self, query):
        self._same("find", "things", query)

    @rule()
    def scan(self):
        one, other = (list(store.scan("things")) for store in self._stores)
        assert one == other

    @rule(query=queries)
    def count(self, query):
        self._same("count", "things", query)

    @rule(id=ids, changes=changes, version=st.integers(1, 3))
    def update(self, id, changes, version):  # noqa: A002
        self._same("update", "things", id, changes, expected_version=version)

    @rule(id=ids)
    def delete(self, id):  # noqa: A002
        self._same("delete", "things", id)


def outcome(store, method, arguments, options):
    """What a call returned, or the whole of what it raised."""
    try:
        return getattr(store, method)(*arguments, **options)
    except FednetError as error:
        return error.to_dict()


def test_a_backend_answers_like_the_twin_in_memory(lasting_store_url):
    """Whatever is asked, in whatever order, with the same values and the same errors."""
    with (
        closing(open_documents(lasting_store_url, [THINGS])) as store,
        closing(open_documents("memory://", [THINGS])) as twin,
    ):
        run_state_machine_as_test(
            lambda: Twins((store, twin)),
            settings=settings(max_examples=40, stateful_step_count=30, deadline=None),
        )
