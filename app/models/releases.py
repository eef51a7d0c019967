"""Releases whose manifests name the features without the digest of each: one digest stands for all of them.

What the features meant then is kept here, so that their models serve for as long as they mean the same.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

DIGESTS_THEN: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "2702c647a175f38eb23923592fc3505a5a93224ed24aa2f940fe59b4d8f39dd4": {
            "recency_days": "f264c78de6b6f93d",
            "tenure_days": "dbfdcd3a93902339",
            "known_days": "41218f6e36a30e1e",
            "orders": "69e9c6ebe7170024",
            "lapse_chance": "1616180b3d321265",
            "pace_orders": "74768f0cdf44c0a2",
            "refund_recency_days": "e280d6701b737745",
            "visit_recency_days": "ea70b4361c507009",
            "visits": "4ac4b564e422a40a",
            "complaint_recency_days": "988da0cf25c93f46",
            "orders_decayed_7d": "0c92c3d3bcab348c",
            "orders_decayed_15d": "1a05bcfc75e4aa13",
            "orders_decayed_30d": "e899920704ee515e",
            "orders_decayed_60d": "e958ea4c927e4814",
            "orders_decayed_120d": "04cb01200ae3859e",
            "orders_decayed_240d": "fe7fa72b119a0a86",
            "orders_decayed_480d": "6db58c3d09be8e67",
            "spend_decayed_7d": "7704f5f0eb0858d2",
            "spend_decayed_15d": "ce49aa832e91e105",
            "spend_decayed_30d": "8bec81fc24b0b111",
            "spend_decayed_60d": "27f64e8d1bb97b3b",
            "spend_decayed_120d": "a7500bfc1071c2b2",
            "spend_decayed_240d": "8ec388d7c382f453",
            "spend_decayed_480d": "4eba2800d579d29a",
            "items_decayed_60d": "361a4f35888318d1",
            "items_decayed_240d": "c28b8f1abd9ea629",
            "discount_decayed_120d": "9793a29e616067c8",
            "refunded_decayed_120d": "6ccf9426dc1b2878",
            "visits_decayed_15d": "ac0c59428304a352",
            "visits_decayed_60d": "0c9354b974e2ed87",
            "net_spend": "49e6fae4a6271c77",
            "average_order": "c1752a4e045de153",
            "items_per_order": "a8e585fa2093d4ab",
            "rhythm_days": "cb9b83f78e71ba26",
            "silence_ratio": "9e2ba449797e6dd8",
            "recency_share": "f11defe99b6e2a9a",
            "orders_per_day": "87b98014437ddc3a",
            "last_gap_days": "80a5a64c32e2ee05",
            "store_share": "1a4441cfd64fee36",
            "discount_share": "837dec1252b03905",
            "refund_share": "182b14fee9d37415",
            "open_cases": "1bb38149a687bccf",
            "season_same": "8a6a2c1e2300390a",
            "season_ahead": "1e163a414ebfbfc0",
            "orders_15d_per_60d": "fc5a0f2d5caee402",
            "orders_60d_per_240d": "e6d14a5fc9b513da",
            "orders_240d_per_480d": "3f51870f0acc42bc",
            "spend_15d_per_60d": "09734931d24419c8",
            "spend_60d_per_240d": "073b11c15e468cb6",
            "spend_240d_per_480d": "144e3dd64ad14250",
        }
    }
)
"""A manifest's `feature_digest` → feature → `app.lifecycle.definitions.digest_feature` as it was, in the order of its
tables. It is never changed: whoever gives a feature another meaning has a release whose digests differ from these."""
