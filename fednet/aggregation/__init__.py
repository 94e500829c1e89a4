"""Aggregation: makes one model of the updates of many clients.

An aggregator makes partials. A partial obeys laws: updates may be accumulated in any order, split over any number of
partials, and these merged in any order; `finish` gives the same model.
"""

from fednet.aggregation._labelled_updates import Collecting, LabelledUpdates
from fednet.aggregation._protocols import Aggregator, Partial
from fednet.aggregation._registry import aggregator, aggregator_names
from fednet.aggregation._settings import Limits, check_settings, setting
from fednet.aggregation._spare_memory import SpareMemory
from fednet.aggregation._weighted_mean import WITHIN_CLIP, WeightedMean, check_weight
from fednet.aggregation._within_clip import CountingWithinClip, check_supports_privacy

__all__ = [
    "WITHIN_CLIP",
    "Aggregator",
    "Collecting",
    "CountingWithinClip",
    "LabelledUpdates",
    "Limits",
    "Partial",
    "SpareMemory",
    "WeightedMean",
    "aggregator",
    "aggregator_names",
    "check_settings",
    "check_supports_privacy",
    "check_weight",
    "setting",
]
