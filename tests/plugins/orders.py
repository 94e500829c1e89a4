"""Orders of a controller to the real combiners of a network, for single phases without a session."""

import uuid

from fednet.blob_ref import BlobRef
from fednet.controller.tokens.control import ControlTokens
from fednet.digests import Digest
from fednet.identity import Signer, Warrant
from fednet.rpc import open_channel
from fednet.wire import common_pb2, rounds_pb2, rounds_pb2_grpc

AUTHORITY = rounds_pb2.Authority(controller="controller", term=1, session_id="s")
_SECONDS = 60.0


def new_phase():
    return str(uuid.uuid4())


class Orders:
    """The orders of a controller to the combiners of a network, over the wire."""

    def __init__(self, net):
        self._net = net
        document = net.api.get_models()["result"][0]
        self._model = BlobRef(
            "MODEL", document["id"], Digest.read(document["digest"], document["size_bytes"])
        )
        self._signer = Signer.from_folder(net.data_dir)
        self._tokens = ControlTokens("controller", self._signer.sign_claims)

    def start(self, combiner, phase_id, client="a", *, kind="TRAIN"):
        """Begin a phase of one client on a combiner."""
        warrant = Warrant("s", phase_id, 1, kind, "numpyhelper", self._model, None)
        phase = rounds_pb2.Phase(
            phase_id=phase_id,
            session_id="s",
            round_id="r",
            round_number=1,
            kind=kind,
            clients=[self._net.api.get_client(client)["id"]],
            model=common_pb2.BlobRef(**self._model.to_fields()),
            aggregator="fedavg",
            helper="numpyhelper",
            seconds_max=300.0,
            authority=AUTHORITY,
            warrant=self._signer.sign_warrant(warrant),
        )
        self._call(combiner, "Start", phase)

    def release(self, combiner, phase_id):
        """End a phase."""
        order = rounds_pb2.PhaseOrder(phase_id=phase_id, authority=AUTHORITY)
        self._call(combiner, "Release", order)

    def _call(self, combiner, method, message):
        address = self._net._combiners[combiner].address
        id_ = self._net.api.get_combiner(combiner)["id"]
        channel = open_channel(address, self._tokens.for_combiner(id_))
        try:
            getattr(rounds_pb2_grpc.RoundsStub(channel), method)(message, timeout=_SECONDS)
        finally:
            channel.close()
